"""Positions of a scan: a grid by its rows, columns and steps, and lists that lie on their side."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pydantic

from ...data import typed_values
from ...data.acquisition import Draft
from ...data.derived import SCANS
from ...types import InputError

ASK = "give scan_grid: {rows: 12, columns: 12, step_um: 0.3} (or step_px, snake: true) or positions_um"


class ScanGrid(pydantic.BaseModel):
    """Positions of a scan by rows. Steps are (y, x) or one for both; of a raster `rows` and `columns` are known."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rows: int | None = pydantic.Field(None, ge=1)
    columns: int | None = pydantic.Field(None, ge=1)
    step_um: float | tuple[float, float] | None = None
    step_px: float | tuple[float, float] | None = None
    snake: bool = False
    order: Literal["rows", "columns"] = "rows"

    @pydantic.field_validator("step_um", mode="before")
    @classmethod
    def _with_unit(cls, value: object) -> object:
        return typed_values.parse_all(value, typed_values.Plain(unit="um"))

    def positions(self, rows: int, columns: int) -> np.ndarray:
        """(frame, 2) as (y, x) of `rows` lines of `columns` points in steps, in the unit of the step."""
        step = np.broadcast_to(np.asarray(self.step_um if self.step_um is not None else self.step_px, float), 2)
        at = np.moveaxis(np.mgrid[:rows, :columns], 0, -1)  # (row, column, 2)
        at = np.swapaxes(at, 0, 1).copy() if self.order == "columns" else at.copy()
        if self.snake:
            at[1::2] = at[1::2, ::-1]
        return at.reshape(-1, 2) * step


def oriented(values: object, count: int, where: str) -> tuple[np.ndarray, str]:
    """Positions (frame, 2) as (y, x), and a note where a third column had to be understood.

    Parameters
    ----------
    values : (frame, 2) as y, x; (frame, 3) as x, y, z; either on its side, or by the rows of a raster.
    count : of frames.
    where : file and name, for errors.

    Raises
    ------
    InputError : where they are neither.
    """
    array = np.asarray(values)
    if array.ndim > 2 and array.shape[-1] in (2, 3):
        array = array.reshape(-1, array.shape[-1])
    if array.ndim == 2 and array.shape[0] in (2, 3) and array.shape[1] == count and array.shape[0] != count:
        array = array.T
    if array.ndim != 2 or array.shape[1] not in (2, 3):
        raise InputError(
            f"{where} has shape {array.shape}; positions of {count} frames must be ({count}, 2) as y, x, or give "
            "positions_y_um and positions_x_um"
        )
    if array.shape[1] == 2:
        return array, ""
    return array[:, 1::-1], f"{where} has three columns, taken as x, y, z; z is not used"


def paired(rows: object, columns: object, where: str) -> np.ndarray:
    """Positions (frame, 2) from those along y and along x, which a raster may give once for a row or column.

    Parameters
    ----------
    rows, columns : (frame,), y and x.
    where : the file, for errors.

    Raises
    ------
    InputError : where there are not as many of one as of the other.
    """
    y, x = (np.asarray(values, dtype=float).reshape(-1) for values in (rows, columns))
    if len(y) != len(x):
        raise InputError(f"{where}: there are {len(y)} positions along y but {len(x)} along x; they must agree")
    return np.stack([y, x], axis=1)


def place(draft: Draft, given: object, raster: tuple[int, int] | None, path: Path) -> None:
    """Positions of a scan grid.

    Parameters
    ----------
    draft : changed in place.
    given : the mapping that a `ScanGrid` is made of.
    raster : rows and columns that the frames themselves have, where they have.
    path : the sidecar.

    Raises
    ------
    InputError : where it makes no grid, or one of another size than the frames.
    """
    if draft.kind not in SCANS:
        raise InputError(f"{path}: scan_grid is given for kind {draft.kind}; only {' and '.join(SCANS)} have one")
    try:
        grid = ScanGrid.model_validate(given)
    except pydantic.ValidationError as error:
        raise InputError(f"{path}: {_sentence(error)}") from None
    if (grid.step_um is None) == (grid.step_px is None):
        raise InputError(f"{path}: scan_grid needs either step_um or step_px, one number or [y, x]")
    rows, columns = _size(grid, raster, int(draft.frames.shape[0]), path)
    for name in ("positions_um", "positions_px"):
        draft.values.pop(name, None)
    draft.values["positions_um" if grid.step_um is not None else "positions_px"] = grid.positions(rows, columns)


def _size(grid: ScanGrid, raster: tuple[int, int] | None, count: int, path: Path) -> tuple[int, int]:
    rows, columns = grid.rows, grid.columns
    if rows is None and columns is None and raster is not None:
        return raster
    if rows is None and columns is not None:
        rows = count // columns
    elif columns is None and rows is not None:
        columns = count // rows
    if rows is None or columns is None:
        raise InputError(f"{path}: scan_grid names neither rows nor columns of the {count} frames; give them")
    if rows * columns != count:
        found = f" ({raster[0]} x {raster[1]})" if raster else ""
        raise InputError(
            f"{path}: scan_grid has {rows} x {columns} = {rows * columns} points, but there are {count} frames{found}; "
            "they must agree"
        )
    return rows, columns


def _sentence(error: pydantic.ValidationError) -> str:
    first = error.errors()[0]
    at = ": ".join(["scan_grid", *(str(part) for part in first["loc"][:1])])
    if first["type"] == "extra_forbidden":
        return f"{at} is not known; known are {', '.join(ScanGrid.model_fields)}"
    text = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{at} is {first['input']!r}; it {text[0].lower()}{text[1:]}"
