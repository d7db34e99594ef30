"""Colours on a screen: which a wavelength is shown in, and how bright linear light is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RGB = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
LINEAR = 0.0031308  # light below which sRGB is a straight line (IEC 61966-2-1)


def shades(wavelengths_um: Sequence[float]) -> list[tuple[int, int, int]]:
    """Red, green and blue, 0 to 255, of each wavelength: three are red, green and blue in their order, else as seen.

    `wavelengths_um` (channel,), um.
    """
    if len(wavelengths_um) == len(RGB):
        order = np.argsort(np.argsort(-np.asarray(wavelengths_um)))
        return [RGB[int(rank)] for rank in order]
    return [_seen(1000 * wave) for wave in wavelengths_um]


def _seen(wave_nm: float) -> tuple[int, int, int]:
    """About the colour of a spectral line, violet and red beyond the ends."""
    stops_nm = [400, 440, 490, 510, 580, 645]
    red, green, blue = ([0.5, 0, 0, 0, 1, 1], [0, 0, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0])
    r, g, b = (round(255 * float(np.interp(wave_nm, stops_nm, part))) for part in (red, green, blue))
    return r, g, b


def srgb(light: np.ndarray) -> np.ndarray:
    """Linear `light` of any shape, 1 being white, as sRGB from 0 to 1."""
    inside = np.clip(light, 0, 1)
    return np.where(inside <= LINEAR, 12.92 * inside, 1.055 * inside ** (1 / 2.4) - 0.055)
