"""The project's own acquisition file, `*.acq.h5`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

from ...data.acquisition import KINDS, Acquisition, Draft, quantities
from ...registry import READERS
from ...types import InputError
from .atomic import writing
from .hdf5_frames import HDF5Frames, opened, stored
from .hdf5_writing import hdf5_for_writing, write_frames

FORMAT = "neuralfield-acquisition"
VERSION = 1


@READERS.register("native")
class NativeReader:
    """`NAME.acq.h5`, or any HDF5 file whose attribute `format` says so."""

    reads = "acquisition files (.acq.h5)"

    def supports(self, path: Path) -> bool:
        if path.name.lower().endswith(".acq.h5"):
            return True
        if not path.is_file() or not h5py.is_hdf5(path):
            return False
        with opened(path) as file:
            return _text(file.attrs.get("format")) == FORMAT

    def read(self, path: Path) -> Draft:
        """Frames (lazy) and every value that the file holds under a name of its kind."""
        with opened(path) as file:
            kind = _checked_kind(file, path)
            if not isinstance(file.get("frames"), h5py.Dataset):
                raise InputError(f"{path}: there is no dataset 'frames'; it must hold the stack as (frame, y, x)")
            values = {n: _value(file, n, path) for n in (*quantities(kind), "title")}
            frames = HDF5Frames.of(file["frames"], path)
        return Draft(kind, frames, {n: v for n, v in values.items() if v is not None}, str(path))


def _checked_kind(file: h5py.File, path: Path) -> str:
    found = _text(file.attrs.get("format"))
    if found != FORMAT:
        raise InputError(f"{path}: attribute format is {found!r}; an acquisition file has format {FORMAT!r}")
    version = file.attrs.get("version")
    if not isinstance(version, int | np.integer) or int(version) < 1:
        raise InputError(f"{path}: attribute version is {version!r}; it must be a whole number from 1 to {VERSION}")
    if int(version) > VERSION:
        raise InputError(
            f"{path}: the file has version {int(version)} but this program knows versions up to {VERSION}; "
            "update napari-neuralfield"
        )
    kind = _text(file.attrs.get("kind"))
    if kind not in KINDS:
        raise InputError(f"{path}: attribute kind is {kind!r}; it must be one of {', '.join(KINDS)}")
    return str(kind)


def _value(file: h5py.File, name: str, path: Path) -> object:
    if name in file.attrs:
        return _text(file.attrs[name])
    dataset = file.get(name)
    return stored(dataset, (), path) if isinstance(dataset, h5py.Dataset) else None


def _text(value: object) -> object:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def save_acquisition(
    path: str | Path, acquisition: Acquisition, report: Callable[[int, int], object] = lambda done, total: None
) -> None:
    """Write an acquisition, frame by frame, so that stacks larger than memory pass through.

    Parameters
    ----------
    path : `*.acq.h5`.
    acquisition : what is written.
    report : called with the frames that are written and all of them; what it raises ends it, and nothing is left.

    Raises
    ------
    InputError : where the name does not end in .acq.h5 or the file cannot be written.
    """
    if not str(path).endswith(".acq.h5"):
        raise InputError(f"{path}: an acquisition file ends in .acq.h5; name it so")
    with writing(path) as temporary, hdf5_for_writing(temporary) as file:
        file.attrs.update({"format": FORMAT, "version": VERSION, "kind": acquisition.kind})
        for name, value in acquisition.values().items():
            if isinstance(value, np.ndarray):
                file[name] = value
            elif value != "":
                file.attrs[name] = value
        write_frames(file, "frames", acquisition.frames, report)
