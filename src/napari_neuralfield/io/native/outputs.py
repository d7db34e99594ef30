"""Which outputs may be written: none that is there already unless asked to, and never a folder of other files."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from ...types import InputError
from .staging import tidy

LONGEST = 255  # bytes of a name on common disks
ENDINGS = (".acq.h5", ".ome.zarr", ".ome.tif")  # of two parts
METADATA = ("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata")
ARRAY = ("zarr.json", ".zarray")
INDEX, TILES, PLAN = "index.json", "tiles", "plan.json"  # of a tiled field, and of the run that made it
OVERVIEW = "overview"  # coarse pictures of it
AGAIN = "add --overwrite, or choose another name"


def real(path: str | Path) -> Path:
    """Where an output of this name is written: what a link points to."""
    return Path(os.path.realpath(path))


def one_file(one: Path, other: Path) -> bool:
    """Whether two paths, `one` and the `other`, are one file or folder under whatever names and links."""
    try:
        return os.path.samefile(one, other)
    except OSError:  # one of them is not there yet
        return os.path.normcase(real(one)) == os.path.normcase(real(other))


def free(path: Path, overwrite: bool, remedy: str = AGAIN) -> None:
    """Refuse an output that is there already, or that nothing may be written to. Leftovers of killed runs are removed.

    Parameters
    ----------
    path : the file or folder to write; of a link, what it points to.
    overwrite : whether it may be replaced.
    remedy : for the sentence.

    Raises
    ------
    InputError : naming what is there.
    """
    target = real(path)
    tidy(target)
    replaceable(target, path)
    if target.exists() and not overwrite:
        raise InputError(f"output {path} exists and would be replaced; {remedy}")


def replaceable(target: Path, path: Path) -> None:
    """Refuse to replace what is neither a file nor a Zarr store, or a field of tiles, that holds nothing else.

    Parameters
    ----------
    target : the place itself.
    path : as it was asked for, for the sentence.

    Raises
    ------
    InputError : naming what stands in the way.
    """
    if target.is_dir():
        tiled = path.suffix == ".nfield" and {INDEX, TILES} & {*os.listdir(target)}
        what = "tiled field" if tiled else "Zarr store"
        if not tiled and not {*METADATA[:3]} & {*os.listdir(target)}:
            raise InputError(f"output {path} is a folder that is no Zarr store; choose another name")
        other = next(_beside_tiles(target) if tiled else _foreign(target), None)
        if other is not None:
            raise InputError(
                f"output {path} holds {other.as_posix()}, which is no part of a {what} and would be lost; move it "
                "elsewhere, or choose another name"
            )
    elif target.exists() and not target.is_file():
        raise InputError(f"output {path} is a device or pipe; choose the name of a file")


def partial_of(path: Path) -> Path:
    """What is kept of an interrupted run that writes `path`: `o.partial.nfield` beside `o.nfield`."""
    size = max((len(known) for known in ENDINGS if path.name.lower().endswith(known)), default=len(path.suffix))
    stem, ending = path.name[: len(path.name) - size], f".partial{path.name[len(path.name) - size :]}"
    while len(os.fsencode(stem + ending)) > LONGEST:
        stem = stem[:-1]
    return path.with_name(stem + ending)


def _beside_tiles(folder: Path) -> Iterator[Path]:
    """What in the folder of a tiled field is neither its index nor a tile, as seen from the folder."""
    for file in folder.rglob("*"):
        place = file.relative_to(folder)
        part = len(place.parts) == 2 and (place.parts[0], place.suffix) in ((TILES, ".nfield"), (OVERVIEW, ".npy"))
        ours = place.as_posix() in (INDEX, TILES, PLAN, OVERVIEW) or (part and file.is_file())
        if file.is_symlink() or not ours:
            yield place


def _foreign(folder: Path) -> Iterator[Path]:
    """What in a Zarr store is neither its metadata nor a chunk of an array, as seen from the store."""
    keys: dict[Path, re.Pattern[str] | None] = {}  # of the chunks of each array; None for a group
    for here, folders, files in os.walk(folder):
        place = Path(here)
        for name in {*ARRAY} & {*files}:
            keys[place] = _chunk_keys(place / name)
        home = next((parent for parent in (place, *place.parents) if parent in keys), place)
        known = keys.get(home)
        yield from (link.relative_to(folder) for name in folders if (link := place / name).is_symlink())
        for name in files:
            file = place / name
            chunk = known is not None and known.fullmatch(file.relative_to(home).as_posix())
            if file.is_symlink() or not (name in METADATA or chunk):
                yield file.relative_to(folder)


def _chunk_keys(metadata: Path) -> re.Pattern[str] | None:
    """What the chunks of an array are called, such as c/0/0/3, 0.0.3 or 0/0/3; None of a group, or if damaged."""
    try:
        axes = len(json.loads(metadata.read_bytes())["shape"])
    except (ValueError, LookupError, TypeError):
        return None
    return re.compile(r"(c[./])?" + r"[./]".join([r"\d+"] * axes) if axes else "c|0")
