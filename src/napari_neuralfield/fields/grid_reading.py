"""Reading a fine grid at the pixels of a screen: cubic between its pixels, averaged where the screen's are coarser."""

from __future__ import annotations

import math

import numpy as np
import torch

from .interpolation import cubic_taps, interpolate_axis


def level_of(position: np.ndarray) -> int:
    """How often pixels can be averaged in pairs and still be finer than the steps of `position`."""
    if position.size < 2:
        return 0
    step = abs(position[-1] - position[0]) / (position.size - 1)
    return max(0, int(math.log2(max(step, 1.0) * (1 + 1e-9))))


def needed(position: np.ndarray, n: int) -> slice:
    """Pixels of an axis of `n` that `cubic_taps` reads; at least one."""
    first, last = int(np.floor(position.min())) - 1, int(np.floor(position.max())) + 3
    return slice(min(max(first, 0), n - 1), max(min(last, n), 1))


def read(image: torch.Tensor, position: np.ndarray, dim: int) -> torch.Tensor:
    """`interpolate_axis` by cubics; pixels are taken as they are where every position is one."""
    whole = np.rint(position)
    if np.abs(position - whole).max() > 1e-6:
        return interpolate_axis(image, position, dim, cubic_taps)
    index = np.clip(whole, 0, image.shape[dim] - 1).astype(np.int64)
    return image.index_select(dim, torch.from_numpy(index).to(image.device))
