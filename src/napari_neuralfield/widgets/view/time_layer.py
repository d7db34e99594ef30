"""A time-lapse as one layer under napari's own time slider: only the frame and the part on the screen are computed.

The window never waits: while a frame is computed, in a thread of its own, the last picture stays, and only the newest
wish counts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject

from ...app import lazy
from ...app.time_lapse import TimeLapse
from ..kit.parts import timer
from ..kit.session import KEY
from ..kit.threads import Background, Latest, listen, when_gone
from .depth_view import View, same_axes, screen_events, view_of
from .layers import Axes, Key, Meta, contrast, frames_at, limits_range, set_limits

if TYPE_CHECKING:
    import napari
    import numpy.typing as npt
    from napari.layers import Image
    from napari.utils.events import Event

FINEST = 1 / 4  # of the native pixel: no finer picture is asked for
AXIS = -3  # of the frames
FEW = 8  # frames that are answered each by itself; more, as in a view of all in 3D, by the newest alone


class Movie:
    """What napari holds as the (t, y, x) array of a view of a time-lapse.

    A frame that is not computed yet is answered with the newest picture, at once; `np.asarray` of the whole computes
    every frame as it is.
    """

    dtype, ndim = np.dtype(np.float32), 3

    def __init__(self, lapse: TimeLapse, axes: Axes, newest: np.ndarray) -> None:
        self.lapse, self.axes, self.newest = lapse, axes, newest
        self.shape = (len(lapse), *newest.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Key) -> np.ndarray:
        some = frames_at(key, len(self), self._now, FEW)
        return np.broadcast_to(self.newest, self.shape)[key] if some is None else some

    def _now(self, number: int) -> np.ndarray:
        picture = self.lapse.remembered(number % len(self), *self.axes)
        return self.newest if picture is None else picture

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.lapse.view(*self.axes), dtype=dtype)


@dataclasses.dataclass(frozen=True)
class Look:
    """One frame of a view: (y, x) float32 and its axes, um of the lapse."""

    lapse: TimeLapse
    number: int
    image: np.ndarray
    axes: Axes


def look_at(lapse: TimeLapse, number: int, view: View | None, offset_um: tuple[float, float]) -> Look | None:
    """The visible box of one frame at the resolution of the screen; None where the view misses it.

    Parameters
    ----------
    lapse, number : which frame of which time-lapse.
    view : the part of the world, and how finely; all of the frame where None.
    offset_um : (y, x) of the first pixel of the time-lapse in the world.
    """
    from ... import compute

    with compute.leave_a_core_to_the_window():
        extent = lapse.extent
        axes: Axes | None = extent.axes()
        if view is not None:
            box = tuple(edge - offset_um[i % 2] for i, edge in enumerate(view.box_um))
            step = lazy.round_step(extent, view.screen_pixel_um, FINEST)
            axes = lazy.visible_axes(extent, (box[0], box[1], box[2], box[3]), step, FINEST)
        return None if axes is None else Look(lapse, number, lapse.picture(number, *axes), axes)


class TimeLayer(QObject):
    """One image layer that follows the time slider and the camera of a viewer, as long as the user keeps it.

    Parameters
    ----------
    viewer, title : where it is shown, and what its name begins with.
    offset_um : (y, x) of the first pixel of the time-lapse in the viewer.
    looked : called, with the number of the frame that is seen and whether another is under way, when that changes.
    failed : called with a sentence.
    again : the layer of an earlier one, that this one goes on with.
    """

    def __init__(
        self, viewer: napari.Viewer, title: str, offset_um: tuple[float, float], *,
        looked: Callable[[int, bool], None], failed: Callable[[str], None], parent: QObject | None = None,
        again: Image | None = None,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._viewer, self._title, self._offset, self._looked = viewer, title, offset_um, looked
        self._background = Background()
        self._latest = Latest(self._background, self._put, failed)
        self.lapse: TimeLapse | None = None
        self.layer: Image = again  # none before the first picture
        if again is not None:
            again.metadata[KEY]["lapse"] = self
            again.events.visible.connect(self._ask)
        self.seen: int | None = None  # the frame whose picture came last
        self._closed = False
        self._camera = timer(self, 40, self._ask, once=True)
        self._events = (
            (viewer.dims.events.point, self._stepped), (viewer.dims.events.ndisplay, self._ask),
            (viewer.layers.events.removed, self._on_removed), *((e, self._moved) for e in screen_events(viewer)),
        )  # fmt: skip
        for event, slot in self._events:
            listen(self, event, slot)
        holder = self.__dict__
        when_gone(self, lambda: holder.update(_closed=True), self._background.close, self._latest.close)

    def close(self) -> None:
        """Follow no longer; the layer stays as it is."""
        self._closed = True
        self._camera.stop()
        for event, slot in self._events:
            event.disconnect(slot)
        self._background.close()
        self._latest.close()

    @property
    def busy(self) -> bool:
        return self._camera.isActive() or self._latest.busy

    @property
    def number(self) -> int:
        """The frame that the slider stands at."""
        point = self._viewer.dims.point
        at = round(float(point[AXIS])) if len(point) >= -AXIS else 0
        return min(max(at, 0), len(self.lapse) - 1 if self.lapse is not None else 0)

    def show(self, lapse: TimeLapse) -> None:
        """Look at this time-lapse from now on."""
        self.lapse = lapse
        self._ask()

    # looking

    def _moved(self, event: Event | None = None) -> None:
        if not self._closed:
            self._camera.start()

    def _stepped(self, event: Event | None = None) -> None:
        """The slider has moved; a frame that is kept in this view has just been drawn by napari itself."""
        if not self._closed and self.layer is not None and self.layer.visible and self._kept():
            self.seen = self.number
            self._looked(self.seen, False)
        else:
            self._ask()

    def _kept(self) -> bool:
        """Whether the frame at the slider is kept as the layer shows it."""
        if self.layer is None or self.layer.data.lapse is not self.lapse:
            return False
        movie: Movie = self.layer.data
        return movie.lapse.remembered(self.number, *movie.axes) is not None

    def _ask(self, event: Event | None = None) -> None:
        lapse, number, offset = self.lapse, self.number, self._offset
        if self._closed or lapse is None or (self.layer is not None and not self.layer.visible):
            return
        view = view_of(self._viewer, self._viewer.window._qt_window) if len(self._viewer.layers) else None
        if view is None and self.layer is not None:
            return
        self._looked(number, not self._kept())
        self._latest.submit(lambda: look_at(lapse, number, view, offset))

    def _put(self, look: Look | None) -> None:
        if self._closed or look is None or look.lapse is not self.lapse:
            return
        if self.layer is None:
            self._add(look)
        else:
            self._write(look)
        kept = self._kept()
        self.seen = self.number if kept else look.number
        self._looked(self.number, not kept)

    def _add(self, look: Look) -> None:
        limits = contrast(look.image, "phase")
        self.layer = self._viewer.add_image(
            Movie(look.lapse, look.axes, look.image), multiscale=False, rgb=False,
            name=f"{self._title} {look.lapse.quantity} over time", contrast_limits=limits, colormap="gray",
            units=("pixel", "um", "um"), axis_labels=("frame", "y", "x"), metadata={KEY: {"lapse": self}},
            **self._place(look),
        )  # fmt: skip
        self.layer.contrast_limits_range = limits_range(limits)
        self.layer.events.visible.connect(self._ask)

    def _write(self, look: Look) -> None:
        layer, movie = self.layer, self.layer.data
        if movie.lapse is look.lapse and same_axes(movie.axes, look.axes):
            movie.newest = look.image
            layer.refresh(extent=False, thumbnail=False)
            return
        before = movie.lapse
        layer.data = Movie(look.lapse, look.axes, look.image)
        for key, value in self._place(look).items():  # each costs the window about 10 ms, so only where it has changed
            if not np.array_equal(getattr(layer, key), value):
                setattr(layer, key, value)
        if before.quantity != look.lapse.quantity or before.um_per_rad != look.lapse.um_per_rad:
            layer.name = f"{self._title} {look.lapse.quantity} over time"
            set_limits(layer, contrast(look.image, "phase"))

    def _place(self, look: Look) -> Meta:
        steps = [float(a[1] - a[0]) if a.size > 1 else look.lapse.extent.pixel_um for a in look.axes]
        start = [float(a[0]) + o for a, o in zip(look.axes, self._offset, strict=True)]
        return {"scale": (1.0, *steps), "translate": (0.0, *start)}

    def _on_removed(self, event: Event) -> None:
        if self.layer is not None and event.value is self.layer:
            self.close()
