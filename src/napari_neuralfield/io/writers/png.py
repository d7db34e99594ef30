"""Pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...registry import writer
from .stack import Stack, Strips


@writer(".png")
def write_png(path: Path, strips: Strips, stack: Stack) -> None:
    """Write `strips` to `path`, one row per plane of the stack, 8 bit: amplitude beside phase.

    Black is the lowest value of the first plane (phase: -pi).
    """
    from PIL import Image

    depth, height, columns = stack.shape
    limits = [_limits(part, stack.complex and n == 1) for n, part in enumerate(stack.parts(stack.sample))]
    picture = np.empty((depth * height, len(limits) * columns), dtype=np.uint8)
    for z, y, rows in stack.places(strips):
        top = z * height + y
        for c, (part, (low, high)) in enumerate(zip(stack.parts(rows), limits, strict=True)):
            scaled = 255 * np.clip((part - low) / (high - low), 0, 1)
            picture[top : top + len(rows), c * columns : (c + 1) * columns] = scaled
    Image.fromarray(picture).save(path, "PNG")


def _limits(part: np.ndarray, is_angle: bool) -> tuple[float, float]:
    if is_angle:
        return -np.pi, np.pi
    low, high = (float(v) for v in np.percentile(part, [0.1, 99.9]))
    return low, max(high, low + 1e-6)
