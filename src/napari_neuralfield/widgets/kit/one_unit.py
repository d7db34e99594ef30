"""One unit for the viewer: beside layers in µm, those of unknown size borrow it, or napari draws and says none at all.

What is borrowed is given back when the others are gone, and the scale bar hides while such a layer is looked at.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from .shown import PATTERN, ours_of

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer
    from napari.utils.events import Event

Units = tuple[str, ...]
PIXEL = "pixel"
_LENT: weakref.WeakKeyDictionary[Layer, tuple[Units, Units]] = weakref.WeakKeyDictionary()  # its own, what it borrows


def own_units(layer: Layer) -> Units:
    """The units of a layer, without what it has borrowed."""
    now = tuple(str(unit) for unit in layer.units)
    own, lent = _LENT.get(layer, (now, now))
    return own if lent == now else now  # somebody has set others since


def without_length(layer: Layer) -> bool:
    """Whether a length measured in the picture of a layer means nothing: of unknown size, or a diffraction pattern."""
    return bool(ours_of(layer).get(PATTERN)) or (layer in _LENT and own_units(layer)[-1] == PIXEL)


def give_back(layer: Layer) -> None:
    """Let a layer have its own units again."""
    own = own_units(layer)
    if _LENT.pop(layer, None) is not None:
        layer.units = own


class OneUnit:
    """Keeps the units of a `viewer` consistent, as far as layers say none of their own."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = weakref.ref(viewer)
        self._hidden = False  # the scale bar, by us
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            event.connect(self.review)
        viewer.layers.selection.events.active.connect(self._on_active)
        self.review()

    def review(self, event: Event | None = None) -> None:
        """Lend and give back where a layer has come, gone, or is in other units."""
        viewer = self._viewer()
        layers = [] if viewer is None else list(viewer.layers)
        known: dict[int, str] = {}  # axis, counted from the last one -> unit
        for layer in layers:
            for at, unit in enumerate(reversed(own_units(layer))):
                if unit != PIXEL:
                    known.setdefault(at, unit)
        for layer in layers:
            own, now = own_units(layer), tuple(str(unit) for unit in layer.units)
            wanted = tuple(known.get(at, unit) if unit == PIXEL else unit for at, unit in enumerate(reversed(own)))[
                ::-1
            ]
            if wanted == own:
                give_back(layer)
            elif wanted != now:
                layer.units = wanted
                _LENT[layer] = own, wanted
        self._on_active()

    def _on_active(self, event: Event | None = None) -> None:
        """No scale bar over what has no size."""
        viewer = self._viewer()
        if viewer is None:
            return
        active, bar = viewer.layers.selection.active, viewer.canvas.overlays.scale_bar
        unknown = active is not None and without_length(active)
        if unknown and bar.visible:
            bar.visible, self._hidden = False, True
        elif not unknown and self._hidden:
            bar.visible, self._hidden = True, False
