"""Any HDF5 file: the layouts of `hdf5_layouts`, the acquisition's own names, or those that a sidecar translates."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np

from ...data.acquisition import KINDS, Draft
from ...registry import READERS
from ...types import InputError
from ..described import hdf5_stacks, named
from ..native import hdf5_tree
from ..native.hdf5_frames import opened
from ..native.reading import explained
from ..sidecar import sidecar
from .cxi import CxiReader
from .hdf5_layouts import LAYOUTS, Hdf5Layout

ENDINGS = (".h5", ".hdf5", ".hdf", ".nxs", ".nx", ".nx5", ".emd", ".ptyd", ".he5")
CXI = ("entry*/instrument_1/detector_1/data", "entry*/data_1/data")  # NXcxi_ptycho, which is CXI inside NeXus


@READERS.register("hdf5")
class Hdf5Reader:
    """Comes after every reader that knows its files by name."""

    reads = f"any HDF5 file ({', '.join(ENDINGS[:7])}) that a sidecar's variables explain"
    last = True

    def supports(self, path: Path) -> bool:
        return path.is_file() and (path.suffix.lower() in ENDINGS or h5py.is_hdf5(path))

    def read(self, path: Path) -> Draft:
        """Frames (lazy) and every value that the layout or the sidecar names."""
        given = named.variables(path)
        with opened(path) as file, explained(path, "the file is damaged, or laid out as no program should"):
            if named.FRAMES not in given and any(hdf5_tree.has(file, name) for name in CXI):
                return CxiReader().read(path)
            layout, names, units = _names(file, given)
            if named.FRAMES not in names:
                raise InputError(_ask(file, path))
            if layout is not None and layout.kind and "kind" not in sidecar.beside(path):
                kind = layout.kind
            else:
                kind = named.kind_of(path, names, _said(file))
            draft = _draft(file, kind, layout, names, units)
            if layout is not None and layout.finish is not None and kind == (layout.kind or kind):
                layout.finish(draft, file, names[named.FRAMES].name)
        return draft


def _names(
    file: h5py.File, given: dict[str, named.Variable]
) -> tuple[Hdf5Layout | None, dict[str, named.Variable], dict[str, str]]:
    """The layout, the acquisition's name -> that in the file, and units of those that the file does not say."""
    known = {*named.EXTRA, *(name for kind in KINDS for name in named.known(kind))}
    own = {name: named.Variable(name) for name in file if name in known} if len(file) < 1000 else {}
    own |= {name: named.Variable(f"@{name}") for name in file.attrs if name in known}
    if named.FRAMES in own or named.FRAMES in given:
        return None, {**own, **given}, {}
    for layout in LAYOUTS:
        frames = layout.frames_in(file)
        if frames is not None:
            theirs = layout.names_in(file)
            names = {ours: named.Variable(name) for ours, (name, _) in theirs.items()}
            return layout, {named.FRAMES: named.Variable(frames), **names, **given}, dict(theirs.values())
    return None, {**own, **given}, {}


def _draft(
    file: h5py.File,
    kind: str,
    layout: Hdf5Layout | None,
    names: dict[str, named.Variable],
    units: dict[str, str],
) -> Draft:
    path = Path(str(file.filename))
    frames, notes = hdf5_stacks.stack(
        file, names[named.FRAMES].name, path, sidecar.beside(path), kind, axes="" if layout is None else layout.axes
    )
    held: dict[str, tuple[np.ndarray, str]] = {}

    def value(name: str) -> tuple[np.ndarray, str]:
        if name not in held:
            held[name] = hdf5_tree.value(file, name, path)
        return held[name]

    values = named.values_of(
        kind, names, lambda name: value(name)[0], count=int(frames.shape[0]), where=path,
        units=lambda name: value(name)[1] or units.get(name, ""),
    )  # fmt: skip
    if "title" in names:
        values["title"] = str(value(names["title"].name)[0])
    if layout is not None:
        notes.append(f"read as {layout.called} lays out its files: frames are {names[named.FRAMES].name}")
    return Draft(kind, frames, values, str(path), notes)


def _said(file: h5py.File) -> str | None:
    """The kind that the file itself states."""
    for name in ("kind", "@kind"):
        if hdf5_tree.has(file, name):
            found = hdf5_tree.value(file, name, Path(str(file.filename)))[0]
            return found.item().decode() if isinstance(found.item(), bytes) else str(found.item())
    return None


def _ask(file: h5py.File, path: Path) -> str:
    """What to write so that the frames are known."""
    found, whole = hdf5_tree.stacks(file)
    words = hdf5_tree.in_words(found, whole)
    if not found and whole:
        return f"{path}: there are no frames in the file: {words}"
    beside = sidecar.find(path) or sidecar.candidates(path)[0]
    example = found[0].name.lstrip("/") if found else "entry/data/data"
    return (
        f"{path}: which dataset holds the frames is not known; say it in {beside.name} as variables: {{frames: "
        f"{example}}} with kind and the other values; {words}"
    )
