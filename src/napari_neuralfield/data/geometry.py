"""Numbers that follow from an acquisition's geometry and that a reconstruction starts from."""

from __future__ import annotations

import math

import numpy as np

from ..optics.illumination import synthetic_na
from ..types import InputError
from .acquisition import Acquisition, LedArray, MultiplexedLed, ThroughFocus


def led_directions(acquisition: Acquisition) -> np.ndarray | None:
    """Directions (led, 2) of the LEDs that are lit at all; None for a kind without LEDs."""
    if isinstance(acquisition, LedArray):
        return acquisition.illumination_na
    if isinstance(acquisition, MultiplexedLed):
        lit = acquisition.patterns.any(axis=0)
        return acquisition.led_na[lit] if lit.any() else acquisition.led_na
    return None


def native_upsampling(acquisition: LedArray | MultiplexedLed) -> int:
    """Smallest whole number of reconstruction pixels per camera pixel, at least 2, that holds the synthetic aperture.

    The amplitude of an object imaged with the synthetic NA needs pixels of at most wavelength / (2 NA).
    """
    na = led_directions(acquisition)
    assert na is not None
    finest_um = acquisition.wavelength_um / (2 * synthetic_na(na, acquisition.objective_na))
    return max(2, math.ceil(acquisition.pixel_um / finest_um - 1e-9))


def depth_of_field_um(acquisition: LedArray | MultiplexedLed | ThroughFocus) -> float:
    """wavelength / NA^2 of the objective, um."""
    return acquisition.wavelength_um / acquisition.objective_na**2


def default_z_range_um(acquisition: LedArray | MultiplexedLed | ThroughFocus) -> tuple[float, float]:
    """Depths that a reconstruction covers where the user names none: 2.5 depths of field about the sample, um."""
    middle = getattr(acquisition, "sample_z_um", None) or 0.0
    reach = 2.5 * depth_of_field_um(acquisition)
    return middle - reach, middle + reach


def refuse_coded_surface(acquisition: LedArray) -> None:
    """For every model without a coded surface.

    Raises
    ------
    InputError : where the acquisition was recorded through one.
    """
    if acquisition.coded_surface is not None:
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: coded_surface is given, which this method's model of the "
            "microscope ignores; choose method coded-fpm"
        )


def refuse_empty_aperture(acquisition: Acquisition) -> None:
    """For every model of an objective.

    Raises
    ------
    InputError : where the aperture is so narrow that none of the frames' frequencies lies inside.
    """
    na, pixel_um = (getattr(acquisition, name, None) for name in ("objective_na", "pixel_um"))
    if na is None or pixel_um is None:
        return
    field_um = max(acquisition.frame_shape) * pixel_um
    least = acquisition.wavelength_um / field_um
    if na < least:
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: objective_na is {na:g}, so small that no detail of a field of "
            f"{field_um:.4g} um passes at {acquisition.wavelength_um:g} um, which takes {least:.2g}; correct "
            "objective_na, or pixel_um and wavelength_um"
        )
