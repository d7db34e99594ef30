"""Fields wider than memory: phase made strip by strip, from the first row to the last."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from ..data.tiles import STRIP_PIXELS, strips_of

Render = Callable[[slice], torch.Tensor | np.ndarray]


def stream_phase(
    render: Render, frame_shape: tuple[int, int], upsampling: int, *, pixels: int = STRIP_PIXELS, multiple: int = 1
) -> Iterator[tuple[int, np.ndarray]]:
    """Strips of a whole field: (first row, phase (rows, x) float32, rad), one after the other.

    Parameters
    ----------
    render : phase of some rows of the frame, (rows * upsampling, x * upsampling); it takes its own margins.
    frame_shape : (y, x) of the frame.
    upsampling : fine pixels per pixel of the frame along each axis.
    pixels : of a strip, about.
    multiple : strips begin at multiples of this many rows of the frame.

    Raises
    ------
    ValueError : where `render` answers with another shape.
    """
    columns = frame_shape[1] * upsampling
    for rows in strips_of(frame_shape, max(1, pixels // upsampling**2), multiple):
        strip = render(rows)
        if isinstance(strip, torch.Tensor):
            strip = strip.detach().cpu().numpy()
        expected = ((rows.stop - rows.start) * upsampling, columns)
        if strip.shape != expected:
            raise ValueError(f"rows {rows.start} to {rows.stop} gave a strip of shape {strip.shape}, not {expected}")
        yield rows.start * upsampling, np.asarray(strip, dtype=np.float32)
