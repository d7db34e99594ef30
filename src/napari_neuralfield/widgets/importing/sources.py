"""What a layer of another plug-in tells of its frames: axes, pixel, step, and the file it was read from."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pint

from ...app.importing.recording import ArrayImport, Import, begin
from ...io import open_draft
from ...io.sidecar import finding
from ...types import InputError
from ..kit.one_unit import own_units

if TYPE_CHECKING:
    from napari.layers import Image, Layer

LETTERS = {"z": "z", "t": "t", "time": "t", "c": "c", "channel": "c", "y": "y", "x": "x",
           "frame": "n", "n": "n", "depth": "z", "row": "y", "column": "x"}  # fmt: skip
STEPS = {"z": ("z_step_um",), "x": ("pixel_um", "sensor_pixel_um")}
PLAIN = "pixel"


@dataclasses.dataclass
class FramesSource:
    """Frames to import, values that came with them, and in words where they are from."""

    task: Import
    suggested: dict[str, float]  # name -> value that the layer tells, of any kind
    origin: str  # of these values
    said: str
    layer: Layer | None = None


def of_files(paths: Sequence[Path]) -> FramesSource:
    """A file, a folder, or some images of one.

    Raises
    ------
    InputError : for files of several folders, or a sidecar that cannot be read.
    """
    return FramesSource(begin(paths), {}, "", str(paths[0] if len(paths) == 1 else paths[0].parent))


def of_layer(layer: Layer) -> FramesSource:
    """The frames of an image layer, by its own file where we read the same from that.

    Raises
    ------
    InputError : where the layer holds no frames.
    """
    array = _array(layer)
    axes, labelled = _axes(layer, array.ndim)
    path, plugin = layer.source.path, layer.source.reader_plugin
    read = f", read from {path} by {plugin}" if path and plugin else f", of {path}" if path else ""
    said = f"layer “{layer.name}”{read}"
    suggested, words = _suggested(layer, axes or "nyx"[-array.ndim :])
    file = _same_from_file(Path(path), array.shape) if path else None
    if file is not None:
        return FramesSource(file, suggested, words, said, layer)
    notes = [f"frames of the {said}; axes {axes} as the layer labels them" if labelled else f"frames of the {said}"]
    named = (Path(path).parent if path else Path()) / f"{re.sub(r'[/:]', '_', layer.name)}.layer"
    sidecar = finding.candidates(named)[0]
    frames = ArrayImport(named, sidecar, there=False, values={}, array=array, axes=axes, notes=notes)
    return FramesSource(frames, suggested, words, said, layer)


def is_foreign(layer: object, key: str) -> bool:
    """Whether this is an image `layer` that carries nothing of ours under the `key` of its metadata."""
    from napari.layers import Image

    return isinstance(layer, Image) and key not in layer.metadata


def _array(layer: Layer) -> np.ndarray:
    """The numbers of a layer, the finest of a pyramid, as lazy as they are."""
    image: Image = layer
    data = image.data[0] if image.multiscale else image.data
    if getattr(image, "rgb", False):
        raise InputError(
            f"the layer “{layer.name}” is a colour picture; split it into its channels (right click, Split RGB) and "
            "import one of them"
        )
    if data.ndim < 2:
        raise InputError(f"the layer “{layer.name}” has {data.ndim} axis; frames have y and x")
    return data


def _axes(layer: Layer, ndim: int) -> tuple[str, bool]:
    """A letter for each axis, and whether the layer's labels say them; '' where the kind decides."""
    found = "".join(LETTERS.get(str(label).strip().lower(), "?") for label in layer.axis_labels)
    if "?" not in found and len(set(found)) == len(found) == ndim and {"y", "x"} <= set(found):
        return found, True
    return ("yx" if ndim == 2 else "nyx" if ndim == 3 else ""), False


def _suggested(layer: Layer, axes: str) -> tuple[dict[str, float], str]:
    """Pixel and step from the scale of a `layer` with these `axes`, and in words where they come from."""
    found: dict[str, float] = {}
    bare = False
    for letter, scale, unit in zip(axes[-len(layer.scale) :], layer.scale, own_units(layer), strict=False):
        if letter not in STEPS:
            continue
        plain = unit in (PLAIN, "dimensionless")
        if plain and scale == 1:
            continue
        try:
            step = float(scale) * (
                1.0 if plain else float(pint.get_application_registry()(unit).to("micrometer").magnitude)
            )
        except Exception:  # a unit of time, or of something else
            continue
        bare |= plain
        found |= {name: float(f"{step:.12g}") for name in STEPS[letter]}
    return found, "layer's scale, as µm?" if bare else "layer's scale"


def _same_from_file(path: Path, shape: tuple[int, ...]) -> Import | None:
    """The file of a layer, where our readers find frames of the same `shape` in it."""
    try:
        task = begin([path])
        trial = {"kind": "led_array", **task.values}
        with finding.unwritten(task.sidecar, trial):
            found = open_draft(path).frames.shape
    except (InputError, OSError):
        return None
    wanted = (int(np.prod(shape[:-2], dtype=int)), *shape[-2:])
    return task if tuple(found) == wanted else None
