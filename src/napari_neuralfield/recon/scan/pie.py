"""Ptychographic iterative engines: one frame after the other, each improving object array and probe.

ePIE: Maiden, Rodenburg, Ultramicroscopy 109, 1256 (2009). rPIE and momentum: Maiden, Johnson, Li, Optica 4, 736
(2017). In both the frame's exit wave is given the measured amplitudes, and its change is shared out,

    object += step * conj(probe) * change / weight(|probe|^2)
    probe += step * conj(object) * change / weight(|object|^2)

with weight(p) = max p in ePIE and (1 - alpha) p + alpha max p in rPIE.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import torch

from ...data.acquisition import CodedPtychography, Ptychography
from ...forward.scan_problem import Problem, ScanState
from ...types import Event
from ..engine.recipe import method, option
from .exit_waves import ExitWaves, power
from .passes import PASSES, EngineRecipe, engine_events

KINDS = ("ptychography", "coded_ptychography")


class EpieRecipe(EngineRecipe):
    """Options of `epie`."""

    method: str = "epie"
    passes: int | None = PASSES
    object_step: float = option(1.0, "step of the object", gt=0, le=2, advanced=True)
    probe_step: float = option(1.0, "step of the probe", gt=0, le=2, advanced=True)


class RpieRecipe(EngineRecipe):
    """Options of `rpie`."""

    method: str = "rpie"
    passes: int | None = PASSES
    object_alpha: float = option(
        0.8, "share of the probe's peak in the object's weight: less moves dim parts faster", gt=0, le=1
    )
    probe_alpha: float = option(1.0, "share of the object's peak in the probe's weight", gt=0, le=1)
    object_step: float = option(1.0, "step of the object", gt=0, le=2, advanced=True)
    probe_step: float = option(1.0, "step of the probe", gt=0, le=2, advanced=True)
    momentum: float = option(0.0, "share of the object's and probe's velocity kept", ge=0, lt=1)
    momentum_every: int = option(50, "frames between two steps along the velocity", ge=1, advanced=True)


@dataclasses.dataclass
class Sequential:
    """One frame after the other.

    Parameters
    ----------
    object_alpha, probe_alpha : 1 for ePIE.
    momentum, momentum_every : share of the velocity kept, and frames between two steps along it.
    """

    problem: dataclasses.InitVar[Problem]
    state: dataclasses.InitVar[ScanState]
    object_alpha: float = 1.0
    probe_alpha: float = 1.0
    object_step: float = 1.0
    probe_step: float = 1.0
    momentum: float = 0.0
    momentum_every: int = 50

    def __post_init__(self, problem: Problem, state: ScanState) -> None:
        self.waves = ExitWaves(problem, state)

    def smaller(self) -> bool:
        return False

    def sweep(self, order: list[int], solve_probe: bool, step: float) -> Iterator[tuple[list[int], torch.Tensor]]:
        """See `Engine.sweep` for `order`, `solve_probe` and `step`."""
        waves, object_velocity, probe_velocity = self.waves, Momentum(self.momentum), Momentum(self.momentum)
        for number, frame in enumerate(order):
            window, probe = waves.cut(waves.object_array, [frame])[:, None], waves.meet(waves.probe, [frame])
            change, misfit = waves.change(probe * window, [frame])
            share = step * self.object_step / weight(power(probe).sum(1), self.object_alpha)
            waves.put(waves.object_array, [frame], (probe.conj() * change).sum(1) * share)
            if solve_probe:
                share = step * self.probe_step / weight(power(window), self.probe_alpha)
                waves.put_probe(waves.probe, [frame], window.conj() * change * share)
            if self.momentum and number % self.momentum_every == 0:
                object_velocity.push(waves.object_array)
                if solve_probe:
                    probe_velocity.push(waves.probe)
            yield [frame], misfit


def weight(bright: torch.Tensor, alpha: float) -> torch.Tensor:
    """Between the brightness `bright` of each pixel (alpha 0) and its peak (alpha 1)."""
    peak = bright.max()
    return peak if alpha == 1 else (1 - alpha) * bright + alpha * peak


class Momentum:
    """Velocity of a tensor: what it changed since the last call, and a share of the velocity before."""

    def __init__(self, share: float) -> None:
        self.share = share
        self._last: torch.Tensor | None = None
        self._velocity: torch.Tensor | None = None

    def push(self, values: torch.Tensor) -> None:
        """Carry `values` on in place, along the velocity."""
        if self._last is not None:
            step = values - self._last
            self._velocity = step if self._velocity is None else self.share * self._velocity + step
            values += self.share * self._velocity
        self._last = values.clone()


def sequential(problem: Problem, state: ScanState, recipe: EpieRecipe | RpieRecipe) -> Sequential:
    """The engine of `problem` from `state` on, with the weights and steps of `recipe`."""
    chosen = recipe.model_dump(include={field.name for field in dataclasses.fields(Sequential)})
    return Sequential(problem, state, **chosen)


@method("epie", EpieRecipe, kinds=KINDS)
def epie(acquisition: Ptychography | CodedPtychography, recipe: EpieRecipe) -> Iterator[Event]:
    """The extended ptychographic engine: frame by frame, object and probe together; simple, the one to compare with.

    `acquisition`: a ptychographic or coded scan; `recipe`: its two steps.
    """
    yield from engine_events(acquisition, recipe, sequential)


@method("rpie", RpieRecipe, kinds=KINDS)
def rpie(acquisition: Ptychography | CodedPtychography, recipe: RpieRecipe) -> Iterator[Event]:
    """The regularised ptychographic engine: fast in dim light; stop it on held-out frames.

    `acquisition`: a ptychographic or coded scan; `recipe`: steps, weights and momentum.
    """
    yield from engine_events(acquisition, recipe, sequential)
