"""A wide field: LEDs are near, so every place of the field sees them in other directions.

From a place `away` (y, x) of the sample, an LED at p on a board at the height h lies at p - away, so that its place in
units of the height, see `board.positions`, is q - away / h: linear in the place. Directions seen from several places
tell the height by how fast they change, and by where the board lies overhead the place of the optical axis.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from .board import fit_pose, positions, to_na

UM_PER_MM = 1000.0
ROUNDS = 10  # of reweighting
CLEAR = 5.0  # times its error that a change of the directions over the field must be to tell the height


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
    na : directions (led, 2) at the place `at_um` (y, x), um.
    error_na : rms difference of the directions of each place from those of the fit (place,).
    from_field : the height is told by the places; else it is the one that was given.
    """

    axis_um: np.ndarray
    height_mm: float
    na: np.ndarray
    at_um: np.ndarray
    error_na: np.ndarray
    from_field: bool


def fit_axis(
    nominal: np.ndarray, places_um: np.ndarray, found: np.ndarray, height_mm: float | None = None
) -> FoundAxis | None:
    """The axis and the height that fit directions found at several places; None where they do not tell, or backwards.

    Weighted least squares in the plane of the board, where places of little agreement count less (Cauchy weights).

    Parameters
    ----------
    nominal : directions (led, 2) as the file gives them, at the optical axis.
    places_um : the places (place, 2), (y, x), um.
    found : directions (place, led, 2) at each.
    height_mm : as given, taken where the places do not tell it better; None where it is not known.
    """
    fit = _line(places_um, found)
    if fit.slope < -CLEAR * fit.error:
        return None
    slope, board = fit.slope, fit.board
    told = slope > CLEAR * fit.error
    if not told:
        if height_mm is None:
            return None
        slope = 1 / (UM_PER_MM * height_mm)
        board = np.tensordot(fit.share, fit.q + slope * fit.step[:, None], 1)
    shift = np.array(fit_pose(nominal, to_na(board)).shift)
    errors = np.sqrt(((fit.q + slope * fit.step[:, None] - board) ** 2).sum(2).mean(1))
    return FoundAxis(
        fit.middle + shift / slope,
        height_mm=1 / (UM_PER_MM * slope),
        na=to_na(board),
        at_um=fit.middle,
        error_na=errors,
        from_field=told,
    )


def runs_backwards(places_um: np.ndarray, found: np.ndarray) -> bool:
    """Whether directions change against the places, as of a board that really is turned by half a turn.

    One region cannot tell the two apart: with phase and depth reversed both fit its frames.

    Parameters
    ----------
    places_um : the places (place, 2), (y, x), um.
    found : directions (place, led, 2) at each.
    """
    fit = _line(places_um, found)
    return fit.slope < -CLEAR * fit.error


@dataclasses.dataclass(frozen=True, eq=False)
class _Line:
    """Places in units of the height `q` (place, led, 2) as `board` - `slope` times the `step` from the `middle`."""

    q: np.ndarray
    board: np.ndarray
    middle: np.ndarray
    step: np.ndarray
    share: np.ndarray
    slope: float
    error: float


def _line(places_um: np.ndarray, found: np.ndarray) -> _Line:
    places = np.asarray(places_um, dtype=float)
    q = np.array([positions(na) for na in found])
    weight = np.ones(len(places))
    for _ in range(ROUNDS):
        share = weight / weight.sum()
        middle, board = share @ places, np.tensordot(share, q, 1)
        step = places - middle
        moved = (q - board).mean(1)  # (place, 2)
        spread = float(share @ (step**2).sum(1))
        slope = -float(share @ (step * moved).sum(1)) / spread if spread > 0 else 0.0  # 1 / height, per um
        left = moved + slope * step
        size = np.hypot(*left.T)
        weight = 1 / (1 + (size / max(1.5 * float(np.median(size)), 1e-9)) ** 2)
    error = float(np.sqrt((share @ (left**2).sum(1)) / max(2 * len(places) - 3, 1) / max(spread, 1e-12)))
    return _Line(q, board=board, middle=middle, step=step, share=share, slope=slope, error=error)


def variation(size_um: tuple[float, float], height_mm: float) -> float:
    """Largest change of a direction, NA, from the middle of a field to its corner.

    Parameters
    ----------
    size_um : (y, x) of the field, um.
    height_mm : distance of the board from the sample.
    """
    return float(np.hypot(*size_um)) / 2 / (UM_PER_MM * height_mm)
