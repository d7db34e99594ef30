"""The `leds:` part of a sidecar: a board in words a user knows, turned into directions of light."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pydantic

from ...data import typed_values
from ...optics import illumination
from ...types import InputError
from .tables import read_table

Pair = tuple[float, float]
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
    order: Literal["raster", "serpentine", "spiral"] = "raster"


class LedRings(_Part):
    counts: list[int]
    radii_mm: list[float] | None = None
    radii_na: list[float] | None = None
    start_deg: float = 0.0


class Leds(_Part):
    """One of `na`, `positions_mm`, `grid`, `rings`, `csv` or `board: uconn`, and how it is mounted."""

    na: list[Pair] | None = None
    positions_mm: list[Pair] | None = None
    grid: Grid | None = None
    rings: LedRings | None = None
    csv: str | None = None
    board: Literal["uconn"] | None = None
    height_mm: Positive | None = None
    centre_mm: Pair = (0.0, 0.0)
    rotation_deg: float = 0.0
    slide_mm: float = 0.0
    slide_index: float = 1.52
    theta_deg: float = 0.0
    xint_mm: float = 0.0
    yint_mm: float = 0.0
    use: list[int] | None = None


SOURCES = ("na", "positions_mm", "grid", "rings", "csv", "board")


def directions(given: object, where: Path) -> np.ndarray:
    """Directions (led, 2) as (na_y, na_x) of a board.

    Parameters
    ----------
    given : the mapping that describes it; see `Leds`.
    where : the sidecar that holds it.

    Raises
    ------
    InputError : for an unknown key, a value that breaks its rule, or not exactly one description of the board.
    """
    try:
        leds = Leds.model_validate(given)
    except pydantic.ValidationError as error:
        raise InputError(f"{where}: {_sentence(error)}") from None
    named = [name for name in SOURCES if getattr(leds, name) is not None]
    if len(named) != 1:
        raise InputError(
            f"{where}: leds describes the board by {' and '.join(named) or 'nothing'}; give exactly one of "
            f"{', '.join(SOURCES)}"
        )
    try:
        na = _board(leds, where)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
    if leds.use is None:
        return na
    if min(leds.use, default=0) < 0 or max(leds.use, default=0) >= len(na):
        raise InputError(f"{where}: leds: use names an LED outside 0 to {len(na) - 1}; count the LEDs from 0")
    return na[leds.use]


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
        header, table = read_table(where.parent / leds.csv)
        if header in (["na_y", "na_x"], ["na_x", "na_y"]):
            return _turned(table if header[0] == "na_y" else table[:, ::-1], leds)
        if header not in (["y_mm", "x_mm"], ["x_mm", "y_mm"]):
            raise InputError(
                f"leds: csv {leds.csv} has the columns {', '.join(header) or 'without names'}; its first line must be "
                "na_y,na_x or y_mm,x_mm"
            )
        return _mounted(table if header[0] == "y_mm" else table[:, ::-1], leds)
    if leds.positions_mm is not None:
        return _mounted(np.array(leds.positions_mm, dtype=float).reshape(-1, 2), leds)
    if leds.grid is not None:
        grid = leds.grid
        return _mounted(illumination.grid_positions(grid.rows, grid.columns, grid.pitch_mm, grid.order), leds)
    assert leds.rings is not None
    return _rings(leds.rings, leds)


def _rings(rings: LedRings, leds: Leds) -> np.ndarray:
    if (rings.radii_mm is None) == (rings.radii_na is None):
        raise InputError("leds: rings needs either radii_mm or radii_na")
    if rings.radii_na is not None:
        return _turned(-illumination.ring_positions(rings.radii_na, rings.counts, rings.start_deg), leds)
    assert rings.radii_mm is not None
    return _mounted(illumination.ring_positions(rings.radii_mm, rings.counts, rings.start_deg), leds)


def _mounted(positions_mm: np.ndarray, leds: Leds) -> np.ndarray:
    if leds.height_mm is None:
        raise InputError("leds: height_mm is missing; give the distance in mm from the LED board to the slide")
    placed = illumination.place(positions_mm, leds.rotation_deg, leds.centre_mm)
    return illumination.direction_cosines(placed, leds.height_mm, leds.slide_mm, leds.slide_index)


def _turned(na: np.ndarray, leds: Leds) -> np.ndarray:
    return illumination.place(na, leds.rotation_deg)


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
