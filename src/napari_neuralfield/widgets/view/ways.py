"""Ways of showing a field beside its quantities: they follow the slider and the camera like these. Imports no Qt."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...app import lazy
from ...app.figures.colour_wheel import coloured
from ...types import Field

COLOURS, UNWRAPPED = "in colours", "phase, unwrapped"
SHARP, DEPTHS = "all in focus", "depth in focus"
OF_ALL_DEPTHS = (SHARP, DEPTHS)  # one picture of the whole field, found in the background
BACKGROUND = 1.6  # times the usual amplitude is full brightness: an empty background does not glare


def ways(field: Field) -> tuple[str, ...]:
    """What a picture can show of `field`."""
    names, (low, high) = lazy.quantities(field), field.extent.z_um
    more = (COLOURS, UNWRAPPED) if "amplitude" in names else ()  # phase alone has neither colours nor jumps
    return (*names, *more, *(OF_ALL_DEPTHS if high > low else ()))


def needs_all(way: str) -> bool:
    """Whether `way` can only be drawn of all pixels at once."""
    return way in FINISH


def drawn(values: np.ndarray, way: str) -> np.ndarray:
    """Field values as a picture.

    Parameters
    ----------
    values : complex (y, x), or real of a field of phase alone.
    way : one of `ways`, but not of those of all depths.

    Returns
    -------
    (y, x) float32; in colours (y, x, 3) uint8.
    """
    finish = FINISH.get(way)
    return lazy.measure(values, way) if finish is None else finish(values)


def _in_colours(values: np.ndarray) -> np.ndarray:
    """Hue is the phase, brightness the amplitude."""
    amplitude = np.abs(values)
    top = max(float(np.percentile(amplitude, 99.8)), BACKGROUND * float(np.median(amplitude)))
    return coloured(values, top)


def _unwrapped(values: np.ndarray) -> np.ndarray:
    """Phase without its jumps of 2 pi, rad, its median 0.

    Unwrapped by reliability: Herraez, Burton, Lalor, Gdeisat, Applied Optics 41, 7437 (2002).
    """
    from skimage.restoration import unwrap_phase

    phase = unwrap_phase(lazy.measure(values, "phase"), rng=0).astype(np.float32)
    return np.asarray(phase - np.float32(np.median(phase)))


FINISH: dict[str, Callable[[np.ndarray], np.ndarray]] = {COLOURS: _in_colours, UNWRAPPED: _unwrapped}
