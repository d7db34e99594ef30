"""A closer look at one plane of phase: what is on the screen, at the screen's own density, beyond the native pixels.

The whole picture stays below as one layer. Where the screen shows it larger than its pixels, the visible part is asked
of the field again, in a thread of its own, and laid over it in the same colours. It costs the screen, not the field.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Qt

from ...app import lazy
from ...types import Field, Result
from ..kit.parts import timer
from ..kit.session import KEY
from ..kit.threads import Background, Latest, when_gone
from .canvas_text import CanvasText
from .depth_view import Pace, Picture, View, render, same_axes, screen_events, view_of
from .depth_view import whole as view_of_all
from .exported import watch_exports
from .layers import Axes, ImageSlot, colormap_of, contrast, placed, set_limits, whole_step
from .side_by_side import SideBySide

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Layer
    from napari.utils.events import Event

FINEST = 1 / 16  # of the native pixel: below it there is nothing more to see
ENOUGH = 0.75  # of a pixel of the whole picture: a screen pixel of this size needs no closer look
SHARED = ("contrast_limits", "contrast_limits_range", "gamma", "colormap", "opacity", "blending")
SKETCH = "sketch"  # in a layer's metadata: its picture is a small one from the file, still to be drawn


class ZoomView(QObject):
    """Follows the camera of one viewer; looks closer at the topmost layer that shows one plane of phase."""

    def __init__(self, viewer: napari.Viewer, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._background = Background()
        self._latest = Latest(self._background, self._put, show_error)
        self._slot, self._pace = ImageSlot(viewer), Pace()
        self._below: Image = None  # the layer that shows the whole
        self._last: Picture | None = None
        self._words = CanvasText(viewer)  # the density
        self._beside = SideBySide(viewer, shown_by)
        self._camera = timer(self, 40, self._look, once=True)
        self._settle = timer(self, 180, self._sharpen, once=True)
        layers, others = viewer.layers.events, (viewer.dims.events.ndisplay, viewer.canvas.grid.events.enabled)
        for event in (*screen_events(viewer), *others, layers.removed, layers.reordered):
            event.connect(self.refresh)
        layers.inserted.connect(self._on_inserted)
        for layer in viewer.layers:
            self._adopt(layer)
        holder = self.__dict__
        when_gone(self, lambda: holder.update(closed=True), self._background.close, self._latest.close)
        self.refresh()

    @property
    def busy(self) -> bool:
        """Whether a sharper picture is on its way."""
        return self._camera.isActive() or self._settle.isActive() or self._latest.busy

    @property
    def picture(self) -> Picture | None:
        """The newest closer look; None before there is one of the layer below."""
        return self._last

    def refresh(self, event: Event | None = None) -> None:
        """What is on the screen may have changed."""
        if not self.__dict__.get("closed"):
            self._camera.start()

    # layers

    def _on_inserted(self, event: Event) -> None:
        self._adopt(event.value)
        self.refresh()

    def _adopt(self, layer: Layer) -> None:
        if KEY in layer.metadata and "closer" not in layer.metadata[KEY]:
            layer.events.visible.connect(self.refresh)
        if result_of(layer) is not None and layer.metadata[KEY].pop(SKETCH, False):
            self._draw_whole(layer)

    def _draw_whole(self, layer: Image) -> None:
        """The picture of the whole field for a layer that shows a sketch of it."""
        result = result_of(layer)
        assert result is not None
        field, holder = result.field, self.__dict__
        view = dataclasses.replace(view_of_all(field), screen_pixel_um=whole_step(field))

        def put(picture: Picture | None) -> None:
            if picture is None or layer not in self._viewer.layers:
                return
            layer.data = picture.image
            for key, value in placed(*picture.axes).items():
                setattr(layer, key, value)
            set_limits(layer, contrast(picture.image, "phase"))
            self.refresh()

        def wanted() -> bool:  # a camera's whole field takes minutes
            return not holder.get("closed") and layer in self._viewer.layers

        work = partial(render, field, 0.0, "phase", view, wanted=wanted)
        self._background.run(work, put, show_error)

    def auto_contrast(self) -> bool:
        """Limits of the layer and its closer look from what is on the screen; False where no such layer is seen."""
        whole = self._whole()
        if whole is None:
            return False
        seen = np.asarray(whole.data) if self._last is None else self._last.image
        set_limits(whole, contrast(seen, "phase"))
        return True

    def compare(self, on: bool) -> None:
        """The phase beside those of other runs, or what lies right below it (the DPC estimate); moved as one.

        Where there is nothing to lay beside it nothing happens.
        """
        if on:
            self._beside.put(self._whole(), self._slot.layer)
        else:
            self._beside.back()
        self._viewer.reset_view()

    def _whole(self) -> Image | None:
        """The topmost visible layer that shows one plane of phase."""
        layers = self._viewer.layers
        return next((layer for layer in reversed(layers) if layer.visible and result_of(layer) is not None), None)

    # looking

    def _look(self) -> None:
        self._request(draft=True)

    def _sharpen(self) -> None:
        """Full density once the drafts are through; it must not overtake one."""
        self._settle.start() if self._latest.busy else self._request()

    def _request(self, draft: bool = False) -> None:
        whole = None if self._beside.several else self._whole()
        if whole is not self._below:
            self._leave()
            self._below = whole
            if whole is not None:
                self._prepare(whole)
        view = None if whole is None else view_of(self._viewer, self.parent())
        result = result_of(whole)
        if whole is None or view is None or result is None:
            self._words.say("")
            return
        field, own = result.field, whole_step(result.field)
        step = lazy.round_step(field.extent, view.screen_pixel_um, FINEST)
        closer = View(view.box_um, step, FINEST)
        axes = lazy.visible_axes(field.extent, closer.box_um, step, FINEST)
        if step > ENOUGH * own or axes is None:
            self._see(False)
            self._last = None
            self._words.say("" if axes is None else density_text(result, own))
            return
        if self._same(field, axes):
            return
        coarse = self._pace.coarseness(axes[0].size * axes[1].size) if draft else 1.0
        draft = 1.0 < coarse < ENOUGH * own / step  # a coarser one shows no more than the whole picture does
        if draft:
            self._settle.start()
        else:
            coarse = 1.0
        wanted = None if draft else lambda: not self._latest.overtaken
        times = float(whole.metadata[KEY].get("um_per_rad", 1.0))
        draw = partial(render, field, 0.0, "phase", closer, coarse=coarse, wanted=wanted)
        self._latest.submit(lambda: (whole, _times(draw(), times)))

    def _same(self, field: Field, axes: Axes) -> bool:
        last, slot = self._last, self._slot
        if last is None or last.field is not field or not slot.alive or not slot.layer.visible:
            return False
        return same_axes(last.axes, axes)

    def _put(self, found: tuple[Image, Picture | None]) -> None:
        whole, picture = found
        if picture is None or whole is not self._below or whole not in self._viewer.layers:
            return
        self._pace.learn(picture.image.size, picture.seconds)
        self._last = picture
        if not self._slot.alive:
            self._prepare(whole)
        self._slot.show(
            f"{whole.name}, closer", picture.image, picture.axes, "phase",
            metadata={"closer": True}, follow=False, colormap=colormap_of(picture.field, "phase"),
        )  # fmt: skip
        self._see(whole.visible)
        result = result_of(whole)
        assert result is not None
        self._words.say(density_text(result, float(self._slot.layer.scale[-1])))

    def _prepare(self, whole: Image) -> None:
        """The layer of the closer look, unseen, right above the whole and bound to its colours."""
        layers, chosen = self._viewer.layers, set(self._viewer.layers.selection)
        y, x = (start + np.array([0.0, 1.0]) for start in whole.translate[-2:])
        self._slot.show(
            f"{whole.name}, closer", np.zeros((2, 2), np.float32), (y, x), "phase",
            metadata={"closer": True}, visible=False, colormap=whole.colormap.name,
        )  # fmt: skip
        layer = self._slot.layer
        for name in SHARED:
            setattr(layer, name, getattr(whole, name))
        layers.link_layers([whole, layer], SHARED)
        layers.selection = chosen
        layers.move(layers.index(layer), layers.index(whole) + 1)
        hide_in_list(self._viewer, layer)

    def _see(self, visible: bool) -> None:
        if self._slot.alive and self._slot.layer.visible != visible:  # napari draws again even where nothing changes
            self._slot.layer.visible = visible

    def _leave(self) -> None:
        """The closer look goes with the layer it belonged to."""
        if self._slot.alive and self._below is not None:
            self._viewer.layers.unlink_layers([self._below, self._slot.layer], SHARED)
        self._slot.remove()
        self._last = None


def hide_in_list(viewer: napari.Viewer, layer: Layer) -> None:
    """Leave a `layer` that is a part of another out of the list of `viewer`."""
    from napari._qt.containers import QtLayerList

    for view in viewer.window._qt_window.findChildren(QtLayerList):
        model = view.model()
        for row in range(0 if model is None else model.rowCount()):
            if model is not None and model.index(row, 0).data(Qt.ItemDataRole.UserRole) is layer:
                view.setRowHidden(row, True)


def result_of(layer: Layer | None) -> Result | None:
    """What a layer shows the whole of, where that is one plane of phase."""
    ours = {} if layer is None else layer.metadata.get(KEY)
    if not isinstance(ours, dict) or ours.get("quantity") not in ("phase", "height") or "result" not in ours:
        return None
    result: Result = ours["result"]
    return result if lazy.beyond_pixels(result.field) else None


def shown_by(layer: Layer) -> str:
    """'phase' or 'height' of one plane; '' for another layer."""
    return "" if result_of(layer) is None else str(layer.metadata[KEY]["quantity"])


def _times(picture: Picture | None, factor: float) -> Picture | None:
    if picture is None or factor == 1.0:
        return picture
    return dataclasses.replace(picture, image=picture.image * np.float32(factor))


def density_text(result: Result, step_um: float) -> str:
    """How dense a picture of `result` is beside the camera's pixels; beside the field's own where those are not known.

    Never denser than the field: what lies between the pixels of one on a grid is interpolated, and called that.
    `step_um` is the pixel of the picture, um.
    """
    camera, own = result.optics.get("pixel_um"), result.field.extent.pixel_um
    known = isinstance(camera, int | float) and camera > 0
    between = lazy.on_grid(result.field) and step_um < 0.99 * own
    times = float(camera or 0.0 if known else own) / (own if between else step_um)
    number = f"{times:.0f}" if times >= 9.5 or abs(times - round(times)) < 0.05 else f"{times:.1f}"
    return f"{number} × the {'camera' if known else 'reconstruction'}'s pixels{', interpolated' if between else ''}"


def zoom_view_of(viewer: napari.Viewer) -> ZoomView:
    """The one closer look of a viewer; made at the first call, gone with its window."""
    model = getattr(viewer, "__wrapped__", viewer)  # docks are handed a proxy of the viewer
    window = model.window._qt_window
    found = window.findChild(ZoomView)
    if found is None:
        model.layers.events.inserted.connect(watch_exports)
    return found or ZoomView(model, window)
