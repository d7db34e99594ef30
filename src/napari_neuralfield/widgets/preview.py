"""The layers in which a run is watched: amplitude as it goes on, amplitude and phase of what it has found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..app import lazy
from .layers import ImageSlot
from .session import Shown
from .threads import Background, Latest

MOST_PIXELS = 1024  # along a side while a run goes on; the finished field is shown at its own resolution
ORDER = ("phase", "amplitude")  # the last one lies on top


class PreviewLayers:
    """Renders what is shown in a thread of its own, the newest only, and puts it into one layer per quantity."""

    def __init__(self, viewer: Any, background: Background, failed: Callable[[str], None]) -> None:
        self._viewer = viewer
        self._background = background
        self._latest = Latest(background, self._put_all, failed)
        self._slots: dict[str, ImageSlot] = {}
        self._reserved: ImageSlot | None = None

    def begin(self, title: str) -> None:
        """A new run writes new layers; those of the last one stay. One is made now, before the run needs the time."""
        self._slots = {}
        self._reserved = ImageSlot(self._viewer)
        self._reserved.reserve(f"{title} {ORDER[-1]} …", ORDER[-1])

    def abandon(self) -> None:
        """The run has ended with nothing to show."""
        if self._reserved is not None:
            self._reserved.remove()
            self._reserved = None

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
        made = [*self._slots.values(), *([self._reserved] if self._reserved else [])]
        if not all(slot.alive for slot in made):
            return  # what the user has thrown away stays away
        if quantity not in self._slots:
            self._slots[quantity], self._reserved = self._reserved or ImageSlot(self._viewer), None
        self._slots[quantity].show(**picture, visible=alone or quantity == ORDER[-1])


def _render(shown: Shown) -> list[dict[str, Any]]:
    field, extent = shown.result.field, shown.result.field.extent
    coarse = 1.0 if shown.finished else max(1.0, max(extent.shape) / MOST_PIXELS)
    y, x = extent.axes(extent.pixel_um * coarse)
    values = lazy.evaluate(field, shown.z_um, y, x)[0]
    state = "" if shown.finished else " …"
    ours: dict[str, Any] = {"z_um": shown.z_um, "title": shown.title}
    if shown.finished:
        ours["result"] = shown.result
    known = [quantity for quantity in ORDER if quantity in lazy.quantities(field)]
    return [
        {
            "name": f"{shown.title} {quantity}{state}",
            "image": np.ascontiguousarray(lazy.measure(values, quantity)),
            "y_um": y, "x_um": x, "quantity": quantity, "metadata": {**ours, "quantity": quantity},
        }
        for quantity in (known if shown.finished else known[-1:])
    ]
