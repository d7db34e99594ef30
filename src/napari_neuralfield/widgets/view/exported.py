"""An OME-TIFF that we have exported comes back where it was and as large: napari's own reader leaves that out."""

from __future__ import annotations

import xml.etree.ElementTree as Xml
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ...io.writers.tiff import CREATOR

if TYPE_CHECKING:
    from napari.layers import Image, Layer
    from napari.utils.events import Event

    from .layers import LayerData, Meta

ENDINGS = (".ome.tif", ".ome.tiff")
LENGTHS = {"Z": "PositionZ", "Y": "PositionY", "X": "PositionX", "T": "DeltaT"}


def lies(path: Path) -> Meta | None:
    """Scale, translation, units and names of the axes of the images in an OME-TIFF; None where it is not from us."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            said, axes = file.ome_metadata, file.series[0].axes
    except (OSError, ValueError, IndexError, tifffile.TiffFileError):
        return None
    root = None if said is None else Xml.fromstring(said)
    if root is None or root.get("Creator") != CREATOR:
        return None
    pixels = next(each for each in root.iter() if each.tag.endswith("}Pixels"))
    planes = [each for each in pixels if each.tag.endswith("}Plane")]
    steps = {axis: pixels.get(f"PhysicalSize{axis}") for axis in "XYZ"} | {"T": pixels.get("TimeIncrement")}
    starts = {axis: float(planes[0].get(name, 0.0)) for axis, name in LENGTHS.items()} if planes else {}
    return {
        "scale": tuple(float(steps.get(axis) or 1.0) for axis in axes),
        "translate": tuple(starts.get(axis, 0.0) if steps.get(axis) else 0.0 for axis in axes),
        "units": tuple("um" if axis in "XYZ" else "s" if axis == "T" and steps["T"] else "pixel" for axis in axes),
        "axis_labels": tuple({"C": "channel", "T": "t"}.get(axis, axis.lower()) for axis in axes),
    }


def laid(read: Callable[[Any], list[LayerData]]) -> Callable[[Any], list[LayerData]]:
    """A reader of images, `read`, whose layers lie where they belong in a file of ours."""

    def reading(path: Any) -> list[LayerData]:
        found, place = read(path), lies(Path(path))
        if place is None:
            return found
        return [_with(one, place) if getattr(one[0], "ndim", 0) == len(place["scale"]) else one for one in found]

    return reading


def _with(layer: LayerData, place: Meta) -> LayerData:
    data, *rest = layer
    meta, *kind = rest or ({},)
    return cast("LayerData", (data, {**cast("Meta", meta), **place}, *kind))


def put_back(layer: Layer) -> bool:
    """Lay an image `layer` that napari has read from an OME-TIFF of ours where it belongs; whether it was one."""
    path = layer.source.path
    if path is None or not str(path).lower().endswith(ENDINGS) or not np.all(np.asarray(layer.scale) == 1):
        return False
    place = lies(Path(path))
    if place is None or len(place["scale"]) != layer.ndim:
        return False
    for name, value in place.items():
        setattr(layer, name, value)
    return True


def watch_exports(event: Event) -> None:
    """Of a list of layers: one has come, perhaps one of ours."""
    layer: Image = event.value
    put_back(layer)
