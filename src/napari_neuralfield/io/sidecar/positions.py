"""Tables of positions, whose titles may name the axes and their unit: `y_um,x_um`, `x_mm,y_mm`, `motor_x(um)`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from . import columns
from .tables import Table


def read_positions(value: str | Mapping[str, object], name: str, sidecar: Path) -> tuple[str, np.ndarray, Table]:
    """`positions_um` or `positions_px`, the positions (row, 2) as (y, x) in that unit, and the table they are from.

    Parameters
    ----------
    value : name of the table, or `{table: motors.txt, y: samy, x: samx, unit: mm}`.
    name : what to take them for where the table names no unit. Other columns are left alone.
    sidecar : the file that names it.

    Raises
    ------
    InputError : where the table cannot be read, or its columns are not one y and one x of the same unit.
    """
    table, positions, unit = columns.pair(value, name, sidecar)
    if unit in columns.PIXELS:
        return "positions_px", positions, table
    return ("positions_um", positions * float(columns.UNITS[unit]), table) if unit else (name, positions, table)
