"""The `leds:` part of a sidecar: a board in words a user knows, turned into directions of light."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pydantic

from ...data import typed_values
from ...data.names import led_names
from ...data.typed_values import LENGTHS
from ...optics import illumination
from ...optics.led_orders import lit_order
from ...types import InputError
from ..native import links
from . import columns
from .tables import read_table

MOST_LEDS = 10**6
Pair = tuple[float, float]
Place = tuple[int, int]  # row and column from 0
Positive = Annotated[float, pydantic.Field(gt=0)]


class _Part(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @pydantic.field_validator("*", mode="before")
    @classmethod
    def _with_unit(cls, value: object, info: pydantic.ValidationInfo) -> object:
        """Numbers may be typed with their unit, where the name of the value ends in one."""
        unit = typed_values.unit_in(info.field_name or "")
        return typed_values.parse_all(value, typed_values.Plain(unit=unit)) if unit else value


class Grid(_Part):
    rows: int
    columns: int
    pitch_mm: float
    order: str | list[Place] = "raster"
    start: str | None = None
    sense: Literal["clockwise", "anticlockwise"] = "clockwise"
    first: Place | None = None
    missing: list[int | Place] = []


class LedRings(_Part):
    counts: list[int]
    radii_mm: list[float] | None = None
    radii_na: list[float] | None = None
    start_deg: float | list[float] = 0.0
    sense: Literal["clockwise", "anticlockwise"] = "clockwise"
    order: Literal["outwards", "inwards"] = "outwards"


class Leds(_Part):
    """One of `na`, `positions_mm`, `grid`, `rings`, `csv` or `board: uconn`, and how it is mounted."""

    na: list[Pair] | None = None
    positions_mm: list[Pair] | None = None
    grid: Grid | None = None
    rings: LedRings | None = None
    csv: str | None = None
    board: Literal["uconn"] | None = None
    height_mm: Positive | None = None
    flip: Literal["y", "x", "transpose"] | None = None
    centre_mm: Pair = (0.0, 0.0)
    rotation_deg: float = 0.0
    slide_mm: float = 0.0
    slide_index: float = 1.52
    theta_deg: float = 0.0
    xint_mm: float = 0.0
    yint_mm: float = 0.0
    use: list[int] | None = None


TABLES = (".csv", ".txt", ".tsv", ".dat")
SOURCES = ("na", "positions_mm", "grid", "rings", "csv", "board")


def directions(given: object, where: Path, names: Sequence[str] = ()) -> tuple[np.ndarray, list[str]]:
    """Directions (led, 2) as (na_y, na_x) of a board, and notes.

    Parameters
    ----------
    given : the mapping that describes it; see `Leds`.
    where : the sidecar that holds it.
    names : of the images, where each is the frame of one LED: row and column of a grid, or numbers with gaps, in them
        say which.

    Raises
    ------
    InputError : for an unknown key, a value that breaks its rule, or not exactly one description of the board.
    """
    try:
        leds = Leds.model_validate(given)
    except pydantic.ValidationError as error:
        raise InputError(f"{where}: {_sentence(error)}") from None
    described = [name for name in SOURCES if getattr(leds, name) is not None]
    if len(described) != 1:
        raise InputError(
            f"{where}: leds describes the board by {' and '.join(described) or 'nothing'}; give exactly one of "
            f"{', '.join(SOURCES)}"
        )
    try:
        return _lit(leds, where, names)
    except InputError as error:
        raise InputError(str(error) if str(error).startswith(str(where.parent)) else f"{where}: {error}") from None


def _lit(leds: Leds, where: Path, names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Directions of the LEDs that are lit, by `use` or by the names of the frames, else of all."""
    notes: list[str] = []
    if leds.grid is not None:
        places, notes = _places(leds.grid, where, names)
        grid = leds.grid
        na = _mounted(illumination.grid_positions(grid.rows, grid.columns, grid.pitch_mm, places), leds)
    else:
        na = _board(leds, where)
    if leds.use is not None:
        if min(leds.use, default=0) < 0 or max(leds.use, default=0) >= len(na):
            raise InputError(f"leds: use names an LED outside 0 to {len(na) - 1}; count the LEDs from 0")
        return na[leds.use], notes
    chosen = () if notes else led_names.numbers(names, len(na))
    if not chosen:
        return na, notes
    notes = [f"the names of the images say which {len(chosen)} of the {len(na)} LEDs were lit, as in {names[0]}"]
    return na[list(chosen)], notes


def _places(grid: Grid, where: Path, names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Rows and columns (led, 2) of a grid's LEDs in the order in which they are lit, and notes."""
    if isinstance(grid.order, list):
        places = np.array(grid.order, dtype=int).reshape(-1, 2)
    elif grid.order.lower().endswith(TABLES):
        places = _order_in(links.named(grid.order, where), grid)
    elif grid.rows * grid.columns > MOST_LEDS:
        raise InputError(f"leds: grid: {grid.rows} x {grid.columns} LEDs are no board; give rows and columns of yours")
    else:
        places = lit_order(grid.rows, grid.columns, grid.order, start=grid.start, sense=grid.sense, first=grid.first)
    if places.min(initial=0) < 0 or (places >= [grid.rows, grid.columns]).any():
        bad = places[((places < 0) | (places >= [grid.rows, grid.columns])).any(axis=1)][0].tolist()
        raise InputError(f"leds: grid: {bad} is not a row and column of {grid.rows} x {grid.columns}; count from 0")
    gone = {tuple(places[n]) if isinstance(n, int) and 0 <= n < len(places) else n for n in grid.missing}
    lost = [n for n in gone if not isinstance(n, tuple) or not (places == n).all(axis=1).any()]
    if lost:
        raise InputError(
            f"leds: grid: missing names {lost[0]}, which is no LED of {grid.rows} x {grid.columns}; give numbers from "
            "0 in the order in which the LEDs are lit, or [row, column] from 0"
        )
    places = np.array([place for place in places if tuple(place) not in gone], dtype=int).reshape(-1, 2)
    told = led_names.places(names, grid.rows, grid.columns)
    if told is None or np.array_equal(told, places):
        return places, []
    if "order" in grid.model_fields_set:
        off = int(np.argmax((told != places[: len(told)]).any(axis=1))) if len(told) <= len(places) else 0
        raise InputError(
            f"leds: grid: order is {grid.order if isinstance(grid.order, str) else 'a list'}, which lights row "
            f"{places[off][0]}, column {places[off][1]} in frame {off}, but its name {names[off]} says row "
            f"{told[off][0]}, column {told[off][1]} (from 0); leave order out, and the names decide"
        )
    return told, [f"row and column of each LED from the names of the images, as in {names[0]}"]


def _order_in(path: Path, grid: Grid) -> np.ndarray:
    """(led, 2) rows and columns out of a table of row and column, or of numbers row by row, both from 0."""
    table = read_table(path)
    found = table.numbers
    if found.shape[1] == 1:
        return np.stack(np.divmod(found[:, 0].astype(int), grid.columns), axis=-1)
    at = [[t.lower().strip() in words for t in table.titles] for words in (("row", "y"), ("column", "col", "x"))]
    if not all(any(columns) for columns in at):
        raise InputError(
            f"{path}: the columns are {', '.join(table.titles) or 'without titles'}; an order of LEDs needs row and "
            "column, or one column of numbers row by row, all from 0"
        )
    return found[:, [columns.index(True) for columns in at]].astype(int)


def height_mm(given: object) -> float | None:
    """Distance of the board in a description that `directions` took; None where only directions are given."""
    leds = Leds.model_validate(given)
    return illumination.UCONN_HEIGHT_MM if leds.board is not None else leds.height_mm


def _board(leds: Leds, where: Path) -> np.ndarray:
    if leds.board is not None:
        return illumination.uconn_board(leds.theta_deg, leds.xint_mm, leds.yint_mm)
    if leds.na is not None:
        return _turned(np.array(leds.na, dtype=float).reshape(-1, 2), leds)
    if leds.csv is not None:
        return _from_table(leds.csv, leds, where)
    if leds.positions_mm is not None:
        return _mounted(np.array(leds.positions_mm, dtype=float).reshape(-1, 2), leds)
    assert leds.rings is not None
    return _rings(leds.rings, leds)


def _from_table(name: str, leds: Leds, where: Path) -> np.ndarray:
    """Directions from the columns na_y and na_x, or positions from y and x with a unit, in any order."""
    path = links.named(name, where)
    titles = [columns.title_and_unit(title) for title in read_table(path).titles]
    bases = [base for base, _ in titles]
    if "na_y" in bases and "na_x" in bases:
        found = columns.pair({"table": name, "y": "na_y", "x": "na_x"}, "na", where)[1]
        return _turned(found, leds)
    units = [unit for base, unit in titles if base in ("y", "x")]
    if len(units) != 2 or not all(unit in LENGTHS for unit in units):
        raise InputError(
            f"leds: csv {name} has the columns {', '.join(read_table(path).titles) or 'without names'}; its first line "
            "must be na_y,na_x or y_mm,x_mm"
        )
    _, positions, unit = columns.pair(name, "positions_mm", where)
    return _mounted(positions * float(LENGTHS[unit]) / float(LENGTHS["mm"]), leds)


def _rings(rings: LedRings, leds: Leds) -> np.ndarray:
    if (rings.radii_mm is None) == (rings.radii_na is None):
        raise InputError("leds: rings needs either radii_mm or radii_na")
    radii = rings.radii_mm if rings.radii_na is None else rings.radii_na
    assert radii is not None
    found = illumination.ring_positions(radii, rings.counts, rings.start_deg, rings.sense)
    if rings.order == "inwards":
        ends = np.cumsum(rings.counts)
        found = np.concatenate([found[end - n : end] for n, end in zip(rings.counts[::-1], ends[::-1], strict=True)])
    return _mounted(found, leds) if rings.radii_na is None else _turned(-found, leds)


def _mounted(positions_mm: np.ndarray, leds: Leds) -> np.ndarray:
    if leds.height_mm is None:
        raise InputError("leds: height_mm is missing; give the distance in mm from the LED board to the slide")
    placed = illumination.place(_flipped(positions_mm, leds), leds.rotation_deg, leds.centre_mm)
    return illumination.direction_cosines(placed, leds.height_mm, leds.slide_mm, leds.slide_index)


def _turned(na: np.ndarray, leds: Leds) -> np.ndarray:
    return illumination.place(_flipped(na, leds), leds.rotation_deg)


def _flipped(vectors: np.ndarray, leds: Leds) -> np.ndarray:
    """A board that is mounted mirrored: y or x reversed, or the two exchanged."""
    if leds.flip == "transpose":
        return vectors[:, ::-1]
    return vectors * np.array([-1 if leds.flip == axis else 1 for axis in "yx"])


def _sentence(error: pydantic.ValidationError) -> str:
    unknown_first = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
    first = unknown_first[0]
    path = [str(part) for part in first["loc"]] or [""]
    where = ": ".join(["leds", *path])
    if first["type"] == "extra_forbidden":
        parts: dict[str, type[_Part]] = {"grid": Grid, "rings": LedRings}
        owner = parts.get(path[0], Leds) if len(path) > 1 else Leds
        return f"{where} is not known; known are {', '.join(owner.model_fields)}"
    if first["type"] == "missing":
        return f"{where} is missing; give it"
    if first["type"] in ("model_type", "model_attributes_type"):
        return f"{where.rstrip(': ')} is {first['input']!r}; it must be a mapping such as grid: {{rows: 15, ...}}"
    if first["type"] == "value_error":
        return f"{where}: {first['msg'].removeprefix('Value error, ')}"
    text = first["msg"].removeprefix("Input ")
    return f"{where} is {first['input']!r}; it {text[0].lower()}{text[1:]}"
