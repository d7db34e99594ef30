"""A background of every detector pixel under the frames of a far-field scan: air scatter, a camera's glow.

Looked for where light varies from frame to frame no more than counting does, found by trials, and taken where frames
left out are predicted better.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator

import torch

from ...forward.ptychography import predict
from ...forward.scan_problem import Problem, ScanState
from ...types import Event, Note, Progress
from ..engine import checkpoint
from .probe_trials import noise_of
from .sequential import Sequential

TRIED, EACH = 16, 5  # passes of the trials with and without a background; of so many frames one is left out
MATTERS = 0.02  # share of the darker half of the detector's light that is as even as a background
WITH = 0.85  # of the error without, beyond that of the counts: what a background must reach
FASTER = 1.8  # power of a step of the likelihood: below 2 it stays stable
PIXELS, FEWEST = 2**24, 100  # of the frames that the trials use, and how many at least
SMOOTH = 0.08  # cycles per pixel: a background is as smooth as scattered light


def with_background(problem: Problem, state: ScanState, seed: int) -> Generator[Event, None, Problem]:
    """The `problem` with the background that predicts frames left out better than none, and says so.

    Parameters
    ----------
    problem : a scan.
    state : where it starts.
    seed : of the order of the frames.
    """
    background = yield from checkpoint.once_from("background", _looked_for(problem, state, seed))
    return problem if background is None else _on(problem, background)


@torch.no_grad()
def _looked_for(problem: Problem, state: ScanState, seed: int) -> Generator[Event, None, torch.Tensor | None]:
    """The background (y, x), counts; None where frames left out ask for none. Arguments as in `with_background`."""
    even = _even_light(problem)
    if even is None or len(problem.train) < 4 * EACH:
        return None
    some = _near_the_middle(problem)
    judge = torch.arange(len(some), device=problem.device) % EACH == EACH - 1
    trials = dataclasses.replace(problem, train=some[~judge], held=some[judge])
    without, _ = _passes(trials, state, seed)
    yield Progress(1, 2, without, "looking for a background")
    error, found = min((_passes(_on(trials, start), state, seed) for start in even), key=lambda tried: tried[0])
    noise = noise_of(trials)
    if not error**2 - noise**2 < WITH**2 * (without**2 - noise**2):
        return None
    background = found.measured.background
    assert background is not None
    yield Note(
        f"there is a background of {float(background.mean()):.3g} counts a pixel under all frames, of at most "
        f"{float(background.max()):.3g}: with it the error of frames left out is {error:.3g}, without {without:.3g}; "
        "it is part of the model"
    )
    return background


def _near_the_middle(problem: Problem) -> torch.Tensor:
    """Those frames used that lie nearest the middle of the scan, not more than trials need (frame,)."""
    train, (rows, columns) = problem.train, problem.scan.window
    place = problem.scan.position[train.to(problem.scan.position.device)]
    away = (place - (place.amin(0) + place.amax(0)) / 2).abs().amax(1)
    nearest = away.argsort(stable=True)[: max(FEWEST, PIXELS // (rows * columns))]
    return train[nearest.to(train.device).sort().values]


def _on(problem: Problem, background: torch.Tensor) -> Problem:
    """The `problem` on a `background` (y, x), counts."""
    return dataclasses.replace(problem, measured=dataclasses.replace(problem.measured, background=background))


def _even_light(problem: Problem) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Counts (y, x) that vary from frame to frame no more than counting does; None where there are hardly any.

    At most as many as in the darker half of the detector, and at least. Light through a sample is speckled: it varies
    as much as it is bright.
    """
    if problem.scan.geometry != "far_field":
        return None
    counts, good = problem.measured.amplitude[problem.train].square(), problem.measured.good_in(problem.train)
    mean, weight = counts.mean(0), counts.new_ones(counts.shape[1:]) if good is None else good.float()
    weight = weight.mean(0) if weight.ndim == 3 else weight
    speckle = (counts.var(0) - mean).clamp(min=0).sqrt()
    even = _smooth((mean - speckle) * weight) / _smooth(weight).clamp(min=0.1)
    dark = (mean <= mean[weight > 0].median()) & (weight > 0)
    level = even[dark].median()  # where the sample's light is bright it is partly even itself
    if not float(level) > MATTERS * float(mean[dark].mean()):
        return None
    return even.clamp(0, float(level)), even.clamp(min=float(level))


def _smooth(values: torch.Tensor) -> torch.Tensor:
    y, x = (torch.fft.fftfreq(n, device=values.device) for n in values.shape)
    return torch.fft.ifft2(torch.fft.fft2(values) * torch.exp(-(y[:, None] ** 2 + x**2) / (2 * SMOOTH**2))).real


def _passes(problem: Problem, state: ScanState, seed: int) -> tuple[float, Problem]:
    """Error of the frames left out after some passes, and the problem with the background that they lead to."""
    engine = Sequential(problem, state, object_alpha=0.8)
    for number in engine.few_passes(problem.train, TRIED, seed, problem.solve_probe):
        if problem.measured.background is not None and number >= 2:
            problem = engine.waves.problem = _on(problem, _nearer(problem, engine.waves.state()))
    return problem.error(engine.waves.state(), problem.held), problem


def _nearer(problem: Problem, state: ScanState, at_once: int = 16) -> torch.Tensor:
    """The background (y, x) that explains the frames better beside what `state` predicts: a step of the likelihood."""
    background = problem.measured.background
    assert background is not None
    share, times = torch.zeros_like(background), torch.zeros_like(background)
    for part in problem.train.split(at_once):
        seen = predict(
            state.object_array, state.probe, problem.scan, part, position=state.position, kernel=problem.kernel
        )
        seen = problem.measured.shown(seen, part).square().clamp(min=1e-9)
        share += problem.masked(problem.measured.amplitude[part].square() / seen, part).sum(0)
        times += problem.masked(torch.ones_like(seen), part).sum(0)
    asked = background * (share / times.clamp(min=1)) ** FASTER
    return (_smooth(asked * times) / _smooth(times).clamp(min=0.1)).clamp(min=0)
