"""Tables of positions, whose first line may name the axes and their unit: `y_um,x_um`, `x_mm,y_mm`, `y_px,x_px`."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ...data.typed_values import LENGTHS
from ...types import InputError
from .tables import read_table

PIXELS = ("px", "pixel", "pixels")
COLUMN = re.compile(r"([yx])(?:[ _]*[\[(]?([a-zµμå]+)[\])]?)?")


def read_positions(path: Path, name: str) -> tuple[str, np.ndarray]:
    """`positions_um` or `positions_px`, and the positions (frame, 2) as (y, x) in that unit.

    Parameters
    ----------
    path : the table.
    name : what to take them for where the table names no unit. Other columns of a named table are left alone.

    Raises
    ------
    InputError : where the table cannot be read, or its columns are not one y and one x of the same unit.
    """
    header, table = read_table(path)
    if not header:
        if table.shape[1] != 2:
            raise InputError(
                f"{path}: the table has {table.shape[1]} columns; positions are two, y and x, so leave the others out "
                "or name the columns in the first line, such as y_um,x_um"
            )
        return name, table
    found: dict[str, tuple[int, str]] = {}
    for number, title in enumerate(header):
        match = COLUMN.fullmatch(title.strip().lower())
        if match is None or (match[2] and match[2] not in (*LENGTHS, *PIXELS)):
            continue
        if match[1] in found:
            raise InputError(f"{path}: two columns are called {match[1]}; leave one of them out")
        found[match[1]] = (number, match[2] or "")
    if len(found) < 2:
        raise InputError(
            f"{path}: the columns are {', '.join(header)}; positions need one of y and one of x with a known unit "
            f"({', '.join(dict.fromkeys((*LENGTHS, 'px')))}), such as y_um,x_um"
        )
    (row, unit), (column, other) = found["y"], found["x"]
    if unit != other:
        raise InputError(f"{path}: y is in {unit or 'no unit'} but x in {other or 'no unit'}; give both in one unit")
    positions = table[:, [row, column]]
    if unit in PIXELS:
        return "positions_px", positions
    return ("positions_um", positions * float(LENGTHS[unit])) if unit else (name, positions)
