"""One road into the program: whatever the file, a reader that knows it, then its sidecar."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...data.acquisition import Acquisition, Draft
from ...data.frames import Frames, in_electrons
from ...registry import READERS, summary
from ...types import InputError, Reader
from ..described.cone_angle import settle_cone
from ..described.geometry_from_frames import GeometryFromFrames
from ..native import links
from ..native.hdf5_frames import Key, lost_file
from ..native.reading import located, surprises
from ..sidecar import layout, sidecar
from ..sidecar.finding import unread
from ..sidecar.told_by_names import settle

FAR_PIXEL = "give object_pixel_um, or both detector_pixel_um and distance_um, in um"


def open_draft(path: str | Path, follow_links: bool | None = None) -> Draft:
    """Frames (lazy), what the file and its sidecar say, and what they leave open.

    Parameters
    ----------
    path : of a file or folder.
    follow_links : also to files outside of the folder of the file that names them; None: as `links.following` says.

    Raises
    ------
    InputError : where the file is missing, not readable, damaged, of no known format, or names files that lie outside.
    """
    path = located(path)
    with surprises(path), links.following(follow_links) as followed:
        draft = _draft(path)
        draft.notes += links.note(followed)
        if np.dtype(draft.frames.dtype).kind not in "biufc":
            raise InputError(f"{path}: the frames are of type {draft.frames.dtype}; they must be numbers")
    draft.frames = FramesOf(draft.frames, str(path))
    return draft


def _draft(path: Path) -> Draft:
    try:
        draft = _read(path)
    except InputError as error:
        if "not there" not in str(error) and (lost := lost_file(path)):
            raise InputError(f"{path}: {lost}") from error
        raise
    return _settled(draft, path)


def draft_of_array(array: layout.Stored, axes: str, path: Path, notes: Sequence[str] = ()) -> Draft:
    """Frames that another program has read, and what the sidecar of `path` says of them.

    Parameters
    ----------
    array : as it is held.
    axes : a letter for each of its axes, see `layout`; '' where they are not known.
    path : where they come from, which need not exist.
    notes : what is to be said of it.

    Raises
    ------
    InputError : where nothing says the kind, or the array holds no frames.
    """
    beside = sidecar.find(path)
    given = {} if beside is None else sidecar.load(beside)
    kind = sidecar.kind_of(given, beside or path)
    frames = layout.arranged(array, {**({"axes": axes} if axes else {}), **given}, kind, str(path))
    return _settled(Draft(kind, frames, {}, str(path), list(notes)), path)


def _settled(draft: Draft, path: Path) -> Draft:
    """What the sidecar says, and what follows from the frames."""
    beside = sidecar.find(path)
    if beside is not None:
        sidecar.apply(draft, beside)
    else:
        layout.apply(draft, {}, path)
    if draft.kind == "ptychography":
        if draft.assuming is None and not draft.assumed:
            draft.assuming = GeometryFromFrames(draft.frames)
        settle_cone(draft)
    if draft.derived().get("geometry") == "far_field":  # what a reader assumes is settled and said
        draft.remedies.setdefault("object_pixel_um", FAR_PIXEL)
    _say_camera_length(draft)
    if overlooked := unread(path):
        draft.notes.append(overlooked)
    draft.frames = in_electrons(draft.frames, draft.derived())
    settle(draft, {} if beside is None else sidecar.load(beside), beside)
    return draft


def _say_camera_length(draft: Draft) -> None:
    """Note that the detector's pixel and distance are not known, where the far field does without."""
    told = {**draft.assumed, **draft.values}
    if draft.kind == "ptychography" and "distance_um" not in told and "detector_pixel_um" not in told:
        found = draft.derived()
        if "distance_um" in found:
            draft.notes.append(
                "the camera length is not known and not needed: object pixel and wavelength are enough in the far "
                f"field; a detector pixel is called 1 um, which makes the distance {found['distance_um']:.4g} um"
            )


def open_acquisition(path: str | Path, follow_links: bool | None = None, **overrides: Any) -> Acquisition:
    """A complete, checked acquisition.

    Parameters
    ----------
    path, follow_links : as of `open_draft`.
    overrides : values by name, such as wavelength_um=0.522.

    Raises
    ------
    InputError : as `open_draft`, or where a value is missing, unknown or breaks its rule.
    """
    draft = open_draft(path, follow_links)
    with surprises(path):
        return draft.complete(**overrides)


@dataclasses.dataclass(frozen=True)
class FramesOf:
    """The frames of a file, whose damage is said in a sentence whenever it is met; `source` is the file."""

    given: Frames
    source: str

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.given.shape)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.given.dtype)

    def __getattr__(self, name: str) -> FramesOf:
        """`measured`, where frames are corrected as they are read."""
        if name != "measured":
            raise AttributeError(name)
        return FramesOf(self.given.measured, self.source)  # type: ignore[attr-defined]

    def __getitem__(self, key: Key) -> np.ndarray:
        if isinstance(key, int | np.integer):
            range(self.shape[0])[key]  # an end that who goes through all frames waits for
        with surprises(self.source, "frames"):
            return np.asarray(self.given[key])


def is_readable(path: Path) -> bool:
    """Whether any reader supports the file or folder."""
    return any(_supports(name, entry, path) for name, entry in READERS.items())


def known_to_a_plugin(path: Path) -> bool:
    """Whether a reader of another package supports the file."""
    return any(READERS.package(name) and _supports(name, entry, path) for name, entry in READERS.items())


def _read(path: Path) -> Draft:
    """The first reader's draft that supports the file; those that take whatever is left come last."""
    known = []
    for name, entry in sorted(READERS.items(), key=lambda each: getattr(each[1], "last", False)):
        reader = _supports(name, entry, path)
        if reader is not None:
            return _read_with(reader, path, READERS.package(name))
        known.append(getattr(entry, "reads", name))
    if path.suffix.lower() == ".nfield":
        raise InputError(f"{path}: this is a finished field, not a recording; open it in the viewer or render it")
    raise InputError(f"{path}: the format is not known; what can be read is {'; '.join(known)}")


def _supports(name: str, entry: Callable[[], Reader], path: Path) -> Reader | None:
    """The reader, where it supports the file; one of another package that fails is left out."""
    try:
        reader = entry()
        return reader if reader.supports(path) else None
    except Exception as error:
        if not READERS.package(name):
            raise
        READERS.fails_in_use(name, error)
        return None


def _read_with(reader: Reader, path: Path, package: str) -> Draft:
    """What the reader reads; what another package did not foresee is said to be that package's."""
    if not package:
        return reader.read(path)
    try:
        draft = reader.read(path)
        if isinstance(draft, Draft):
            return draft
        raise TypeError(f"it returned {type(draft).__name__} instead of a Draft")
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise InputError(
            f"{path}: the plug-in {package}, which reads this format, failed ({summary(error)}); "
            "report it to its authors"
        ) from error
