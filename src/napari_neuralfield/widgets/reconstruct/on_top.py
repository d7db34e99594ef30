"""Whether the field that the docks tell of is the one that is seen: another's picture may lie on top of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from ..kit.shown import Shown, ours_of, result_of

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer
    from napari.utils.events import Event


class OnTop:
    """Watches which layers of a viewer are seen, and in which order they lie."""

    changed = Signal()

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        events = viewer.layers.events
        events.inserted.connect(self._on_inserted)
        for event in (events.removed, events.reordered, viewer.canvas.grid.events.enabled):
            event.connect(self._on_change)
        for layer in viewer.layers:
            layer.events.visible.connect(self._on_change)

    def _on_inserted(self, event: Event) -> None:
        event.value.events.visible.connect(self._on_change)
        self.changed.emit()

    def _on_change(self, event: Event) -> None:
        self.changed.emit()

    def covering(self, shown: Shown) -> str:
        """What is seen in place of a field, `shown`, a sentence; empty where its picture is on top, or lies apart."""
        if self._viewer.canvas.grid.enabled:
            return ""
        fields = [layer for layer in self._viewer.layers if result_of(ours_of(layer)) is not None]
        mine = [layer for layer in fields if result_of(ours_of(layer)) is shown.result]
        seen = [layer for layer in fields if layer.visible]
        if not mine or not seen or result_of(ours_of(seen[-1])) is shown.result:
            return ""
        above = seen[-1]
        if not any(_meet(above, layer) for layer in mine):
            return ""
        return f"The picture on top is another: {above.name}. Hide it to see this field, or choose this field above."


def _meet(one: Layer, other: Layer) -> bool:
    """Whether two layers share a part of the plane."""
    (low, high), (least, most) = (layer.extent.world[:, -2:] for layer in (one, other))
    return bool(np.all(np.minimum(high, most) > np.maximum(low, least)))
