"""The layers in which a run is watched: amplitude and phase, written in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..app import lazy
from .layers import ImageSlot
from .session import Shown
from .threads import Background, Latest

MOST_PIXELS = 2048  # along a side while a run goes on; the finished field is shown at its own resolution
ORDER = ("phase", "amplitude")  # the last one lies on top


class PreviewLayers:
    """Renders what is shown in a thread of its own, the newest only, and puts it into one layer per quantity."""

    def __init__(self, viewer: Any, background: Background, failed: Callable[[str], None]) -> None:
        self._viewer = viewer
        self._background = background
        self._latest = Latest(background, self._put_all, failed)
        self._slots: dict[str, ImageSlot] = {}

    def begin(self) -> None:
        """A new run writes new layers; those of the last one stay."""
        self._slots = {}

    def show(self, shown: Shown) -> None:
        self._latest.submit(lambda: _render(shown))

    def close(self, timeout: float | None = None) -> None:
        self._latest.close(timeout)

    @property
    def busy(self) -> bool:
        return self._latest.busy

    def _put_all(self, pictures: list[dict[str, Any]]) -> None:
        for picture in pictures:  # one at a time: a new layer keeps napari busy for more than a tenth of a second
            self._background.post(self._put, picture, len(pictures) == 1)

    def _put(self, picture: dict[str, Any], alone: bool) -> None:
        quantity = picture["quantity"]
        first = quantity not in self._slots
        slot = self._slots.setdefault(quantity, ImageSlot(self._viewer))
        if first or slot.alive:  # a layer that the user has thrown away stays away
            slot.show(**picture, visible=alone or quantity == ORDER[-1])


def _render(shown: Shown) -> list[dict[str, Any]]:
    field, extent = shown.result.field, shown.result.field.extent
    coarse = 1.0 if shown.finished else max(1.0, max(extent.shape) / MOST_PIXELS)
    y, x = extent.axes(extent.pixel_um * coarse)
    values = lazy.evaluate(field, shown.z_um, y, x)[0]
    state = "" if shown.finished else " …"
    ours: dict[str, Any] = {"z_um": shown.z_um, "title": shown.title}
    if shown.finished:
        ours["result"] = shown.result
    return [
        {
            "name": f"{shown.title} {quantity}{state}",
            "image": np.ascontiguousarray(lazy.measure(values, quantity)),
            "y_um": y, "x_um": x, "quantity": quantity, "metadata": {**ours, "quantity": quantity},
        }
        for quantity in ORDER
        if quantity in lazy.quantities(field)
    ]
