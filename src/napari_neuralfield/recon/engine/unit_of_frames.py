"""Frames in a unit that numbers of 32 bits bear: watts, or fluxes over some large number, are worked on as if counted.

Ordinary frames stay as they are to the last bit. Others are multiplied by a power of two, which is exact, or, where
they are whole multiples of a step, by what makes that step 1, for then they were counts once.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from ...data.acquisition import Acquisition
from ...data.frames import ScaledFrames, evenly_chosen
from ...types import Result

ORDINARY = 1e-3, 1e7  # of the brighter pixels of the brightest frames
USUAL = 2.0**10  # where the brighter pixels of others come to lie
LOOKED_AT = 16  # frames
BRIGHT = 0.9  # share of the lit pixels that are no brighter than what is called bright
STEPS, WHOLE = 1e6, 0.05  # most steps of counts, and how far from whole ones they may lie
IN_COUNTS = ("background", "pedestal", "ambient")  # values of an acquisition in the unit of its frames


def factor_of(acquisition: Acquisition) -> float:
    """What the frames of an `acquisition` are to be multiplied by; 1 where they are ordinary or hold no light."""
    if np.dtype(acquisition.frames.dtype).kind != "f":
        return 1.0
    lit, bright = np.zeros(0), 0.0
    for number in evenly_chosen(acquisition.frame_count, LOOKED_AT):
        frame = np.asarray(acquisition.frames[int(number)], np.float64)
        values = frame[np.isfinite(frame) & (frame > 0)]
        level = float(np.quantile(values, BRIGHT)) if len(values) else 0.0
        if level > bright:
            lit, bright = values, level
    if not bright or ORDINARY[0] <= bright <= ORDINARY[1]:
        return 1.0
    step = step_of(lit)
    return 1 / step if step else 2.0 ** round(math.log2(USUAL / bright))


def step_of(values: np.ndarray) -> float:
    """The step of which all `values` (n,), positive, are whole multiples; 0 where there is none."""
    levels = np.unique(values)
    levels = levels[levels < STEPS * levels[0]]
    apart = np.diff(levels, prepend=0.0)
    step = float(apart[apart > 1e-6 * levels[-1]].min(initial=np.inf))
    if not levels[-1] < STEPS * step:
        return 0.0
    step = float((levels * np.round(levels / step)).sum() / (np.round(levels / step) ** 2).sum())
    return step if np.abs(levels / step - np.round(levels / step)).max() < WHOLE else 0.0


def multiplied(acquisition: Acquisition, factor: float) -> Acquisition:
    """The `acquisition` with frames, and all values in their unit, times `factor`."""
    changes = {name: value * factor for name, value in acquisition.values().items() if name in IN_COUNTS}
    return acquisition.replace(frames=ScaledFrames(acquisition.frames, factor), **changes)


def given_back(result: Result, factor: float, surface_known: bool) -> Result:
    """The `result` in the unit of the frames as they were given.

    Parameters
    ----------
    result : of frames multiplied by `factor`.
    factor : of `factor_of`.
    surface_known : the coded surface was given: then it is no light, and not in the frames' unit.
    """
    powers = {"background": 1.0, "probe": 0.5, "coded_surface": 0.0 if surface_known else 0.5}
    found = result.calibration
    arrays = {**found, **{name: found[name] / factor**power for name, power in powers.items() if name in found}}
    figures = dict(result.figures)
    if "intensity_scale" in figures:
        figures["intensity_scale"] /= factor
    return dataclasses.replace(result, calibration=arrays, figures=figures)
