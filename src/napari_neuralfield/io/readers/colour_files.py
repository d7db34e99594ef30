"""One file for each colour: a sidecar that lists them is opened itself, or lies as acquisition.yaml in a folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...data.acquisition import Draft, quantities
from ...data.frames import Frames
from ...registry import READERS
from ...types import InputError
from ..native import links
from ..native.hdf5_frames import Key
from ..sidecar import sidecar
from ..sidecar.colours import COLOUR_FILES
from .opening import open_draft
from .tiff import TiffReader

FILE = "file"
WAVE = "wavelength_um"


@dataclasses.dataclass(frozen=True)
class FramesInARow:
    """Several lazy stacks (frame, y, x) one after the other."""

    parts: tuple[Frames, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return sum(int(part.shape[0]) for part in self.parts), *self.parts[0].shape[1:]

    @property
    def dtype(self) -> np.dtype:
        return np.result_type(*(part.dtype for part in self.parts))

    def __getitem__(self, key: Key) -> np.ndarray:
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        chosen = np.asarray(np.arange(self.shape[0])[first])
        ends = np.cumsum([part.shape[0] for part in self.parts])
        found = []
        for index in chosen.ravel().tolist():
            number = int(np.searchsorted(ends, index, side="right"))
            inside = index - (int(ends[number - 1]) if number else 0)
            found.append(np.asarray(self.parts[number][inside], self.dtype)[rest or ...])
        if chosen.ndim == 0:
            return found[0]
        return np.stack(found) if found else np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *rest)]


@READERS.register("colour-files")
class ColourFilesReader:
    """Frames of several colours in a file, or a folder, each; `colours` in a sidecar lists them with wavelengths.

    `colours: [{file: red.tif, wavelength_um: 0.63}, ...]`; values beside `file` are that colour's, those of the sidecar
    are of all.
    """

    reads = "sidecars (.yaml) that list a file for each colour"

    def supports(self, path: Path) -> bool:
        """Whether the file is such a sidecar, or the folder holds one."""
        return sidecar.colour_listing(path) is not None

    def read(self, path: Path) -> Draft:
        """All colours, one after the other; the other values of the sidecar are taken afterwards."""
        listing = sidecar.colour_listing(path)
        assert listing is not None
        given = sidecar.load(listing)
        kind = sidecar.kind_of(given, listing)
        entries = given[COLOUR_FILES]
        if not isinstance(entries, list) or not entries or not all(isinstance(e, dict) and FILE in e for e in entries):
            raise InputError(
                f"{listing}: {COLOUR_FILES} must list a file and its wavelength for each colour, such as "
                "[{file: red.tif, wavelength_um: 0.63}, {file: green.tif, wavelength_um: 0.53}]"
            )
        drafts = [_one(dict(entry), kind, listing) for entry in entries]
        names = [str(entry[FILE]) for entry in entries]
        _agree([draft.frames for draft in drafts], names, listing)
        values = _together(drafts, names, listing, given)
        counts = [int(draft.frames.shape[0]) for draft in drafts]
        values["channel"] = np.repeat(np.arange(len(drafts)), counts)
        if all(WAVE in draft.values for draft in drafts):
            values["wavelengths_um"] = [draft.values[WAVE] for draft in drafts]
        own = f"values from {listing.name}"
        notes = [f"{n}: {note}" for n, draft in zip(names, drafts, strict=True) for note in draft.notes if note != own]
        notes.append(f"colours from {', '.join(f'{n} ({c} frames)' for n, c in zip(names, counts, strict=True))}")
        return Draft(kind, FramesInARow(tuple(draft.frames for draft in drafts)), values, str(path), notes)


def _one(entry: dict[str, object], kind: str, listing: Path) -> Draft:
    """The frames of one colour, with the values beside its file and in a sidecar of its own."""
    file = links.named(str(entry.pop(FILE)), listing)
    if not file.exists():
        raise InputError(f"{file}: there is no such file or folder; {listing.name} names it under {COLOUR_FILES}")
    if sidecar.find(file) is None and TiffReader().supports(file):
        draft = TiffReader().read(file, kind)
    else:
        draft = open_draft(file)
    if draft.kind != kind:
        raise InputError(f"{file}: its kind is {draft.kind} but that of {listing.name} is {kind}; they must agree")
    if draft.values.get("channel") is not None:
        raise InputError(f"{file}: the images hold colours already; {listing.name} must name grey ones, one for each")
    if entry:
        sidecar.apply(draft, listing, entry)
    return draft


def _agree(frames: Sequence[Frames], names: Sequence[str], listing: Path) -> None:
    """One size of frame in all files."""
    for stack, name in zip(frames, names, strict=True):
        if stack.shape[1:] != frames[0].shape[1:]:
            one, other = (" x ".join(map(str, s.shape[1:])) for s in (stack, frames[0]))
            raise InputError(
                f"{listing.parent / name}: a frame has {one} pixels but one of {names[0]} {other}; all colours must be "
                "of one camera, with the same binning and region"
            )


def _together(
    drafts: Sequence[Draft], names: Sequence[str], listing: Path, given: dict[str, object]
) -> dict[str, object]:
    """Values that every file gives: of each frame one after the other, others once, where they agree."""
    known = quantities(drafts[0].kind)
    found: dict[str, object] = {}
    for name in known:
        every = [draft.values.get(name) for draft in drafts]
        has = [value is not None for value in every]
        if name == WAVE or given.get(name) is not None or not any(has):
            continue
        if not all(has):
            raise InputError(
                f"{listing}: {name} is given for {names[has.index(True)]} but not for {names[has.index(False)]}; give "
                "it for every file, or once for all"
            )
        if known[name].shape[:1] == ("frame",):
            counts = [int(draft.frames.shape[0]) for draft in drafts]
            found[name] = np.concatenate([_per_frame(v, n) for v, n in zip(every, counts, strict=True)])
        elif all(np.array_equal(np.asarray(value), np.asarray(every[0])) for value in every):
            found[name] = every[0]
        else:
            told = ", ".join(
                f"{value} in {n}" for value, n in zip(every, names, strict=True) if np.ndim(np.asarray(value)) == 0
            )
            raise InputError(
                f"{listing}: {name} differs between the files{f' ({told})' if told else ''}; all colours must share "
                "it, so correct it or give it once for all"
            )
    return found


def _per_frame(value: object, count: int) -> np.ndarray:
    """A value for every frame, which may have been given as one."""
    array = np.asarray(value, dtype=float)
    return np.full(count, array) if array.ndim == 0 else array
