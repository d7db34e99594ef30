"""In which order the LEDs of a rectangular board are lit: (led, 2) rows and columns, as in the camera's picture."""

from __future__ import annotations

import numpy as np

from ..types import InputError

GRID_ORDERS = ("raster", "serpentine", "columns", "columns_serpentine", "spiral", "spiral_inwards")
CORNERS = ("top_left", "top_right", "bottom_left", "bottom_right")
SIDES = ("right", "down", "left", "up")
SENSES = ("clockwise", "anticlockwise")
STEPS = {"right": (0, 1), "down": (1, 0), "left": (0, -1), "up": (-1, 0)}


def lit_order(
    rows: int,
    columns: int,
    order: str = "raster",
    *,
    start: str | None = None,
    sense: str = "clockwise",
    first: tuple[int, int] | None = None,
) -> np.ndarray:
    """Row and column of every LED of a board, in the order in which they are lit.

    Parameters
    ----------
    rows, columns : LEDs along y (down) and x (right).
    order : 'raster' runs row by row, 'serpentine' turns back at each row's end, 'columns' and 'columns_serpentine' run
        down and up instead; 'spiral' starts in the middle, 'spiral_inwards' in a corner.
    start : the corner (one of CORNERS) where it begins, top_left if left out; of 'spiral' the direction of the first
        step (one of SIDES), right if left out.
    sense : of a spiral, clockwise or anticlockwise in the picture.
    first : of 'spiral', row and column of the LED lit first; (rows // 2, columns // 2) if left out.

    Returns
    -------
    (led, 2) integers from 0.

    Raises
    ------
    InputError : for an unknown order, a start, sense or first that the order does not have, or a size below 1.
    """
    if rows < 1 or columns < 1:
        raise InputError(f"the LED grid is {rows} x {columns}; it needs at least one row and one column")
    _check(order, start, sense, first)
    if order == "spiral":
        begin = (rows // 2, columns // 2) if first is None else first
        if not (0 <= begin[0] < rows and 0 <= begin[1] < columns):
            raise InputError(
                f"the spiral's first LED is row {begin[0]}, column {begin[1]}, which is not on the board of {rows} x "
                f"{columns}; count from 0"
            )
        return _spiral(rows, columns, begin, _turns(start or "right", sense))
    turned = (order == "spiral_inwards" and sense == "anticlockwise") or order.startswith("columns")
    found = _from_top_left(*((columns, rows) if turned else (rows, columns)), order)
    found = found[:, ::-1] if turned else found
    low, far = (start or CORNERS[0]).split("_")
    mirrored = np.array([low == "bottom", far == "right"])
    return np.where(mirrored, np.array([rows, columns]) - 1 - found, found)


def grid_orders(rows: int, columns: int) -> dict[str, np.ndarray]:
    """Name -> (led, 2) rows and columns of each order of GRID_ORDERS on a board of `rows` x `columns` LEDs.

    Together with the eight ORIENTATIONS these are all corners, first steps and senses of a square board.
    """
    return {order: lit_order(rows, columns, order) for order in GRID_ORDERS}


def _check(order: str, start: str | None, sense: str, first: tuple[int, int] | None) -> None:
    if order not in GRID_ORDERS:
        raise InputError(f"the LED grid's order is {order!r}; it must be one of {', '.join(GRID_ORDERS)}")
    starts = SIDES if order == "spiral" else CORNERS
    if start is not None and start not in starts:
        raise InputError(f"the LED grid's start is {start!r}; of order {order} it must be one of {', '.join(starts)}")
    if sense not in SENSES:
        raise InputError(f"the LED grid's sense is {sense!r}; it must be one of {', '.join(SENSES)}")
    if sense != SENSES[0] and not order.startswith("spiral"):
        raise InputError(f"the LED grid's sense is {sense}; order {order} has none, so leave it out")
    if first is not None and order != "spiral":
        raise InputError(f"the LED grid's first LED is {list(first)}; only order spiral has one, so leave it out")


def _turns(start: str, sense: str) -> list[tuple[int, int]]:
    """The four steps of a spiral, the first of them first."""
    at, way = SIDES.index(start), 1 if sense == SENSES[0] else -1
    return [STEPS[SIDES[(at + way * turn) % 4]] for turn in range(4)]


def _from_top_left(rows: int, columns: int, order: str) -> np.ndarray:
    """(led, 2) of an order that begins top left and runs along the row."""
    if order == "spiral_inwards":
        return _peeled(rows, columns)
    steps = np.moveaxis(np.mgrid[:rows, :columns], 0, -1)  # (row, column, 2)
    if order.endswith("serpentine"):
        steps[1::2] = steps[1::2, ::-1]
    return steps.reshape(-1, 2)


def _spiral(rows: int, columns: int, first: tuple[int, int], turns: list[tuple[int, int]]) -> np.ndarray:
    """(led, 2) outwards from `first`; places outside the board are passed over."""
    at, found, leg = np.array(first), [tuple(first)], 0
    while len(found) < rows * columns:
        for _ in range(leg // 2 + 1):
            at = at + turns[leg % 4]
            if 0 <= at[0] < rows and 0 <= at[1] < columns:
                found.append((int(at[0]), int(at[1])))
        leg += 1
    return np.array(found)


def _peeled(rows: int, columns: int) -> np.ndarray:
    """(led, 2) clockwise inwards from the top left corner: the first row is taken off, the rest is turned, again."""
    left, found = np.moveaxis(np.mgrid[:rows, :columns], 0, -1), []
    while left.size:
        found.append(left[0])
        left = np.rot90(left[1:])
    return np.concatenate(found)
