"""Phase of few edges by the transport of intensity: frames at two depths or more, no network.

`tie-tv` goes on from the answer of `tie-fft` by iterations in which the phase gets as few edges as the frames allow and
uneven absorption is taken into account. See `transport.few_edges`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np

from ...data.acquisition import ThroughFocus
from ...data.brightness import Brightness
from ...types import Event, Note, Preview, Progress
from ..engine import checkpoint
from ..engine.recipe import method, option
from .chromatic import align_stacks
from .each_time import each_time
from .tie import BRIGHTNESS, CUTOFF, KERNEL, TransportRecipe, chosen, finished, phase_map, prepared, ridge_of
from .transport.few_edges import STEPS, edge_weight, fewest_edges
from .transport.linear import Kernel
from .transport.teague import unevenness

AGAIN = 20  # steps of the rounds after the first, which begin where the last one ended
SLOW_RIDGE = 0.1  # of Wiener's ridge, on slow phase that noise hides: few edges alone let it grow without bound
WITHIN = 0.66  # of what is left open: holds 68 % of the errors, on foreign samples
PATIENCE = 1e-3  # share by which the residual must fall for iterations to go on


class TieTvRecipe(TransportRecipe):
    """Options of `tie-tv`."""

    method: str = "tie-tv"
    iterations: int = option(4, "rounds, each with the last one's residual; fewer where it stops falling", ge=1, le=100)
    cutoff_cycles_per_um: float | None = CUTOFF
    kernel: Kernel = KERNEL
    brightness: Brightness = BRIGHTNESS
    edges: float | None = option(
        None, "weight of the phase's edges, per radian; 0: none; empty: from noise and phase", ge=0, advanced=True
    )


@method("tie-tv", TieTvRecipe, kinds=("through_focus",), colour=align_stacks)
@each_time
def tie_tv(acquisition: ThroughFocus, recipe: TieTvRecipe) -> Iterator[Event]:
    """Transport of intensity with total variation: phase of few edges, from two depths or more.

    `acquisition`: frames at those depths; `recipe`: rounds, weight of edges, cut-off and kernel.
    """
    started = time.process_time()
    transport, spectrum = prepared(acquisition, recipe, recipe.kernel)
    yield Note(chosen(spectrum, recipe.cutoff_cycles_per_um))
    ridge = ridge_of(transport, spectrum, recipe.cutoff_cycles_per_um)
    sample = transport.solve(ridge)
    yield Preview(phase_map(transport, sample, acquisition.pixel_um), 0.0)
    weight = edge_weight(transport, sample) if recipe.edges is None else recipe.edges
    faded = transport.f < (recipe.cutoff_cycles_per_um or spectrum.cutoff)
    slow = np.where(faded, SLOW_RIDGE * ridge, 0).astype(np.float32)
    best, least, contrast = sample, math.inf, transport.contrast
    total, before = STEPS + (recipe.iterations - 1) * AGAIN, 0
    loop, begin = checkpoint.loop("rounds"), 0
    if loop.found is not None:
        begin, sample, best, least, contrast, before = loop.found

    def now() -> tuple[object, ...]:
        return number + 1, sample, best, least, contrast, before

    for number in range(begin, recipe.iterations):
        steps = AGAIN if number else STEPS
        if weight > 0:
            fewest = fewest_edges(transport, spectrum.noise, sample, weight, ridge=slow, contrast=contrast, steps=steps)
            for found, done in fewest:
                sample = found
                yield Progress(before + done, total, least if number else math.nan, "steps")
        else:
            sample = transport.solve(ridge, contrast)
        before += steps
        uneven = unevenness(transport, sample)
        residual = transport.misfit(sample, transport.contrast - uneven)
        yield Progress(before, total, residual, "steps")
        if not residual < least * (1 - PATIENCE):
            break
        best, least, contrast = sample, residual, transport.contrast - uneven
        loop.reached(now)
    yield from finished(acquisition, recipe, transport, spectrum, best, within=WITHIN, started=started)
