"""What the depth slider renders: the visible part of a field at screen resolution, never more than time allows."""

from __future__ import annotations

import dataclasses
import math
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ...app import lazy
from ...types import Field, Result
from .layers import Axes
from .ways import drawn, needs_all

if TYPE_CHECKING:
    import napari
    from napari.utils.events import EventEmitter

BAND = 60_000  # pixels; the slowest fields take about a tenth of a second for so many


@dataclasses.dataclass(frozen=True)
class View:
    """What is on the screen: (y0, x0, y1, x1) and the size of a screen pixel, um.

    `finest` : no pixel smaller than this times the field's native one is rendered.
    """

    box_um: lazy.Region
    screen_pixel_um: float
    finest: float = 1.0


@dataclasses.dataclass(frozen=True)
class Picture:
    """One rendered box, (y, x) float32 or (y, x, 3) uint8.

    Its axes, what it is of, the time it took, and screen pixels per pixel.
    """

    image: np.ndarray
    axes: Axes
    field: Field
    quantity: str
    z_um: float
    seconds: float
    coarse: float


def pixel_ratio(window: object) -> float:
    """Physical pixels of the screen per pixel of a Qt window; 1 where there is no window."""
    return float(getattr(window, "devicePixelRatioF", lambda: 1.0)())


def same_axes(some: Axes, others: Axes) -> bool:
    """Whether two pictures have the same pixels, `some` and `others`, um."""
    return all(np.array_equal(a, b) for a, b in zip(some, others, strict=True))


def view_of(viewer: napari.Viewer, window: object) -> View | None:
    """The part of the world in the canvas of `viewer`, at the pixels of the Qt `window` that it is in.

    None in 3D or where y and x are not what is displayed.
    """
    dims, camera = viewer.dims, viewer.scene.camera
    if dims.ndisplay != 2 or tuple(dims.order[-2:]) != (dims.ndim - 2, dims.ndim - 1) or not camera.zoom > 0:
        return None
    y, x = camera.center[-2:]
    shape = viewer.canvas.grid.actual_shape(viewer.layers)  # several views side by side share the canvas
    half = [n / count / camera.zoom / 2 for n, count in zip(viewer.canvas.size, shape, strict=True)]
    return View((y - half[0], x - half[1], y + half[0], x + half[1]), 1 / (camera.zoom * pixel_ratio(window)))


def screen_events(viewer: napari.Viewer) -> tuple[EventEmitter, ...]:
    """The events of `viewer` after which another part of the world may be on the screen."""
    camera, grid = viewer.scene.camera.events, viewer.canvas.grid.events
    return camera.zoom, camera.center, viewer.canvas.events.size, grid.enabled, grid.shape, grid.stride


def whole(field: Field, pixels: int = 800) -> View:
    """A view that shows all of a field on `pixels` screen pixels."""
    (y0, x0), (height, width) = field.extent.origin_um, field.extent.size_um
    half = field.extent.pixel_um / 2
    return View((y0 - half, x0 - half, y0 + height - half, x0 + width - half), max(height, width) / pixels)


class Pace:
    """Learns what a picture costs, a fixed part and one per pixel, and how coarse it must be to come in time.

    Parameters
    ----------
    budget : seconds that a picture may take while the slider moves.
    """

    def __init__(self, budget: float = 0.1) -> None:
        self._budget = budget
        self._seen: deque[tuple[float, float]] = deque(maxlen=12)  # (pixels, seconds)

    def learn(self, pixels: int, seconds: float) -> None:
        """A picture of so many `pixels` has taken so many `seconds`."""
        self._seen.append((pixels, seconds))

    def coarseness(self, pixels: float) -> float:
        """1 for full resolution, up to 4 screen pixels per pixel; 1 where fewer would not help, cautious at first."""
        if not self._seen:
            return min(4.0, max(1.0, math.sqrt(pixels / BAND)))
        fixed, per_pixel = self._costs()
        room = max(self._budget - fixed, fixed / 2)
        return min(4.0, max(1.0, math.sqrt(pixels * per_pixel / room)))

    def _costs(self) -> tuple[float, float]:
        n, t = np.array(self._seen, dtype=np.float64).T
        spread = n - n.mean()
        if np.ptp(n) < 0.2 * n.max():  # all alike: nothing is known about a fixed part
            return 0.0, float(t.mean() / n.mean())
        per_pixel = max(float(spread @ t / (spread @ spread)), 0.1 * float(t.mean() / n.mean()))
        return max(float(t.mean() - per_pixel * n.mean()), 0.0), per_pixel


def render(
    field: Field, z_um: float, quantity: str, view: View, *, coarse: float = 1.0,
    wanted: Callable[[], bool] | None = None,
) -> Picture | None:  # fmt: skip
    """The visible box of one depth; None where the view misses the field.

    Parameters
    ----------
    field, z_um, quantity : what is drawn at a depth, um, one of `ways` but not of all depths.
    view : the part of the world, and how finely.
    coarse : screen pixels per pixel, along an axis.
    wanted : with it the picture comes in bands of rows, and is given up (None) as soon as `wanted()` is False.
    """
    began = time.perf_counter()
    axes = lazy.visible_axes(field.extent, view.box_um, view.screen_pixel_um * coarse, view.finest)
    if axes is None:
        return None
    y, x = axes
    whole = needs_all(quantity)
    image = np.empty((y.size, x.size), dtype=np.complex64 if whole else np.float32)
    for rows in np.array_split(np.arange(y.size), 1 if wanted is None else math.ceil(image.size / BAND)):
        if wanted is not None and not wanted():
            return None
        values = lazy.evaluate(field, z_um, y[rows], x)[0]
        image[rows] = values if whole else lazy.measure(values, quantity)
    image = with_gaps(field, axes, drawn(image, quantity) if whole else image)
    seconds = time.perf_counter() - began
    return Picture(image, axes, field=field, quantity=quantity, z_um=z_um, seconds=seconds, coarse=coarse)


def with_gaps(field: Field, axes: tuple[np.ndarray, np.ndarray], image: np.ndarray) -> np.ndarray:
    """What lies below a mosaic is seen where it has no tile: the picture is no number there.

    Parameters
    ----------
    field : of any type.
    axes : (y, x) of the picture, um.
    image : (y, x) float32; colours stay as they are.
    """
    covered = getattr(field, "covered", None)
    if covered is None or image.ndim != 2:
        return image
    return np.where(covered(*axes), image, np.float32(np.nan))


def bounce(z_um: float, step_um: float, low: float, high: float) -> tuple[float, float]:
    """The next depth of a sweep and the step from there, um.

    Parameters
    ----------
    z_um, step_um : where the sweep is, and its step, negative on the way back.
    low, high : ends at which it turns round, um.
    """
    z = z_um + step_um
    if low <= z <= high:
        return z, step_um
    return min(max(z, low), high), -step_um


def plane_count(result: Result, most: int = 65) -> int:
    """Planes over the depths of `result`: a quarter of the objective's depth of field apart, at most `most`."""
    low, high = result.field.extent.z_um
    if not high > low:
        return 1
    na, wavelength = result.optics.get("objective_na"), result.optics.get("wavelength_um")
    if not na or not wavelength:
        return 33
    return int(min(most, max(9, math.ceil((high - low) / (0.25 * wavelength / na**2)) + 1)))
