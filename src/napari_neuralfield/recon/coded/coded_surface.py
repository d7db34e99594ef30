"""A coded surface and a specimen above it, both unknown, from the frames of one scan; the surface serves later samples.

The specimen goes from coarse to fine while the surface is free from the start; positions that the file does not give
are found from the shadows and refined along; given ones are refined only where that is asked for, since an unknown
surface lets them drift. As in ePIE (Maiden, Rodenburg 2009) frames take turns, the surface's step
is that of rPIE (2017), and shrinking steps at the end let the noise average.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from ... import compute
from ...data.acquisition import CodedPtychography
from ...forward.scan_problem import first_state
from ...types import Done, Event, InputError, Note, Preview, Progress
from ..engine import checkpoint
from ..engine.preview_pace import PreviewPace
from ..engine.readings import LateNumbers
from ..engine.recipe import method, option
from ..scan.recipe import ScanRecipe
from ..scan.setup import field_of, problem_of, result_of
from .sparse_pixels import LOCATED
from .sparse_solver import SparseSolver

COARSE = ((0.06, 3), (0.12, 3), (0.25, 3))  # cycles per pixel of the specimen, passes
LAST_STEP = 0.05
FEWEST = 30  # frames below which a surface is hardly determined


class CodedSurfaceRecipe(ScanRecipe):
    """Options of `coded-surface`."""

    method: str = "coded-surface"
    passes: int = option(20, "passes over all frames after the coarse ones", ge=1, le=10000)


@method("coded-surface", CodedSurfaceRecipe, kinds=("coded_ptychography",), presets={"quick": {"passes": 5}})
def coded_surface(acquisition: CodedPtychography, recipe: CodedSurfaceRecipe) -> Iterator[Event]:
    """Calibrates a coded surface: surface, specimen and positions together; its result serves later samples.

    `acquisition`: a coded scan, best of 100 frames or more; `recipe`: for how many passes.
    """
    yield from compute.on_one_thread(_run(acquisition, recipe))


def _run(acquisition: CodedPtychography, recipe: CodedSurfaceRecipe) -> Iterator[Event]:
    started = time.process_time()
    if recipe.update_probe is False:
        raise InputError("option update_probe is false; coded-surface finds the surface, so choose sparse-pixels")
    problem = problem_of(acquisition, recipe.model_copy(update={"update_probe": True}))
    if problem.located:
        yield Note(LOCATED)
    if len(problem.train) < FEWEST:
        yield Note(
            f"{len(problem.train)} frames hardly determine a coded surface; record at least 100 of a structured "
            "specimen",
            "warning",
        )
    state = first_state(problem, recipe.modes, recipe.seed_probe)
    unit = float((state.object_array * state.object_array.conj()).real.mean() ** 0.5)
    state.object_array, state.probe = state.object_array / unit, state.probe * unit  # of mean power 1, one product
    learn = problem.located if recipe.correct_positions is None else recipe.correct_positions
    solver = SparseSolver(problem, state, positions=learn, surface=True, seed=recipe.seed)
    nominal = state.position.clone()
    yield from _passes(solver, recipe)
    if learn:
        solver.place(problem.held)
        solver.hold_the_middle(nominal)
    yield Done(result_of(problem, solver.state, recipe, time.process_time() - started))


def _passes(solver: SparseSolver, recipe: CodedSurfaceRecipe) -> Iterator[Event]:
    frames, problem = solver.problem.train, solver.problem
    energy = problem.measured.energy() / problem.scan.frames
    plan = [(cutoff, 1.0) for cutoff, count in COARSE for _ in range(count)]
    half = recipe.passes / 2
    plan += [(1.0, LAST_STEP ** max(0.0, (k - half) / half)) for k in range(recipe.passes)]
    pace = PreviewPace(lambda: Preview(field_of(solver.state, problem.scan), 0.0))
    done, total = 0, len(plan) * len(frames)
    loop = checkpoint.loop("passes")
    if loop.found is not None:
        done, solved = loop.found
        solver.go_on(solved)

    def now() -> tuple[object, ...]:
        return done, solver.solved()

    for cutoff, step in plan[done // len(frames) :]:
        misfit, seen, read, late = 0.0, 0, 0, LateNumbers()
        for value in solver.pass_over(frames, cutoff, step):
            seen = min(seen + 2, len(frames))
            for (part,) in late.take(value):
                misfit, read = misfit + part, read + 2
            error = (misfit / (min(read, len(frames)) * energy)) ** 0.5
            yield Progress(done + seen, total, error, "surface and specimen")
            yield from pace.events()
        done += len(frames)
        if solver.positions:
            solver.place(problem.held)
        loop.reached(now)
