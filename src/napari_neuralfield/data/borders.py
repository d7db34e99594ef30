"""Whether frames of a coded scan repeat at their borders, as simulated ones do, or are cut out of a larger field."""

from __future__ import annotations

import math

import numpy as np

from .acquisition import Acquisition

PERIODIC = 0.48  # of neighbours' correlation: that much between opposite borders means that the field repeats
FRAMES = 64  # looked at, evenly chosen


def repeats(acquisition: Acquisition) -> bool:
    """Whether the frames continue across their opposite borders as they do between neighbouring pixels."""
    chosen = np.unique(np.linspace(0, acquisition.frame_count - 1, FRAMES).round().astype(int))
    frames = acquisition.intensity(chosen)
    change = frames / np.clip(frames.mean(axis=0), 1e-12, None) - 1
    wraps, neighbours = [], []
    for axis in (1, 2):
        low, high = (np.take(change, i, axis=axis) for i in (0, -1))
        wraps.append(_correlation(low, high))
        neighbours.append(_correlation(np.delete(change, 0, axis=axis), np.delete(change, -1, axis=axis)))
    return sum(neighbours) > 0.1 and sum(wraps) / sum(neighbours) > PERIODIC  # both axes: one alone is uncertain


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).mean() / math.sqrt(max(float((a * a).mean() * (b * b).mean()), 1e-30)))
