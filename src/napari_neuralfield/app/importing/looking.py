"""A first look at the planes of a recording: a small picture of each, and how bright it is."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from ...data.frames import Frames

SIDE = 48  # pixels of a small picture, at least
EVERY = 16  # planes between two answers
MOST = 600  # planes that are looked at one by one: more than the LEDs of a board, fewer than the spots of a long scan


@dataclasses.dataclass(frozen=True)
class PlaneLook:
    """Small pictures (y, x) uint8 and brightness of some planes, by their numbers."""

    pictures: dict[int, np.ndarray]
    means: dict[int, float]


def looks(frames: Frames) -> Iterator[PlaneLook]:
    """Look at the first MOST of `frames` (frame, y, x), some at a time."""
    pictures, means = {}, {}
    for number in range(min(MOST, int(frames.shape[0]))):
        frame = np.asarray(frames[number], dtype=np.float32)
        step = max(1, min(frame.shape) // SIDE)
        small = frame[::step, ::step]
        means[number] = float(frame.mean(dtype=np.float64))
        pictures[number] = as_picture(small)
        if len(means) == EVERY:
            yield PlaneLook(pictures, means)
            pictures, means = {}, {}
    if means:
        yield PlaneLook(pictures, means)


def as_picture(image: np.ndarray) -> np.ndarray:
    """An image (y, x) as 8 bits, its own darkest and brightest parts black and white."""
    finite = image[np.isfinite(image)]
    low, high = (float(v) for v in np.percentile(finite, (1, 99))) if finite.size else (0.0, 1.0)
    shown = np.nan_to_num((image - low) / max(high - low, 1e-12))
    return np.ascontiguousarray(np.clip(255 * shown, 0, 255).astype(np.uint8))
