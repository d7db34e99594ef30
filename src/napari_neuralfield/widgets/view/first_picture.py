"""The first picture of a recording: a frame worth looking at, fitted in view, with a slider as long as its stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.components.dims import RangeTuple
from qtpy.QtCore import QObject

from ..kit.session import KEY

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer
    from napari.utils.events import Event

    from ...data.acquisition import Draft


def turn_to(viewer: napari.Viewer, draft: Draft) -> None:
    """Turn the `viewer` to the first frame of a `draft` that is in it."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # docks are handed a proxy of the viewer
    layer = frames_of(viewer, draft)
    if layer is not None and viewer.dims.ndim > 2:
        viewer.dims.set_point(0, getattr(layer.data, "first", 0))


def frames_of(viewer: napari.Viewer, draft: Draft) -> Layer | None:
    """The layer in the `viewer` that shows the frames of a `draft`."""
    return next((layer for layer in viewer.layers if (layer.metadata.get(KEY) or {}).get("draft") is draft), None)


def show_first(viewer: napari.Viewer, draft: Draft) -> None:
    """Show what has just been opened.

    Its frames are fitted in view with a slider of their own, and those of other recordings are hidden.

    Parameters
    ----------
    viewer : that they have been added to.
    draft : the recording.
    """
    viewer = getattr(viewer, "__wrapped__", viewer)
    new = frames_of(viewer, draft)
    if new is None:
        return
    for layer in viewer.layers:
        if layer is not new and "draft" in (layer.metadata.get(KEY) or {}):
            layer.visible = False
    own_slider_of(viewer)
    turn_to(viewer, draft)
    viewer.fit_to_view(layers=[new])


class OwnSlider(QObject):
    """Keeps the slider as long as the stacks that are seen; napari counts those that are hidden too.

    Nothing is done as long as no recording of ours is seen.

    Parameters
    ----------
    viewer : whose slider it is.
    parent : its window.
    """

    def __init__(self, viewer: napari.Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = viewer
        viewer.dims.events.range.connect(self._fit)
        viewer.layers.events.inserted.connect(self._on_inserted)
        for layer in viewer.layers:
            layer.events.visible.connect(self._fit)
        self._fit()

    def _on_inserted(self, event: Event) -> None:
        event.value.events.visible.connect(self._fit)

    def _fit(self, event: object = None) -> None:
        layers = self._viewer.layers
        seen = [layer for layer in layers if layer.visible]
        stacks = [layer for layer in seen if layer.ndim == self._viewer.dims.ndim > 2]
        if not any("draft" in (layer.metadata.get(KEY) or {}) for layer in stacks):
            return
        extent = layers.get_extent(seen)
        low, high, step = extent.world[0], extent.world[1], extent.step
        wanted = tuple(RangeTuple(*map(float, each)) for each in zip(low, high, step, strict=True))
        if len(wanted) == self._viewer.dims.ndim and wanted != self._viewer.dims.range:
            self._viewer.dims.range = wanted


def own_slider_of(viewer: napari.Viewer) -> OwnSlider:
    """The one of a viewer; made at the first call, gone with its window."""
    window = viewer.window._qt_window
    return window.findChild(OwnSlider) or OwnSlider(viewer, window)
