"""What of a far-field scan's light is not one wave through the sample: more modes, and a background.

Both are found by trials, and taken where frames left out are predicted better.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Generator

import torch

from ... import compute
from ...forward.ptychography import predict
from ...forward.scan_problem import Problem, ScanState
from ...types import Event, Note, Progress
from .probe_trials import LAST_STEP, noise_of, trial
from .sequential import Sequential

LONG = 20  # passes of the trials that tell coherent from partly coherent light
# of 26 random scans 4 of 13 partly coherent ones and 2 of 13 coherent ones reach COHERENT; of those six three of the
# strongest blur reach MORE_MODES, and the two coherent ones are within FEWER_MODES
COHERENT = 0.93  # of one mode's error: what three must reach to be taken
MORE_MODES = 0.985  # of three modes' error: what five must reach
FEWER_MODES = 1.025  # of three modes' error: what two may have
TRIED, EACH = 16, 5  # passes of the trials with and without a background; of so many frames one is left out
MATTERS = 0.02  # share of the darker half of the detector's light that is as even as a background
WITH = 0.85  # of the error without, beyond that of the counts: what a background must reach
FASTER = 1.8  # power of a step of the likelihood: below 2 it stays stable
SMOOTH = 0.08  # cycles per pixel: a background is as smooth as scattered light
SIDE_MODE = 0.1  # share of the light in each of the first two further modes at the start


def modes_of(problem: Problem, probe: torch.Tensor, seed: int) -> Generator[Event, None, int]:
    """How many modes predict the frames of `problem` left out best: 1, 2, 3 or 5; says so.

    Parameters
    ----------
    problem : with frames left out.
    probe : of coherent light (1, y, x).
    seed : of the order of the frames.
    """
    errors: dict[int, float] = {}
    for count in (1, 3, 5, 2):
        if count in (5, 2) and errors[3] > COHERENT * errors[1]:
            break
        errors[count] = trial(problem, of_a_source(probe, count), seed, LONG)[0]
        yield Progress(len(errors), 4, errors[count], "looking how coherent the light is")
    best = chosen(errors)
    told = ", ".join(f"{n}: {errors[n]:.3g}" for n in sorted(errors))
    what = "coherent" if best == 1 else "partly coherent"
    yield Note(
        f"the light is {what}: the error of frames left out by number of modes of the probe is {told}, so {best} "
        f"{'is' if best == 1 else 'are'} solved for; --modes chooses"
    )
    return best


def chosen(errors: dict[int, float]) -> int:
    """The number of modes by the `errors` of 1 and 3 modes, and of 5 and 2 where three are clearly better than one."""
    if errors[3] > COHERENT * errors[1]:
        return 1
    if errors[5] < MORE_MODES * errors[3]:
        return 5
    return 2 if errors[2] < FEWER_MODES * errors[3] else 3


def of_a_source(probe: torch.Tensor, modes: int = 3) -> torch.Tensor:
    """A `probe` (1, y, x) and the first modes of a source that moves it up and down and across: (mode, y, x).

    `modes` : 1, 2, 3 or 5; two are of a source along the diagonal, five are curved along both axes too.
    """
    y, x = (torch.fft.fftfreq(n, device=probe.device) for n in probe.shape[-2:])
    up, across = y[:, None], x[None, :]
    slopes = {1: (), 2: (up + across,), 3: (up, across), 5: (up, across, up**2, across**2)}[modes]
    spectrum, whole = torch.fft.fft2(probe[0]), probe.abs().square().sum()
    shares = [SIDE_MODE, SIDE_MODE, SIDE_MODE / 4, SIDE_MODE / 4][: len(slopes)]
    found = [probe[0] * (1 - sum(shares)) ** 0.5]
    for slope, share in zip(slopes, shares, strict=True):
        mode = torch.fft.ifft2(spectrum * slope)
        found.append(mode * (share * whole / mode.abs().square().sum().clamp(min=1e-30)).sqrt())
    return torch.stack(found)


@torch.no_grad()
def with_background(problem: Problem, state: ScanState, seed: int) -> Generator[Event, None, Problem]:
    """The `problem` with the background that predicts frames left out better than none, and says so.

    Parameters
    ----------
    problem : a scan.
    state : where it starts.
    seed : of the order of the frames.
    """
    even = _even_light(problem)
    if even is None or len(problem.train) < 4 * EACH:
        return problem
    judge = torch.arange(len(problem.train), device=problem.device) % EACH == EACH - 1
    trials = dataclasses.replace(problem, train=problem.train[~judge], held=problem.train[judge])
    without, _ = _passes(trials, state, seed)
    yield Progress(1, 2, without, "looking for a background")
    error, found = min((_passes(_on(trials, start), state, seed) for start in even), key=lambda tried: tried[0])
    noise = noise_of(trials)
    if not error**2 - noise**2 < WITH**2 * (without**2 - noise**2):
        return problem
    background = found.measured.background
    assert background is not None
    yield Note(
        f"there is a background of {float(background.mean()):.3g} counts a pixel under all frames, of at most "
        f"{float(background.max()):.3g}: with it the error of frames left out is {error:.3g}, without {without:.3g}; "
        "it is part of the model"
    )
    return _on(problem, background)


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
    engine, order = Sequential(problem, state, object_alpha=0.8), compute.seed(seed)
    for number in range(TRIED):
        frames = problem.train[torch.randperm(len(problem.train), generator=order).to(problem.device)].tolist()
        step = LAST_STEP ** max(0.0, 2 * (number + 1) / TRIED - 1)
        for _ in engine.sweep(frames, number > 0 and problem.solve_probe, step):
            pass
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
