"""Pass after pass over a scan: what all classical engines share, from the first guess to the result.

An engine sweeps the frames once and says how well each fitted. Between passes the state is normalised: brightness goes
to the probe, modes are made orthogonal, the probe is centred, positions are corrected, held-out frames are predicted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Protocol, TypeVar

import numpy as np
import torch
from scipy import ndimage

from ... import compute
from ...data.acquisition import Acquisition, CodedPtychography, Ptychography
from ...forward.scan_problem import Problem, ScanState
from ...optics.grids import intensity
from ...types import Done, Event, InputError, Note, Preview, Progress
from ..engine import checkpoint
from ..engine.preview_pace import PreviewPace
from ..engine.readings import LateNumbers
from ..engine.recipe import option
from .background import with_background
from .coherence import Light, shares_told
from .exit_waves import ExitWaves, orthogonal
from .positions import PositionCorrection
from .recipe import ScanRecipe, surface_given
from .scan_rotation import turned
from .setup import field_of, problem_of, result_of
from .whole_scan import placed

COUNT_OF_CODED = 320  # frames visited in all before a coded scan with a known surface fits its noise
FAR_OFF = 100.0  # times the measured amplitudes: nothing comes back from there
RUNAWAY = "the reconstruction has run away from the frames; take smaller steps, or check positions and distances"
APART = 3  # passes between two looks at the positions, at least
EVERY = 0.05  # of a pass between two words about progress
PASSES = option(None, "passes over all frames; empty: 30, fewer where a known surface would let noise in", ge=1)


class EngineRecipe(ScanRecipe):
    """Options of every engine that goes over the frames again and again."""

    passes: int | None = PASSES
    probe_from: int = option(1, "pass at which the probe begins to be solved for, counted from 0", ge=0, advanced=True)
    positions_from: int | None = option(
        None, "pass at which positions begin to be corrected, or looked at; empty: after a quarter", ge=0, advanced=True
    )
    settle: float | None = option(
        None,
        "share of the passes, the last ones, in which steps shrink so that noise averages; empty: half, none where a "
        "surface is known",
        ge=0,
        le=1,
        advanced=True,
    )
    last_step: float = option(0.1, "step of the last pass, relative to the first", gt=0, le=1, advanced=True)
    patience: int = option(
        4, "passes without a better prediction of the held-out frames before it stops", ge=1, advanced=True
    )

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """Passes over the frames of an `acquisition` too, and when steps shrink and positions move."""
        solved = not surface_given(acquisition) if self.update_probe is None else self.update_probe
        known = isinstance(acquisition, CodedPtychography) and not solved
        passes, settle = usual_passes(known, self.used_of(acquisition.frame_count))
        later = {"settle": settle, "positions_from": first_moved(self.passes or passes)}
        return {**super().automatic(acquisition), "passes": passes, **later}


R = TypeVar("R", bound=EngineRecipe)


class Schedule:
    """Steps of every pass: full at first, then shrinking to `last_step` so that the frames' noise averages.

    Where held-out frames are predicted no better for `patience` passes, full steps end at once, and shrinking ones
    end everything once half of them are done.
    """

    def __init__(self, total: int, shrinking: int, recipe: EngineRecipe) -> None:
        self._shrinking = shrinking
        self._full, self.total = total - shrinking, total
        self._patience, self._last_step = recipe.patience, recipe.last_step
        self._best, self._idle = np.inf, 0

    def step(self, number: int) -> float:
        """Relative step of pass `number`."""
        shrunk = number + 1 - self._full
        return 1.0 if shrunk <= 0 else float(self._last_step ** (shrunk / self._shrinking))

    @property
    def sharp(self) -> int:
        """Passes after which the object is sharp enough to judge positions by: a little into the shrinking steps."""
        return self._full + self._shrinking // 5 if self._shrinking else round(0.6 * self.total)

    def begin_again(self, number: int) -> None:
        """Plan three quarters of all passes once more after pass `number`, the shrinking ones last."""
        self.total = number + 1 + max(1, 3 * self.total // 4)
        self._full, self._idle = max(number + 1, self.total - self._shrinking), 0

    def judge(self, number: int, error: float) -> bool:
        """Whether `error` of the held-out frames after pass `number` is the best yet; plans the passes to come."""
        if error < self._best:
            self._best, self._idle = error, 0
            return True
        self._idle = self._idle + 1 if number != self._full else 1
        if self._idle >= self._patience:
            if number + 1 < self._full:
                self._full, self.total, self._idle = number + 1, number + 1 + self._shrinking, 0
            elif number + 1 >= self._full + (self._shrinking + 1) // 2:  # before, noise of full steps is still in
                self.total = number + 1
        return False


class Engine(Protocol):
    """One classical way to go over the frames."""

    waves: ExitWaves

    def sweep(self, order: list[int], solve_probe: bool, step: float) -> Iterator[tuple[list[int], torch.Tensor]]:
        """One pass; yields frames and their squared misfits (frame,).

        Parameters
        ----------
        order : indices of the frames, as they come.
        solve_probe : whether the probe changes too.
        step : share of the full step, 0 to 1.
        """
        ...

    def smaller(self) -> bool:
        """Take fewer frames at once from now on; False where there is only one."""
        ...


def plan_of(problem: Problem, recipe: EngineRecipe) -> tuple[int, int]:
    """Passes, and those of them with shrinking steps, that `recipe` asks for or `problem` bears.

    A known coded surface bears few before noise comes in.
    """
    usual, settled = usual_passes(problem.scan.geometry == "coded" and not problem.solve_probe, len(problem.train))
    total = recipe.passes or usual
    return total, round((settled if recipe.settle is None else recipe.settle) * total)


def usual_passes(known: bool, frames: int) -> tuple[int, float]:
    """Passes, and the share of them with shrinking steps, where the user leaves both open.

    Parameters
    ----------
    known : whether it is a coded scan whose surface is not solved for.
    frames : that are used.
    """
    return (int(np.clip(round(COUNT_OF_CODED / max(frames, 1)), 3, 20)), 0.0) if known else (30, 0.5)


def first_moved(total: int) -> int:
    """The pass of `total` at which positions begin to be corrected."""
    return max(2, total // 4)


def solve_scan(problem: Problem, recipe: EngineRecipe, engine: Engine) -> Iterator[Event]:
    """All passes over the frames of `problem` by `engine`, as `recipe` asks; its waves hold the answer at the end.

    They also hold the problem, with the brightness of each frame where the light flickers.
    """
    plan, count = Schedule(*plan_of(problem, recipe), recipe), len(problem.train)
    order, best, number, total = compute.seed(recipe.seed), None, 0, plan.total
    energy, latest = problem.frame_energy(), torch.zeros(problem.scan.frames, device=problem.device)
    keeper, positions = Settling(engine.waves), PositionCorrection(recipe.correct_positions)
    start = first_moved(total) if recipe.positions_from is None else recipe.positions_from
    late, error = LateNumbers(), 1.0
    light, looks = Light(recipe.modes), {max(2, share * total // 8) for share in (2, 4, 6)}
    pace = PreviewPace(lambda: Preview(field_of(engine.waves.state(), problem.scan), 0.0))
    loop = checkpoint.loop("passes")
    if loop.found is not None:
        number, state, best, plan, positions, light, latest, random, gain = loop.found
        order.set_state(random)
        problem = engine.waves.problem = problem.with_gain(gain)
        engine.waves.go_on(state)

    def now() -> tuple[object, ...]:
        state, random = engine.waves.kept_state(), order.get_state()
        return number, state, best, plan, positions, light, latest, random, problem.measured.gain

    while number < plan.total:
        solve_probe = problem.solve_probe and number >= min(recipe.probe_from, total - 1)
        frames = problem.train[torch.randperm(count, generator=order).to(problem.device)].tolist()
        done, said = 0, 0.0
        while done < count:
            try:
                for part, misfit in engine.sweep(frames[done:], solve_probe, plan.step(number)):
                    latest[part], done = misfit, done + len(part)
                    if done - said >= EVERY * count or done == count:
                        said = done
                        error = _error(latest, energy) if late.due(problem.device) or done == count else error
                        yield Progress(number * count + done, plan.total * count, error, "frames")
                        yield from pace.events()
            except (RuntimeError, MemoryError) as failure:
                if not compute.is_out_of_memory(failure) or not engine.smaller():
                    raise
                compute.release()
                yield Note("the device ran out of memory; going on with fewer frames at once", "warning")
        state = keeper.normalised(engine.waves.state(), problem.solve_probe)
        if positions.wanted is None and start <= number + 1 < plan.total:
            if number + 1 == start:
                positions.look(problem, state)
            elif number + 1 >= max(plan.sharp, start + APART) and positions.decide(problem, state):
                plan.begin_again(number)
            if positions.wanted:
                yield Note("the frames ask for other positions: they are corrected")
        if positions.wanted and start <= number + 1 < plan.total:
            state = positions.corrected(problem, state)
        if number + 1 in looks and number + 1 < plan.total:
            problem, state = yield from light.looked_at(problem, state)
            engine.waves.problem = problem
        engine.waves.load(state)
        number += 1
        if len(problem.held) and plan.judge(number - 1, problem.error(state, problem.held)):
            best = number, state
        loop.reached(now)
    loop.ended(now)
    if best is not None:
        engine.waves.load(best[1])
        yield Note(f"kept is the state after pass {best[0]} of {number}, which predicts the held-out frames best")


def _error(latest: torch.Tensor, energy: np.ndarray) -> float:
    """Relative amplitude error by the latest misfit of every frame.

    Raises
    ------
    InputError : where it is beyond all bounds.
    """
    error = float(latest.sum(dtype=torch.float64) / energy.sum()) ** 0.5
    if not error < FAR_OFF:
        raise InputError(RUNAWAY)
    return error


def engine_events(
    acquisition: Ptychography | CodedPtychography,
    recipe: R,
    make: Callable[[Problem, ScanState, R], Engine],
) -> Iterator[Event]:
    """From `acquisition` to `Done`, as `recipe` asks, with the engine that `make(problem, state, recipe)` builds."""
    started = time.process_time()
    problem = problem_of((yield from turned(acquisition, recipe)), recipe)
    problem, state = yield from placed(problem, recipe)
    problem = yield from with_background(problem, state, recipe.seed)
    engine = make(problem, state, recipe)
    with torch.no_grad():
        yield from solve_scan(problem, recipe, engine)
        state, problem = engine.waves.state(), engine.waves.problem
        if len(state.probe) > 1:
            yield Note(shares_told(state.probe))
        seconds = time.process_time() - started
        yield Done(result_of(problem, state, recipe, seconds))


class Settling:
    """Keeps what the frames cannot tell in place: brightness, centre and order of the probe's modes."""

    def __init__(self, waves: ExitWaves) -> None:
        self._far = waves.scan.geometry == "far_field"
        lit = waves.illumination(waves.problem.train.tolist())
        self._lit = lit / lit.sum()
        self._centre = centre(intensity(waves.state().probe).sum(0))

    def normalised(self, state: ScanState, solved_probe: bool) -> ScanState:
        """The same frames by a `state` with mean amplitude 1 in the lit part of the object array.

        One whose probe is not being solved, by `solved_probe`, stays as it is.

        Raises
        ------
        InputError : where the object array is not finite.
        """
        if not solved_probe:
            return state
        scale = torch.sqrt((intensity(state.object_array) * self._lit).sum())
        if not torch.isfinite(scale):
            raise InputError(RUNAWAY)
        object_array, probe = state.object_array / scale, orthogonal(state.probe * scale)
        if self._far:
            away = np.round(centre(intensity(probe).sum(0)) - self._centre).astype(int).tolist()
            object_array = torch.roll(object_array, (-away[0], -away[1]), (0, 1))
            probe = torch.roll(probe, (-away[0], -away[1]), (1, 2))
        return ScanState(object_array, probe, state.position)


def centre(weight: torch.Tensor) -> np.ndarray:
    """Centre of mass (y, x) of `weight` (y, x), px."""
    return np.array(ndimage.center_of_mass(weight.cpu().numpy()))
