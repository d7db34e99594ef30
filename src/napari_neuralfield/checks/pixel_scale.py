"""Whether the pixel, the objective's NA and the wavelength go together, told by how large the circles of spectra are.

The circles in a bright frame's spectrum have a radius of NA x pixel / wavelength cycles per pixel, and lie as far apart
as their LEDs' directions say, in the same unit: a pixel that is some factor too large shrinks all of it by that factor.
"""

from __future__ import annotations

import numpy as np

from ..data.acquisition import LedArray
from .led_boards import evidence
from .seen.frames import Check

FACTORS = (2.0, 4.0, 5.0, 10.0, 20.0, 0.5, 0.25, 0.2, 0.1)
FEWEST_BINS = 6  # in the radius of the pupil, below which circles are too small to tell
SURE, CLOSER = 0.45, 0.1  # agreement of the circles with another pixel, and by how much it must be better


def pixel_scale(acquisition: LedArray, shown: np.ndarray, means: np.ndarray, at_best: float) -> Check | None:
    """A warning where the frames' spectra show a pixel some times smaller or larger than the one given; else None.

    Parameters
    ----------
    acquisition : frames, directions, NA, wavelength and pixel.
    shown : numbers of the frames looked at (n,).
    means : their brightness at equal exposure (n,), any unit.
    at_best : agreement of the circles with the given pixel, however the board lies.
    """
    given = _agreement(acquisition, shown, means)
    tried = {k: _agreement(acquisition.replace(pixel_um=acquisition.pixel_um / k), shown, means) for k in FACTORS}
    factor = max(tried, key=lambda k: tried[k])
    if tried[factor] < max(SURE, at_best + CLOSER):
        return None
    pixel = acquisition.pixel_um / factor
    expected = acquisition.objective_na * acquisition.pixel_um / acquisition.wavelength_um
    cause = "was it not divided by the magnification or the binning?" if factor > 1 else "was it divided twice?"
    said = (
        f"Circles in the bright frames' spectra have a radius of about {expected / factor:.2g} cycles per pixel, but "
        f"objective_na x pixel_um / wavelength_um says {expected:.2g}: pixel_um is about "
        f"{max(factor, 1 / factor):g} times too {'large' if factor > 1 else 'small'}, {cause} With {pixel:.3g} um the "
        f"circles agree to {tried[factor]:.2f} (as given {given:.2f}); check objective_na and wavelength_um too."
    )
    return Check("pixel_scale", "warning", acquisition.pixel_um, "um", said)


def _agreement(acquisition: LedArray, shown: np.ndarray, means: np.ndarray) -> float:
    told = evidence(acquisition, shown, means)
    small = told is None or told.circles.edge > 1 / FEWEST_BINS
    return 0.0 if told is None or small else told.agreement(acquisition.illumination_na)
