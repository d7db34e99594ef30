"""How an acquisition and a field become napari layers: micrometres, and contrast limits always given."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...app import lazy
from ...data.derived import SCANS
from ...types import Field, Result
from ..kit.session import KEY, PLACE, title_of
from ..kit.shown import PATTERN
from ..kit.units import UNITS
from .first_frame import first_frame

if TYPE_CHECKING:
    import napari
    import numpy.typing as npt
    from napari.layers import Image

    from ...data.acquisition import Draft
    from ...data.frames import Frames

Meta = dict[str, Any]  # keyword arguments of a napari layer
LayerData = tuple[object, Meta, str]
Axes = tuple[np.ndarray, np.ndarray]  # pixel centres along y and x, um
Limits = tuple[float, float]
Key = int | slice | tuple[int | slice, ...]  # as napari asks an array
PIXEL_NAMES = ("pixel_um", "sensor_pixel_um", "object_pixel_um", "detector_pixel_um")  # the first that is known
COLORMAPS = {
    "amplitude": "gray", "phase": "twilight_shifted", "intensity": "gray",
    "phase, unwrapped": "viridis", "depth in focus": "turbo",
}  # fmt: skip
MOST_PIXELS = 1024  # along a side of the whole picture of a field that is looked at more closely on the screen


def frames_at(key: Key, count: int, one: Callable[[int], np.ndarray], most: int) -> np.ndarray | None:
    """What napari asks of a (frame, y, x) stack: one frame, or the few of a slice (it shows the mean over one).

    Parameters
    ----------
    key : index as in NumPy; its first entry is the frame or a slice of frames.
    count : frames of the stack.
    one : number of a frame -> frame (y, x).
    most : the longest slice that is answered.

    Returns
    -------
    None for every other key.
    """
    first, *rest = key if key and isinstance(key, tuple) else (key,)
    if isinstance(first, int | np.integer):
        return one(int(first))[tuple(rest)]
    chosen = range(count)[first] if isinstance(first, slice) else ()
    return np.stack([one(i)[tuple(rest)] for i in chosen]) if 0 < len(chosen) <= most else None


class FrameView:
    """Lazy frames as napari wants an array: `ndim` and `__array__` too, one frame read at a time.

    Parameters
    ----------
    frames : (frame, y, x).
    first : number of the one to be seen first.
    """

    def __init__(self, frames: Frames, first: int = 0) -> None:
        self._frames, self.first = frames, first
        self.shape = tuple(int(n) for n in frames.shape)
        self.dtype, self.ndim = np.dtype(frames.dtype), len(frames.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def _frame(self, number: int) -> np.ndarray:
        return np.asarray(self._frames[number])

    def __getitem__(self, key: Key) -> np.ndarray:
        some = frames_at(key, len(self), self._frame, len(self))
        return np.asarray(self)[key] if some is None else some

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        stack = np.stack([self._frame(i) for i in range(len(self))])
        return stack if dtype is None else stack.astype(dtype, copy=False)


def contrast(values: np.ndarray, quantity: str = "amplitude") -> Limits:
    """Limits that show the bulk of `values`, an image of any shape and `quantity`; low < high whatever they are."""
    if values.dtype == np.uint8 and values.ndim == 3:  # colours stay as they are
        return 0.0, 255.0
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return 0.0, 1.0
    some = finite.ravel()[:: max(1, finite.size // 100_000)]
    low, high = (float(v) for v in np.percentile(some, (0.2, 99.8)))
    if quantity == "intensity":
        low = min(low, 0.0)
    if quantity.startswith("phase"):  # few pixels are peaks, and they are what a closer look fills the screen with
        room = 0.3 * (high - low)
        low, high = max(low - room, float(finite.min())), min(high + room, float(finite.max()))
    if not high > low:
        low, high = low - 0.5 * abs(low) - 1e-6, high + 0.5 * abs(high) + 1e-6
    return low, high


def colormap_of(field: Field, quantity: str) -> str:
    """Colours of a `quantity` of `field`: phase that never jumps is a height, not an angle."""
    return COLORMAPS.get(quantity, "gray") if field.complex_valued or quantity != "phase" else "gray"


def set_limits(layer: Image, limits: Limits) -> None:
    """Contrast `limits` of a `layer`, and how far its slider reaches."""
    layer.contrast_limits_range, layer.contrast_limits = limits_range(limits), limits


def show_bar(layer: Image, on: bool) -> None:
    """With `on` the `layer` has a colour bar in the corner of the canvas."""
    if layer.colorbar.visible != on:
        layer.colorbar.visible = on


def limits_range(limits: Limits) -> Limits:
    """What the contrast slider of the viewer may reach: half as much again on both sides."""
    span = limits[1] - limits[0]
    return limits[0] - span / 2, limits[1] + span / 2


def pixel_um(known: Meta) -> float | None:
    """Pixel of a frame, um, of the values `known`. A diffraction pattern is as large as the window it is of."""
    numbers = (known.get(name) for name in PIXEL_NAMES)
    return next((float(n) for n in numbers if isinstance(n, int | float) and n > 0), None)


def acquisition_layers(draft: Draft) -> list[LayerData]:
    """The frames as one (frame, y, x) image, y and x in um, with the draft in its metadata."""
    frames = FrameView(draft.frames, first_frame(draft))
    some = [frames.first] if draft.kind not in SCANS else sorted({0, len(frames) // 2, len(frames) - 1})
    limits = contrast(np.concatenate([np.asarray(frames[i]).ravel()[::7] for i in some]).astype(np.float32))
    far = draft.derived().get("geometry") == "far_field"
    meta = {
        "name": f"{title_of(draft)} frames",
        **frames_place(draft),
        "axis_labels": ("frame", "y", "x"),
        "contrast_limits": limits,
        "gamma": 0.35 if far else 1.0,  # its middle is all that is seen else
        "metadata": {KEY: {"draft": draft, PLACE: frames_place, PATTERN: far}},
    }
    return [(frames, meta, "image")]


def frames_place(draft: Draft) -> Meta:
    """Where the frames of a `draft` lie in the viewer: in um, in pixels as long as their size is not known."""
    known = draft.derived()
    found = pixel_um(known)
    step = found or 1.0
    fine = step / int(known.get("upsampling") or 1)
    first = [(step - fine) / 2] * 2  # the object's pixels are the fine ones, and the first of them lies at 0
    if draft.kind == "ptychography" and known.get("positions_um") is not None:  # in the middle of the object
        first = [float(np.ptp(axis) / 2 + axis.min()) for axis in np.asarray(known["positions_um"], dtype=float).T]
    unit = "pixel" if found is None else "um"
    return {"scale": (1.0, step, step), "translate": (0.0, *first), "units": ("pixel", unit, unit)}


def placed(y_um: np.ndarray, x_um: np.ndarray) -> Meta:
    """Scale and translation of a (y, x) image whose pixel centres lie at the axes `y_um` and `x_um`."""
    steps = [float(a[1] - a[0]) if a.size > 1 else 1.0 for a in (y_um, x_um)]
    return {"scale": tuple(steps), "translate": (float(y_um[0]), float(x_um[0])), "units": ("um", "um")}


def result_layers(result: Result, z_um: float | None = None, title: str = "") -> list[LayerData]:
    """Amplitude and phase (phase alone where the field has no amplitude) of one depth, as lazy pyramids.

    One plane of phase comes as one picture of MOST_PIXELS at most: what lies between is for the view on the screen.

    Parameters
    ----------
    result : whose field is shown.
    z_um : depth, um; the middle of the field where None.
    title : what the layers' names begin with; the result's own where empty.
    """
    field, title = result.field, title or result.title or "field"
    z = float(np.mean(field.extent.z_um)) if z_um is None else float(z_um)
    layers: list[LayerData] = []
    if lazy.beyond_pixels(field):
        axes = whole_axes(field)
        image = lazy.measure(lazy.evaluate(field, z, *axes)[0], "phase")
        return [(image, field_meta(result, title, axes, contrast(image, "phase")), "image")]
    for quantity in [q for q in ("phase", "amplitude") if q in lazy.quantities(field)]:
        levels = [level[0] for level in lazy.pyramid(field, [z], quantity)]
        coarse = max(field.extent.pixel_um, max(field.extent.size_um) / 256)
        limits = contrast(np.asarray(lazy.plane(field, z, quantity, coarse)), quantity)
        meta = field_meta(result, title, field.extent.axes(), limits, quantity=quantity, z_um=z)
        meta["multiscale"] = len(levels) > 1
        meta["visible"] = quantity == "amplitude" or not field.complex_valued
        layers.append((levels if len(levels) > 1 else levels[0], meta, "image"))
    return layers


def whole_step(field: Field) -> float:
    """Pixel of the picture of a whole field, um: the native one, or larger where there would be too many."""
    return field.extent.pixel_um * max(1.0, max(field.extent.shape) / MOST_PIXELS)


def whole_axes(field: Field) -> Axes:
    """Axes of the picture of a whole field."""
    return field.extent.axes(whole_step(field))


def field_meta(
    result: Result, title: str, axes: Axes, limits: Limits, *, quantity: str = "phase", z_um: float | None = None
) -> Meta:
    """The layer of a picture of a field, from which the docks know what it shows.

    Parameters
    ----------
    result, title : what is shown, and what it is called.
    axes : of the picture's pixels, um.
    limits : of the contrast.
    quantity, z_um : what it shows, at which depth, um; the middle of the field where None.
    """
    z = float(np.mean(result.field.extent.z_um)) if z_um is None else z_um
    return {
        "name": f"{title} {quantity}", **placed(*axes), "contrast_limits": limits,
        "colormap": colormap_of(result.field, quantity),
        "metadata": {KEY: {"result": result, "z_um": z, "title": title, "quantity": quantity}},
    }  # fmt: skip


class ImageSlot:
    """One image layer, written in place; made anew where the user has deleted it.

    The contrast follows the data only as long as the user leaves it as it was set here.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = viewer
        self.layer: Image = None  # none before `show`
        self._limits: Limits | None = None
        self._empty = False

    @property
    def alive(self) -> bool:
        return self.layer is not None and self.layer in self._viewer.layers

    def reserve(self, name: str, quantity: str) -> None:
        """Make the layer `name` of a `quantity`, unseen, before there is a picture: that alone takes napari 0.1 s."""
        corner = np.array([0.0, 1.0])
        self.show(name, np.ones((2, 2), np.float32), (corner, corner), quantity, visible=False)
        self._empty = True

    def come_up(self) -> None:
        """Above every layer of ours that hides it; what the user has laid on top stays there."""
        layers = self._viewer.layers
        at = layers.index(self.layer) if self.alive else len(layers)
        if any(above.visible and KEY in above.metadata for above in layers[at + 1 :]):
            layers.move(at, len(layers))

    def remove(self) -> None:
        if self.alive:
            self._viewer.layers.remove(self.layer)

    def show(
        self, name: str, image: np.ndarray, axes: Axes, quantity: str, *,
        metadata: Meta | None = None, follow: bool = True, visible: bool = True, colormap: str = "",
    ) -> None:  # fmt: skip
        """Put a picture into the layer.

        Parameters
        ----------
        name : of the layer.
        image, axes : (y, x) float32 or (y, x, 3) uint8, and the axes of its pixels, um.
        quantity : what it shows; one that is an angle or a length gets a colour bar.
        metadata : ours, of the layer.
        follow : whether the contrast adapts to this picture.
        visible, colormap : of a new layer; colours usual for the quantity where empty.
        """
        place = placed(*axes)
        colormap = colormap or COLORMAPS.get(quantity, "gray")
        at = None
        if self.alive and self.layer.rgb != (image.ndim == 3):  # a layer stays grey, or in colours
            at = self._viewer.layers.index(self.layer)
            self.remove()
        if not self.alive:
            self._limits = contrast(image, quantity)
            self.layer = self._viewer.add_image(
                image, name=name, contrast_limits=self._limits, colormap=colormap, visible=visible,
                rgb=image.ndim == 3, metadata={KEY: metadata or {}}, **place,
            )  # fmt: skip
            self._finish(quantity)
            if at is not None:
                self._viewer.layers.move(len(self._viewer.layers) - 1, at)
            return
        layer = self.layer
        layer.data = image
        for key in ("scale", "translate"):  # each costs the window about 10 ms, so only where it has changed
            if not np.array_equal(getattr(layer, key), place[key]):
                setattr(layer, key, place[key])
        layer.metadata = {KEY: metadata or {}}
        if layer.name != name:
            layer.name = name
        if self._empty:
            layer.colormap, self._empty = colormap, False
            self.rescale(image, quantity)
            layer.visible = visible
        elif follow and self._limits is not None and np.allclose(layer.contrast_limits, self._limits):
            self.rescale(image, quantity)

    def rescale(self, image: np.ndarray, quantity: str) -> None:
        """Limits from this (y, x) image of a `quantity`, whatever they were."""
        self._limits = contrast(image, quantity)
        self._finish(quantity)

    def _finish(self, quantity: str) -> None:
        """Contrast as it is remembered, and a colour bar where the colours are numbers with a unit."""
        if self.layer.rgb:
            return
        assert self._limits is not None
        set_limits(self.layer, self._limits)
        show_bar(self.layer, quantity in UNITS and "closer" not in self.layer.metadata[KEY])  # the whole has one
