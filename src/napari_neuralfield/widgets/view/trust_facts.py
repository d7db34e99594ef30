"""Whether to believe a phase: what its result says about that, and the layers that show where not. No Qt."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from ...types import Extent, Result
from ..kit.session import KEY
from .layers import LayerData, contrast, placed

LEVELS = ("green", "amber", "red")
RESIDUAL, UNCERTAINTY, ABSORPTION, AGAIN = "residual", "uncertainty [rad]", "absorption", "frames as predicted"


@dataclasses.dataclass(frozen=True)
class TrustFacts:
    """level : 'green', 'amber' or 'red'. sentence : why. details : a figure a line."""

    level: str
    sentence: str
    details: tuple[str, ...]


def trust_facts(result: Result | None) -> TrustFacts | None:
    """The verdict that comes with a result; None where nothing was checked."""
    known: dict[str, Any] = {} if result is None else result.optics
    level, sentence = known.get("trust_level"), known.get("trust_sentence")
    if level not in LEVELS or not isinstance(sentence, str):
        return None
    details = known.get("trust_details") or []
    lines = [details] if isinstance(details, str) else [str(line) for line in details]
    return TrustFacts(str(level), sentence, tuple(lines))


def map_layers(result: Result, title: str) -> list[LayerData]:
    """Where the phase is in doubt, unseen at first: residual over all frames, uncertainty, and the absorption."""
    found, layers = result.calibration, []
    extent = result.field.extent
    if _stack(found.get("residual")):
        rms = np.sqrt(np.mean(np.square(np.asarray(found["residual"], dtype=np.float32)), axis=0))
        layers.append(_layer(rms, RESIDUAL, extent, title, (0.0, contrast(rms)[1]), "magma"))
    for key, name, colours in (("uncertainty_rad", UNCERTAINTY, "inferno"), ("absorption", ABSORPTION, "gray")):
        image = np.asarray(found.get(key, ()), dtype=np.float32)
        if image.ndim == 2 and image.size:
            low, high = contrast(image)
            limits = (0.0, high) if key == "uncertainty_rad" and high > 0 else (low, high)
            layers.append(_layer(image, name, extent, title, limits, colours))
    return layers


def frame_layers(result: Result, title: str) -> list[LayerData]:
    """Frame by frame: what the microscope would have seen of this phase, and how far that is from what it saw."""
    found, extent, layers = result.calibration, result.field.extent, []
    if _stack(found.get("resimulated")):
        frames = np.asarray(found["resimulated"], dtype=np.float32)
        layers.append(_layer(frames, AGAIN, extent, title, contrast(frames), "gray"))
    if _stack(found.get("residual")):
        signed = np.asarray(found["residual"], dtype=np.float32)
        high = max(abs(limit) for limit in contrast(signed))
        limits = (-high, high) if bool((signed < 0).any()) else (0.0, high)
        colours = "twilight" if limits[0] < 0 else "magma"
        layers.append(_layer(signed, f"{RESIDUAL}, frame by frame", extent, title, limits, colours))
    return layers


def _stack(values: Any) -> bool:
    return values is not None and np.ndim(values) == 3 and np.size(values) > 0


def _layer(
    image: np.ndarray, name: str, extent: Extent, title: str, limits: tuple[float, float], colormap: str
) -> LayerData:
    """An image whose pixels, of whatever size, fill the field; frames before y and x are steps."""
    counts = image.shape[-2:]
    axes = [o + size / n * np.arange(n) for o, size, n in zip(extent.origin_um, extent.size_um, counts, strict=True)]
    place = placed(axes[0], axes[1])
    if image.ndim == 3:
        place = {
            "scale": (1.0, *place["scale"]), "translate": (0.0, *place["translate"]), "units": ("pixel", "um", "um"),
            "axis_labels": ("frame", "y", "x"),
        }  # fmt: skip
    meta = {
        "name": f"{title} {name}", "contrast_limits": limits, "colormap": colormap, "visible": image.ndim == 3,
        "metadata": {KEY: {}}, **place,
    }  # fmt: skip
    return image, meta, "image"
