"""A tiled field on disk: a folder, `NAME.nfield`, of field files and of an index, which is written last.

    NAME.nfield/index.json           places, corrections and verdicts of the tiles; recipe, optics, notes of the whole
    NAME.nfield/tiles/TILE.nfield    each a field file like any other
    NAME.nfield/overview/4.npy       where tiles are many, coarse pictures of the whole; the field is complete without

A folder without its index is not finished, and is never opened.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ... import __version__
from ...types import Extent, Field, InputError, Options, Result, Verdict
from ..native import field_file
from ..native.atomic import writing
from ..native.outputs import INDEX, OVERVIEW, TILES
from ..native.reading import read_text
from . import overview_files

if TYPE_CHECKING:
    from ...fields.tiled import PlacedTile, TiledField

FORMAT = "neuralfield-tiles"
VERSION = 1
UNFINISHED = ".unfinished"  # behind the name of a folder as long as its run goes on
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
TOLD = ("title", "recipe", "optics", "figures", "notes", "verdict", "preview")


def tile_file(folder: str | Path, name: str) -> Path:
    """Where the tile called `name` lies in `folder`.

    Raises
    ------
    InputError : for a name that could lead elsewhere.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            f"{folder}: a tile is called {name[:40]!r}; names of tiles are letters, digits, points, _ and -, and begin "
            "with a letter, a digit or _"
        )
    return Path(folder) / TILES / f"{name}.nfield"


def write_index(folder: str | Path, result: Result, overview: Options | None = None) -> None:
    """Finish a folder whose tiles are written: from now on it is a field.

    Parameters
    ----------
    folder : the tiles lie in it where `tile_file` says.
    result : its field is a `fields.tiled.TiledField`; arrays of its calibration are not kept, those of the tiles are.
    overview : what `overview_files.described` says of the one in the folder; None: there is none.

    Raises
    ------
    InputError : where a tile that is not left out has no file, or the index cannot be written.
    """
    from ...fields.finite import without_nan
    from ...fields.tiled import described

    folder, field = Path(folder), cast("TiledField", result.field)
    tiles = []
    for tile in field.tiles:
        size = {} if tile.open is None else {"bytes": _file_of(folder, tile.name).stat().st_size}
        tiles.append(described(tile) | size)
    figures = {name: value for name, value in without_nan(result.figures).items() if not name.endswith("seconds")}
    verdict = None if result.verdict is None else dataclasses.asdict(result.verdict)
    if verdict is not None:
        verdict["figures"] = without_nan(verdict["figures"])
    index = {
        "format": FORMAT,
        "version": VERSION,
        "package_version": __version__,
        "title": result.title,
        "values": "complex" if field.complex_valued else "phase, radians",
        "extent": field.extent.to_dict(),
        "recipe": result.recipe,
        "optics": result.optics,
        "figures": figures,
        "verdict": verdict,
        "notes": list(result.notes),
        "tiles": tiles,
        "preview": field_file.preview(field),
    }
    if overview is not None:
        index["overview"] = overview
    with writing(folder / INDEX) as temporary:
        temporary.write_text(json.dumps(index, default=field_file.plain, indent=1), encoding="utf-8")


def save_folder(path: str | Path, result: Result) -> None:
    """Write a copy of a tiled field to a new folder `path`: all of its tiles and the index, whole or not at all.

    Parameters
    ----------
    path : ends in .nfield.
    result : its field is a `fields.tiled.TiledField`. Tiles that were files are copied as they are.

    Raises
    ------
    InputError : where it cannot be written.
    """
    if not str(path).endswith(".nfield"):
        raise InputError(f"{path}: a tiled field is a folder whose name ends in .nfield; name it so")
    with writing(path) as folder:
        (folder / TILES).mkdir(parents=True)
        for tile in cast("TiledField", result.field).tiles:
            if tile.open is not None:
                _copy(tile, tile_file(folder, tile.name))
        write_index(folder, result, overview_files.write(folder, cast("TiledField", result.field)))


def read_index(folder: str | Path) -> dict[str, Any]:
    """What the index says, by the names of `native.field_file.read_header`, and `tiles`, a dict for each.

    Raises
    ------
    InputError : where there is no index, it is damaged or newer than this program, or a tile is missing or another one.
    """
    folder = Path(folder)
    if not (folder / INDEX).is_file():
        raise InputError(
            f"{folder}: the folder has no {INDEX}, which a run writes last; let the run that writes it finish, or "
            "choose another field"
        )
    index = _parsed(folder)
    for name, kind in (("title", str), ("extent", dict), ("recipe", dict), ("optics", dict), ("tiles", list)):
        if not isinstance(index.get(name), kind):
            raise _damaged(folder, name)
    try:
        _extent(index["extent"])
        values = str(index["values"])
        for tile in index["tiles"]:
            if "left_out" not in tile:
                _check(folder, tile, values)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, InputError):
            raise
        raise _damaged(folder, str(error)) from None
    nothing = {"title": "", "figures": {}, "notes": [], "verdict": {}, "preview": ""}
    kept = {name: index.get(name) or nothing.get(name, {}) for name in TOLD}
    return {**index, **kept, "field_type": "tiled"}


def load_folder(folder: str | Path) -> Result:
    """The tiled field in a `folder` and everything stored with it; no tile is opened yet.

    Raises
    ------
    InputError : as `read_index`.
    """
    from ...fields.tiled import TiledField, placed

    folder = Path(folder)
    index = read_index(folder)
    try:
        tiles = [placed(tile, _way(folder, tile)) for tile in index["tiles"]]
        whole, complex_valued = _extent(index["extent"]), index["values"] == "complex"
        told = index.get("overview")
        seen = overview_files.opened(folder, whole, complex_valued, told) if told else None
        field = TiledField(extent=whole, tiles=tiles, complex_valued=complex_valued, overview=seen)
        verdict = Verdict(**index["verdict"]) if index["verdict"] else None
    except InputError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(folder, str(error)) from None
    told = {name: index[name] for name in ("recipe", "optics", "figures", "title")}
    return Result(field, verdict=verdict, notes=tuple(index["notes"]), **told)


def bytes_of(folder: str | Path) -> int:
    """Size of the tiles, the overview and the index of a `folder` on disk."""
    folder = Path(folder)
    files = [folder / INDEX, *(folder / TILES).glob("*.nfield"), *(folder / OVERVIEW).glob("*.npy")]
    return sum(file.stat().st_size for file in files)


def _parsed(folder: Path) -> dict[str, Any]:
    text = read_text(folder / INDEX, "the index")
    try:
        index = json.loads(text)
    except (ValueError, RecursionError):
        raise _damaged(folder, "it is no JSON") from None
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise InputError(f"{folder}: its {INDEX} is not that of a tiled field; choose a folder that a run has written")
    version = index.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise InputError(
            f"{folder}: the folder has version {version} but this program knows versions up to {VERSION}; update "
            "napari-neuralfield"
        )
    return index


def _check(folder: Path, tile: Mapping[str, Any], values: str) -> None:
    """That the file of a tile is there, whole, and the one that the index speaks of."""
    file = _file_of(folder, tile["name"])
    if file.stat().st_size != tile["bytes"]:
        raise InputError(
            f"{file}: the tile has {file.stat().st_size} bytes where the index of its folder says {tile['bytes']}; "
            "copy the folder again"
        )
    header, placed = field_file.read_header(file), _extent(tile["extent"])
    own = _extent(header["extent"])
    if own.shape != placed.shape or not math.isclose(own.pixel_um, placed.pixel_um) or header["values"] != values:
        raise InputError(f"{file}: this is not the tile that the index of its folder speaks of; copy the folder again")


def _file_of(folder: Path, name: str) -> Path:
    file = tile_file(folder, name)
    if not file.is_file():
        raise InputError(
            f"{folder}: the tile {TILES}/{file.name} is missing; copy the folder again, or go on with its run"
        )
    if not file.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{file}: the tile is a link out of its folder; put the file itself there")
    return file


def _extent(values: Mapping[str, Any]) -> Extent:
    """An extent with numbers that can be.

    Raises
    ------
    ValueError : else.
    """
    extent = Extent.from_dict(values)
    numbers = (*extent.z_um, extent.pixel_um, *extent.origin_um)
    if not all(math.isfinite(n) for n in numbers) or extent.pixel_um <= 0:
        raise ValueError("an extent is not finite")
    if not all(isinstance(n, int) and n > 0 for n in extent.shape):
        raise ValueError("an extent has no pixels")
    return extent


def _way(folder: Path, tile: Options) -> Callable[[], Field] | None:
    return None if "left_out" in tile else partial(open_tile, tile_file(folder, tile["name"]))


def open_tile(file: Path) -> Field:
    """The field of a tile; of a run that has ended since, from the folder as it is called now."""
    try:
        return field_file.load_result(file).field
    except InputError:
        if file.exists() or not _now(file).exists():
            raise
        return field_file.load_result(_now(file)).field


def _now(file: Path) -> Path:
    """Where a tile lies whose folder has lost its ending."""
    folder, name = file.parents[1], file.relative_to(file.parents[1])
    return folder.with_suffix("") / name if folder.suffix == UNFINISHED else file


def _copy(tile: PlacedTile, target: Path) -> None:
    """The tile's file as it is, or a new one of a field that is in memory only."""
    way = tile.open
    if isinstance(way, partial) and way.func is open_tile:
        file = way.args[0]
        shutil.copyfile(file if file.exists() else _now(file), target)
    elif way is not None:
        field_file.save_result(target, Result(way(), verdict=tile.verdict, title=tile.name))


def _damaged(folder: Path, what: str) -> InputError:
    return InputError(f"{folder}: its {INDEX} is damaged ({' '.join(what.split())[:120]}); copy the folder again")
