"""Light that is not the sample's doing: frames of different brightness, and lamps that light the field unevenly."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.ndimage

from ..types import InputError

Brightness = Literal["off", "frame", "slow"]
SLOW = 8  # a shorter side of the field over the width of what counts as slow
COARSE = 6  # coarse pixels in that width
DARKEST = 0.02  # of a frame's mean: the lamp is never taken to be darker


def evened(frames: np.ndarray, how: Brightness, where: str = "the acquisition") -> np.ndarray:
    """Frames (frame, y, x) with an empty field near 1, float32.

    Parameters
    ----------
    frames : (frame, y, x), any unit.
    how : 'frame': each over its mean; 'slow': each over what varies slowly in it; 'off': all over one mean.
    where : the file, for errors.

    Raises
    ------
    InputError : where a frame holds no light.
    """
    means = frames.mean((1, 2), dtype=np.float64)
    if not (means > 0).all():
        number = int(np.argmin(means))
        raise InputError(
            f"{where}: frame {number} has a mean of {means[number]:g}; a bright-field frame must hold light, "
            "so check the background that is subtracted"
        )
    if how == "off":
        return np.asarray(frames / means.mean(), np.float32)
    level = means[:, None, None] if how == "frame" else np.stack([slow_light(frame) for frame in frames])
    found = frames / level
    return np.asarray(found / found.mean((1, 2), keepdims=True), np.float32)


def slow_light(frame: np.ndarray, width_px: float | None = None) -> np.ndarray:
    """The slow part (y, x) of an image: everywhere the plane that fits best around, so that borders are not bent.

    Parameters
    ----------
    frame : (y, x).
    width_px : deviation of the Gaussian of what counts as around; None: an eighth of the shorter side.
    """
    width = width_px or min(frame.shape) / SLOW
    block = max(1, int(width / COARSE))
    rows, columns = (max(1, n // block) for n in frame.shape)
    mean = frame[: rows * block, : columns * block].reshape(rows, block, columns, block).mean((1, 3), dtype=np.float64)
    plane = _local_plane(mean, width / block)
    grid = np.meshgrid(*((np.arange(n) - (block - 1) / 2) / block for n in frame.shape), indexing="ij")
    slow = scipy.ndimage.map_coordinates(plane, grid, order=1, mode="nearest")
    return np.maximum(slow, DARKEST * float(frame.mean()))


def _local_plane(image: np.ndarray, sigma: float) -> np.ndarray:
    """At every pixel the value of the plane fitted around it, with Gaussian weights (y, x)."""
    y, x = (np.arange(n, dtype=float) / sigma for n in image.shape)
    grid = (np.ones_like(image), np.broadcast_to(y[:, None], image.shape), np.broadcast_to(x[None, :], image.shape))

    def around(values: np.ndarray) -> np.ndarray:
        return np.asarray(scipy.ndimage.gaussian_filter(values, sigma, mode="constant", truncate=3.0))

    moments = np.stack([np.stack([around(a * b) for b in grid], -1) for a in grid], -1)
    moments += 1e-9 * np.eye(3)
    values = np.stack([around(a * image) for a in grid], -1)
    coefficients = np.linalg.solve(moments, values[..., None])[..., 0]
    return np.asarray((coefficients * np.stack(grid, -1)).sum(-1))
