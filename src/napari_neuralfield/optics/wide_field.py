"""A wide field: LEDs are near, so every place of the field sees them in other directions.

From a place `away` (y, x) of the sample, an LED at p on a board at the height h lies at p - away, so that its place in
units of the height, see `board.positions`, is q - away / h: linear in the place. Directions seen from several places
tell the height by how fast they change, and by where the board lies overhead the place of the optical axis.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from .board import positions, to_na

UM_PER_MM = 1000.0


def seen_from(na: np.ndarray, height_mm: float, away_um: np.ndarray | tuple[float, float]) -> np.ndarray:
    """Directions (led, 2) of LEDs as seen from another place of the sample.

    Parameters
    ----------
    na : directions (led, 2) at the first place.
    height_mm : distance of the board from the sample.
    away_um : the other place (y, x) from the first, um.
    """
    return to_na(positions(na) - np.asarray(away_um, dtype=float) / (UM_PER_MM * height_mm))


@dataclasses.dataclass(frozen=True, eq=False)
class FoundAxis:
    """Where the optical axis lies and how high the board, as directions seen from several places tell.

    Parameters
    ----------
    axis_um : (y, x) of the field, where the board lies overhead as its file says.
    height_mm : distance of the board from the sample.
    error_na : what shift of all directions each place by itself would rather have (place,).
    from_field : the height is told by the places; else it is the one that was given.
    """

    axis_um: np.ndarray
    height_mm: float
    error_na: np.ndarray
    from_field: bool


def variation(size_um: tuple[float, float], height_mm: float) -> float:
    """Largest change of a direction, NA, from the middle of a field to its corner.

    Parameters
    ----------
    size_um : (y, x) of the field, um.
    height_mm : distance of the board from the sample.
    """
    return float(np.hypot(*size_um)) / 2 / (UM_PER_MM * height_mm)
