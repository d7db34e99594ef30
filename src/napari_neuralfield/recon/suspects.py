"""Frames that disagree with all others: a blocked or failing LED, a saturated frame, another picture."""

from __future__ import annotations

import numpy as np

from ..data.acquisition import LedArray
from .microscope import Suspect

NEIGHBOURS = 12
CLEARLY = 2.0  # a suspect's error is this many times its neighbours' at least,
SIGMAS = 6.0  # and so many robust standard deviations of the logarithm above it
DARK = 0.2  # of its neighbours' brightness
SATURATED = 0.01  # share of the pixels that hold the frame's highest value


def stand_out(errors: np.ndarray, na: np.ndarray, objective_na: float) -> np.ndarray:
    """Which frames (led,) have an error far above that of the LEDs nearest in angle, bright or dark field alike."""
    excess = np.log(errors) - around(np.log(errors), na, objective_na)
    spread = 1.4826 * float(np.median(np.abs(excess - np.median(excess))))
    found: np.ndarray = excess > max(SIGMAS * spread, np.log(CLEARLY))
    return found


def around(values: np.ndarray, na: np.ndarray, objective_na: float) -> np.ndarray:
    """Median of `values` over the LEDs nearest in illumination NA, on the same side of the objective's (led,)."""
    radius = np.hypot(*na.T)
    bright = radius <= objective_na
    middle = np.empty(len(values))
    for led in range(len(values)):
        same = np.flatnonzero(bright == bright[led])
        near = same[np.argsort(np.abs(radius[same] - radius[led]), kind="stable")][: NEIGHBOURS + 1]
        middle[led] = np.median(values[near[near != led]]) if len(near) > 1 else values[led]
    return middle


def explain(acquisition: LedArray, frame: int, error: float, usual: float, brightness: float) -> Suspect:
    """Why a frame is suspect.

    Parameters
    ----------
    error, usual : relative amplitude error of the frame and of its neighbours.
    brightness : of the frame's LED over its neighbours'.
    """
    counts = np.asarray(acquisition.frames[frame])
    top = float(counts.max())
    share = float((counts == top).mean())
    if share > SATURATED and float(np.ptp(counts)) > 0:
        return Suspect(frame, f"is saturated ({100 * share:.2g} % of its pixels hold its highest value, {top:g})")
    if brightness < DARK:
        return Suspect(
            frame, f"has {100 * brightness:.2g} % of its neighbours' light (its LED is blocked or has failed)"
        )
    return Suspect(
        frame, f"shows another picture than all other frames predict (error {error:.2g}, its neighbours {usual:.2g})"
    )
