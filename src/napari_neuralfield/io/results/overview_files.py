"""The overview of a folder of tiles on disk: `overview/4.npy`, `overview/8.npy` and on, by native pixels.

Each is written in bands of rows, so that several processes can write one picture; what is read is mapped, not loaded.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from ...types import Extent, InputError, Options
from ..native.outputs import OVERVIEW

if TYPE_CHECKING:
    from ...fields.overview import Overview
    from ...fields.tiled import PlacedTile, TiledField

MOST_BYTES = 2**29  # of tiles that are open while a band is made


@dataclasses.dataclass(frozen=True)
class Band:
    """Rows of all levels.

    Parameters
    ----------
    folder : of the tiled field.
    whole : the field's extent.
    complex_valued : False: phase alone.
    tiles : that reach the rows.
    levels : where they lie.
    depths_um : of the planes, um.
    rows_um : (low, high), um, half open.
    block_um : side of what is made at once, um.
    """

    folder: Path
    whole: Extent
    complex_valued: bool
    tiles: tuple[PlacedTile, ...]
    levels: tuple[Extent, ...]
    depths_um: tuple[float, ...]
    rows_um: tuple[float, float]
    block_um: float


def begin(folder: Path, field: TiledField) -> list[Band]:
    """Empty pictures in `folder` for a `field`, and what is to be made of them; none where it needs no overview.

    Raises
    ------
    OSError : where they do not fit.
    """
    from ...fields.overview import depths_for, levels_for

    there = [tile for tile in field.tiles if tile.open is not None]
    levels = levels_for(field.extent, [tile.extent for tile in there])
    remove(folder)
    if not levels:
        return []
    first = there[0].open() if there[0].open is not None else None
    depths = depths_for(field.extent, getattr(first, "depths_um", ()) if _alike(field) else ())
    (folder / OVERVIEW).mkdir()
    for level in levels:
        shape, number = _stored(len(depths), level, field.complex_valued)
        _reserve(_file(folder, level, field.extent), shape, number)
    side = min(min(tile.extent.size_um) for tile in there)
    return list(_bands(folder, field, levels, depths, side))


def _reserve(file: Path, shape: tuple[int, ...], number: np.dtype) -> None:
    """A picture of zeros that are really there: a page that is mapped and has no room on the disk ends the process."""
    with file.open("wb") as out:
        header = {"descr": number.str, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(out, header)
        zeros = np.zeros(shape[1:], number)
        for _ in range(shape[0]):
            out.write(zeros.data)
        out.flush()
        os.fsync(out.fileno())


def _alike(field: TiledField) -> bool:
    """Whether all tiles reach over the same depths."""
    return len({tile.extent.z_um for tile in field.tiles if tile.open is not None}) == 1


def _bands(
    folder: Path, field: TiledField, levels: Sequence[Extent], depths: Sequence[float], side: float
) -> Iterator[Band]:
    low, pixel = field.extent.origin_um[0], field.extent.pixel_um
    end = low + field.extent.size_um[0] + levels[-1].pixel_um
    while low < end:
        high = low + side
        reach = [
            tile
            for tile in field.tiles
            if tile.extent.origin_um[0] - pixel <= high
            and tile.extent.origin_um[0] + tile.extent.size_um[0] >= low - pixel
        ]
        yield Band(
            folder, field.extent, field.complex_valued, tiles=tuple(reach), levels=tuple(levels),
            depths_um=tuple(depths), rows_um=(low, high), block_um=side,
        )  # fmt: skip
        low = high


def make_band(band: Band) -> None:
    """Write the rows of a `band`; blocks of columns one after the other, so that few tiles are open."""
    from ...compute import one_thread
    from ...fields.tiled import TiledField

    field = TiledField(extent=band.whole, tiles=band.tiles, complex_valued=band.complex_valued, most_bytes=MOST_BYTES)
    maps = [np.load(_file(band.folder, level, band.whole), mmap_mode="r+") for level in band.levels]
    start = band.whole.origin_um[1]
    for n in range(int(np.ceil(band.whole.size_um[1] / band.block_um)) + 1):
        columns = start + n * band.block_um, start + (n + 1) * band.block_um
        for level, values in zip(band.levels, maps, strict=True):
            y, x = (_places(level, dim, ends) for dim, ends in ((0, band.rows_um), (1, columns)))
            if not (len(y) and len(x)):
                continue
            axes = [level.origin_um[dim] + level.pixel_um * at for dim, at in ((0, y), (1, x))]
            for number, depth in enumerate(band.depths_um):
                with one_thread():
                    part = field.render([depth], *axes)[0].numpy()
                pairs = part.view(np.float32).reshape(*part.shape, 2) if band.complex_valued else part
                values[number, y[0] : y[-1] + 1, x[0] : x[-1] + 1] = pairs
    for values in maps:
        values.flush()


def _places(level: Extent, dim: int, ends_um: tuple[float, float]) -> np.ndarray:
    """Pixels of a level along `dim` whose centres lie in a half-open range, um."""
    first, last = (np.ceil((end - level.origin_um[dim]) / level.pixel_um - 1e-9) for end in ends_um)
    return np.arange(max(int(first), 0), min(int(last), level.shape[dim]))


def described(folder: Path, whole: Extent, depths_um: Sequence[float], levels: Sequence[Extent]) -> Options:
    """What an index says of an overview that is written, JSON-ready.

    Parameters
    ----------
    folder : of the tiled field.
    whole : the field's extent.
    depths_um : of the planes, um.
    levels : where they lie.
    """
    sizes = [_file(folder, level, whole).stat().st_size for level in levels]
    told = [{"pixel_um": extent.pixel_um, "bytes": size} for extent, size in zip(levels, sizes, strict=True)]
    return {"depths_um": list(depths_um), "levels": told}


def write(folder: Path, field: TiledField) -> Options | None:
    """Write the overview of a `field` to its `folder`, copied where it has one on disk; what the index says of it."""
    seen = field.overview
    if seen is not None and all(isinstance(picture.values, np.memmap) for picture in seen.levels):
        (folder / OVERVIEW).mkdir()
        for picture in seen.levels:
            source = cast("np.memmap", picture.values).filename
            shutil.copyfile(str(source), _file(folder, picture.extent, field.extent))
        return described(folder, field.extent, seen.depths_um, [picture.extent for picture in seen.levels])
    bands = begin(folder, field)
    for band in bands:
        make_band(band)
    return described(folder, field.extent, bands[0].depths_um, bands[0].levels) if bands else None


def opened(folder: Path, whole: Extent, complex_valued: bool, told: Mapping[str, Any]) -> Overview | None:
    """The overview of a `folder`; None where it is not there.

    Parameters
    ----------
    folder : of the tiled field.
    whole : the field's extent.
    complex_valued : False: phase alone.
    told : what `described` gave.

    Raises
    ------
    InputError : where a picture of it is not the one that the index speaks of.
    """
    from ...fields.overview import CoarsePicture, Overview, level_extent

    if not (folder / OVERVIEW).is_dir():
        return None
    depths, levels = tuple(float(z) for z in told["depths_um"]), []
    for level in told["levels"]:
        extent = level_extent(whole, float(level["pixel_um"]))
        file = _file(folder, extent, whole)
        try:
            values = np.load(file, mmap_mode="r", allow_pickle=False)
            good = (values.shape, values.dtype) == _stored(len(depths), extent, complex_valued)
            good = good and file.stat().st_size == level["bytes"] and file.resolve().is_relative_to(folder.resolve())
        except (OSError, ValueError, EOFError):
            good = False
        if not good:
            raise InputError(
                f"{file}: this is not the picture that the index of its folder speaks of; copy the folder again, or "
                f"remove {OVERVIEW}, without which the tiles are looked at"
            )
        levels.append(CoarsePicture(extent, values))
    return Overview(depths, tuple(levels)) if levels else None


def remove(folder: Path) -> None:
    """Remove the overview of a `folder`."""
    shutil.rmtree(folder / OVERVIEW, ignore_errors=True)


def _file(folder: Path, level: Extent, whole: Extent) -> Path:
    return folder / OVERVIEW / f"{round(level.pixel_um / whole.pixel_um)}.npy"


def _stored(planes: int, level: Extent, complex_valued: bool) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and number type of a level on disk."""
    shape = (planes, *level.shape)
    return ((*shape, 2), np.dtype("<f2")) if complex_valued else (shape, np.dtype("<f4"))
