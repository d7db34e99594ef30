"""A volume to look at in 3-D: as fine as bytes and seconds allow, made plane by plane. Imports no Qt."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable

import numpy as np

from ...app.lazy import evaluate, measure
from ...app.time_lapse import TimeLapse
from ...types import Extent, Field

SIDE, MOST_PLANES = 192, 48  # pixels along a side, and planes, at most: 7 MB
SECONDS = 8.0  # that all planes may take, judged by the first
FEWEST = 48  # pixels along the longer side: no coarser picture shows anything
ROWS = 32  # of a plane that are evaluated before it is asked again whether anybody waits
Plane = Callable[[float, np.ndarray, np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Volume:
    """values : (z, y, x) float32. z, y_um, x_um : even axes, um; the first of a time-lapse holds numbers of frames."""

    values: np.ndarray
    z: np.ndarray
    y_um: np.ndarray
    x_um: np.ndarray
    over_time: bool = False

    @property
    def spacing(self) -> tuple[float, float, float]:
        """From voxel to voxel (z, y, x), um; along z of a time-lapse in frames."""
        z, y, x = (float(a[1] - a[0]) if a.size > 1 else 1.0 for a in (self.z, self.y_um, self.x_um))
        return z, y, x

    @property
    def sentence(self) -> str:
        """Its size and spacing."""
        size = " × ".join(str(n) for n in self.values.shape)
        step = self.spacing
        along = f"every {step[0]:.0f}. frame" if self.over_time else f"{step[0]:.3g} µm apart in depth"
        return f"3-D: {size} voxels, {along}, {step[1]:.3g} µm in the plane, {self.values.nbytes / 1e6:.1f} MB"


def volume_of_field(
    field: Field, quantity: str, planes: int, *, wanted: Callable[[], bool], report: Callable[[int, int], object]
) -> Volume | None:  # fmt: skip
    """All depths of a field; None as soon as nobody wants it any more.

    Parameters
    ----------
    field : with depth.
    quantity : 'amplitude', 'phase' or 'intensity'.
    planes : at most; fewer where they take long.
    wanted : asked all the time.
    report : called with the planes that are made and all of them.
    """

    def plane(z_um: float, y_um: np.ndarray, x_um: np.ndarray) -> np.ndarray:
        return measure(evaluate(field, z_um, y_um, x_um)[0], quantity)

    def places(count: int) -> np.ndarray:
        return np.linspace(*field.extent.z_um, max(count, 2))

    return _made(plane, places, field.extent, planes, wanted, report=report)


def volume_of_lapse(
    lapse: TimeLapse, *, wanted: Callable[[], bool], report: Callable[[int, int], object]
) -> Volume | None:  # fmt: skip
    """Frames of a time-lapse behind each other, evenly chosen; parameters as of `volume_of_field`.

    Parameters
    ----------
    lapse : whose frames are made as they are corrected.
    wanted, report : see there.
    """

    def plane(number: float, y_um: np.ndarray, x_um: np.ndarray) -> np.ndarray:
        return lapse.picture(round(number), y_um, x_um, keep=False)

    def places(count: int) -> np.ndarray:
        step = math.ceil((len(lapse) - 1) / max(count - 1, 1))
        return np.arange(0, len(lapse), max(step, 1))

    found = _made(plane, places, lapse.extent, len(lapse), wanted, report=report)
    return None if found is None else dataclasses.replace(found, over_time=True)


def _made(
    plane: Plane, places: Callable[[int], np.ndarray], extent: Extent, planes: int, wanted: Callable[[], bool],
    *, report: Callable[[int, int], object],
) -> Volume | None:  # fmt: skip
    where, side = places(min(planes, MOST_PLANES)), float(SIDE)
    finest = extent.pixel_um * max(1.0, max(extent.shape) / SIDE)
    first, seconds = _timed(plane, where[0], extent.axes(finest), wanted)
    if first is None:
        return None
    side = max(FEWEST, side / math.sqrt(max(1.0, seconds * len(where) / SECONDS)))
    step = extent.pixel_um * max(1.0, max(extent.shape) / side)
    axes = extent.axes(step)
    if step > finest:
        first, seconds = _timed(plane, where[0], axes, wanted)
        where = places(int(np.clip(SECONDS / max(seconds, 1e-9), 2, len(where))))
    values = np.empty((len(where), axes[0].size, axes[1].size), np.float32)
    for number, place in enumerate(where):
        image = first if number == 0 else _timed(plane, place, axes, wanted)[0]
        if image is None:
            return None
        values[number] = image
        report(number + 1, len(where))
    return Volume(values, where.astype(float), *axes)


def _timed(
    plane: Plane, place: float, axes: tuple[np.ndarray, np.ndarray], wanted: Callable[[], bool]
) -> tuple[np.ndarray | None, float]:  # fmt: skip
    """One plane and the seconds it took; None where nobody wants it any more."""
    began, (y, x) = time.perf_counter(), axes
    image = np.empty((y.size, x.size), np.float32)
    for start in range(0, y.size, ROWS):
        if not wanted():
            return None, 0.0
        image[start : start + ROWS] = plane(float(place), y[start : start + ROWS], x)
    return image, time.perf_counter() - began
