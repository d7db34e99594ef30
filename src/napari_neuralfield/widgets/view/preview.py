"""The layers in which a run is watched: amplitude as it goes on, amplitude and phase of what it has found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...app import lazy
from ..kit.session import Shown
from ..kit.threads import Background, Latest
from .depth_view import view_of, with_gaps
from .layers import ImageSlot, LayerData, Meta, colormap_of, result_layers, whole_axes

if TYPE_CHECKING:
    import napari

ORDER = ("phase", "amplitude")  # the last one lies on top
TILED = "tiled"  # type of a field of many tiles
RESERVED = "reserved"  # the slot that no quantity has taken yet
LARGEST = 2048  # pixels along a side of a finished mosaic that is one picture
SKETCHED = 224  # pixels along a side of such a picture while its run goes on
Slots = dict[str, ImageSlot]


class PreviewLayers:
    """Renders what is shown in a thread of its own, the newest only, and puts it into one layer per quantity."""

    def __init__(
        self, viewer: napari.Viewer, background: Background, failed: Callable[[str], None],
        drawn: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._viewer = viewer
        self._background, self._drawn = background, drawn
        self._failed = failed
        self._latest = Latest(background, self._put_all, failed)
        self._slots: Slots = {}
        self._seen = False  # the run's first picture

    def begin(self, title: str) -> None:
        """A new run writes new layers; those of the last one stay. One is made now, before the run needs the time."""
        self._slots, self._seen = {RESERVED: ImageSlot(self._viewer)}, False
        self._slots[RESERVED].reserve(f"{title} {ORDER[-1]} …", ORDER[-1])

    def abandon(self) -> None:
        """The run has ended with nothing to show: its pictures go, and what is still rendered is dropped."""
        late, gone, self._slots = self._slots, list(self._slots.values()), {}
        late.clear()
        for slot in gone:
            slot.remove()

    def finish(self, name: str, visible: bool = True) -> None:
        """The run has ended: its layers are called `name` and are `visible`; what is still rendered is dropped."""
        late, self._slots = self._slots, dict(self._slots)
        late.clear()
        for slot in self._slots.values():
            if slot.alive:
                slot.layer.name, slot.layer.visible = name, visible

    def forget(self) -> None:
        """What comes next is no continuation of this run."""
        self._slots = {}

    @property
    def alive(self) -> bool:
        """Whether there are layers to write into."""
        return any(slot.alive for slot in self._slots.values())

    def show(self, shown: Shown) -> None:
        slots, field = self._slots, shown.result.field  # the next run may begin before this is rendered
        if shown.finished and field.type_name == TILED and max(field.extent.shape) > LARGEST:
            self._background.run(
                lambda: result_layers(shown.result, shown.z_um, shown.title),
                lambda layers: self._replace(slots, layers),
                self._failed,
            )
        else:
            self._latest.submit(lambda: (slots, _render(shown)))

    def _replace(self, slots: Slots, layers: Sequence[LayerData]) -> None:
        """A mosaic that is too large for a picture comes as a file of it does, of which napari asks what is seen."""
        if not slots:
            return
        before = list(slots.values())
        slots.clear()
        if all(slot.alive for slot in before):
            for slot in before:
                slot.remove()
            for data, meta, kind in layers:
                layer = getattr(self._viewer, f"add_{kind}")(data, **meta)
            self._viewer.layers.selection.active = layer
        self._drawn()

    def close(self) -> None:
        self._latest.close()

    @property
    def busy(self) -> bool:
        return self._latest.busy

    def _put_all(self, found: tuple[Slots, list[Meta]]) -> None:
        slots, pictures = found
        for picture in pictures:  # one at a time: a new layer keeps napari busy for more than a tenth of a second
            self._background.post(self._put, slots, picture, len(pictures) == 1)

    def _put(self, slots: Slots, picture: Meta, alone: bool) -> None:
        quantity = picture["quantity"]
        if not slots or not all(slot.alive for slot in slots.values()):
            return  # what the user has thrown away stays away
        if quantity not in slots:
            slots[quantity] = slots.pop(RESERVED) if RESERVED in slots else ImageSlot(self._viewer)
        first = len(slots) == 1 and not self._seen
        seen = alone or quantity == ORDER[-1]
        slots[quantity].show(**picture, visible=seen)
        if seen and "result" in picture["metadata"]:  # it is what the docks tell of now
            self._viewer.layers.selection.active = slots[quantity].layer
        if first:  # where stages count from far away, the object may lie elsewhere than the frames
            self._seen, view = True, view_of(self._viewer, None)
            y, x = picture["axes"]
            if view is not None and not _meet(view.box_um, (y[0], x[0], y[-1], x[-1])):
                self._viewer.reset_view()
        self._drawn()


def _meet(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two boxes (y0, x0, y1, x1) have a point in common."""
    return all(one[a] <= other[a + 2] and other[a] <= one[a + 2] for a in (0, 1))


def _render(shown: Shown) -> list[Meta]:
    field, extent = shown.result.field, shown.result.field.extent
    own = shown.finished and not lazy.beyond_pixels(field)  # a finished field is shown at its own resolution
    axes = extent.axes() if own else whole_axes(field)
    if not shown.finished and lazy.beyond_pixels(field):  # every pixel costs a network: a sketch comes in time
        axes = extent.axes(extent.pixel_um * max(1.0, max(extent.shape) / SKETCHED))
    values = lazy.evaluate(field, shown.z_um, *axes)[0]
    state = "" if shown.finished else " …"
    ours: Meta = {"z_um": shown.z_um, "title": shown.title}
    if shown.finished:
        ours["result"] = shown.result
    known = [quantity for quantity in ORDER if quantity in lazy.quantities(field)]
    pictures: list[Meta] = []
    for quantity in known if shown.finished else known[-1:]:
        image = with_gaps(field, axes, np.ascontiguousarray(lazy.measure(values, quantity)))
        about = {"name": f"{shown.title} {quantity}{state}", "image": image, "axes": axes, "quantity": quantity}
        metadata, colormap = {**ours, "quantity": quantity}, colormap_of(field, quantity)
        pictures.append({**about, "metadata": metadata, "colormap": colormap})
    return pictures
