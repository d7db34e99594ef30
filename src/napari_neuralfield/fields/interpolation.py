"""Reading a grid between its pixels; most grids here are periodic.

Band-limited images are read by a Kaiser-Bessel kernel whose response was divided out of their spectrum before
(`kaiser_taps`, `kaiser_response`): the other half of a non-uniform Fourier transform, exact to 5e-4 with six taps.
Features that are learned where they are read need no such care: a windowed sinc (`taps`) or two neighbours do.
Only `cubic_taps` stop at the borders, for images that do not repeat; such images, where a screen's pixels are coarser
than theirs, are averaged first (`level_of`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
import torch

TAPS = 8
KAISER_TAPS = 6
OVERSAMPLING = 1.5  # of the grids that `kaiser_taps` reads, above Nyquist
CHUNK = 2**14  # points read at once
BAND = 48  # neighbouring places of an axis that one dense product reads
_BETA = 6.0
_KAISER_BETA = 0.98 * math.pi * KAISER_TAPS * (1 - 1 / (2 * OVERSAMPLING))  # Beatty et al., IEEE TMI 24, 799 (2005)

Taps = Callable[[np.ndarray, int], tuple[torch.Tensor, torch.Tensor]]


def taps(position: np.ndarray, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Kaiser-windowed sinc weights for fractional pixel `position`s (point,) on a periodic axis of `n` pixels.

    Returns
    -------
    index : (point, 8) int64, wrapped into 0..n-1.
    weight : (point, 8) float32; each row sums to 1.
    """
    position = np.asarray(position, dtype=np.float64)
    first = np.floor(position).astype(np.int64) - TAPS // 2 + 1
    index = first[:, None] + np.arange(TAPS)
    offset = position[:, None] - index
    window = np.i0(_BETA * np.sqrt(np.clip(1 - (offset / (TAPS / 2)) ** 2, 0, None))) / np.i0(_BETA)
    weight = np.sinc(offset) * window
    weight /= weight.sum(1, keepdims=True)
    return torch.from_numpy(np.mod(index, n)), torch.from_numpy(weight.astype(np.float32))


def kaiser_taps(position: np.ndarray, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels and Kaiser-Bessel weights (point, 6), for images divided by `kaiser_response`.

    Parameters
    ----------
    position : fractional pixels (point,).
    n : pixels of the periodic axis.
    """
    position = np.asarray(position, dtype=np.float64)
    first = np.floor(position).astype(np.int64) - KAISER_TAPS // 2 + 1
    index = first[:, None] + np.arange(KAISER_TAPS)
    offset = (position[:, None] - index) / (KAISER_TAPS / 2)
    weight = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - offset**2, 0, None))) / np.i0(_KAISER_BETA)
    return torch.from_numpy(np.mod(index, n)), torch.from_numpy(weight.astype(np.float32))


def kaiser_response(bins: int, n: int) -> torch.Tensor:
    """What `kaiser_taps` on an axis of `n` pixels makes of each wave: centred frequencies (bins,), float32."""
    width = KAISER_TAPS * (np.arange(bins) - bins // 2) / n
    root = np.emath.sqrt(width**2 - (_KAISER_BETA / np.pi) ** 2)
    return torch.from_numpy((KAISER_TAPS * np.sinc(root).real / np.i0(_KAISER_BETA)).astype(np.float32))


def cubic_taps(position: np.ndarray, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pixels and Catmull-Rom weights (point, 4); beyond the first and last of `n` pixels their value is held.

    `position` : fractional pixels (point,). R. Keys, IEEE Trans. ASSP 29, 1153 (1981), a = -1/2.
    """
    position = np.clip(np.asarray(position, dtype=np.float64), 0, n - 1)
    low = np.floor(position)
    t = (position - low)[:, None]
    weight = np.concatenate(
        [t * (t * (2 - t) - 1), t * t * (3 * t - 5) + 2, t * (t * (4 - 3 * t) + 1), t * t * (t - 1)], axis=1
    )
    index = np.clip(low.astype(np.int64)[:, None] + np.arange(-1, 3), 0, n - 1)
    return torch.from_numpy(index), torch.from_numpy((0.5 * weight).astype(np.float32))


def interpolate_axis(image: torch.Tensor, position: np.ndarray, dim: int, taps: Taps = taps) -> torch.Tensor:
    """`image` read at fractional pixel `position`s along `dim` (-2 or -1); `taps` say what lies beyond its borders."""
    index, weight = (t.to(image.device) for t in taps(position, image.shape[dim]))
    shape = (-1, 1) if dim == -2 else (-1,)
    terms = (image.index_select(dim, i) * w.reshape(shape) for i, w in zip(index.T, weight.T, strict=True))
    return functools.reduce(torch.Tensor.add_, terms)


def interpolate_points(image: torch.Tensor, y: np.ndarray, x: np.ndarray, taps: Taps = taps) -> torch.Tensor:
    """`image` (..., y, x) read at fractional pixels `y`, `x` (point,) with the weights of `taps`: (..., point)."""
    parts = []
    for start in range(0, len(y), CHUNK):
        iy, wy = (t.to(image.device) for t in taps(y[start : start + CHUNK], image.shape[-2]))
        ix, wx = (t.to(image.device) for t in taps(x[start : start + CHUNK], image.shape[-1]))
        values = image[..., iy[:, :, None], ix[:, None, :]]  # (..., point, tap, tap)
        parts.append(torch.einsum("...pij,pi,pj->...p", values, wy.to(values), wx.to(values)))
    return torch.cat(parts, dim=-1)


def covers_period(axis: np.ndarray, origin: float, size: float) -> bool:
    """Whether evenly spaced `axis` walks exactly once over a period of `size` that starts at `origin`."""
    if axis.size < 2 or not math.isclose(axis[0], origin, abs_tol=1e-9 * size):
        return False
    step = (axis[-1] - axis[0]) / (axis.size - 1)
    return bool(math.isclose(step * axis.size, size, rel_tol=1e-9) and np.allclose(np.diff(axis), step, rtol=1e-6))


def linear_taps(position: np.ndarray, n: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Lower and upper pixel (point, 2), wrapped into 0..`n`-1, and their shares (point, 2), at `position`s (point,)."""
    position = np.asarray(position, dtype=np.float64)
    low = np.floor(position).astype(np.int64)
    part = torch.from_numpy((position - low).astype(np.float32))
    return torch.from_numpy(np.stack([low, low + 1], 1) % n), torch.stack([1 - part, part], 1)


def bilinear_axis(image: torch.Tensor, position: np.ndarray, dim: int) -> torch.Tensor:
    """`image` read at fractional pixel `position`s along `dim` (-2 or -1), linear, periodic."""
    index, weight = (t.to(image.device) for t in linear_taps(position, image.shape[dim]))
    part = weight[:, 1].reshape((-1, 1) if dim == -2 else (-1,))
    return torch.lerp(image.index_select(dim, index[:, 0]), image.index_select(dim, index[:, 1]), part)


def bilinear_points(image: torch.Tensor, y: np.ndarray, x: np.ndarray) -> torch.Tensor:
    """`image` (..., y, x) read at fractional pixel positions (point,), bilinear, periodic: (..., point)."""
    iy, wy = (t.to(image.device) for t in linear_taps(y, image.shape[-2]))
    ix, wx = (t.to(image.device) for t in linear_taps(x, image.shape[-1]))
    upper, lower = (torch.lerp(image[..., row, ix[:, 0]], image[..., row, ix[:, 1]], wx[:, 1]) for row in iy.T)
    return torch.lerp(upper, lower, wy[:, 1])


def matrix_of(position: np.ndarray, n: int, taps: Taps) -> torch.Tensor:
    """The reading of an axis of `n` pixels at `position`s (point,), px, with the weights of `taps`: (point, n)."""
    index, weight = taps(position, n)
    return torch.zeros(len(index), n).scatter_add_(1, index, weight)


def read_grid(image: torch.Tensor, y: np.ndarray, x: np.ndarray, taps: Taps) -> torch.Tensor:
    """`image` (channel, Y, X) read on axes `y` and `x`, px, with the weights of `taps`: (channel, y, x).

    Small dense products along the axes, channel by channel: only pixels that count are touched, and stay in the cache.
    """
    down, across = (_bands(at, n, taps, image) for at, n in zip((y, x), image.shape[1:], strict=True))
    rows = image.new_empty(len(y), image.shape[2])
    out = image.new_empty(len(image), len(y), len(x))
    used = torch.zeros(image.shape[2], dtype=torch.bool)
    for _, pixels, _ in across:
        used[pixels.cpu()] = True
    columns = torch.nonzero(used)[:, 0]
    first, last = (int(columns[0]), int(columns[-1]) + 1) if len(columns) else (0, 0)
    for plane, read in zip(image[:, :, first:last], out, strict=True):
        for part, pixels, weights in down:
            torch.mm(weights, _taken(plane, pixels, 0), out=rows[part, first:last])
        for part, pixels, weights in across:
            torch.mm(_taken(rows, pixels, 1), weights.T, out=read[:, part])
    return out


Band = tuple[slice, torch.Tensor, torch.Tensor]


def _bands(position: np.ndarray, n: int, taps: Taps, like: torch.Tensor) -> list[Band]:
    """For a few neighbouring `position`s at a time: which they are, pixels they need, and weights (point, pixel).

    Parameters
    ----------
    position : fractional pixels (point,) of an axis of `n`.
    taps : what weighs them.
    like : type and device of the weights.
    """
    bands = []
    for start in range(0, len(position), BAND):
        part = slice(start, start + BAND)
        index, weight = taps(position[part], n)
        pixels, where = torch.unique(index, return_inverse=True)
        weights = torch.zeros(len(index), len(pixels)).scatter_add_(1, where, weight)
        bands.append((part, pixels.to(like.device), weights.to(like)))
    return bands


def _taken(image: torch.Tensor, pixels: torch.Tensor, dim: int) -> torch.Tensor:
    """`pixels`, increasing, of `image` along `dim`; without a copy where none is left out between them."""
    first, count = int(pixels[0]), len(pixels)
    if int(pixels[-1]) - first + 1 == count:
        return image.narrow(dim, first, count)
    return image.index_select(dim, pixels)


def level_of(position: np.ndarray) -> int:
    """How often pixels can be averaged in pairs and still be finer than the steps of `position`."""
    step = max(1.0, step_of(position))
    return int(math.log2(step * (1 + 1e-9)))


def step_of(axis: np.ndarray) -> float:
    """Mean distance of the places along an axis; 0 where there is only one."""
    return float(abs(axis[-1] - axis[0]) / (axis.size - 1)) if axis.size > 1 else 0.0


def needed(position: np.ndarray, n: int) -> slice:
    """Pixels of an axis of `n` that `cubic_taps` reads at `position`s (point,), px; at least one."""
    first, last = int(np.floor(position.min())) - 1, int(np.floor(position.max())) + 3
    return slice(min(max(first, 0), n - 1), max(min(last, n), 1))


def cubic_grid(image: torch.Tensor, y: np.ndarray, x: np.ndarray) -> torch.Tensor:
    """`image` (..., Y, X) by cubics on axes `y` and `x`, px: (..., y, x); exactly as it is where all fall on pixels."""
    return _cubic_axis(_cubic_axis(image, y, -2), x, -1)


def _cubic_axis(image: torch.Tensor, position: np.ndarray, dim: int) -> torch.Tensor:
    whole = np.rint(position)
    if np.abs(position - whole).max() > 1e-6:
        return interpolate_axis(image, position, dim, cubic_taps)
    index = np.clip(whole, 0, image.shape[dim] - 1).astype(np.int64)
    return image.index_select(dim, torch.from_numpy(index).to(image.device))
