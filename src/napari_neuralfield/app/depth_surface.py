"""One depth for every place, smooth where nothing speaks against it, from how sharp each depth is there."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

STRONG = 0.95  # quantile of the sharpness that counts as certain
RANGE_COST = 2.0  # of a jump through all depths between neighbours, in units of what is certain
LEAST = 1e-3  # weight of a place that says nothing


def smooth_surface(sharpness: np.ndarray, z_um: np.ndarray, smoothing: float) -> np.ndarray:
    """Place among the depths (y, x), in planes from 0 on: whole at a plane, a fraction between two.

    Every place wants the depth where it is sharpest, the more the sharper it is, and neighbours want the same; the
    best compromise is sought along eight directions (semi-global matching: H. Hirschmueller, IEEE TPAMI 30, 328
    (2008)), the top of a parabola gives the depth between planes, and places that say little follow their neighbours.

    Parameters
    ----------
    sharpness : of each depth (z, y, x), any unit.
    z_um : the depths (z,), um, increasing.
    smoothing : sigma of the last step, pixels of `sharpness`.
    """
    if len(z_um) == 1:
        return np.zeros(sharpness.shape[1:], np.float32)
    height = sharpness.max(0) - sharpness.min(0)
    strong = float(np.quantile(height, STRONG)) or 1.0
    jump = RANGE_COST * np.diff(z_um) / (z_um[-1] - z_um[0])
    place = _between(_agreed(-sharpness.astype(np.float32) / strong, jump.astype(np.float32)))
    weight = np.maximum(height / strong, LEAST) ** 2
    smooth: np.ndarray = gaussian_filter(place * weight, smoothing) / gaussian_filter(weight, smoothing)
    return smooth


def _agreed(cost: np.ndarray, jump: np.ndarray) -> np.ndarray:
    """Cost (z, y, x) of each depth together with what it costs the neighbours on eight paths to every place.

    `jump` : cost of the step from each depth to the next (z - 1,).
    """
    total = np.zeros_like(cost)
    for axis, shifts in ((1, (0, 1, -1)), (2, (0,))):
        for way in (1, -1):
            rows, sums = (np.moveaxis(volume, axis, 1)[:, ::way] for volume in (cost, total))
            before = np.repeat(rows[:, :1], len(shifts), axis=1)  # (z, path, place)
            sums[:, 0] += before.sum(1)
            for i in range(1, rows.shape[1]):
                came = np.stack([_shifted(before[:, k], shift) for k, shift in enumerate(shifts)], axis=1)
                came = _with_jumps(came, jump)
                before = rows[:, i, None] + came - came.min(0)
                sums[:, i] += before.sum(1)
    return total


def _shifted(row: np.ndarray, by: int) -> np.ndarray:
    """A row (z, place) moved sideways; the border's place is held."""
    if by == 0:
        return row
    return np.concatenate([row[:, :1], row[:, :-1]] if by > 0 else [row[:, 1:], row[:, -1:]], axis=1)


def _with_jumps(cost: np.ndarray, jump: np.ndarray) -> np.ndarray:
    """The least cost of each depth (z, ...) where the neighbour may lie at any, each step on the way counted."""
    least = cost.copy()
    for k in range(1, len(least)):
        np.minimum(least[k], least[k - 1] + jump[k - 1], out=least[k])
    for k in range(len(least) - 2, -1, -1):
        np.minimum(least[k], least[k + 1] + jump[k], out=least[k])
    return least


def _between(cost: np.ndarray) -> np.ndarray:
    """Place of the least cost among planes (z, y, x), by a parabola through it and its two neighbours: (y, x)."""
    best = cost.argmin(0)
    if len(cost) < 3:
        return best.astype(np.float32)
    inner = np.clip(best, 1, len(cost) - 2)
    left, here, right = (np.take_along_axis(cost, (inner + k)[None], axis=0)[0] for k in (-1, 0, 1))
    bend = left - 2 * here + right
    off = np.divide(0.5 * (left - right), bend, out=np.zeros_like(bend), where=bend > 1e-9)
    return (best + np.where(best == inner, np.clip(off, -0.5, 0.5), 0)).astype(np.float32)
