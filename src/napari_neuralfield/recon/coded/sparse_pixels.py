"""Coded ptychography on pixels: positions and geometry from coarse to fine, then the sparsest object that fits.

How sparse is not asked of the user: some frames are kept aside, the weight falls until they are predicted worse again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

import torch

from ... import compute
from ...data.acquisition import Acquisition, CodedPtychography
from ...forward.scan_problem import Problem, ScanState, first_state
from ...types import Done, Event, InputError, Note, Preview, Progress
from ..engine import checkpoint
from ..engine.preview_pace import PreviewPace
from ..engine.readings import LateNumbers
from ..engine.recipe import method, option
from ..scan.recipe import ScanRecipe
from ..scan.setup import field_of, problem_of, result_of
from .sparse_solver import AT_ONCE, GEOMETRY, SparseMemory, SparseSolver, from_mean_frame, lowest

T = TypeVar("T")
COARSE = (0.03, 0.06)  # cycles per pixel: where it is decided whether positions are wrong
FINER = (0.12, 0.25)
WRONG_PX = 0.15  # a coarse object moves right positions by 0.08 px, wrong ones by their error
BETTER = 0.93  # corrected positions lower the error of a coarse object at least by that factor
FITS = 0.05  # frames that fit worse tell nothing of small errors of position
SLIGHTLY_PX = 0.03  # the finished object moves right positions by less
FIRST_NOISE = 0.02  # relative: where the search for the weight starts
TRIAL_STEPS = 18  # of each weight tried
STILL = 5e-4  # change of the object in a step below which it is finished
NOISE_TO_WEIGHT = 0.43  # weight of the total variation over the noise of the mean gradient
CALLED = {"to_detector_um": "the distance from the coded surface to the sensor", "wavelength_um": "the wavelength"}
LOCATED = "the file gives no positions; they are found from the frames, in the middle of which they are 0"
TRIAL_FRAMES = 40  # used at most to find the weight


class SparsePixelsRecipe(ScanRecipe):
    """Options of `sparse-pixels`."""

    method: str = "sparse-pixels"
    sparsity: float | None = option(
        None, "relative noise to smooth away, 0: none; empty: as frames kept aside are predicted best", ge=0, lt=1
    )
    learn_distance: bool = option(False, "find the distance from the coded surface to the sensor")
    learn_wavelength: bool = option(False, "find the wavelength")
    iterations: int | None = option(None, "steps at the end; empty: 40, of more than 50 frames 30", ge=1, le=10000)

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """Steps for the frames of an `acquisition` too."""
        return super().automatic(acquisition) | {"iterations": usual_steps(self.used_of(acquisition.frame_count))}


def usual_steps(frames: int) -> int:
    """Steps at the end where the user leaves them open, of so many `frames` that are used."""
    return 40 if frames <= 50 else 30


@method("sparse-pixels", SparsePixelsRecipe, kinds=("coded_ptychography",), presets={"quick": {"iterations": 10}})
def sparse_pixels(acquisition: CodedPtychography, recipe: SparsePixelsRecipe) -> Iterator[Event]:
    """Sparsest object that explains coded frames; corrects positions, distance and wavelength from coarse to fine.

    `acquisition`: a coded scan whose surface is known; `recipe`: what is corrected, and how smooth the object is.
    """
    yield from compute.on_one_thread(_run(acquisition, recipe))


def _run(acquisition: CodedPtychography, recipe: SparsePixelsRecipe) -> Iterator[Event]:
    started = time.process_time()
    problem = problem_of(acquisition, recipe)
    if acquisition.coded_surface is None:
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: coded_surface is missing; sparse-pixels needs a known one, so "
            "calibrate it first or choose rpie"
        )
    if problem.located:
        yield Note(LOCATED)
    state = first_state(problem, recipe.modes, recipe.seed_probe)
    names = tuple(n for n, on in zip(GEOMETRY, (recipe.learn_distance, recipe.learn_wavelength), strict=True) if on)
    given = {name: getattr(problem.scan, name) for name in names}
    for name in names:
        problem = problem.with_geometry(**{name: from_mean_frame(problem, state, name)})
    solver = SparseSolver(
        problem, state, positions=recipe.correct_positions is not False, geometry=names, seed=recipe.seed
    )
    run = _Run(solver, recipe)
    weight = yield from run.solve()
    figures = {"sparsity": run.relative(weight)}
    for name in names:
        figures[name] = getattr(solver.problem.scan, name)
        yield Note(f"{CALLED[name]} is {figures[name]:.6g} um; the file says {given[name]:.6g} um")
    yield Done(result_of(solver.problem, solver.state, recipe, time.process_time() - started, figures=figures))


def wrong_positions(problem: Problem, state: ScanState, seed: int) -> Generator[Event, None, bool]:
    """Whether the positions of `problem`, a coded scan with a known surface, are wrong.

    If so, `state.position` is better afterwards; `seed` is that of the order of frames.
    """
    recipe = SparsePixelsRecipe(seed=seed)
    trial = state.copy()
    run = _Run(SparseSolver(problem, trial, positions=True, seed=seed), recipe)
    yield from run.coarse_to_fine(last=False)
    state.position.copy_(trial.position)
    return run.solver.positions


class _Run:
    """The schedule of one reconstruction."""

    def __init__(self, solver: SparseSolver, recipe: SparsePixelsRecipe) -> None:
        self.solver, self.recipe = solver, recipe
        self.train = solver.problem.train
        self.energy = solver.problem.measured.energy() / solver.problem.scan.frames
        self._random = torch.Generator().manual_seed(recipe.seed)
        self.nominal, self.start = solver.state.position.clone(), solver.state.object_array.clone()
        every = max(2, len(self.train) // max(2, min(12, len(self.train) // 8)))
        self.aside = self.train[every // 2 :: every] if recipe.sparsity is None else self.train[:0]
        self.rest = self.train[~torch.isin(self.train, self.aside)]
        asks = recipe.correct_positions is None and solver.positions and not solver.problem.located
        self.few = self.rest[:TRIAL_FRAMES] if asks else self.rest  # enough to tell whether positions are wrong
        self.each = 4 if len(self.rest) <= 50 else 2  # passes at every fineness
        passes = self.each * (len(COARSE) + len(FINER)) + 3
        trials = 3 * TRIAL_STEPS * min(len(self.train), TRIAL_FRAMES)
        self.iterations = recipe.iterations or usual_steps(len(self.train))
        self.step = 0  # of those under way
        self.done, self.total = 0, (passes + self.iterations) * len(self.train) + trials
        self.pace = PreviewPace(lambda: Preview(field_of(self._shown(), solver.problem.scan), 0.0))

    def _solved(self) -> tuple[object, ...]:
        return self.done, self.total, self._random.get_state(), self.solver.solved()

    def _go_on(self, found: tuple[Any, ...]) -> Any:
        """Take up what a checkpoint has after its first entry, which is returned."""
        first, self.done, self.total, state, solved = found
        self._random.set_state(state)
        self.solver.go_on(solved)
        return first

    def _stage(self, name: str, events: Generator[Event, None, T]) -> Generator[Event, None, T]:
        """The `events` as a stage called `name`, which leaves all that is solved behind it, and their value."""

        def played() -> Generator[Event, None, tuple[Any, ...]]:
            value = yield from events
            return value, *self._solved()

        value: T = self._go_on((yield from checkpoint.once_from(name, played())))
        return value

    def _shown(self) -> ScanState:
        state = self.solver.state
        return ScanState(self.solver.object_array_of(self.solver.object), state.probe, state.position)

    def _tell(self, frames: int, error: float, what: str) -> Iterator[Event]:
        self.done = min(self.done + frames, self.total)
        yield Progress(self.done, self.total, error, what)
        yield from self.pace.events()

    def relative(self, weight: float, frames: int | None = None) -> float:
        """A weight as the relative noise it stands for."""
        rms = math.sqrt(self.energy / self.solver.problem.measured.pixels)
        return weight * math.sqrt(frames or len(self.train)) / (NOISE_TO_WEIGHT * rms)

    def weight(self, noise: float, frames: int) -> float:
        """The weight of the total variation for a relative noise and a number of frames."""
        return noise / self.relative(1.0, frames)

    def passes(self, cutoff: float, count: int, what: str, frames: torch.Tensor | None = None) -> Iterator[Event]:
        """`count` passes over the named frames, or all that are not kept aside, up to a frequency."""
        solver, used = self.solver, self.rest if frames is None else frames
        loop, begin = checkpoint.loop("passes"), 0
        if loop.found is not None:
            begin = self._go_on(loop.found)

        def now() -> tuple[object, ...]:
            return number, *self._solved()

        number = begin
        while number < count:
            number, misfit, read, late = number + 1, 0.0, 0, LateNumbers()
            for value in solver.pass_over(used, cutoff):
                for (part,) in late.take(value):
                    misfit, read = misfit + part, read + 1
                seen = min(read * AT_ONCE, len(used))
                yield from self._tell(AT_ONCE, (misfit / (seen * self.energy)) ** 0.5, what)
            if solver.positions:
                solver.place(torch.cat([self.aside, solver.problem.held]))
            loop.reached(now)
        loop.ended(now)

    def coarse_to_fine(self, last: bool = True) -> Generator[Event, None, None]:
        """Positions and geometry from an object of ever finer details; decides whether the positions are wrong.

        Without `last` it ends there, with the finer positions if they are.
        """
        solver = self.solver
        if solver.positions or solver.geometry:
            yield from self._coarse()
            if solver.positions and self.recipe.correct_positions is None and not solver.problem.located:
                yield from self._decide()
        if not last and not solver.positions:
            return
        for cutoff in FINER:
            yield from self.passes(cutoff, self.each, "finer object")
        if not last:
            solver.hold_the_middle(self.nominal)
            return
        yield from self.passes(1.0, 3, "object")
        if solver.positions:
            solver.hold_the_middle(self.nominal)

    def moved_px(self, frames: torch.Tensor) -> float:
        """How far the positions of the named frames moved against each other, px, rms."""
        move = (self.solver.state.position - self.nominal)[frames]
        return float((move - move.mean(0)).square().sum(1).mean().sqrt())

    def _coarse(self) -> Iterator[Event]:
        for cutoff in COARSE:
            yield from self.passes(cutoff, self.each, "coarse object", self.few)

    def _decide(self) -> Iterator[Event]:
        """Positions that a coarse object moved are wrong only if frames kept aside are then predicted better."""
        solver, moved = self.solver, self.moved_px(self.few)
        found, with_them = solver.state.copy(), solver.error(self.aside) if len(self.aside) else 0.0
        solver.positions = False
        solver.state.position.copy_(self.nominal)
        if moved <= WRONG_PX:
            return
        solver.start_again(self.start)
        yield from self._coarse()
        if with_them < BETTER * solver.error(self.aside if len(self.aside) else self.train):
            solver.positions = True
            solver.take(found)
            for _ in range(4):
                solver.place(self.rest[len(self.few) :])
            yield Note(f"the positions in the file are off by {moved:.2g} fine pixels rms; they are corrected")

    def solve(self) -> Generator[Event, None, float]:
        """Everything; the weight that was found."""
        yield from self._stage("coarse to fine", self.coarse_to_fine())
        weight = yield from self._stage("weight", self.find_weight())
        yield from self._stage("finish", self.finish(weight, self.iterations))
        yield from self.slightly_wrong(weight)
        return weight

    def find_weight(self) -> Generator[Event, None, float]:
        """The weight at which frames kept aside are predicted best, for all frames."""
        if self.recipe.sparsity is not None:
            return self.weight(self.recipe.sparsity, len(self.train))
        used = self.rest[:TRIAL_FRAMES]
        memory, tried = SparseMemory(self.solver.object.clone()), {}
        noise, factor, best = FIRST_NOISE, 0.5, self.solver.object
        loop, begin = checkpoint.loop("how sparse"), 0
        if loop.found is not None:
            begin, noise, factor, tried, best, memory = self._go_on(loop.found)

        def now() -> tuple[object, ...]:
            return (self.step, noise, factor, tried, best, memory), *self._solved()

        while True:
            yield from self.steps(
                used, self.weight(noise, len(used)), memory,
                count=TRIAL_STEPS, what="how sparse", begin=begin, reached=lambda: loop.reached(now),
            )  # fmt: skip
            begin = 0
            self.solver.settle(memory)
            tried[noise] = self.solver.error(self.aside)
            if tried[noise] <= min(tried.values()):
                best = self.solver.object.clone()
            elif len(tried) > 2 or factor > 1:
                break
            else:
                noise, factor = FIRST_NOISE, 2.0  # noisier than thought: the other way
            noise *= factor
            if not 1e-4 < noise < 1:
                break
        self.solver.object = best
        return self.weight(lowest(tried), len(self.train))

    def steps(
        self,
        frames: torch.Tensor,
        weight: float,
        memory: SparseMemory,
        *,
        count: int,
        what: str,
        move: bool = False,
        begin: int = 0,
        reached: Callable[[], None],
    ) -> Iterator[Event]:
        """At most `count` steps: the first two thirds on some of the named frames, the others on all.

        Random frames find the way as well as all do and faster; all of them average the noise. Ends early where the
        object changes no more. With `move`, positions and geometry move along in every fifth step. `begin` were taken
        before; `reached` is called between them.
        """
        some = min(len(frames), max(12, len(frames) // 4))
        late, error = LateNumbers(), math.nan
        for number in range(begin, count):
            last, used = memory.last, frames
            if 3 * number < 2 * count:
                chosen = torch.randperm(len(frames), generator=self._random)[:some]
                used = frames[chosen.to(frames.device)]
            misfit = self.solver.sparse_step(used, weight, memory, move and number % 5 == 4)
            for (value,) in late.take(misfit):
                error = (value / (len(used) * self.energy)) ** 0.5
            yield from self._tell(len(used), error, what)
            if used is frames and float((memory.last - last).norm() / last.norm()) < STILL:
                return
            self.step = number + 1
            reached()

    def finish(self, weight: float, steps: int) -> Generator[Event, None, None]:
        """Steps on all frames; positions and geometry move along in every fifth."""
        memory = SparseMemory(self.solver.object.clone())
        move = self.solver.positions or bool(self.solver.geometry)
        loop, begin = checkpoint.loop("sparse object"), 0
        if loop.found is not None:
            begin, memory = self._go_on(loop.found)

        def now() -> tuple[object, ...]:
            return (self.step, memory), *self._solved()

        yield from self.steps(
            self.train, weight, memory,
            count=steps, what="sparse object", move=move, begin=begin, reached=lambda: loop.reached(now),
        )  # fmt: skip
        self.solver.settle(memory)
        if self.solver.positions:
            self.solver.place(self.solver.problem.held)
            self.solver.hold_the_middle(self.nominal)

    def slightly_wrong(self, weight: float) -> Iterator[Event]:
        """A last question to positions that seemed right: a sharp object sees small errors."""
        if self.solver.positions or self.recipe.correct_positions is False or self.solver.error(self.train) > FITS:
            return
        self.solver.place(self.train)
        moved = self.moved_px(self.train)
        self.solver.state.position.copy_(self.nominal)
        if moved > SLIGHTLY_PX:
            yield Note(f"the positions in the file are off by {moved:.2g} fine pixels rms; they are corrected")
            self.solver.positions = True
            self.total += 15 * len(self.train)
            yield from self.finish(weight, 15)
