"""Frequency grids and filters of the virtual microscopes, in plain NumPy: apart from `optics`, which they test."""

from __future__ import annotations

import numpy as np


def frequency_grid(shape: tuple[int, ...], pixel_um: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Unshifted frequencies (y, 1) and (1, x) of the last two axes of `shape`, cycles per unit of `pixel_um`."""
    return np.fft.fftfreq(shape[-2], pixel_um)[:, None], np.fft.fftfreq(shape[-1], pixel_um)[None, :]


def filtered(image: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """`image` (y, x) with its spectrum times `factor` (y, x), complex."""
    return np.fft.ifft2(np.fft.fft2(image) * factor)


def low_pass(image: np.ndarray, pixel_um: float, cutoff: float) -> np.ndarray:
    """`image` (y, x) on pixels of `pixel_um` without frequencies above `cutoff`, cycles/um."""
    fy, fx = frequency_grid(image.shape, pixel_um)
    return filtered(image, fy**2 + fx**2 <= cutoff**2)


def seen(image: np.ndarray, pixel_um: float, light: np.ndarray, cutoff: float) -> np.ndarray:
    """`image` (y, x) without the frequencies that none of the waves `light` carries through the pupil.

    Parameters
    ----------
    pixel_um : of the image.
    light, cutoff : na / wavelength of each LED (led, 2) and of the objective, cycles/um.
    """
    fy, fx = frequency_grid(image.shape, pixel_um)
    passed = np.zeros(image.shape, bool)
    for y, x in light:
        passed |= (fy + y) ** 2 + (fx + x) ** 2 <= cutoff**2
    return filtered(image, passed)


def random_field(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """White noise (y, x) from `rng` with its spectrum times `weight` (y, x), of mean 0 and deviation 1."""
    field = filtered(rng.standard_normal(weight.shape), weight).real
    return (field - field.mean()) / field.std()
