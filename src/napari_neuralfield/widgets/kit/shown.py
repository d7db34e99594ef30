"""A field on show and what is known of it, and what the layers of a viewer say of the fields and frames they show."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...types import Result

if TYPE_CHECKING:
    from napari.layers import Layer

    from ...data.acquisition import Draft
    from ...data.frames import Frames

KEY = "neuralfield"  # of the metadata of the layers that belong to us
PLACE = "place"  # in the metadata of frames: draft -> how their layer lies in the world, keywords of napari
PATTERN = "pattern"  # in that of frames: they are diffraction patterns, in which no length can be measured
WAITS_FOR = "waits for"  # in a layer's metadata: the name of what is read


@dataclasses.dataclass(frozen=True)
class Shown:
    """A field on show, at the depth where it was first seen.

    `finished` is False while its run goes on; `over_time` says that it is one frame of a time-lapse that is seen.
    `frames` are those that it was made of, with these `values`; None where they are not known, as of one from a file.
    """

    result: Result
    z_um: float
    title: str
    finished: bool = True
    over_time: bool = False
    frames: Frames | None = None
    values: Mapping[str, Any] | None = None


@dataclasses.dataclass
class FieldRecord:
    """A finished field of the viewer, and how it was found.

    `curve` is of its run, (step, error); `notes` are rich text, `outcome` says how the run ended.
    """

    shown: Shown
    curve: list[tuple[float, float]] = dataclasses.field(default_factory=list)
    notes: str = ""
    outcome: str = ""
    fresh: bool = False  # its run has just ended, and no dock has told of it


def title_of(draft: Draft) -> str:
    """The title it was given, else the name of its file without the ending."""
    name = Path(draft.source or "acquisition").name
    ending = next((e for e in (".acq.h5", ".ome.tif", ".ome.tiff") if name.endswith(e)), Path(name).suffix)
    return str(draft.values.get("title") or name.removesuffix(ending))


def ours_of(layer: Layer) -> dict[str, Any]:
    """What we have written into the metadata of a layer; nothing for those of others."""
    ours = layer.metadata.get(KEY)
    return ours if isinstance(ours, dict) else {}


def first_frames(ours: Mapping[str, Any]) -> Frames | None:
    """The frames that a layer of ours shows, as the file gave them."""
    draft: Draft | None = ours.get("draft")
    if draft is None:
        return None
    frames: Frames = (*ours.get("earlier", ()), draft.frames)[0]
    return frames


def result_of(ours: Mapping[str, Any]) -> Result | None:
    """Whose field a layer of ours shows, all of it or a view."""
    result: Result | None = ours.get("result", ours.get("view_of"))
    return result


def is_picture(layer: Layer) -> bool:
    from napari.layers import Image

    return isinstance(layer, Image)


def same(one: Any, other: Any) -> bool:
    """Whether two scales, translations or lists of units, `one` and `other`, are the same."""
    if isinstance(other[-1], str):
        return [str(unit) for unit in one] == [{"um": "micrometer"}.get(unit, unit) for unit in other]
    return bool(np.array_equal(one, other))
