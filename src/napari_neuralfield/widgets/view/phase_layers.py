"""One plane of phase as layers, and what belongs beside it: bright field, the estimate by differential phase contrast.

Imports no Qt.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np

from ...app import lazy
from ...types import Field, Result
from ..kit.session import KEY
from .layers import LayerData, Meta, contrast, field_meta, placed

if TYPE_CHECKING:
    from ...data.acquisition import Acquisition

DPC, BRIGHT = "DPC estimate", "bright field"


def drawn_later(result: Result, preview: str, title: str) -> list[LayerData]:
    """The small picture in a field file in place of the whole phase, to be drawn outside the window's thread.

    Parameters
    ----------
    result, title : what is shown, and what the layer's name begins with.
    preview : PNG as base64.

    Returns
    -------
    No layer where there is no preview, or where the field is not one plane of phase.
    """
    from PIL import Image

    if not preview or not lazy.beyond_pixels(result.field):
        return []
    image = np.asarray(Image.open(io.BytesIO(base64.b64decode(preview))), dtype=np.float32)
    extent = result.field.extent
    (y0, x0), step = extent.origin_um, max(extent.size_um) / max(image.shape)
    axes = y0 + step * np.arange(image.shape[0]), x0 + step * np.arange(image.shape[1])
    meta = field_meta(result, title, axes, (0.0, 255.0))
    meta["metadata"][KEY]["sketch"] = True
    return [(image, meta, "image")]


def beside_layers(acquisition: Acquisition, offset_um: tuple[float, float], title: str) -> list[LayerData]:
    """Bright field and differential phase contrast on the pixels of the frames, unseen at first.

    Parameters
    ----------
    acquisition : of LED patterns; others have no such layers.
    offset_um : (y, x) of its first pixel.
    title : what the layers' names begin with.
    """
    from ...data.acquisition import MultiplexedLed

    if not isinstance(acquisition, MultiplexedLed):
        return []
    from ...recon.patterns.dpc import bright_frames, dpc_of

    frames = acquisition.intensity(bright_frames(acquisition))
    bright = (frames / np.maximum(frames.mean((1, 2), keepdims=True), 1e-12)).mean(0)
    phase = dpc_of(acquisition).numpy()
    y, x = (o + acquisition.pixel_um * np.arange(n) for o, n in zip(offset_um, acquisition.frame_shape, strict=True))
    return _beside(bright, phase, placed(y, x), title)


def channel_layers(field: Field, title: str) -> list[LayerData]:
    """The same, as a network's `field` remembers them, named after `title`; none for other fields."""
    from ...fields.local_conditional import LocalConditionalField

    if not isinstance(field, LocalConditionalField) or field.channels.shape[0] < 6:
        return []
    channels, place = field.channels.cpu().numpy(), field.placement
    matrix = np.eye(3)
    matrix[:2, :2] = place.pixel_um * np.asarray(place.matrix).T  # a turn or a mirror image: its inverse
    matrix[:2, 2] = place.origin_um
    where = {"affine": matrix, "units": ("um", "um")}
    return _beside(1 + channels[:2].mean(0) / 2, channels[5], where, title)


def _beside(bright: np.ndarray, phase: np.ndarray, where: Meta, title: str) -> list[LayerData]:
    layers: list[LayerData] = []
    for name, image in ((BRIGHT, bright), (DPC, phase)):
        meta = {
            "name": f"{title} {name}", "contrast_limits": contrast(image), "colormap": "gray", "visible": False,
            "metadata": {KEY: {"beside": name}}, **where,
        }  # fmt: skip
        layers.append((np.ascontiguousarray(image, dtype=np.float32), meta, "image"))
    return layers
