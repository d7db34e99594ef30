"""Positions that are wrong as a whole, or each far off, found by trials that are judged on frames left out.

A motor that steps too far or falls back in every second row, axes that are not square, a sample that drifts: a number
tells each, which a few passes find where it makes frames left out fit clearly better. Where no number mends it,
far-field frames are compared with their neighbours at other places; what trials do not bear out is said.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Generator
from functools import partial

import numpy as np

from ...data.acquisition import Ptychography
from ...forward.scan import narrowed
from ...forward.scan_problem import Problem, ScanState, first_state
from ...types import Event, InputError, Note, Preview, Progress
from ..engine import checkpoint
from .probe_search import start_of
from .probe_trials import HELD, noise_of, trial, trials_of
from .recipe import ScanRecipe
from .registration import PairedWindows
from .scan_rotation import middle_frames, turned_places
from .setup import field_of, problem_of

FRAMES, SHORT, LONG = 60, 4, 10  # used to judge positions, and passes of a trial
NOISY = 1.5  # times the noise of counts: errors below leave nothing to look for
HOPE, FOLLOWED = 0.98, 2  # of the error before: what a kind of wrong positions must reach; kinds followed
CLEARLY = 0.93  # of the error as given: what other positions must reach to be taken
SCALED = 0.85  # where they only lie closer or farther apart under several modes; right ones measured 0.92
CLOSER = 0.6  # times the share by which frames lie closer: more of the error, for they predict each other better anyway
ELSEWHERE = 1.3  # times the agreement of neighbours as given: what other places must reach to be tried
BEYOND = 0.75, 1.8  # agreement as given, deviations, and that elsewhere over it, at which wrong positions are said:
# right ones measured from 0.88 on, 10 px off mostly below
MOST, WIDEST = 400, 160  # frames that are compared with their neighbours, and pixels of their windows
ASTRAY_PX, SURE = 3.0, 1.25  # moved so far at random, positions must raise the error so many times; new ones


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
        Kind(5.0, turned_places, lambda t: f"turned by {t:.2g} degrees from y towards x"),
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
    problem, state = yield from start_of(problem, recipe)
    given = problem.acquisition
    if not isinstance(given, Ptychography) or recipe.correct_positions is False or len(problem.train) < 4 * HELD:
        return problem, state
    place = yield from checkpoint.once_from("positions", _better_places(problem, state, recipe))
    if place is None:
        return problem, state
    as_run = recipe.model_copy(update={"orientation": "as-given"})
    return (yield from start_of(problem_of(given.replace(positions_um=place), as_run), recipe))


def _better_places(problem: Problem, state: ScanState, recipe: ScanRecipe) -> Generator[Event, None, np.ndarray | None]:
    """Positions, um (frame, 2), at which frames left out are predicted clearly better; None where those given stay.

    `problem`, `state`, `recipe`: what is being solved, its start, and what the user chose.
    """
    search = Places(problem, state, recipe)
    found = yield from search.run()
    if not found:
        return (yield from _each_elsewhere(search, problem, state, recipe))
    before, error = search.judged({}), search.judged(found)
    how = " and ".join(search.kinds[k].words(size) for k, size in found.items())
    yield Note(
        f"positions {how} predict frames left out clearly better ({error:.3g} against {before:.3g} as given) and are "
        "taken; --correct-positions no keeps them as given",
        "warning",
    )
    return search.moved(found)


def _each_elsewhere(
    search: Places, problem: Problem, state: ScanState, recipe: ScanRecipe
) -> Generator[Event, None, np.ndarray | None]:
    """Positions, um (frame, 2), at which each frame agrees with its neighbours; None, and said, where that is in vain.

    Parameters
    ----------
    search : trials of the whole scan, which found nothing.
    problem, state, recipe : what is being solved, its start, and what the user chose.
    """
    large = problem.scan.frames > MOST or max(problem.scan.window) > WIDEST
    if problem.scan.geometry != "far_field" or large or search.fits():
        return None
    near = search.neighbours()
    least, most = near.agreement(near.place), near.agreement(near.placed(recipe.seed))
    if most <= ELSEWHERE * least:
        return None
    given, scan = problem.acquisition, problem.scan
    windows = PairedWindows(problem, state.probe)
    steps = windows.placed(recipe.seed) - windows.place
    nominal = np.asarray(given.positions_um, dtype=float)
    place = nominal + (steps - steps.mean(0)) * scan.pixel_um
    before, error = (search.error(one, LONG, HELD + 1) for one in (nominal, place))
    away = np.median(np.hypot(*steps.T))
    why = f"neighbouring frames agree {most / least:.2g} times as well elsewhere, {away:.2g} px away"
    if error > CLEARLY * before:
        if least < BEYOND[0] and most > BEYOND[1] * least:
            yield Note(
                f"positions appear wrong beyond what can be found: {why}, but frames left out are predicted no better "
                f"there ({error:.3g} against {before:.3g} as given); check the positions, their unit, order and axes",
                "warning",
            )
        return None
    yield Note(
        f"positions are far off: {why}, where frames left out are predicted better ({error:.3g} against {before:.3g}), "
        "and are taken from there; --correct-positions no keeps them as given",
        "warning",
    )
    return place


class Places:
    """Trials of positions moved as a whole: of a `problem`, its `state` at the start, on the device of the `recipe`."""

    def __init__(self, problem: Problem, state: ScanState, recipe: ScanRecipe) -> None:
        given = problem.acquisition
        assert isinstance(given, Ptychography)
        light = narrowed(state.probe, problem.scan.rim).cpu().numpy()
        some = given.subset(problem.train.cpu().numpy())
        self._modes = len(state.probe)
        self._chosen = problem.train.cpu().numpy()[middle_frames(some, FRAMES)]
        part = trials_of(given.subset(self._chosen).replace(probe=light), recipe)
        assert isinstance(part.acquisition, Ptychography)
        self._part, self._recipe, self.noise = part.acquisition, recipe, noise_of(part)
        self._pixel, self._place = part.scan.pixel_um, np.asarray(given.positions_um, dtype=float)
        self.kinds = kinds_of(self._place)
        self._tried: dict[tuple[tuple[int, float], ...], float] = {}
        self._latest: Preview | None = None  # of the last trial

    def fits(self) -> bool:
        """Whether frames left out are predicted down to the noise of their counts as it is."""
        return self._of({}) < NOISY * self.noise

    def neighbours(self) -> PairedWindows:
        """The frames of the trials, pair by pair."""
        problem = problem_of(self._part, ScanRecipe(device=self._recipe.device))
        return PairedWindows(problem, first_state(problem, None).probe)

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
        found, end = trial(problem, first_state(problem, None).probe, self._recipe.seed, passes)
        self._latest = Preview(field_of(end, problem.scan), 0.0) if math.isfinite(found) else None
        return found

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
        """Sizes by numbers of the kinds that are clearly better than the positions as given."""
        found: dict[int, float] = {}
        enough = self.fits()
        if self._latest is not None:  # of the positions as given
            yield self._latest
        if enough:
            return found
        for _ in range(3):
            ways = yield from self._first_steps(found)
            if not ways or self._of(ways[0]) > HOPE * self._of(found):
                break
            found = min((self._finer(way) for way in ways), key=self._of)
        needed = SCALED if list(found) == [0] and self._modes > 1 else CLEARLY
        if found and self.judged(found) < needed * self.judged({}) and self._astray(found) > SURE:
            return found
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
