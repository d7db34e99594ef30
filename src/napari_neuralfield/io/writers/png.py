"""Pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...registry import writer
from .shades import RGB, srgb
from .stack import Stack, Strips


@writer(".png")
def write_png(path: Path, strips: Strips, stack: Stack) -> None:
    """Write `strips` to `path`, one row per plane of the stack, 8 bit: amplitude beside phase.

    Black is the lowest value of the first plane (phase: -pi). Three colours with amplitudes are one picture as the eye
    sees it, an empty place white.
    """
    from PIL import Image

    if stack.complex and len(stack.wavelengths_um) == len(RGB):
        Image.fromarray(_in_colour(strips, stack)).save(path, "PNG")
        return

    depth, height, columns = stack.shape
    limits = [_limits(part, stack.complex and n == 1) for n, part in enumerate(stack.parts(stack.sample))]
    picture = np.empty((depth * height, len(limits) * columns), dtype=np.uint8)
    for z, y, rows in stack.places(strips):
        top = z * height + y
        for c, (part, (low, high)) in enumerate(zip(stack.parts(rows), limits, strict=True)):
            scaled = 255 * np.clip((part - low) / (high - low), 0, 1)
            picture[top : top + len(rows), c * columns : (c + 1) * columns] = scaled
    Image.fromarray(picture).save(path, "PNG")


def _in_colour(strips: Strips, stack: Stack) -> np.ndarray:
    """Intensities of three colours, the longest wave red, as sRGB (row, x, 3): one row per plane of a colour."""
    _, height, columns = stack.shape
    red_first = np.argsort(np.argsort(-np.array(stack.wavelengths_um)))
    picture = np.empty((stack.planes * height, columns, len(RGB)), dtype=np.uint8)
    for plane, y, rows in stack.places(strips):
        z, _ = stack.place(plane, 0)
        top = z * height + y
        light = np.asarray(rows.real**2 + rows.imag**2, dtype=np.float32)
        picture[top : top + len(rows), :, red_first[plane // stack.planes]] = np.rint(255 * srgb(light))
    return picture


def _limits(part: np.ndarray, is_angle: bool) -> tuple[float, float]:
    if is_angle:
        return -np.pi, np.pi
    low, high = (float(v) for v in np.percentile(part, [0.1, 99.9]))
    return low, max(high, low + 1e-6)
