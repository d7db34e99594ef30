"""A finished field on disk, whether it is one file or a folder of tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...types import Result
from ..native import field_file
from ..native.reading import surprises
from . import tiled_folder


def save_result(path: str | Path, result: Result) -> None:
    """Write a `result` to `path`: a field file, or a folder of such files where its field is tiled.

    How long it took is left out: a run repeated gives the same file, byte by byte.

    Raises
    ------
    InputError : where the name does not end in .nfield, a number is not finite, or it cannot be written.
    """
    if result.field.type_name == "tiled":
        tiled_folder.save_folder(path, result)
    else:
        field_file.save_result(path, result)


def load_result(path: str | Path) -> Result:
    """The field at `path` and everything stored with it; of a folder the tiles are opened when they are looked at.

    Raises
    ------
    InputError : where it is missing, damaged, not finished, newer than this program, or no field.
    """
    if Path(path).is_dir():
        with surprises(path):
            return tiled_folder.load_folder(path)
    return field_file.load_result(path)


def read_header(path: str | Path) -> dict[str, Any]:
    """Everything but the tensors of the field at `path`, as of `native.field_file`; of a folder also `tiles`.

    Raises
    ------
    InputError : as `load_result`.
    """
    if Path(path).is_dir():
        with surprises(path):
            return tiled_folder.read_index(path)
    return field_file.read_header(path)
