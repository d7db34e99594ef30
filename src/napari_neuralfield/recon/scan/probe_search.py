"""Where a far-field scan starts: the probe, found or checked, and how many modes it has, all by quick trials.

Where no probe is given, distances of its focus of both signs are tried: a flat phase starts the reconstruction of a
defocused probe in a place from which it does not come back. Aberrations are tried at the best distance. A given probe,
described or from a file, is one start among these: right ones explain the frames down to their noise; others may have
the wrong sign of defocus or size, have been kept in another orientation, or be of another day. What predicts frames
left out best is taken: what the frames used say of themselves is mostly their noise, where there are few counts.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Generator

import torch

from ...data.acquisition import Ptychography
from ...forward.scan_problem import Problem, ScanState, first_state, with_modes
from ...optics.probe import NAMES
from ...types import Event, Note, Preview, Progress
from ..engine import checkpoint
from ..engine.preview_pace import PreviewPace
from .coherence import modes_of, of_a_source
from .probe_trials import (
    AS_GIVEN,
    HELD,
    MORE,
    PASSES,
    RATIO,
    TERMS,
    ProbeStart,
    bent,
    distances,
    focus_of,
    noise_of,
    off_centre,
    trial,
    trials_of,
    turns,
)
from .recipe import ScanRecipe
from .setup import field_of

FINALISTS = 3
BETTER = 0.995  # of the flat start's error: what a curved one must reach to be taken
CLEARLY = 0.9  # of a given probe's error: what another start must reach to take its place
ALIKE = 2.2  # between two distances: the nearer start is no other probe, though the farther one often settles sooner
BY_FAR = 0.72  # of a given probe's error: what a start as near as that must reach; right ones measured from 0.75 on
STAYS = 0.995  # of the error where the frames change a given probe: where it lies below with the probe as given
NOISE = 1.25  # times the noise of counts: an error below leaves nothing to look for
BENDS = (0.3, 0.2, 0.15, 0.1)  # waves of each aberration tried, rms, one round after the other; two in vain end it
BENDING = 6  # passes of these trials
LITTLE = 0.995  # of the error before: what one step must reach
BENT = 0.97  # of the error without: what all of them must reach in a longer trial
USUAL = 45  # trials


@dataclasses.dataclass(frozen=True)
class Found:
    """What the trials say.

    start, error : the best start, and the relative amplitude error of the frames left out of its trial.
    rival : that of the mean frame in focus; where the given probe is kept, of the best other start.
    given : that of the given probe; None where there is none.
    noise : what counted photons alone would leave.
    tried : how many starts there were.
    """

    start: ProbeStart
    error: float
    rival: float
    given: float | None
    noise: float
    tried: int


def start_of(problem: Problem, recipe: ScanRecipe) -> Generator[Event, None, tuple[Problem, ScanState]]:
    """Where a reconstruction of `problem` starts by `recipe`; says what was found, for the far field.

    The problem's probe is known afterwards where frames are too few or too faint to make a given one better.
    """
    state = first_state(problem, recipe.modes, recipe.seed_probe)
    acquisition = problem.acquisition
    if not isinstance(acquisition, Ptychography):
        return problem, state
    guess = acquisition.probe if recipe.seed_probe else None
    if why := _why_no_trials(problem, recipe):
        yield Note(
            f"the start of the probe is {_start(problem, recipe)}, {_number(len(state.probe))}; it is not checked by "
            f"frames left out: {why}"
        )
        return problem, state
    some = acquisition.subset(problem.train.cpu().numpy()).replace(probe=guess)
    trials = trials_of(some, recipe)
    search = ProbeSearch(trials, recipe.seed)
    found = yield from checkpoint.once_from("probe search", search.run())
    yield said(found, trials, _start(problem, recipe))
    if found.start == ProbeStart(turn=AS_GIVEN):
        if recipe.update_probe is None and (
            note := checkpoint.once("given probe", lambda: _stays(trials, recipe.seed))
        ):
            yield note
            problem = dataclasses.replace(problem, solve_probe=False)
    else:
        state.probe = with_modes(found.start.probe(problem), len(state.probe))
    if recipe.modes is None and len(state.probe) == 1 and len(trials.held):
        modes = yield from checkpoint.once_from("modes", modes_of(trials, found.start.probe(trials), recipe.seed))
        state.probe = of_a_source(state.probe, modes)
    return problem, state


def _why_no_trials(problem: Problem, recipe: ScanRecipe) -> str:
    """Why starts of the probe of `problem` are not tried by `recipe`; empty where they are."""
    if problem.scan.geometry != "far_field":
        return "trials are for the far field"
    if not recipe.probe_search:
        return "probe_search is no"
    if not problem.solve_probe:
        return "update_probe is no"
    given = recipe.seed_probe and getattr(problem.acquisition, "probe", None) is not None
    if given and len(problem.train) < 4 * HELD:
        return f"{len(problem.train)} frames are too few to leave any out"
    return ""


def _start(problem: Problem, recipe: ScanRecipe) -> str:
    """Where the probe of `problem` comes from by `recipe`, in words."""
    described = [f"{name} {value:g}" for name in NAMES if (value := getattr(recipe, name)) is not None]
    if described:
        return f"the described one ({' and '.join(described)})"
    if recipe.seed_probe and getattr(problem.acquisition, "probe", None) is not None:
        return "the given one"
    return "the mean frame" + (" in focus" if problem.scan.geometry == "far_field" else " carried back to the sample")


def _number(modes: int) -> str:
    return f"{modes} mode{'s' * (modes > 1)}"


def _stays(trials: Problem, seed: int) -> Note | None:
    """What to say where frames left out are predicted better if the given probe stays as it is; else None.

    Parameters
    ----------
    trials : from `trials_of`. seed : of the order of the frames.
    """
    probe = first_state(trials, None).probe
    solved, kept = (trial(trials, probe, seed, MORE, kept=kept)[0] for kept in (False, True))
    if kept >= STAYS * solved:
        return None
    return Note(
        f"the given probe stays as it is: so frames left out are predicted with an error of {kept:.3g}, and with "
        f"{solved:.3g} where the frames change it; --update-probe yes solves for it all the same"
    )


class ProbeSearch:
    """Trials of starts for the scan of `problem`, frames in the order of `seed`."""

    def __init__(self, problem: Problem, seed: int) -> None:
        self.problem, self.seed, self.done = problem, seed, 0
        self.known = getattr(problem.acquisition, "probe", None) is not None
        self.errors: dict[int, dict[ProbeStart, float]] = {}  # of short trials, by their passes
        self.longer: dict[ProbeStart, float] = {}
        self.best: ScanState | None = None  # where the best trial so far ended
        self.pace = PreviewPace(self._preview)

    def _preview(self) -> Preview:
        assert self.best is not None
        return Preview(field_of(self.best, self.problem.scan), 0.0)

    def short(self, start: ProbeStart, passes: int = PASSES) -> Generator[Event, None, float]:
        """The error of a short trial of `start`, of so many `passes`."""
        found = self.errors.setdefault(passes, {})
        if start not in found:
            # of a given probe's modes the first one is enough to tell one way to keep it from another
            found[start], end = trial(self.problem, start.probe(self.problem)[:1], self.seed, passes)
            self.done += 1
            yield Progress(self.done, max(USUAL, self.done), min(found.values()), "looking for the probe")
            if math.isfinite(found[start]) and found[start] == min(found.values()):
                self.best = end
                yield from self.pace.events()
        return found[start]

    def long(self, start: ProbeStart) -> float:
        """The error of a longer one."""
        if start not in self.longer:
            self.longer[start], _ = trial(self.problem, start.probe(self.problem), self.seed, MORE)
        return self.longer[start]

    def run(self) -> Generator[Event, None, Found]:
        """The best start of all."""
        noise, given, plain = noise_of(self.problem), ProbeStart(turn=AS_GIVEN), ProbeStart()
        if self.known and (yield from self._holds(given)):
            errors = self.errors[PASSES]
            rival = min(error for start, error in errors.items() if start != given)
            return Found(given, errors[given], rival, errors[given], noise=noise, tried=len(errors))
        best = yield from self._bent((yield from self._focus()))
        if self.long(best) > BETTER * self.long(plain):
            best = plain
        if self.known:
            best = yield from self._against_given(given, best)
        tried = len({*self.longer, *(start for errors in self.errors.values() for start in errors)})
        if best == given:
            rival = min(error for start, error in self.longer.items() if start != given)
            return Found(best, self.long(best), rival, self.long(best), noise=noise, tried=tried)
        return Found(
            best, self.long(best), self.long(plain), self.long(given) if self.known else None, noise=noise, tried=tried
        )

    def _holds(self, given: ProbeStart) -> Generator[Event, None, bool]:
        """Whether no start of another kind is better than a `given` one whose phase is not just flat."""
        if flat(given.probe(self.problem)):
            return False
        yield from self._turned(given)
        for away in distances(self.problem)[::2]:
            yield from self.short(ProbeStart(float(away)))
        errors = self.errors[PASSES]
        return min(errors, key=lambda start: errors[start]) == given

    def _turned(self, given: ProbeStart) -> Generator[Event, None, float]:
        """Try the `given` probe, as it is and turned, and with its focus on the other side; where that is now, um.

        Its light is also tried where the frames have theirs, and left there where that is better.
        """
        moved = off_centre(self.problem)
        as_given = yield from self.short(given)
        if any(moved) and (yield from self.short(dataclasses.replace(given, moved_px=moved))) > BETTER * as_given:
            moved = (0.0, 0.0)
        for name in turns(self.problem):
            yield from self.short(ProbeStart(turn=name, moved_px=moved))
        mine = focus_of(given.probe(self.problem), self.problem)
        if mine:
            yield from self.short(ProbeStart(-2 * mine, turn=AS_GIVEN, moved_px=moved))
        return mine

    def _focus(self) -> Generator[Event, None, ProbeStart]:
        """The distance of the mean frame's focus that explains the frames best."""
        for away in distances(self.problem):
            yield from self.short(ProbeStart(float(away)))
        errors = {start: error for start, error in self.errors[PASSES].items() if not start.turn}
        best = min(errors, key=lambda start: errors[start])
        if best.away_um:  # a finer look on both sides
            for factor in (RATIO**-0.4, RATIO**0.4):
                yield from self.short(ProbeStart(best.away_um * factor))
        errors = self.errors[PASSES]
        candidates = finalists({start.away_um: error for start, error in errors.items() if not start.turn})
        return min((ProbeStart(away) for away in {*candidates, 0.0}), key=self.long)

    def _bent(self, best: ProbeStart) -> Generator[Event, None, ProbeStart]:
        """`best` with the aberrations and distance that predict frames better, found one by one in shrinking steps."""
        if self.long(best) < NOISE * noise_of(self.problem):
            return best
        found, least, idle = best, (yield from self.short(best, BENDING)), 0
        for size in BENDS:
            before = found
            for term in range(len(TERMS) + 1):
                for by in (size, -size):
                    tried = bent(found, term, by)
                    error = yield from self.short(tried, BENDING)
                    if error < LITTLE * least:
                        found, least = tried, error
                        break
            idle += found == before
            if idle == 2:
                break
        return found if self.long(found) < BENT * self.long(best) else best

    def _against_given(self, given: ProbeStart, best: ProbeStart) -> Generator[Event, None, ProbeStart]:
        """`best`, or the given probe, as it is, turned, or with its focus elsewhere."""
        mine = yield from self._turned(given)
        if best.away_um != mine:
            yield from self.short(ProbeStart(best.away_um - mine, turn=AS_GIVEN))
        errors = self.errors[PASSES]
        turned = sorted((s for s in errors if s.turn and s != given), key=lambda s: errors[s])
        best = min((best, *turned[:2]), key=self.long)
        for start in turned:  # where the light lies is measured, not searched for
            if start == dataclasses.replace(given, moved_px=start.moved_px) and CLEARLY * self.long(start) < self.long(
                best
            ):
                best = start
        needed = CLEARLY
        if flat(given.probe(self.problem)) or best == dataclasses.replace(given, moved_px=best.moved_px):
            needed = BETTER
        elif (
            best.turn in ("", AS_GIVEN)
            and 1 / ALIKE < (best.away_um + mine * bool(best.turn)) / (mine or math.inf) < ALIKE
        ):
            needed = BY_FAR
        return best if self.long(best) < needed * self.long(given) else given


def flat(probe: torch.Tensor) -> bool:
    """Whether a probe (mode, y, x) is one mode of flat phase: a guess, which no reconstruction gives."""
    return len(probe) == 1 and float(probe.imag.abs().max()) <= 1e-4 * float(probe.real.abs().max())


def finalists(tried: dict[float, float]) -> list[float]:
    """The best distances, each better than its neighbours: those `tried`, by their errors."""
    along = sorted(tried)
    errors = [math.inf, *(tried[distance] for distance in along), math.inf]
    valleys = [d for n, d in enumerate(along) if errors[n + 1] <= min(errors[n], errors[n + 2])]
    return sorted(valleys, key=lambda distance: tried[distance])[:FINALISTS]


def said(found: Found, problem: Problem, start: str = "the given one") -> Note:
    """What was `found` by trials of `problem`, and why, in words; `start` is what the given probe is called."""
    if found.given is None:
        better = f"; in focus {found.rival:.3g}" if found.start.away_um else ""
        return Note(
            f"no probe is given: of {found.tried} starts tried, {_named(found.start, problem)} predicts frames left "
            f"out best and is taken (error {found.error:.3g}{better}; noise of the counts {found.noise:.3g})"
        )
    probe = first_state(problem, None).probe
    what = "a flat phase" if flat(probe) else f"its focus {_place(focus_of(probe, problem))}"
    given = f"{start.replace(' one', ' probe')} ({_number(len(probe))}, {what})"
    if found.start != ProbeStart(turn=AS_GIVEN):
        return Note(
            f"{given} does not fit: {_named(found.start, problem)} predicts frames left out better ({found.error:.3g} "
            f"against {found.given:.3g}, of {found.tried} starts tried) and is taken; --probe-search no keeps the "
            "given one",
            "info" if flat(probe) else "warning",
        )
    return Note(
        f"{given} is kept: of {found.tried} starts tried none predicts frames left out clearly better "
        f"({found.given:.3g}, the best other one {found.rival:.3g}; noise of the counts {found.noise:.3g})"
    )


def _place(away_um: float) -> str:
    if not away_um:
        return "at the sample"
    return f"{float(f'{abs(away_um):.3g}'):g} um {'before' if away_um > 0 else 'behind'} the sample"


def _named(start: ProbeStart, problem: Problem) -> str:
    where = ""
    if any(start.moved_px):
        y, x = start.moved_px
        where = f", its light moved by ({y:.3g}, {x:.3g}) detector pixels to where the frames have it"
    if start.turn == AS_GIVEN and start.away_um:
        return f"the same with its focus {_place(focus_of(start.probe(problem), problem))}{where}"
    if start.turn == AS_GIVEN:
        return f"the same{where}"
    if start.turn:
        return f"the same {start.turn}{where}"
    bends = ", ".join(f"{w:+.2g} waves of {term}" for w, term in zip(start.waves, TERMS, strict=False) if w)
    probe = f"a probe with the focus {_place(start.away_um)}" if start.away_um else "the mean frame in focus"
    return f"{probe} and {bends}" if bends else probe
