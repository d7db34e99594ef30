"""LED boards as directions of light.

Directions are `na = (na_y, na_x)`, the sines of the angles in air: the plane wave at the sample is
exp(+2 pi i (na . r) / wavelength), so the pupil's window on the object's spectrum is centred at -na / wavelength.
Board positions are (y, x) in mm along the axes of the camera's picture, seen from the sample. Light travels away
from its LED, so an LED at +x gives a negative na_x.
"""

from __future__ import annotations

import numpy as np

from ..types import InputError
from .led_orders import GRID_ORDERS as GRID_ORDERS
from .led_orders import SENSES, lit_order
from .led_orders import grid_orders as grid_orders

UCONN_HEIGHT_MM = 90.88

# Each matrix turns (na_y, na_x); image axes, y downwards.
ORIENTATIONS: tuple[tuple[str, np.ndarray], ...] = tuple(
    (name, np.array(matrix, dtype=float))
    for name, matrix in (
        ("as given", [[1, 0], [0, 1]]),
        ("turned by half a turn", [[-1, 0], [0, -1]]),
        ("y reversed (upside down)", [[-1, 0], [0, 1]]),
        ("x reversed (left and right exchanged)", [[1, 0], [0, -1]]),
        ("y and x exchanged", [[0, 1], [1, 0]]),
        ("y and x exchanged, then turned by half a turn", [[0, -1], [-1, 0]]),
        ("turned by a quarter turn clockwise", [[0, 1], [-1, 0]]),
        ("turned by a quarter turn anticlockwise", [[0, -1], [1, 0]]),
    )
)


def grid_positions(rows: int, columns: int, pitch_mm: float, order: str | np.ndarray = "raster") -> np.ndarray:
    """Positions of a rectangular board about its centre, in the order its LEDs are lit.

    Parameters
    ----------
    rows, columns : LEDs along y and x.
    pitch_mm : distance between neighbours.
    order : one of GRID_ORDERS, see `lit_order`, or rows and columns (led, 2) from 0 of the LEDs that are lit.

    Returns
    -------
    (led, 2) as (y, x), mm.

    Raises
    ------
    InputError : for a size below 1, a pitch that is not larger than 0, or an unknown order.
    """
    if not pitch_mm > 0:
        raise InputError(f"the LED grid's pitch_mm is {pitch_mm:g}; it must be larger than 0 mm")
    steps = lit_order(rows, columns, order) if isinstance(order, str) else np.asarray(order, dtype=float)
    return pitch_mm * (steps - (np.array([rows, columns]) - 1) / 2)


def ring_positions(
    radii: list[float], counts: list[int], start_deg: float | list[float] = 0.0, sense: str = "clockwise"
) -> np.ndarray:
    """Positions on rings about the centre, ring by ring, the first LED of each at +x (right in the picture).

    Parameters
    ----------
    radii : radius of each ring, in the unit wanted back; 0 with a count of 1 is a centre LED.
    counts : LEDs on each ring.
    start_deg : turns every ring, or each by its own angle, from +x towards +y (down in the picture).
    sense : clockwise in the picture (from +x towards +y) or anticlockwise.

    Returns
    -------
    (led, 2) as (y, x).
    """
    starts = list(start_deg) if isinstance(start_deg, list | tuple) else [start_deg] * len(radii)
    if len(radii) != len(counts):
        raise InputError(f"the LED rings have {len(radii)} radii and {len(counts)} counts; give one count per radius")
    if len(starts) != len(radii):
        raise InputError(
            f"the LED rings have {len(radii)} radii and {len(starts)} start_deg; give one, or one per ring"
        )
    if min(counts, default=0) < 1 or min(radii, default=-1.0) < 0:
        raise InputError(
            f"the LED rings have radii {radii} and counts {counts}; radii are at least 0, counts at least 1"
        )
    if sense not in SENSES:
        raise InputError(f"the LED rings' sense is {sense!r}; it must be one of {', '.join(SENSES)}")
    way = 1 if sense == SENSES[0] else -1
    rings = []
    for radius, count, start in zip(radii, counts, starts, strict=True):
        angle = np.deg2rad(start) + way * 2 * np.pi * np.arange(count) / count
        rings.append(radius * np.stack([np.sin(angle), np.cos(angle)], axis=-1))
    return np.concatenate(rings)


def place(
    positions_mm: np.ndarray, rotation_deg: float = 0.0, centre_mm: tuple[float, float] = (0.0, 0.0)
) -> np.ndarray:
    """LED positions (led, 2) as (y, x), mm, of a board that was moved, then turned about the optical axis.

    Parameters
    ----------
    positions_mm : (led, 2) as (y, x) about the board's centre.
    rotation_deg : turns +x towards +y.
    centre_mm : where the board's centre moves to (y, x).
    """
    turn = np.deg2rad(rotation_deg)
    y, x = (np.asarray(positions_mm, dtype=float) + np.asarray(centre_mm, dtype=float)).T
    return np.stack([np.sin(turn) * x + np.cos(turn) * y, np.cos(turn) * x - np.sin(turn) * y], axis=-1)


def direction_cosines(
    positions_mm: np.ndarray, height_mm: float, slide_mm: float = 0.0, slide_index: float = 1.52
) -> np.ndarray:
    """Directions in which the light of LEDs meets the sample.

    Parameters
    ----------
    positions_mm : (led, 2) as (y, x) from the point of the sample that is looked at.
    height_mm : distance from the board to the slide (to the sample without one).
    slide_mm, slide_index : thickness and refractive index of the glass between board and sample; its refraction
        moves a ray sideways by slide_mm * tan(angle in the glass), the angle in air is the same on both sides.

    Returns
    -------
    (led, 2) as (na_y, na_x), pointing away from the LED.

    Raises
    ------
    InputError : where the height is not larger than 0, the slide thinner than 0 or its index below 1.
    """
    positions = np.asarray(positions_mm, dtype=float)
    if positions.ndim != 2 or positions.shape[1] != 2 or not np.isfinite(positions).all():
        raise InputError(f"LED positions have shape {positions.shape}; they must be numbers as (led, 2), y and x in mm")
    if not height_mm > 0:
        raise InputError(f"height_mm of the LED board is {height_mm:g}; it must be larger than 0 mm")
    if not (slide_mm >= 0 and slide_index >= 1):
        raise InputError(
            f"the slide is {slide_mm:g} mm of index {slide_index:g}; slide_mm is at least 0, slide_index at least 1"
        )
    radius = np.hypot(positions[:, 0], positions[:, 1])
    sine = _sine_through_slide(radius, height_mm, slide_mm, slide_index)
    return -positions * np.divide(sine, radius, out=np.zeros_like(radius), where=radius > 0)[:, None]


def _sine_through_slide(radius: np.ndarray, height: float, slide: float, index: float) -> np.ndarray:
    """Sine of the angle in air of the ray that ends `radius` away: height tan(air) + slide tan(glass) = radius.

    The left side is convex in the sine, so Newton's method started above the root falls onto it without a bracket.
    """
    sine = radius / np.hypot(radius, height)
    for _ in range(50):
        air, glass = np.sqrt(1 - sine**2), np.sqrt(index**2 - sine**2)
        excess = height * sine / air + slide * sine / glass - radius
        step = excess / (height / air**3 + slide * index**2 / glass**3)
        sine = sine - step
        if np.abs(step).max(initial=0.0) < 1e-15:
            break
    return sine


def uconn_board(theta_deg: float = 0.0, xint_mm: float = 0.0, yint_mm: float = 0.0, count: int = 225) -> np.ndarray:
    """Directions of the University of Connecticut data sets: (led, 2) as (na_y, na_x).

    15 x 15 LEDs, pitch 4 mm, 90.88 mm below a 1 mm slide of index 1.52, lit in a spiral from the centre.

    Parameters
    ----------
    theta_deg : turn of the board.
    xint_mm, yint_mm : the centre LED as seen from the patch.
    count : LEDs that were lit.
    """
    board = place(grid_positions(15, 15, 4.0, "spiral")[:count], theta_deg, (yint_mm, xint_mm))
    return direction_cosines(board, UCONN_HEIGHT_MM, slide_mm=1.0, slide_index=1.52)


def synthetic_na(na: np.ndarray, objective_na: float) -> float:
    """Numerical aperture of the reconstruction: the steepest direction of `na` (led, 2) plus `objective_na`."""
    na = np.asarray(na, dtype=float)
    return float(objective_na + np.hypot(na[:, 0], na[:, 1]).max())


def is_bright_field(na: np.ndarray, objective_na: float) -> np.ndarray:
    """(led,) bool: the direct light of direction `na` (led, 2) lies within `objective_na`."""
    na = np.asarray(na, dtype=float)
    return np.hypot(na[:, 0], na[:, 1]) <= objective_na


def circle_overlap(distance: np.ndarray | float, radius: float) -> np.ndarray:
    """Share of its area that a circle of `radius` has in common with an equal one `distance` away, both in one unit."""
    u = np.clip(np.asarray(distance, dtype=float) / (2 * radius), 0.0, 1.0)
    return 2 / np.pi * (np.arccos(u) - u * np.sqrt(1 - u**2))


def nearest_overlap(na: np.ndarray, objective_na: float) -> np.ndarray:
    """(led,) share of each pupil circle that its nearest neighbour covers too; 0 for an LED that is alone.

    The circles are of radius `objective_na` about the directions `na` (led, 2).
    """
    from scipy.spatial import cKDTree  # here, because it takes 0.2 s to import and opening a file does not need it

    na = np.asarray(na, dtype=float)
    if len(na) < 2:
        return np.zeros(len(na))
    distance = cKDTree(na).query(na, k=2)[0][:, 1]
    return circle_overlap(distance, objective_na)


def orient(na: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Directions `na` (led, 2) of a board mounted in another orientation; `matrix` (2, 2) as in ORIENTATIONS."""
    return np.asarray(na, dtype=float) @ np.asarray(matrix, dtype=float).T
