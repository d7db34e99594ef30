"""Whether frames repeat at their borders, as simulated ones do, or are cut out of a larger field."""

from __future__ import annotations

import math

import numpy as np

from .acquisition import Acquisition
from .frames import evenly_chosen

PERIODIC = 0.48  # of neighbours' correlation: that much between opposite borders means that the field repeats
PATTERNS_PERIODIC = 0.75  # the same for LED patterns: cut out of a field they reach 0.57, periodic ones 0.87
FRAMES = 64  # looked at, evenly chosen


def patterns_repeat(frames: np.ndarray) -> bool:
    """Whether images (frame, y, x) of one place in different lights continue across their borders as inside them."""
    change = frames - frames.mean(axis=(1, 2), keepdims=True)
    change = change / np.clip(change.std(axis=(1, 2), keepdims=True), 1e-12, None)
    wraps, neighbours = _across(change)
    return neighbours > 0.1 and wraps > PATTERNS_PERIODIC * neighbours


def repeats(acquisition: Acquisition) -> bool:
    """Whether the frames of a scan continue across their opposite borders as they do between neighbouring pixels."""
    frames = acquisition.intensity(evenly_chosen(acquisition.frame_count, FRAMES))
    change = frames / np.clip(frames.mean(axis=0), 1e-12, None) - 1
    wraps, neighbours = _across(change)
    return neighbours > 0.1 and wraps > PERIODIC * neighbours  # both axes: one alone is uncertain


def _across(change: np.ndarray) -> tuple[float, float]:
    """Correlation of opposite borders, and of neighbouring pixels, both axes together."""
    wraps, neighbours = 0.0, 0.0
    for axis in (1, 2):
        low, high = (np.take(change, i, axis=axis) for i in (0, -1))
        wraps += _correlation(low, high)
        neighbours += _correlation(np.delete(change, 0, axis=axis), np.delete(change, -1, axis=axis))
    return wraps, neighbours


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).mean() / math.sqrt(max(float((a * a).mean() * (b * b).mean()), 1e-30)))
