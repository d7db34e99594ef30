"""Where the stage says that fields lie: a table, the metadata of their recordings, or the places they have already."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...io.described.stage_place import stage_place
from ...io.sidecar.positions import read_positions
from ...types import Extent, InputError
from ..batch.record import Record

REMEDY = "name a table of stage positions with --positions stage.csv, whose columns are file, y_um and x_um"


def stage_positions(table: Path | None, files: Sequence[Path], extents: Sequence[Extent]) -> np.ndarray:
    """Nominal place (field, 2) of the first pixel of each field, (y, x), um.

    Parameters
    ----------
    table : with a row for each field, by the names in its column `file`, else in the order of the fields; None: as
        the recordings say that a batch made the fields of, else the places that the fields have.
    files : of the fields.
    extents : of the fields.

    Raises
    ------
    InputError : where the table does not say where each field lies, or all fields lie at one place.
    """
    if table is not None:
        return _of_table(table, files)
    recorded = _of_recordings(files)
    if recorded is not None:
        return recorded
    places = np.array([extent.origin_um for extent in extents], dtype=float)
    if len(np.unique(places.round(6), axis=0)) < len(places):
        same = next(str(f) for n, f in enumerate(files) if (np.abs(places[:n] - places[n]) < 1e-6).all(-1).any())
        raise InputError(f"{same}: the field does not say where it lies on the slide; {REMEDY}")
    return places


def _of_recordings(files: Sequence[Path]) -> np.ndarray | None:
    """What the metadata of all recordings say, as far as a batch has written down which those are."""
    sources = {folder: Record(folder).names() for folder in {file.parent for file in files}}
    known = {(folder, name): source for folder, names in sources.items() for source, name in names.items()}
    places = []
    for file in files:
        source = known.get((file.parent, file.stem))
        place = None if source is None else stage_place(source)
        if place is None:
            return None
        places.append(place)
    found = np.array(places, dtype=float)
    return found if len(np.unique(found, axis=0)) == len(found) else None


def _of_table(table: Path, files: Sequence[Path]) -> np.ndarray:
    unit, positions, rows = read_positions(table.name, "positions_um", table)
    if unit == "positions_px":
        raise InputError(f"{table}: the positions are in pixels; give them in um, as y_um and x_um")
    if not np.isfinite(positions).all():
        raise InputError(f"{table}: a position is not finite; every row must hold two numbers, in um")
    if not rows.names:
        if len(positions) != len(files):
            raise InputError(
                f"{table}: there are {len(positions)} positions for {len(files)} fields; give one row for each field "
                "in their order, or a column file with their names"
            )
        return positions
    known = {_key(name): position for name, position in zip(rows.names, positions, strict=True)}
    missing = next((file for file in files if _key(file.name) not in known), None)
    if missing is not None:
        raise InputError(f"{table}: there is no row for {missing.name}; give one for each field")
    return np.array([known[_key(file.name)] for file in files])


def _key(name: str) -> str:
    """A name without folders and endings: a table may name the recordings behind the fields."""
    return Path(name.replace("\\", "/")).name.split(".")[0].casefold()
