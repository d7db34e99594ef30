"""All in focus: for every pixel the depth where it is sharpest, in memory of a few planes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter

from ..types import Field, InputError
from .lazy import Region, evaluate


@dataclasses.dataclass(frozen=True)
class InFocus:
    """values : (y, x) field values of the sharpest plane. z_um : (y, x) its depth, um, float32."""

    values: np.ndarray
    z_um: np.ndarray


def normal_variance(intensity: np.ndarray, window: int) -> np.ndarray:
    """Local variance over local mean of an `intensity` (y, x) in squares of `window` pixels.

    The measure of sharpness of the FPM-INR paper.
    """
    mean = uniform_filter(intensity, window, mode="reflect")
    square = uniform_filter(intensity * intensity, window, mode="reflect")
    return np.maximum(square - mean * mean, 0.0) / np.maximum(mean, 1e-6)


def _fine_detail(values: np.ndarray, finest: float) -> np.ndarray:
    """Squared modulus of what a Gaussian of `finest` pixels takes out of a complex plane (y, x).

    Defocus turns phase into intensity but cannot sharpen the complex field, so this picks the right depth where the
    intensity alone is misled: 99 % of the cells' pixels of the simulated slide against 43 % by normal variance.
    """
    coarse = gaussian_filter(values.real, finest) + 1j * gaussian_filter(values.imag, finest)
    return (np.abs(values - coarse) ** 2).astype(np.float32)


def _smoothed(sharpness: np.ndarray, window: int) -> np.ndarray:
    """Sharpness averaged over half a window, so that neighbours agree on a plane."""
    return gaussian_filter(sharpness, window / 4, mode="reflect")


def all_in_focus(
    field: Field,
    z_um: Sequence[float] | np.ndarray,
    pixel_um: float | None = None,
    region_um: Region | None = None,
    window: int = 27,
    report: Callable[[int, int], bool | None] = lambda done, total: None,
) -> InFocus:
    """The sharpest plane of every pixel, plane by plane: by fine detail, by normal variance for a phase-only field.

    Parameters
    ----------
    field : any field.
    z_um : depths to choose from, um.
    pixel_um : pixel of the result, um; native where None.
    region_um : (y0, x0, y1, x1), um, half open; all where None.
    window : side of the square in which sharpness is measured, pixels.
    report : called with (planes done, planes in all) after each; returning False stops there.

    Returns
    -------
    InFocus : with the planes seen so far where `report` stopped it.

    Raises
    ------
    InputError : where no depth is given.
    """
    depths = np.atleast_1d(np.asarray(z_um, dtype=np.float64))
    if depths.size == 0:
        raise InputError("z_um holds no depth; an all-in-focus image needs at least one")
    y, x = field.extent.axes(pixel_um, region_um)
    return _sharpest(field, depths, y, x, window=window, report=report)


def in_focus_strips(
    field: Field, z_um: np.ndarray, y_um: np.ndarray, x_um: np.ndarray, rows: Sequence[slice], window: int = 27
) -> Iterator[InFocus]:
    """`all_in_focus` strip by strip, each seen with what lies around it, so that strips meet without a seam.

    Parameters
    ----------
    field : any field.
    z_um : depths to choose from (z,), um.
    y_um, x_um : pixel centres (y,) and (x,), um, evenly spaced.
    rows : of each strip.
    window : side of the square in which sharpness is measured, pixels.
    """
    for strip in rows:
        low, high = max(strip.start - 2 * window, 0), min(strip.stop + 2 * window, len(y_um))
        wide = _sharpest(field, z_um, y_um[low:high], x_um, window=window)
        inner = slice(strip.start - low, strip.stop - low)
        yield InFocus(wide.values[inner], wide.z_um[inner])


def _sharpest(
    field: Field,
    depths: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    *,
    window: int,
    report: Callable[[int, int], bool | None] = lambda done, total: None,
) -> InFocus:
    pixel = float(x[1] - x[0]) if x.size > 1 else field.extent.pixel_um
    finest = 2 * max(1.0, field.extent.pixel_um / pixel)
    best = np.full((y.size, x.size), -np.inf, dtype=np.float32)
    depth = np.full(best.shape, depths[0], dtype=np.float32)
    values = np.zeros(best.shape, dtype=np.complex64 if field.complex_valued else np.float32)
    for done, z in enumerate(depths, start=1):
        plane = evaluate(field, z, y, x)[0]
        if field.complex_valued:
            found = _fine_detail(plane, finest)
        else:
            found = normal_variance(plane - plane.min(), window)
        sharpness = _smoothed(found, window)
        better = sharpness > best
        best[better], values[better], depth[better] = sharpness[better], plane[better], z
        if report(done, depths.size) is False:
            break
    return InFocus(values, depth)
