"""Positions that are wrong as a whole, found by trials that are judged on frames left out.

A motor that steps too far or falls back in every second row, axes that are not square, a sample that drifts: a number
tells each, which a few passes find where it makes frames left out fit clearly better. Where moving every position at
random changes nothing, the frames do not bear the positions out at all, which is said.

Lenses of an electron microscope turn the diffraction pattern against the scan, by any angle, and detectors may be
mirrored. Centres of mass tell the angle in closed form only where steps are finer than the detail and the probe is too;
a few passes on the middle of the scan tell it from a described probe of either focus, at 1000 electrons per square
angstrom as well. The probe's defocus also tells one half of a turn from the other, which a flat phase does not.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Generator
from functools import partial

import numpy as np
import torch

from ...data.acquisition import CodedPtychography, Ptychography
from ...forward.orientation import oriented
from ...forward.scan import narrowed
from ...forward.scan_problem import Problem, ScanState, first_state
from ...types import Event, InputError, Note, Progress
from .probe_search import flat, start_of
from .probe_trials import noise_of, trial, trials_of
from .recipe import ScanRecipe
from .setup import described, problem_of

ELECTRONS_UM = 1e-5  # wavelengths below are electrons': 80 keV are 4.2e-6, photons of 100 keV 1.2e-5
FEWEST, MOST = 36, 64  # frames of a trial
STEP_DEG = 12
FINER_DEG = (6.0, 3.0, 1.5)
PASSES, HELD = 6, 5
NEXT_BEST = 0.6  # of the depth of the best angle's valley: what another one may have at most
SCATTER = 4.0  # times the scatter of wrong angles: what the best must be better by
FRAMES, SHORT, LONG = 60, 4, 10  # used to judge positions, and passes of a trial
NOISY, FAR = 1.5, 2.5  # times the noise of counts: errors below leave nothing to look for, and to warn of
HOPE, FOLLOWED = 0.98, 2  # of the error before: what a kind of wrong positions must reach; kinds followed
CLEARLY = 0.93  # of the error as given: what other positions must reach to be taken
CLOSER = (
    0.6  # times the share by which frames lie closer: more of the error, for these predict each other better anyway
)
ASTRAY_PX, DEAF, SURE = 3.0, 1.1, 1.25  # moved so far at random, positions must raise the error so many times; new ones


@dataclasses.dataclass(frozen=True)
class Turn:
    """The angle found.

    degrees : by which positions are to be turned, from y towards x.
    mirrored : rows and columns of the scan are swapped before.
    error, given : relative amplitude error of frames left out, so and as given.
    clear : whether it stands out against wrong angles.
    """

    degrees: float
    mirrored: bool
    error: float
    given: float
    clear: bool


def turned(
    acquisition: Ptychography | CodedPtychography, recipe: ScanRecipe
) -> Generator[Event, None, Ptychography | CodedPtychography]:
    """`acquisition` with its positions turned to its detector: by `recipe`, or for electrons as the frames tell it."""
    if not isinstance(acquisition, Ptychography) or acquisition.geometry != "far_field":
        return acquisition
    if recipe.scan_rotation_deg is not None:
        return rotated(acquisition, recipe.scan_rotation_deg)
    acquisition = described(acquisition, recipe)
    assert isinstance(acquisition, Ptychography)
    known = recipe.seed_probe and acquisition.probe is not None and not flat(torch.tensor(acquisition.probe))
    if acquisition.wavelength_um > ELECTRONS_UM or not known or recipe.orientation != "as-given":
        return acquisition
    if acquisition.frame_count < FEWEST:
        return acquisition
    found = yield from turn_of(acquisition, recipe)
    if not found.clear:
        yield Note(
            "no angle of the scan against the detector predicts frames left out clearly better than others, so the "
            "positions stay as given; check their rotation, or give --scan-rotation-deg"
        )
        return acquisition
    if not found.degrees and not found.mirrored:
        return acquisition
    how = "mirrored (rows and columns swapped) and " if found.mirrored else ""
    yield Note(
        f"the scan is {how}turned by {found.degrees:.3g} degrees against the detector: frames left out are predicted "
        f"with an error of {found.error:.4g}, as given {found.given:.4g}; it is taken. --scan-rotation-deg 0 for as "
        "given; with a defocus of the other sign half a turn more fits as well, and the phase changes its sign"
    )
    facing = oriented(acquisition, "swap-yx") if found.mirrored else acquisition
    assert isinstance(facing, Ptychography)
    return rotated(facing, found.degrees)


def rotated(acquisition: Ptychography, degrees: float) -> Ptychography:
    """`acquisition` with its positions turned about the middle of their range by `degrees`, from y towards x."""
    if not degrees:
        return acquisition
    positions = np.asarray(acquisition.positions_um, dtype=float)
    middle = (positions.min(axis=0) + positions.max(axis=0)) / 2
    return acquisition.replace(positions_um=_turned(positions - middle, degrees) + middle)


def turn_of(acquisition: Ptychography, recipe: ScanRecipe) -> Generator[Event, None, Turn]:
    """The angle that predicts frames of `acquisition` left out best, mirrored or not.

    `recipe` says on which device.
    """
    some, every = acquisition.subset(_middle(acquisition, MOST)), range(-180, 180, STEP_DEG)
    scans = (some, oriented(some, "swap-yx"))
    tried: list[dict[float, float]] = [{}, {}]
    for number, (mirrored, degrees) in enumerate((m, float(d)) for m in (0, 1) for d in every):
        tried[mirrored][degrees] = _held_out(scans[mirrored], degrees, recipe)
        yield Progress(number + 1, 2 * len(every), tried[mirrored][degrees], "looking for the scan's rotation")
    given = tried[0][0.0]
    found = [(min(errors, key=lambda angle: errors[angle]), errors) for errors in tried]
    clear = [(errors[best], number, best) for number, (best, errors) in enumerate(found) if _stands_out(errors, best)]
    if not clear:
        return Turn(0.0, False, given, given, False)
    _, mirrored, best = min(clear)
    errors = tried[mirrored]
    for finer in FINER_DEG:
        for angle in (best - finer, best + finer):
            errors[angle] = _held_out(scans[mirrored], angle, recipe)
        best = min(errors, key=lambda angle: errors[angle])
    if not mirrored and abs(best) <= 2 * FINER_DEG[-1]:
        best = 0.0
    return Turn(best, bool(mirrored), errors[best], given, True)


def _stands_out(tried: dict[float, float], best: float) -> bool:
    """Whether the `best` angle's error lies far below the others' scatter and the next best, its neighbours left out.

    `tried` : errors by angles, degrees.
    """
    errors = np.array(list(tried.values()))
    wrong = float(np.median(errors))
    scatter = 1.48 * float(np.median(np.abs(errors - wrong)))
    apart = [abs((angle - best + 180) % 360 - 180) for angle in tried]
    second = min(error for error, away in zip(errors, apart, strict=True) if away > 2 * STEP_DEG)
    depth = wrong - tried[best]
    return depth > SCATTER * scatter and wrong - second < NEXT_BEST * depth


def _middle(acquisition: Ptychography, most: int) -> np.ndarray:
    """Indices of so many frames, nearest the middle of the scan."""
    place = np.asarray(acquisition.positions_um)
    away = np.abs(place - (place.min(axis=0) + place.max(axis=0)) / 2).max(axis=1)
    return np.sort(np.argsort(away, kind="stable")[:most])


def _held_out(acquisition: Ptychography | CodedPtychography, degrees: float, recipe: ScanRecipe) -> float:
    """Error of frames left out, positions turned by `degrees`, after some passes from the given probe."""
    assert isinstance(acquisition, Ptychography)
    plain = ScanRecipe(device=recipe.device, seed=recipe.seed, hold_out=HELD)
    problem = problem_of(rotated(acquisition, degrees), plain)
    return trial(problem, first_state(problem, 1).probe, recipe.seed, PASSES)[0]


@dataclasses.dataclass(frozen=True)
class Kind:
    """A way to be wrong: `step` is tried first, `move` moves places about their middle, px (frame, 2), by a size."""

    step: float
    move: Callable[[np.ndarray, float], np.ndarray]
    words: Callable[[float], str]


def kinds_of(place: np.ndarray) -> list[Kind]:
    """The ways in which a scan of these places (frame, 2) may be wrong; backlash where it has rows."""
    number, rows = np.linspace(-0.5, 0.5, len(place))[:, None], rows_of(place)
    found = [
        Kind(0.08, lambda q, t: q * (1 + t), lambda t: f"{abs(t):.0%} {'farther apart' if t > 0 else 'closer'}"),
        Kind(5.0, _turned, lambda t: f"turned by {t:.2g} degrees from y towards x"),
    ]
    found += [
        Kind(
            8.0, partial(_along, by=number * np.eye(2)[k]), f"drifting by {{:.2g}} px along {axis} over the scan".format
        )
        for k, axis in enumerate("yx")
    ]
    if rows is None:  # a raster that drifts is also one that is sheared or stretched
        found.append(Kind(0.06, lambda q, t: q * (1 + t, 1 - t), lambda t: f"stretched along y, not x, by {t:.2g}"))
        found.append(Kind(0.06, lambda q, t: q + t * q[:, ::-1], lambda t: f"sheared by {t:.2g}"))
    else:
        odd, axis = (rows[1] % 2)[:, None] * np.eye(2)[rows[0]], "yx"[rows[0]]
        found.append(Kind(1.5, partial(_along, by=odd), f"with every second row {{:.2g}} px along {axis}".format))
    return found


def _along(place: np.ndarray, size: float, by: np.ndarray) -> np.ndarray:
    """Places moved `size` times `by`, all (frame, 2)."""
    return place + size * by


def rows_of(place: np.ndarray) -> tuple[int, np.ndarray] | None:
    """The axis along which rows of places (frame, 2) run, and the row of each (frame,); None where there are none."""
    steps = np.abs(np.diff(place, axis=0))
    axis = int(np.argmax(np.median(steps, axis=0)))
    step = float(np.median(steps[:, axis]))
    new = (steps[:, axis] < 0.4 * step) | (steps[:, axis] > 1.8 * step)
    row = np.concatenate([[0], np.cumsum(new)])
    lengths = np.bincount(row)
    regular = len(lengths) >= 4 and lengths.min() >= 4 and np.ptp(lengths[:-1]) <= 2
    return (axis, row) if regular else None


def placed(problem: Problem, recipe: ScanRecipe) -> Generator[Event, None, tuple[Problem, ScanState]]:
    """Where a reconstruction of `problem` starts by `recipe`, with positions that are right as a whole.

    A problem with other positions where they predict frames left out clearly better.
    """
    state = yield from start_of(problem, recipe)
    given = problem.acquisition
    if not isinstance(given, Ptychography) or recipe.correct_positions is False or len(problem.train) < 4 * HELD:
        return problem, state
    search = Places(problem, state, recipe)
    found = yield from search.run()
    if not found:
        return problem, state
    before, error = search.judged({}), search.judged(found)
    how = " and ".join(search.kinds[k].words(size) for k, size in found.items())
    yield Note(
        f"positions {how} predict frames left out clearly better ({error:.3g} against {before:.3g} as given) and are "
        "taken; --correct-positions no keeps them as given",
        "warning",
    )
    as_run = recipe.model_copy(update={"orientation": "as-given"})
    problem = problem_of(given.replace(positions_um=search.moved(found)), as_run)
    return problem, (yield from start_of(problem, recipe))


class Places:
    """Trials of positions moved as a whole: of a `problem`, its `state` at the start, on the device of the `recipe`."""

    def __init__(self, problem: Problem, state: ScanState, recipe: ScanRecipe) -> None:
        given = problem.acquisition
        assert isinstance(given, Ptychography)
        light = narrowed(state.probe[:1], problem.scan.rim).cpu().numpy()
        some = given.subset(problem.train.cpu().numpy())
        self._chosen = problem.train.cpu().numpy()[_middle(some, FRAMES)]
        part = trials_of(given.subset(self._chosen).replace(probe=light), recipe)
        assert isinstance(part.acquisition, Ptychography)
        self._part, self._recipe, self.noise = part.acquisition, recipe, noise_of(part)
        self._pixel, self._place = part.scan.pixel_um, np.asarray(given.positions_um, dtype=float)
        self.kinds = kinds_of(self._place)
        self._tried: dict[tuple[tuple[int, float], ...], float] = {}

    def moved(self, sizes: dict[int, float]) -> np.ndarray:
        """All positions, um (frame, 2), moved by `sizes` of the kinds of these numbers."""
        middle = (self._place.min(axis=0) + self._place.max(axis=0)) / 2
        place = (self._place - middle) / self._pixel
        for number, size in sizes.items():
            place = self.kinds[number].move(place, size)
        return place * self._pixel + middle

    def error(self, place: np.ndarray, passes: int = SHORT, held: int = HELD) -> float:
        """Of frames left out after some passes, positions um (frame, 2) as in `place`; every `held`-th is left out."""
        plain = ScanRecipe(device=self._recipe.device, seed=self._recipe.seed, hold_out=held)
        try:
            problem = problem_of(self._part.replace(positions_um=place[self._chosen]), plain)
        except InputError:  # such positions are no scan
            return math.inf
        return trial(problem, first_state(problem, None).probe[:1], self._recipe.seed, passes)[0]

    def judged(self, sizes: dict[int, float]) -> float:
        """The error of a longer trial of `sizes`, by frames that chose nothing."""
        return self._fair(self.moved(sizes), LONG, HELD + 1)

    def _fair(self, place: np.ndarray, passes: int = SHORT, held: int = HELD) -> float:
        """`error`, more where places are closer together than those given."""
        areas = [float(np.linalg.det(np.cov(one.T))) for one in (place, self._place)]
        return self.error(place, passes, held) * (1 + CLOSER * max(0.0, 1 - (areas[0] / max(areas[1], 1e-30)) ** 0.25))

    def _of(self, sizes: dict[int, float]) -> float:
        key = tuple(sizes.items())
        if key not in self._tried:
            self._tried[key] = self._fair(self.moved(sizes))
        return self._tried[key]

    def run(self) -> Generator[Event, None, dict[int, float]]:
        """Sizes by numbers of the kinds that are clearly better than the positions as given; says what is beyond."""
        found: dict[int, float] = {}
        given = self._of(found)
        if given < NOISY * self.noise:
            return found
        for _ in range(3):
            ways = yield from self._first_steps(found)
            if not ways or self._of(ways[0]) > HOPE * self._of(found):
                break
            found = min((self._finer(way) for way in ways), key=self._of)
        if found and self.judged(found) < CLEARLY * self.judged({}) and self._astray(found) > SURE:
            return found
        yield from self._beyond(given)
        return {}

    def _first_steps(self, sizes: dict[int, float]) -> Generator[Event, None, list[dict[int, float]]]:
        """The best steps beside `sizes`, each of another kind, the best first."""
        best = []
        for n, kind in enumerate(self.kinds):
            if n not in sizes:
                best.append(min(({**sizes, n: sign * kind.step} for sign in (1, -1)), key=self._of))
                yield Progress(n + 1, len(self.kinds), self._of(best[-1]), "checking the positions as a whole")
        return sorted(best, key=self._of)[:FOLLOWED]

    def _finer(self, sizes: dict[int, float]) -> dict[int, float]:
        """`sizes` with the last one as large as is best."""
        number = list(sizes)[-1]
        while abs(sizes[number]) < 4 * self.kinds[number].step:
            more = {**sizes, number: 1.5 * sizes[number]}
            if self._of(more) >= self._of(sizes):
                break
            sizes = more
        for share in (0.25, 0.12):
            ways = [{**sizes, number: sizes[number] * (1 + s)} for s in (-share, share)]
            sizes = min([sizes, *ways], key=self._of)
        return sizes

    def _astray(self, sizes: dict[int, float]) -> float:
        """Error with all positions, moved by `sizes`, moved at random too, over that without."""
        rng, place = np.random.default_rng(self._recipe.seed), self.moved(sizes)
        places = [place + ASTRAY_PX * self._pixel * rng.standard_normal(place.shape) / 2**0.5 for _ in range(2)]
        return min(self.error(one) for one in places) / self.error(place)

    def _beyond(self, given: float) -> Generator[Event, None, None]:
        """Says so where the frames do not bear the positions out, whose error is as `given`."""
        times = self._astray({}) if given > FAR * self.noise else DEAF
        if times < DEAF:
            yield Note(
                f"the frames do not bear the positions out: those left out are predicted with an error of {given:.2g}, "
                f"with all positions moved by {ASTRAY_PX:g} px at random {times * given:.2g}, while counts alone leave "
                f"{self.noise:.2g}; positions or probe are too far off to be found, so do not trust the picture",
                "warning",
            )


def _turned(place: np.ndarray, degrees: float) -> np.ndarray:
    """Places (frame, 2) turned about (0, 0) by `degrees`, from y towards x."""
    sine, cosine = np.sin(np.deg2rad(degrees)), np.cos(np.deg2rad(degrees))
    return place @ np.array([[cosine, sine], [-sine, cosine]])
