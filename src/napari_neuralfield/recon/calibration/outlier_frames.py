"""Frames that disagree with all others: a blocked or failing LED, a saturated frame, another picture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from ...data.acquisition import LedArray
from .result import OutlierFrame
from .trial_microscope import TrialMicroscope

NEIGHBOURS = 12
CLEARLY = 2.0  # an outlier's error is this many times its neighbours' at least,
SIGMAS = 6.0  # and so many robust standard deviations of the logarithm above it
DARK = 0.2  # of its neighbours' brightness
UNLIKE = 0.8  # correlation with what all others predict, below which a frame shows another picture,
RIM, UNLIKE_AT_RIM = 0.03, 0.15  # and within this share of the NA, where a real pupil's soft rim is not modelled
SATURATED = 0.01  # share of the pixels that hold the frame's highest value


def stand_out(errors: np.ndarray, na: np.ndarray, objective_na: float) -> np.ndarray:
    """Which frames (led,) have an error far above that of the LEDs nearest in angle, bright or dark field alike.

    Parameters
    ----------
    errors : relative amplitude error of each frame (led,).
    na, objective_na : directions (led, 2), and the NA that parts bright from dark field.
    """
    excess = np.log(errors) - around(np.log(errors), na, objective_na)
    spread = 1.4826 * float(np.median(np.abs(excess - np.median(excess))))
    return excess > max(SIGMAS * spread, np.log(CLEARLY))


def around(values: np.ndarray, na: np.ndarray, objective_na: float) -> np.ndarray:
    """Median over the LEDs nearest in illumination NA, on the same side of the objective's (led,).

    Parameters
    ----------
    values : of each LED (led,).
    na, objective_na : directions (led, 2), and the NA that parts bright from dark field.
    """
    radius = np.hypot(*na.T)
    bright = radius <= objective_na
    middle = np.empty(len(values))
    for led in range(len(values)):
        same = np.flatnonzero(bright == bright[led])
        near = same[np.argsort(np.abs(radius[same] - radius[led]), kind="stable")][: NEIGHBOURS + 1]
        middle[led] = np.median(values[near[near != led]]) if len(near) > 1 else values[led]
    return middle


def find_outlier_frames(
    acquisition: LedArray,
    errors: np.ndarray,
    *,
    microscope: TrialMicroscope,
    counts: torch.Tensor,
    predicted: torch.Tensor,
) -> Iterator[OutlierFrame]:
    """The frames that stand out, and why.

    Parameters
    ----------
    acquisition : all of its frames, in counts.
    errors : relative amplitude error of each frame (led,).
    microscope : that was found.
    counts, predicted : frames and what they should be (led, y, x), bright field 1.
    """
    na, gain, rim = microscope.na, microscope.gain, acquisition.objective_na
    usual = np.exp(around(np.log(errors), na, rim))
    brightness = gain / np.exp(around(np.log(gain), na, rim))
    for frame in np.flatnonzero(stand_out(errors, na, rim)):
        both = torch.stack([predicted[frame].flatten(), counts[frame].flatten()])
        correlation = float(torch.nan_to_num(torch.corrcoef(both)[0, 1]))
        at_rim = abs(float(np.hypot(*na[frame])) - rim) < RIM * rim
        why = reason(
            np.asarray(acquisition.frames[int(frame)]),
            error=float(errors[frame]),
            usual=float(usual[frame]),
            brightness=float(brightness[frame]),
            correlation=correlation,
            unlike=UNLIKE_AT_RIM if at_rim else UNLIKE,
        )
        if why:
            yield OutlierFrame(int(frame), why)


def reason(counts: np.ndarray, error: float, usual: float, brightness: float, correlation: float, unlike: float) -> str:
    """Why a frame that stands out is an outlier; empty where it only fits a little worse than its neighbours.

    Parameters
    ----------
    counts : the frame (y, x).
    error, usual : relative amplitude error of the frame and of its neighbours.
    brightness : of the frame's LED over its neighbours'.
    correlation : correlation of the frame with what all others predict; below `unlike` it is another picture.
    """
    top = float(counts.max())
    share = float((counts == top).mean())
    if share > SATURATED and float(np.ptp(counts)) > 0:
        return f"is saturated ({100 * share:.2g} % of its pixels hold its highest value, {top:g})"
    if correlation >= unlike:
        return ""
    if brightness < DARK:
        return f"has {100 * brightness:.2g} % of its neighbours' light (its LED is blocked or has failed)"
    return f"shows another picture than all other frames predict (error {error:.2g}, its neighbours {usual:.2g})"
