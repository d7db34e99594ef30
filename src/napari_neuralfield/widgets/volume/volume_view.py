"""napari's 3-D button on a field or a time-lapse: a bounded volume, made in the background while the picture stays."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np
from napari.utils.notifications import show_error
from qtpy.QtCore import QObject

from ...app import lazy
from ...app.time_lapse import TimeLapse
from ..kit.parts import in_turn
from ..kit.session import KEY
from ..kit.shown import ours_of, result_of
from ..kit.threads import Background, when_gone
from ..view.canvas_text import CanvasText
from ..view.depth_view import plane_count
from ..view.layers import Meta, colormap_of, contrast, limits_range
from ..view.ways import COLOURS, OF_ALL_DEPTHS, UNWRAPPED
from .volume import Volume, volume_of_field, volume_of_lapse

if TYPE_CHECKING:
    import napari
    from napari.layers import Image, Layer
    from napari.utils.events import Event

INSTEAD = {UNWRAPPED: "phase", **dict.fromkeys((COLOURS, *OF_ALL_DEPTHS), "amplitude")}
Make = Callable[[Callable[[], bool], Callable[[int, int], object]], "Volume | None"]


@dataclasses.dataclass(frozen=True)
class VolumeSource:
    """What a layer can show in 3-D.

    make : given whether it is wanted still, and what hears of its progress.
    about : keywords of the layer of the volume.
    quantity : that it is of.
    offset_um : (y, x) of its first pixel in the world.
    """

    make: Make
    about: Meta
    quantity: str
    offset_um: tuple[float, float] = (0.0, 0.0)


@dataclasses.dataclass
class Before:
    """How the viewer was in 2-D.

    Camera, sliders, the layer selected; those hidden since, the units of those that were given others, and whether a
    volume is wanted.
    """

    center: tuple[float, ...]
    zoom: float
    point: tuple[float, ...]
    active: Layer | None
    hidden: list[Layer] = dataclasses.field(default_factory=list)
    units: list[tuple[Layer, tuple[object, ...]]] = dataclasses.field(default_factory=list)
    wanted: bool = True


class VolumeView(QObject):
    """Follows the 3-D button of one viewer.

    Parameters
    ----------
    viewer : whose button it is.
    parent : its window.
    """

    def __init__(self, viewer: napari.Viewer, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer, self._background, self._words = viewer, Background(), CanvasText(viewer)
        self._before: Before | None = None  # while it is 3-D
        self._layer: Image = None  # of the volume; none in 2-D
        self.busy = False
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.dims.events.ndisplay.connect(self._turned, position="first")  # before napari asks for pixels in 3-D
        holder = self.__dict__

        def end() -> None:
            if holder["_before"] is not None:
                holder["_before"].wanted = False
            holder["closed"] = True

        when_gone(self, end, self._background.close)

    def _turned(self, event: Event | None = None) -> None:
        if self.__dict__.get("closed"):
            return
        if self._viewer.dims.ndisplay == 3 and self._before is None:
            self._enter()
        elif self._viewer.dims.ndisplay == 2 and self._before is not None:
            self._leave()

    # into the third dimension

    def _enter(self) -> None:
        camera, dims = self._viewer.scene.camera, self._viewer.dims
        layer = next((each for each in self._order() if each.visible and source_of(each) is not None), None)
        if layer is None:
            return
        source, active = source_of(layer), self._viewer.layers.selection.active
        assert source is not None
        before = self._before = Before(tuple(camera.center), float(camera.zoom), tuple(dims.point), active)
        others = [each for each in self._viewer.layers if each is not layer]
        for other in [each for each in others if "draft" in ours_of(each)]:
            before.units.append((other, tuple(other.units)))
            other.units = source.about["units"]  # or napari complains that depths are no frames
        self._hide([each for each in others if KEY in each.metadata])  # of recordings, all frames would be read
        background, say = self._background, self._say_plane

        def wanted() -> bool:
            return before.wanted

        def report(done: int, total: int) -> None:
            background.post(say, before, done, total)

        self.busy = True
        self._words.say("3-D: the volume is being computed …")
        background.run(
            lambda: _with_a_core_left(source.make, wanted, report),
            lambda volume: self._put(before, layer, source, volume),
            lambda text: self._fail(before, text),
        )

    def _order(self) -> list[Layer]:
        """The layers, the selected one first, then from the top."""
        active = self._viewer.layers.selection.active
        others = [layer for layer in reversed(self._viewer.layers) if layer is not active]
        return others if active is None else [active, *others]

    def _say_plane(self, before: Before, done: int, total: int) -> None:
        if before is self._before and self.busy:
            self._words.say(f"3-D: plane {done} of {total}")

    def _put(self, before: Before, layer: Layer, source: VolumeSource, volume: Volume | None) -> None:
        if volume is None or before is not self._before or layer not in self._viewer.layers:
            return
        self.busy = False
        z, y, x = volume.spacing
        place = {
            "scale": (z, y, x),
            "translate": (float(volume.z[0]), *(float(a[0]) + o for a, o in zip(
                (volume.y_um, volume.x_um), source.offset_um, strict=True))),
        }  # fmt: skip
        limits = contrast(volume.values, source.quantity)
        bright = float(np.median(volume.values)) > sum(limits) / 2  # a bright background would hide all in it
        self._layer = self._viewer.add_image(
            volume.values,
            contrast_limits=limits,
            multiscale=False,
            rgb=False,
            rendering="minip" if bright else "mip",
            **place,
            **source.about,
        )
        self._layer.contrast_limits_range = limits_range(limits)
        self._words.say(volume.sentence)
        in_turn(self, [partial(self._hide, [layer])])
        self._viewer.scene.camera.center = tuple(
            start + step * (n - 1) / 2
            for start, step, n in zip(place["translate"], place["scale"], volume.values.shape, strict=True)
        )

    def _hide(self, layers: list[Layer]) -> None:
        for layer in [layer for layer in layers if self._before is not None and layer.visible]:
            assert self._before is not None
            self._before.hidden.append(layer)
            layer.visible = False

    def _fail(self, before: Before, text: str) -> None:
        if before is self._before:
            self.busy = False
            self._words.say("")
            show_error(text)

    # and back

    def _leave(self) -> None:
        before, layer = self._before, self._layer
        assert before is not None
        self._before, self._layer, self.busy, before.wanted = None, None, False, False
        self._words.say("")
        if layer is not None:
            layer.visible = False  # or napari draws it as a picture
        for hidden in before.hidden:
            self._show_again(hidden)
        self._background.post(self._restore, before, layer)  # before the next picture is drawn

    def _show_again(self, layer: Layer) -> None:
        if self._before is None and layer in self._viewer.layers:
            layer.visible = True

    def _restore(self, before: Before, layer: Image) -> None:
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
        for other, units in before.units:
            other.units = units
        if self._viewer.dims.ndisplay != 2:
            return
        if before.active is not None and before.active in self._viewer.layers:
            self._viewer.layers.selection.active = before.active
        if len(before.point) == self._viewer.dims.ndim:
            self._viewer.dims.point = before.point
        self._viewer.scene.camera.center, self._viewer.scene.camera.zoom = before.center, before.zoom

    def _on_removed(self, event: Event) -> None:
        if event.value is self._layer:
            self._layer = None
            self._words.say("")


def _with_a_core_left(make: Make, wanted: Callable[[], bool], report: Callable[[int, int], object]) -> Volume | None:
    from ... import compute

    with compute.leave_a_core_to_the_window():
        return make(wanted, report)


def source_of(layer: Layer) -> VolumeSource | None:
    """What `layer` can show in 3-D: of a finished field with depth, or of a time-lapse; None for every other."""
    ours = ours_of(layer)
    if ours.get("volume"):
        return None
    film, result = ours.get("lapse"), result_of(ours)
    if film is not None:
        lapse: TimeLapse = film.lapse
        offset = tuple(float(t - a[0]) for t, a in zip(layer.translate[-2:], layer.data.axes, strict=True))
        about = _about(layer, {"units": ("pixel", "um", "um"), "axis_labels": ("frame", "y", "x")}, {})
        return VolumeSource(
            lambda wanted, report: volume_of_lapse(lapse, wanted=wanted, report=report), about, lapse.quantity,
            cast("tuple[float, float]", offset),
        )  # fmt: skip
    if result is None or not result.field.extent.z_um[1] > result.field.extent.z_um[0]:
        return None
    field, asked = result.field, str(ours.get("quantity", ""))
    known = lazy.quantities(field)
    quantity = next(name for name in (asked, INSTEAD.get(asked, ""), known[0]) if name in known)
    planes = plane_count(result)
    ours = {"view_of": result, "z_um": ours["z_um"], "title": ours.get("title", "field"), "quantity": quantity}
    about = _about(layer, {"units": ("um", "um", "um"), "axis_labels": ("z", "y", "x")}, ours)
    about["colormap"] = colormap_of(field, quantity)
    return VolumeSource(
        lambda wanted, report: volume_of_field(field, quantity, planes, wanted=wanted, report=report), about, quantity
    )


def _about(layer: Layer, axes: Meta, ours: Meta) -> Meta:
    colormap = getattr(layer, "colormap", None)
    return {
        "name": f"{layer.name} in 3-D", "colormap": getattr(colormap, "name", "gray"),
        "metadata": {KEY: {**ours, "volume": True}}, **axes,
    }  # fmt: skip


def volume_view_of(viewer: napari.Viewer) -> VolumeView:
    """The one of a viewer; made at the first call, gone with its window."""
    model = getattr(viewer, "__wrapped__", viewer)  # docks are handed a proxy of the viewer
    window = model.window._qt_window
    return window.findChild(VolumeView) or VolumeView(model, window)
