"""Whether to believe an answer: what its result says about that, and the layers that show where not. No Qt."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial

import numpy as np

from ...app.figures.wording import time_text
from ...types import Extent, Result
from ..kit.session import KEY
from .layers import LayerData, Limits, contrast, placed

LEVELS = ("green", "amber", "red")
IN_SHORT = {"green": "green: it can be trusted", "amber": "amber: look twice", "red": "red: do not trust it"}
RESIDUAL, UNCERTAINTY, ABSORPTION, AGAIN = "residual", "uncertainty [rad]", "absorption", "frames as predicted"


@dataclasses.dataclass(frozen=True)
class TrustFacts:
    """level : 'green', 'amber' or 'red'. sentence : why. details : a figure a line."""

    level: str
    sentence: str
    details: tuple[str, ...]


def trust_facts(result: Result | None) -> TrustFacts | None:
    """The verdict that comes with a result; None where nothing was checked."""
    known = {} if result is None else result.optics
    details = known.get("trust_details") or []
    lines = [details] if isinstance(details, str) else [str(line) for line in details]
    if result is not None and result.verdict is not None:
        figures = [f"{name.replace('_', ' ')} {value:.3g}" for name, value in result.verdict.figures.items()]
        return TrustFacts(result.verdict.level, result.verdict.sentence, (*figures, *lines))
    level, sentence = known.get("trust_level"), known.get("trust_sentence")
    if level not in LEVELS or not isinstance(sentence, str):
        return None
    return TrustFacts(str(level), sentence, tuple(lines))


def judged(result: Result) -> str:
    """The verdict in a few words, to stand beside an error that says little alone."""
    facts = trust_facts(result)
    return IN_SHORT[facts.level] if facts is not None else "nothing here can judge whether that is good"


def outcome_text(result: Result, seconds: float) -> str:
    """How a run ended: with this `result`, after `seconds` where it does not say so itself."""
    error = result.figures.get("relative_amplitude_error")
    text = f"done in {time_text(result.figures.get('seconds', seconds))}"
    return text if error is None else f"{text}, relative amplitude error {error:.4f} ({judged(result)})"


def map_layers(result: Result, title: str) -> list[LayerData]:
    """Where the phase is in doubt, unseen at first: residual over all frames, uncertainty, and the absorption.

    `result` knows them; the layers' names begin with `title`.
    """
    found, layers = result.calibration, []
    layer = partial(_layer, result.field.extent, title)
    if (residual := _array(found, "residual", 3)) is not None:
        rms = np.sqrt(np.mean(np.square(residual), axis=0))
        layers.append(layer(RESIDUAL, rms, (0.0, contrast(rms)[1]), "magma"))
    for key, name, colours in (("uncertainty_rad", UNCERTAINTY, "inferno"), ("absorption", ABSORPTION, "gray")):
        if (image := _array(found, key, 2)) is not None:
            low, high = contrast(image)
            limits = (0.0, high) if key == "uncertainty_rad" and high > 0 else (low, high)
            layers.append(layer(name, image, limits, colours))
    return layers


def frame_layers(result: Result, title: str) -> list[LayerData]:
    """Frame by frame: what the microscope would have seen of this phase, and how far that is from what it saw.

    `result` knows both; the layers' names begin with `title`.
    """
    found, layers = result.calibration, []
    layer = partial(_layer, result.field.extent, title)
    if (frames := _array(found, "resimulated", 3)) is not None:
        layers.append(layer(AGAIN, frames, contrast(frames), "gray"))
    if (signed := _array(found, "residual", 3)) is not None:
        high = max(abs(limit) for limit in contrast(signed))
        limits, colours = ((-high, high), "twilight") if bool((signed < 0).any()) else ((0.0, high), "magma")
        layers.append(layer(f"{RESIDUAL}, frame by frame", signed, limits, colours))
    return layers


def _array(found: Mapping, key: str, ndim: int) -> np.ndarray | None:
    """What is found under `key`, float32, where it is an array of `ndim` axes."""
    values = np.asarray(() if found.get(key) is None else found[key], dtype=np.float32)
    return values if values.ndim == ndim and values.size else None


def _layer(extent: Extent, title: str, name: str, image: np.ndarray, limits: Limits, colormap: str) -> LayerData:
    """An image whose pixels, of whatever size, fill the field; frames before y and x are steps."""
    counts = image.shape[-2:]
    y, x = (o + size / n * np.arange(n) for o, size, n in zip(extent.origin_um, extent.size_um, counts, strict=True))
    place = placed(y, x)
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
