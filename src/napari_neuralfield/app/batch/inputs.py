"""Which recordings are meant: files, patterns such as `day*/*.acq.h5`, folders of recordings, plates."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from ...io.described.plates import images_of_plate
from ...io.readers.opening import is_readable
from ...io.sidecar.finding import find
from ...types import InputError

NOT_DATA = (".yaml", ".yml", ".json", ".csv", ".txt", ".md", ".nfield", ".png", ".parquet", ".html", ".checkpoint")


def recordings(asked: Sequence[str]) -> list[Path]:
    """Every recording that is meant, once, in the order in which it was named.

    Parameters
    ----------
    asked : files, folders and patterns, as typed.

    Raises
    ------
    InputError : for a name or pattern that nothing fits, and for a folder without recordings.
    """
    found: dict[Path, Path] = {}
    for text in asked:
        paths = fitting(text)
        for path in paths if len(paths) == 1 else [p for p in paths if not p.name.lower().endswith(NOT_DATA)]:
            for each in _inside(path):
                found.setdefault(each.resolve(), each)
    return list(found.values())


def fitting(text: str) -> list[Path]:
    """The file or folder called `text`, or those that fit it as a pattern.

    Raises
    ------
    InputError : where there is none.
    """
    path = Path(text).expanduser()
    found = [path] if path.exists() else [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
    if not found:
        why = "no file fits this pattern" if glob.has_magic(text) else "there is no such file or folder"
        raise InputError(f"input {text}: {why}; check the name")
    return found


def in_folder(folder: Path) -> list[Path]:
    """The recordings right inside a `folder`, those of plates each by itself; empty where there are none."""
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        hidden, other = path.name.startswith("."), path.name.lower().endswith(NOT_DATA)
        if not (hidden or other):
            found += _plate(path) or ([path] if _is_recording(path) else [])
    return found


def _inside(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    plate = images_of_plate(path)
    if plate or _is_recording(path):
        return plate or [path]
    found = in_folder(path)
    if not found:
        raise InputError(f"input {path}: no recording of a known format is in this folder; name the files themselves")
    return found


def _plate(path: Path) -> list[Path]:
    try:
        return images_of_plate(path)
    except InputError:  # it is said when the plate itself is opened
        return []


def _is_recording(path: Path) -> bool:
    """A file of a known format; a folder that is a Zarr, or whose sidecar says that its files belong together."""
    try:
        readable = is_readable(path)
        return readable and (path.is_file() or path.suffix.lower() == ".zarr" or find(path) is not None)
    except (InputError, OSError):
        return path.is_file()
