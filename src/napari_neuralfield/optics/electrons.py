"""What the frames of an electron microscope tell by themselves: the dose, and the bright disc of the cone of light.

SciPy is imported where it is used: a window that opens waits for this file.
"""

from __future__ import annotations

import numpy as np

ELECTRONS_UM = 1e-5  # wavelengths below are electrons': 80 keV are 4.2e-6, photons of 100 keV 1.2e-5
A2_PER_UM2 = 1e8
WHOLE = 1e-3  # by which counts may differ from whole numbers
FEWEST_PX = 3.0  # radius of a disc
ROUND = 0.12  # between its radius by area and by spread
OUTSIDE = 0.35  # of its brightness: light around it at most
GRAIN = 0.45  # of its brightness: the scatter within at most


def are_counts(frames: np.ndarray) -> bool:
    """Whether `frames` (any shape) hold whole numbers, some of them above 0."""
    lit = np.asarray(frames, dtype=float)
    lit = lit[np.isfinite(lit) & (lit > 0)]
    return bool(len(lit)) and float((np.abs(lit - lit.round()) < WHOLE * np.maximum(lit, 1)).mean()) > 0.99


def area_of_a_frame(positions_um: np.ndarray) -> float:
    """Area of a scan that belongs to each of its positions (frame, 2), um^2; 0 where they lie on a line."""
    from scipy.spatial import ConvexHull, QhullError

    places = np.unique(np.round(np.asarray(positions_um, dtype=float), 9), axis=0)
    try:
        hull = ConvexHull(places)
    except (QhullError, ValueError):
        return 0.0
    count = len(positions_um)
    step = np.sqrt(hull.volume / count)
    for _ in range(4):  # a rim of half a step lies around the outermost positions
        step = np.sqrt((hull.volume + hull.area * step / 2 + step**2) / count)
    return float(step**2)


def dose_of(counts: float, positions_um: np.ndarray) -> float:
    """Electrons per square angstrom; 0 where the scan has no area.

    Parameters
    ----------
    counts : of a frame, on average.
    positions_um : (frame, 2).
    """
    area = area_of_a_frame(positions_um) * A2_PER_UM2
    return counts / area if area else 0.0


def bright_disc(mean: np.ndarray) -> float | None:
    """Radius of the evenly lit disc in a mean pattern (y, x), pixels, its edge at half height; None where it has none.

    The disc lies wholly in the pattern, is round and much brighter than what is scattered around it.
    """
    from scipy import ndimage

    mean = ndimage.gaussian_filter(np.where(np.isfinite(mean), mean, 0).astype(float), 0.7)
    level = float(np.quantile(mean, 0.995))
    for _ in range(4):  # the level of the disc, from its inner part
        inside = _largest(mean > 0.5 * level)
        if not inside.any():
            return None
        level = float(np.median(mean[inside]))
    radius = float(np.sqrt(inside.sum() / np.pi))
    places = np.argwhere(inside)
    away = np.hypot(*(np.argwhere(np.ones_like(inside)) - places.mean(0)).T).reshape(inside.shape)
    spread = float(np.sqrt(2 * (away[inside] ** 2).mean()))
    around, within = (away > 1.3 * radius) & (away < 1.6 * radius), away < 0.8 * radius
    edge = min(*places.min(0), *(np.array(inside.shape) - 1 - places.max(0)))
    if radius < FEWEST_PX or edge < 1 or not around.any() or abs(spread / radius - 1) > ROUND:
        return None
    if mean[around].mean() > OUTSIDE * level or mean[within].std() > GRAIN * level:
        return None
    return radius


def _largest(marked: np.ndarray) -> np.ndarray:
    """The largest connected part of what is `marked` (y, x), bool."""
    from scipy import ndimage

    parts, count = ndimage.label(marked)
    return parts == 1 + np.argmax(ndimage.sum(marked, parts, range(1, count + 1))) if count else marked
