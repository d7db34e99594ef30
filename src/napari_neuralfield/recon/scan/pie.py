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

from ...data.acquisition import CodedPtychography, Ptychography
from ...forward.scan_problem import Problem, ScanState
from ...types import Event
from ..engine.recipe import method, option
from .passes import PASSES, EngineRecipe, engine_events
from .sequential import Sequential

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
