"""A probe to start from where a far-field scan has none: the mean frame, curved as far as explains the frames best.

The mean frame's root is the modulus of the probe's spectrum. Its phase is that of a focus seen at a distance d,
exp(-i pi wavelength d |f|^2), of which d alone is unknown: a flat one starts the reconstruction of a defocused probe in
a place from which it does not come back. So some distances of both signs are tried with a few passes of rPIE on part of
the frames, the best of them with more passes, and the one that predicts frames left out best is taken: what the frames
used say of themselves is mostly their noise, where there are few counts.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Generator

import numpy as np
import torch

from ... import compute
from ...compute import COMPLEX
from ...data.acquisition import Ptychography
from ...forward.ptychography import from_detector
from ...forward.scan_problem import Problem, ScanState, first_state, with_modes
from ...optics.grids import to_centre
from ...optics.propagation import frequency_axis
from ...types import Event, Note, Progress
from .orientation_trials import cut_patterns
from .recipe import ScanRecipe
from .sequential import Sequential
from .setup import problem_of

RATIO = 1.35  # between two curvatures tried; the misfit falls within a factor 1.5 of the right one
PASSES = 4  # of each trial
MORE = 12  # of the best trials
FINALISTS = 3
LONG = 20  # of those that tell coherent from partly coherent light
COHERENT = 0.93  # of one mode's error: what three must reach to be taken; coherent light measured from 0.949 on
SIDE_MODE = 0.1  # share of the light in each of the two further modes at the start
LAST_STEP = 0.3  # of the last pass of a trial, so that noise averages
HELD = 5  # every fifth frame is left out of the trials
FRAMES = 60  # used for each trial
SIDE = 128  # pixels of the middle of larger frames: the same window in larger pixels
BETTER = 0.995  # of the flat start's error: what a curved one must reach to be taken


@dataclasses.dataclass(frozen=True)
class Curvature:
    """What was found.

    defocus_um : of the focus before the sample, negative behind it; 0 where a flat phase explains the frames as well.
    error : relative amplitude error of the frames left out of the trial.
    flat : that of the flat start.
    tried : how many there were.
    given : that of the file's probe; None where it has none.
    """

    defocus_um: float
    error: float
    flat: float
    tried: int
    given: float | None = None


def start_of(problem: Problem, recipe: ScanRecipe) -> Generator[Event, None, ScanState]:
    """Where a reconstruction of `problem` starts by `recipe`; says what was found where the probe was searched for.

    A given probe whose phase is flat, such as the opening of a pinhole, is one start among the others.
    """
    state = first_state(problem, recipe.modes, recipe.seed_probe)
    acquisition = problem.acquisition
    if not isinstance(acquisition, Ptychography) or acquisition.geometry != "far_field":
        return state
    guess = acquisition.probe if recipe.seed_probe else None
    if not (recipe.probe_search and problem.solve_probe) or not (guess is None or flat(guess)):
        return state
    some = acquisition.subset(problem.train.cpu().numpy())
    found = yield from searched(some.replace(probe=guess), recipe)
    if found.given is None or found.error < BETTER * found.given:
        probe = curved_probe(problem, found.defocus_um)
        yield Note(_said(found))
        blurred = recipe.modes is None and (yield from incoherent(some, found.defocus_um, recipe))
        state.probe = of_a_source(probe) if blurred else with_modes(probe, len(state.probe))
    return state


def flat(probe: np.ndarray) -> bool:
    """Whether a probe (mode, y, x) is one mode of flat phase: a guess, which no reconstruction gives."""
    return len(probe) == 1 and float(np.abs(probe.imag).max()) <= 1e-6 * float(np.abs(probe.real).max())


def curved_probe(problem: Problem, defocus_um: float) -> torch.Tensor:
    """The mean frame as a probe whose focus lies `defocus_um` before the sample: (1, y, x), with the counts.

    `problem` is a far-field scan.
    """
    scan, mean = problem.scan, problem.measured.mean_counts(problem.train)
    y, x = (frequency_axis(n, scan.pixel_um, scan.device) for n in scan.window)
    angle = -math.pi * scan.wavelength_um * defocus_um * (y[:, None] ** 2 + x**2)
    wave = torch.polar(mean.sqrt().double(), angle).to(COMPLEX)
    return to_centre(from_detector(wave, None))[None]


def distances(problem: Problem) -> np.ndarray:
    """Distances to try, um, 0 among them: from a spot hardly wider than in focus to one as wide as the window."""
    mean = problem.measured.mean_counts(problem.train)
    side = min(problem.scan.window)
    lit = float(mean.sum() ** 2 / mean.square().sum().clamp(min=1e-30))  # pixels of an evenly lit disc
    radius = math.sqrt(lit / math.pi) / side  # cycles per pixel
    least, most = 0.5 / (4 * radius**2), 1.2 * side / (4 * radius)
    count = max(2, 1 + math.ceil(math.log(max(most / least, 1.01)) / math.log(RATIO)))
    curvature = np.geomspace(least, max(most, 1.01 * least), count)
    return _distance(problem, np.concatenate([-curvature[::-1], [0.0], curvature]))


def _distance(problem: Problem, curvature: np.ndarray) -> np.ndarray:
    """The spectrum's phase 2 pi curvature |f|^2, f in cycles per pixel, as a distance, um."""
    return -2 * problem.scan.pixel_um**2 / problem.scan.wavelength_um * curvature


def searched(acquisition: Ptychography, recipe: ScanRecipe) -> Generator[Event, None, Curvature]:
    """The distance of the focus that explains the frames of `acquisition` best.

    Its positions are taken as they run; `recipe` says on which device.
    """
    some = _part(acquisition)
    left_out = HELD if some.frame_count >= 4 * HELD else 0
    problem = problem_of(some, ScanRecipe(device=recipe.device, seed=recipe.seed, hold_out=left_out))
    every, known = distances(problem), some.probe is not None
    total = len(every) + 2 + FINALISTS + 1 + known

    def error(distance: float, passes: int = PASSES) -> float:
        return trial_error(problem, curved_probe(problem, distance), recipe.seed, passes)

    tried: dict[float, float] = {}
    for number, distance in enumerate(every):
        tried[float(distance)] = error(float(distance))
        yield Progress(number + 1, total, min(tried.values()), "looking for the probe's focus")
    best = _lowest(tried)
    for factor in (RATIO**-0.4, RATIO**0.4) if best else ():  # a finer look on both sides
        tried[best * factor] = error(best * factor)
    longer = {distance: error(distance, MORE) for distance in {*finalists(tried), 0.0}}
    best = _lowest(longer)
    if longer[best] > BETTER * longer[0.0]:
        best = 0.0
    given = trial_error(problem, first_state(problem, 1).probe, recipe.seed, MORE) if known else None
    return Curvature(best, longer[best], longer[0.0], len(tried) + known, given)


def incoherent(acquisition: Ptychography, defocus_um: float, recipe: ScanRecipe) -> Generator[Event, None, bool]:
    """Whether the light of a source of some size predicts frames left out clearly better than that of a point.

    Parameters
    ----------
    acquisition : the scan.
    defocus_um : where the focus lies.
    recipe : says on which device.
    """
    some = _part(acquisition)
    if some.frame_count < 4 * HELD:
        return False
    problem = problem_of(some, ScanRecipe(device=recipe.device, seed=recipe.seed, hold_out=HELD))
    point = curved_probe(problem, defocus_um)
    errors = []
    for number, probe in enumerate((point, of_a_source(point)), 1):
        errors.append(trial_error(problem, probe, recipe.seed, LONG))
        yield Progress(number, 2, errors[-1], "looking whether the light is coherent")
    if errors[1] > COHERENT * errors[0]:
        return False
    yield Note(
        f"the light is partly coherent: three modes of the probe predict frames left out better ({errors[1]:.3g}) than "
        f"one ({errors[0]:.3g}), so three are solved for; --modes 1 for one"
    )
    return True


def of_a_source(probe: torch.Tensor) -> torch.Tensor:
    """A `probe` (1, y, x) and the first modes of a source that moves it up and down and across: (3, y, x)."""
    y, x = (torch.fft.fftfreq(n, device=probe.device) for n in probe.shape[-2:])
    spectrum, whole = torch.fft.fft2(probe[0]), probe.abs().square().sum()
    modes = [probe[0] * (1 - 2 * SIDE_MODE) ** 0.5]
    for slope in (y[:, None], x[None, :]):
        mode = torch.fft.ifft2(spectrum * slope)
        modes.append(mode * (SIDE_MODE * whole / mode.abs().square().sum().clamp(min=1e-30)).sqrt())
    return torch.stack(modes)


def _lowest(tried: dict[float, float]) -> float:
    return min(tried, key=lambda distance: tried[distance])


def finalists(tried: dict[float, float]) -> list[float]:
    """The best distances, each better than its neighbours: those `tried`, by their errors."""
    along = sorted(tried)
    errors = [math.inf, *(tried[distance] for distance in along), math.inf]
    valleys = [d for n, d in enumerate(along) if errors[n + 1] <= min(errors[n], errors[n + 2])]
    return sorted(valleys, key=lambda distance: tried[distance])[:FINALISTS]


def _part(acquisition: Ptychography) -> Ptychography:
    """Frames near the middle of the scan, and the middle of large ones."""
    if max(acquisition.frame_shape) > SIDE:
        starts = [max(0, n // 2 - SIDE // 2) for n in acquisition.frame_shape]
        y, x = (slice(low, low + min(n, SIDE)) for low, n in zip(starts, acquisition.frame_shape, strict=True))
        acquisition = cut_patterns(acquisition, y, x)
    if acquisition.frame_count <= FRAMES:
        return acquisition
    place = np.asarray(acquisition.positions_um)
    away = np.abs(place - (place.min(axis=0) + place.max(axis=0)) / 2).max(axis=1)
    return acquisition.subset(np.sort(np.argsort(away, kind="stable")[:FRAMES]))


@torch.no_grad()
def trial_error(problem: Problem, probe: torch.Tensor, seed: int, passes: int = PASSES) -> float:
    """How well a few passes of rPIE predict frames left out: relative amplitude error; infinite where they run away.

    Parameters
    ----------
    problem : whose held frames are predicted; those used where it holds none.
    probe : to start from (1, y, x).
    seed : of the order of the frames.
    passes : how many; the steps of the last half shrink to `LAST_STEP`.
    """
    state = first_state(problem, 1, False)
    state.probe = probe
    engine, order = Sequential(problem, state, object_alpha=0.8), compute.seed(seed)
    for number in range(passes):
        frames = problem.train[torch.randperm(len(problem.train), generator=order).to(problem.device)].tolist()
        step = LAST_STEP ** max(0.0, 2 * (number + 1) / passes - 1)
        for _ in engine.sweep(frames, number > 0, step):
            pass
    error = problem.error(engine.waves.state(), problem.held if len(problem.held) else None)
    return error if math.isfinite(error) else math.inf


def _said(found: Curvature) -> str:
    where = f"the focus {abs(found.defocus_um):.4g} um {'before' if found.defocus_um > 0 else 'behind'} the sample"
    what = f"a probe with {where} (error of frames left out {found.error:.3g}; in focus {found.flat:.3g})"
    if not found.defocus_um:
        what = f"the mean frame in focus (error of frames left out {found.flat:.3g})"
    why = "no probe is given" if found.given is None else f"the given probe has a flat phase ({found.given:.3g})"
    return f"{why}: of {found.tried} starts tried, {what} predicts them best and is taken"
