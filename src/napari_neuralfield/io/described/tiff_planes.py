"""The planes of a TIFF file: how they are laid out, and whether all are there that the file speaks of."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...types import InputError
from ..native import links
from ..native.reading import explained, regular
from .image_metadata import described, missing_files, named_files, planes_in
from .planes import AXES, Planes, in_order, sizes_of

if TYPE_CHECKING:
    import tifffile

MOST_PLANES = 10**6  # of a file however small, since its planes may lie in others


@contextmanager
def opened(path: Path) -> Iterator[tifffile.TiffFile]:
    """A TIFF file for reading; whatever fails meanwhile is said in a sentence, and in nothing but that."""
    import tifffile

    log = logging.getLogger("tifffile")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with explained(path, "this is not a TIFF file or it is cut short"), tifffile.TiffFile(path) as file:
            _check_claims(file, path)
            for name in named_files(file.ome_metadata or "") if file.is_ome else ():
                other = links.named(name, path.absolute())
                if other.exists() or other.is_symlink():
                    regular(other)
            yield file
    finally:
        log.setLevel(level)


def _check_claims(file: tifffile.TiffFile, path: Path) -> None:
    """Refuse an open file, `path`, that speaks of more planes than it has bytes, before a place is made for each."""
    said = planes_in(file.ome_metadata or "") if file.is_ome else 0
    if said > max(path.stat().st_size, MOST_PLANES):
        raise InputError(f"{path}: the file speaks of {said:.4g} planes, more than it can hold; save it again")


def order_of(axes: str, shape: Sequence[int]) -> np.ndarray | None:
    """Which stored plane each frame is, or None where `axes` and `shape` are none of a stack of grey images.

    A single axis before (y, x) may have any name.
    """
    before = axes.removesuffix("YX").lower()
    if axes[-2:] != "YX" or len(before) != len(shape) - 2:
        return None
    if len(before) < 2:
        return np.arange(int(np.prod(shape[:-2], dtype=int)))
    return in_order(before, shape[:-2]) if set(before) <= set(AXES) else None


def check_complete(file: tifffile.TiffFile, path: Path) -> None:
    """Raise an InputError where an open hyperstack, `path`, lacks planes that it speaks of."""
    if file.is_imagej:
        said = file.imagej_metadata or {}
        sizes = [int(said.get(name, 1)) for name in ("frames", "slices", "channels")]
        held, first = len(file.pages), file.pages.first
        room = path.stat().st_size - first.dataoffsets[0]
        if held == 1 and first.is_contiguous and first.compression == 1 and first.nbytes:
            held = room // first.nbytes  # ImageJ writes the others of a large stack behind it, without a header
        _check_planes("tzc", sizes, list(range(min(held, int(np.prod(sizes))))), path)
    absent = missing_files(file.ome_metadata or "", path.absolute().parent) if file.is_ome else []
    if absent:
        others = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        raise InputError(
            f"{path}: a part of the recording lies in {absent[0]}{others}, which is not in the same folder; copy it "
            "there"
        )
    series = file.series[0]
    if series.kind == "ome" and series.dataoffset is None:
        before = series.axes.rstrip("S").removesuffix("YX").lower()
        there = [index for index, page in enumerate(series.pages) if page is not None]
        _check_planes(before, series.shape[: len(before)], there, path)


def _check_planes(axes: str, shape: Sequence[int], there: Sequence[int], path: Path) -> None:
    """Raise an InputError unless every plane of a stack of this `shape` is `there`, by its number."""
    wanted = int(np.prod(shape, dtype=int))
    if len(there) >= wanted:
        return
    first = min(set(range(wanted)) - set(there))
    place = zip(axes, np.unravel_index(first, tuple(shape)), shape, strict=True)
    sizes = ", ".join(f"{axis} {n}" for axis, n in zip(axes, shape, strict=True) if n > 1)
    raise InputError(
        f"{path}: the file speaks of {wanted} planes ({sizes}) but holds {len(there)}; the first that is missing is "
        f"{', '.join(f'{axis} {at}' for axis, at, n in place if n > 1)}, counted from 0: record it again, or save the "
        "complete part"
    )


def offsets(file: tifffile.TiffFile) -> tuple[int, ...] | None:
    """Where in an open `file` each page of the first image begins; None where they lie in several files.

    So a page is found without looking at all those before it.
    """
    series = file.series[0]
    pages = list(series.pages)
    if len(pages) != int(np.prod(series.shape[: series.axes.find("Y")], dtype=int)):
        return None
    here = [p.offset for p in pages if p is not None and p.parent.filehandle.path == file.filehandle.path]
    return tuple(here) if len(here) == len(pages) else None


def told_by(file: tifffile.TiffFile) -> Planes:
    """What an open file says of its first image's planes, and that there are other images."""
    series = file.series[0]
    before = series.axes.removesuffix("YX").lower()
    plain = set(before) <= set(AXES) and len(before) == len(series.shape) - 2
    shape = series.shape[:-2] if plain else ()
    planes = described(file, sizes_of(before if plain else "", shape))
    if len(file.series) > 1:
        planes.notes.append(
            f"the file holds {len(file.series)} images that are not of one stack; the first is read, of shape "
            f"{' x '.join(map(str, series.shape))}"
        )
    return planes


def labels(file: tifffile.TiffFile, count: int) -> tuple[str, ...]:
    """Names that ImageJ gives to `count` planes as they are stored; empty without."""
    names = (file.imagej_metadata or {}).get("Labels", ())
    return tuple(str(name).split("\n")[0] for name in names) if len(names) == count > 1 else ()
