"""Least-squares maximum likelihood in batches: Odstrcil, Menzel, Guizar-Sicairos, Opt. Express 26, 3108 (2018).

All frames of a batch ask for a change chi of their exit waves. Together they give one direction of the object and one
of the probe, each divided by its illumination,

    d_object = sum conj(probe) chi / sum |probe|^2,      d_probe = sum conj(object) chi / sum |object|^2,

and every frame tells by two linear equations how far to go along both so that chi is met best: the least squares of
|chi - a d_object probe - b d_probe object|^2. The batch takes the mean steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch

from ...data.acquisition import CodedPtychography, Ptychography
from ...forward.scan_problem import Problem, ScanState
from ...optics.grids import intensity
from ...types import Event
from ..engine.recipe import method, option
from .exit_waves import ExitWaves
from .passes import PASSES, EngineRecipe, engine_events

DIM = 0.1  # of the brightest illumination, added to what divides the object's direction
RIDGE = 1e-3  # of the diagonal of the two equations


class LeastSquaresRecipe(EngineRecipe):
    """Options of `least-squares`."""

    method: str = "least-squares"
    passes: int | None = PASSES
    batch: int = option(4, "frames solved together: fewer get further in a pass, more are faster", ge=1, le=4096)
    noise: Literal["amplitude", "poisson"] = option(
        "amplitude", "amplitude: counts whose root has the same noise everywhere; poisson: few photons"
    )


class Batches:
    """A batch of frames after the other, each with its best step."""

    def __init__(self, problem: Problem, state: ScanState, recipe: LeastSquaresRecipe) -> None:
        self.waves = ExitWaves(problem, state)
        self.batch = recipe.batch
        self.poisson = recipe.noise == "poisson"
        self.divisor = torch.empty(0)

    def smaller(self) -> bool:
        self.batch, before = -(-self.batch // 2), self.batch
        return self.batch < before

    def sweep(self, order: list[int], solve_probe: bool, step: float) -> Iterator[tuple[list[int], torch.Tensor]]:
        """See `Engine.sweep` for `order`, `solve_probe` and `step`."""
        light = self.waves.illumination(self.waves.problem.train.tolist())
        self.divisor = 1 / (light + DIM * light.max())
        for start in range(0, len(order), self.batch):
            part = order[start : start + self.batch]
            yield part, self.improve(part, solve_probe, step)

    def improve(self, part: list[int], solve_probe: bool, step: float) -> torch.Tensor:
        """A share `step` of the best step with the frames `part`, of the probe too where `solve_probe`.

        Returns their squared misfits (frame,).
        """
        waves = self.waves
        window, probe = waves.cut(waves.object_array, part)[:, None], waves.meet(waves.probe, part)
        change, misfit = waves.change(probe * window, part, self.poisson)
        object_way = self._object_way(probe, change, part)
        by_object = waves.cut(object_way, part)[:, None] * probe
        if not solve_probe:
            waves.object_array += step * _dot(by_object, change).sum() / _dot(by_object, by_object).sum() * object_way
            return misfit
        probe_way = torch.zeros_like(waves.probe)
        waves.put_probe(probe_way, part, window.conj() * change)
        probe_way /= intensity(window).sum(0).mean()
        by_probe = waves.meet(probe_way, part) * window
        steps = best_steps(by_object, by_probe, change).mean(0)
        waves.object_array += step * steps[0] * object_way
        waves.probe += step * steps[1] * probe_way
        return misfit

    def _object_way(self, probe: torch.Tensor, change: torch.Tensor, part: list[int]) -> torch.Tensor:
        waves = self.waves
        way = torch.zeros_like(waves.object_array)
        waves.put(way, part, (probe.conj() * change).sum(1))
        return self.divisor * way


def best_steps(by_object: torch.Tensor, by_probe: torch.Tensor, change: torch.Tensor) -> torch.Tensor:
    """Steps (frame, 2) along `by_object` and `by_probe` that best add up to `change`, all (frame, mode, y, x)."""
    normal = torch.stack(
        [_dot(by_object, by_object), _dot(by_object, by_probe), _dot(by_probe, by_object), _dot(by_probe, by_probe)], 1
    ).reshape(-1, 2, 2)
    ridge = RIDGE * normal.diagonal(dim1=1, dim2=2).mean(0) + 1e-30
    pull = torch.stack([_dot(by_object, change), _dot(by_probe, change)], 1)
    return torch.linalg.solve(normal + torch.diag(ridge), pull)


def _dot(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Real part of the inner product of each frame: (frame,)."""
    return torch.linalg.vecdot(torch.view_as_real(a).flatten(1), torch.view_as_real(b).flatten(1))


@method("least-squares", LeastSquaresRecipe, kinds=("ptychography", "coded_ptychography"))
def least_squares(acquisition: Ptychography | CodedPtychography, recipe: LeastSquaresRecipe) -> Iterator[Event]:
    """Least-squares maximum likelihood in small batches, whose frames find the steps; the far field's best start.

    `acquisition`: a ptychographic or coded scan; `recipe`: frames of a batch and their noise.
    """
    yield from engine_events(acquisition, recipe, Batches)
