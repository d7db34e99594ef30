"""A complex field in one picture: hue is the phase, brightness the amplitude; and the wheel that explains it."""

from __future__ import annotations

import numpy as np

VEIL = 0.6  # how much of what lies below the legend is hidden, so that its letters can be read
MARKS = (("0°", 1.0, 0.0), ("90°", 0.0, -1.0), ("180°", -1.0, 0.0), ("-90°", 0.0, 1.0))  # text, x, y of the rim


def coloured(values: np.ndarray, brightest: float | None = None) -> np.ndarray:
    """Colours of complex values: red is phase 0, green 120 degrees, blue 240; black is amplitude 0.

    Parameters
    ----------
    values : complex (y, x).
    brightest : amplitude shown at full brightness; the 99.8th percentile where None.

    Returns
    -------
    (y, x, 3) uint8.
    """
    amplitude, phase = np.abs(values), np.angle(values)
    top = float(np.percentile(amplitude, 99.8)) if brightest is None else brightest
    light = np.clip(amplitude / max(top, 1e-30), 0.0, 1.0)[..., None]
    hue = 0.5 + 0.5 * np.cos(phase[..., None] - 2 * np.pi / 3 * np.arange(3))
    return np.round(255 * light * hue).astype(np.uint8)


def wheel(side: int, marked: bool = True) -> np.ndarray:
    """The legend: phase around, counted anticlockwise from the right, amplitude outwards; a dark veil outside.

    Parameters
    ----------
    side : pixels of the square.
    marked : write the angles beside the rim.

    Returns
    -------
    (side, side, 4) uint8.
    """
    from PIL import Image, ImageDraw

    from .picture import letters

    radius = 0.3 if marked else 0.5
    axis = (np.arange(side) + 0.5) / side - 0.5
    place = (axis[None, :] - 1j * axis[:, None]) / radius
    inside = np.clip((1 - np.abs(place)) * radius * side + 0.5, 0, 1)  # a smooth rim
    veil = VEIL if marked else 0.0
    drawn = np.dstack([coloured(place, 1.0) * (inside[..., None] > 0), np.round(255 * np.maximum(inside, veil))])
    drawn = drawn.astype(np.uint8)
    if not marked:
        return drawn
    image = Image.fromarray(drawn)
    for text, x, y in MARKS:
        at = (side * (0.5 + 0.4 * x), side * (0.5 + 0.38 * y))
        ImageDraw.Draw(image).text(at, text, (255, 255, 255, 255), letters(round(0.085 * side)), anchor="mm")
    return np.asarray(image)
