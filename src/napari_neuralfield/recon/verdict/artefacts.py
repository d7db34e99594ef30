"""Patterns in a picture that the microscope makes: a grid of the LEDs' frequencies, pin-wheels of a turned board."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter

PEAK, AROUND, APART = 3, 9, 5  # bins along a side: of a peak, of what is around it, and left out between the two
SLOWEST = 6.0  # bins from zero frequency, within which the light that nothing scatters rules


def grid(picture: np.ndarray, pixel_um: float, led_frequencies: np.ndarray) -> float:
    """Share of a picture's structure that stands out at the LEDs' own frequencies from those around; about 0 without.

    Ambient light and wrong brightness look like unscattered light in a frame, which lies where its LED does in the
    spectrum of the sample: peaks on the lattice of the board, and a grid in the picture.

    Parameters
    ----------
    picture : complex (y, x). pixel_um : its pixel.
    led_frequencies : where unscattered light of each LED lies in the sample's spectrum (led, 2), cycles/um.
    """
    shape = np.array(picture.shape)
    power = np.abs(np.fft.fft2((picture - picture.mean()) * _window(picture.shape))) ** 2
    peak, near, far = (uniform_filter(power, side, mode="wrap") * side**2 for side in (PEAK, APART, AROUND))
    higher = peak - np.maximum(far - near, 0) * (PEAK**2 / (AROUND**2 - APART**2))
    bins = np.round(np.asarray(led_frequencies) * pixel_um * shape).astype(int)
    bins = np.unique(bins[np.hypot(*bins.T) > SLOWEST], axis=0)
    bins = bins[(np.abs(bins) < shape / 2).all(1)]
    fy, fx = (np.fft.fftfreq(n, 1 / n) for n in picture.shape)
    structure = power[np.hypot(fy[:, None], fx[None, :]) > SLOWEST].sum()
    return float(max(higher[tuple((bins % shape).T)].sum(), 0.0) / max(structure, 1e-30))


def vortices(picture: np.ndarray, pixel_um: float, cutoff: float) -> float:
    """How many phase vortices a picture has, over the number in a random field of as fine detail; 0 in a weak one.

    Round each, the phase runs through a whole turn: where LEDs' circles in the spectrum do not fit each other, as with
    a turned board, the picture is full of such pin-wheels. A random field whose spectrum fills a circle evenly has
    pi cutoff^2 / 2 of them to the area (Berry, Dennis, Proc. R. Soc. A 456, 2059 (2000)).

    Parameters
    ----------
    picture : complex (y, x). pixel_um : its pixel. cutoff : highest frequency of the picture, cycles/um.
    """
    right = np.angle(picture[:, 1:] * picture[:, :-1].conj())
    down = np.angle(picture[1:] * picture[:-1].conj())
    turns = np.round((right[:-1] + down[:, 1:] - right[1:] - down[:, :-1]) / (2 * np.pi))
    usual = 0.5 * np.pi * cutoff**2 * pixel_um**2 * turns.size
    return float(np.abs(turns).sum() / max(usual, 1e-30))


def _window(shape: tuple[int, ...]) -> np.ndarray:
    """Weight (y, x) that fades to the borders, which may not repeat."""
    rows, columns = (np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in shape)
    return rows[:, None] * columns
