"""In which other order the LEDs of a board may have been lit, or how else it may be mounted."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from ..optics.board import positions
from ..optics.illumination import ORIENTATIONS, grid_positions, orient

ON_GRID = 0.25  # of the pitch: how far an LED may lie from its place on a grid
LARGEST = 64  # LEDs along a side of a grid
SLIPS = (1, -1, 2, -2)
CORNERS = {(False, False): "top_left", (False, True): "top_right", (True, False): "bottom_left",
           (True, True): "bottom_right"}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Reading:
    """Another way to read which LED lit which frame.

    said : what it is, to follow 'fits'.
    remedy : what to do about it, a clause.
    na : directions (frame, 2).
    """

    said: str
    remedy: str
    na: np.ndarray


def readings(na: np.ndarray) -> list[Reading]:
    """Other orders and mountings of a board with directions `na` (frame, 2), the likeliest first, none twice."""
    found: dict[bytes, Reading] = {_key(na): Reading("as given", "", na)}
    for reading in (*_mounted(na), *_ordered(na), *_slipped(na)):
        found.setdefault(_key(reading.na), reading)
    return list(found.values())[1:]


def _key(na: np.ndarray) -> bytes:
    return (np.round(na, 6) + 0.0).tobytes()


def _mounted(na: np.ndarray) -> Iterator[Reading]:
    turns = {"clockwise": 90, "anticlockwise": -90, "half": 180}
    for name, matrix in ORIENTATIONS[1:]:
        turn = next(
            (angle for word, angle in turns.items() if f"turn {word}" in name or f"{word} a turn" in name), None
        )
        remedy = f"add {turn} to rotation_deg of the sidecar's leds"
        if turn is None or "exchanged" in name:
            remedy = "mirror the LED positions in the sidecar's leds accordingly"
        yield Reading(f"the LED directions {name}", remedy, orient(na, matrix))


def _slipped(na: np.ndarray) -> Iterator[Reading]:
    yield Reading("the given order backwards", "reverse the list of LEDs", na[::-1])
    for by in SLIPS:
        many = "one frame" if abs(by) == 1 else f"{abs(by)} frames"
        said = f"the given order {many} {'later' if by > 0 else 'earlier'}"
        yield Reading(said, "look for a frame too many or too few at the start", np.roll(na, by, axis=0))


def _ordered(na: np.ndarray) -> Iterator[Reading]:
    """The orders in which grids are usually lit, from every corner and in either sense."""
    at = grid_places(na)
    if at is None:
        return
    rows, columns = at.max(axis=0) + 1
    lit = np.full((rows, columns), -1)
    lit[tuple(at.T)] = np.arange(len(na))
    for name, extra, cells in _grid_orders(int(rows), int(columns)):
        order = lit[tuple(cells.T)]
        said = f"order {name}" + (f" ({extra})" if extra else "")
        text = f"order: {name}" + (f", {extra}" if extra else "")
        yield Reading(said, f"write grid: {{..., {text}}} in the sidecar's leds", na[order[order >= 0]])


def grid_places(na: np.ndarray) -> np.ndarray | None:
    """Row and column (frame, 2) of each direction `na` (frame, 2) on a rectangular grid; None where they form none.

    Rows run along y and columns along x, as nearly as the board is turned.
    """
    q = positions(na)
    if len(q) < 4:
        return None
    gaps = np.hypot(*(q[:, None] - q[None]).transpose(2, 0, 1)) + np.diag(np.full(len(q), np.inf))
    pitch = float(np.median(gaps.min(axis=1)))
    one, other = np.nonzero(np.abs(gaps - pitch) < 0.1 * pitch)
    if not pitch > 0 or not len(one):
        return None
    way = q[one] - q[other]
    turn = np.angle(np.exp(4j * np.arctan2(way[:, 0], way[:, 1])).sum()) / 4
    c, s = np.cos(turn), np.sin(turn)
    steps = np.stack([c * q[:, 0] - s * q[:, 1], s * q[:, 0] + c * q[:, 1]], axis=-1) / pitch
    steps -= steps.min(axis=0)
    at = np.rint(steps).astype(int)
    off = np.abs(steps - at).max()
    alone = len(np.unique(at, axis=0)) == len(at)
    return at if alone and off < ON_GRID and at.max() < LARGEST and at.max(axis=0).min() > 0 else None


def _grid_orders(rows: int, columns: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """Name, further keys and (led, 2) rows and columns of every usual order."""
    size = np.array([rows, columns])
    for name, of in (("raster", "raster"), ("serpentine", "serpentine"), ("columns", "raster"),
                     ("columns_serpentine", "serpentine")):  # fmt: skip
        across = name.startswith("columns")
        cells = _cells(columns, rows, of)[:, ::-1] if across else _cells(rows, columns, of)
        for flips, corner in CORNERS.items():
            extra = "" if corner == "top_left" else f"start: {corner}"
            yield name, extra, np.where(flips, size - 1 - cells, cells)
    for name, extra, cells in _spirals(rows, columns):
        yield name, extra, cells
        yield f"{name} backwards", extra, cells[::-1]


def _spirals(rows: int, columns: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """Outwards from the middle LED, which of an even board is the one after its middle."""
    side = 2 * max(rows, columns) + 1
    spiral = _cells(side, side, "spiral") - side // 2
    for start, turn in (("right", 0), ("down", 1), ("left", 2), ("up", 3)):
        for sense in ("clockwise", "anticlockwise"):
            cells = spiral
            if sense == "anticlockwise":
                cells = cells * (-1, 1)
            for _ in range(turn):
                cells = np.stack([cells[:, 1], -cells[:, 0]], axis=-1)  # a quarter turn clockwise, y down
            cells = cells + np.array([rows // 2, columns // 2])
            within = ((cells >= 0) & (cells < (rows, columns))).all(axis=1)
            words = [f"start: {start}"] if start != "right" else []
            words += ["sense: anticlockwise"] if sense != "clockwise" else []
            yield "spiral", ", ".join(words), cells[within]


def _cells(rows: int, columns: int, order: str) -> np.ndarray:
    """(led, 2) rows and columns from 0."""
    placed = grid_positions(rows, columns, 1.0, order)
    return np.rint(placed - placed.min(axis=0)).astype(int)
