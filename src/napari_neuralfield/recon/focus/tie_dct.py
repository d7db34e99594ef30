"""Phase by iterated cosine transforms: the published solution of the transport of intensity in uneven light.

Intensity and its slope along z are taken at focus, with two planes by their difference as published; Poisson's
equations are solved in cosines, and what the phase leaves of the slope is solved for again. See `transport.teague`.
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pydantic

from ...data.acquisition import ThroughFocus
from ...data.brightness import Brightness
from ...types import Event, Note, Preview, Progress
from ..engine.recipe import method, option
from .chromatic import align_stacks
from .each_time import each_time
from .tie import BRIGHTNESS, TransportRecipe, chosen, finished, phase_map, prepared, ridge_of
from .transport.cosines import cosines
from .transport.linear import DARKEST
from .transport.teague import compensated, light_and_slope

OF_TIE_TV = ("edges", "kernel")
WITHIN = 0.87  # of what is left open: holds 68 % of the errors, on foreign samples


class TieDctRecipe(TransportRecipe):
    """Options of `tie-dct`."""

    method: str = "tie-dct"
    iterations: int = option(30, "solutions of what is left, at most; it ends where that falls no more", ge=1, le=1000)
    residual: float = option(1e-3, "share of the slope of intensity that may be left", gt=0, lt=1)
    cutoff_cycles_per_um: float | None = option(
        None, "frequency at which half of the phase is kept, lower ones fade; 0: all are kept; empty: from the noise",
        unit="cycles/um", ge=0, le=100,
    )  # fmt: skip
    brightness: Brightness = BRIGHTNESS

    @pydantic.model_validator(mode="before")
    @classmethod
    def _as_called_before(cls, values: dict[str, Any]) -> dict[str, Any]:
        if found := next((name for name in OF_TIE_TV if name in values), ""):
            raise ValueError(f"has no option {found}; method tie-tv, which was called tie-dct before, has it")
        return values


@method(
    "tie-dct",
    TieDctRecipe,
    kinds=("through_focus",),
    presets={"published": {"cutoff_cycles_per_um": 0.0}},
    colour=align_stacks,
)
@each_time
def tie_dct(acquisition: ThroughFocus, recipe: TieDctRecipe) -> Iterator[Event]:
    """Transport of intensity by iterated cosine transforms: uneven light, from two depths or more.

    `acquisition`: frames at those depths; `recipe`: iterations, cut-off.
    """
    started = time.process_time()
    transport, spectrum = prepared(acquisition, recipe, "tie", margin=0)
    yield Note(chosen(spectrum, recipe.cutoff_cycles_per_um))
    light, slope = light_and_slope(transport.frames.astype(np.float64), transport.z_um)
    light = np.maximum(light / light.mean(), DARKEST)
    k = 2 * math.pi / acquisition.wavelength_um
    ridge = ridge_of(transport, spectrum, recipe.cutoff_cycles_per_um)
    source = transport.kept(ridge) * cosines(-k * acquisition.pixel_um**2 * slope)
    absorption = cosines((1 - light) / 2)
    best, least, count = np.zeros_like(source), 1.0, 0
    for number, (phase, left) in enumerate(itertools.islice(compensated(source, light), recipe.iterations), 1):
        if not left < least:
            break
        best, least, count = phase, left, number
        if number == 1:
            yield Preview(phase_map(transport, _sample(best, absorption), acquisition.pixel_um), 0.0)
        yield Progress(number, recipe.iterations, left, "iterations")
        if left <= recipe.residual:
            break
    yield Note(f"{least:.2g} of the slope of intensity is left after {count} solutions of Poisson's equations")
    sample = _sample(best, absorption)
    more = {"iterations": float(count), "slope_left": least}
    yield from finished(acquisition, recipe, transport, spectrum, sample, within=WITHIN, started=started, more=more)


def _sample(phase: np.ndarray, absorption: np.ndarray) -> np.ndarray:
    return np.stack([phase, absorption]).astype(np.float32)
