"""Samples for virtual microscopes, thin, absorbing and phase-shifting; and what a microscope can see of them."""

from __future__ import annotations

import numpy as np


def cell_phantom(shape: tuple[int, int], rng: np.random.Generator, count: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Discs that do not touch, each with its own pattern: transmissions minus 1, and masks, both (cell, y, x).

    The patterns are spokes, stripes and granules; amplitude and phase both vary.
    """
    rows, columns = np.indices(shape)
    smallest = min(shape)
    centres: list[tuple[float, float, float]] = []
    for _ in range(4000):
        r = rng.uniform(0.065, 0.09) * smallest
        y, x = rng.uniform(r + 2, shape[0] - r - 2), rng.uniform(r + 2, shape[1] - r - 2)
        if all(np.hypot(y - b, x - a) > r + s + 3 for b, a, s in centres):
            centres.append((y, x, r))
        if len(centres) == count:
            break
    cells, masks = [], []
    for number, (y, x, r) in enumerate(centres):
        dy, dx = rows - y, columns - x
        radius, angle = np.hypot(dy, dx), np.arctan2(dy, dx)
        disc = 1 / (1 + np.exp((radius - r) / 1.2))
        if number % 3 == 0:
            pattern = 0.5 + 0.5 * np.cos(rng.integers(8, 13) * angle) * (radius > 3)
        elif number % 3 == 1:
            turn = rng.uniform(0, np.pi)
            pattern = 0.5 + 0.5 * np.cos(2 * np.pi * (dy * np.sin(turn) + dx * np.cos(turn)) / rng.uniform(5, 9))
        else:
            pattern = np.zeros(shape)
            for _ in range(6):
                gy, gx = rng.normal(0, 0.45 * r, 2)
                pattern += rng.uniform(0.4, 1.0) * np.exp(
                    -((dy - gy) ** 2 + (dx - gx) ** 2) / (2 * rng.uniform(1.5, 3.5) ** 2)
                )
        amplitude = np.clip(1 - disc * (0.12 + 0.3 * pattern), 0.05, None)
        cells.append(amplitude * np.exp(1j * disc * (0.5 + 0.8 * pattern * rng.uniform(0.3, 1.0))) - 1)
        masks.append(radius < r + 2)
    return np.array(cells), np.array(masks)


def texture_phantom(
    shape: tuple[int, int], rng: np.random.Generator, *, finest: float = 3.0, border: int = 16
) -> tuple[np.ndarray, np.ndarray]:
    """A texture like tissue's, everywhere different and nowhere empty: transmission minus 1, and mask, both (1, y, x).

    Random fields whose spectrum falls with frequency; what absorbs more also tends to shift the phase more.

    Parameters
    ----------
    finest : smallest period of the random fields, pixels; they repeat at the borders.
    border : pixels outside the mask on every side.
    """
    f = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :])
    fall = (f <= 1 / finest) / (f + 0.01) ** 1.2

    def smooth() -> np.ndarray:
        field = np.fft.ifft2(np.fft.fft2(rng.standard_normal(shape)) * fall).real
        return (field - field.mean()) / field.std()

    path, other = smooth(), smooth()
    absorbed = 0.08 * (path + other)
    transmission = np.exp(absorbed.min() - absorbed + 0.45j * path)
    mask = np.zeros(shape, bool)
    mask[border : shape[0] - border, border : shape[1] - border] = True
    return transmission[None] - 1, mask[None]


def low_pass(image: np.ndarray, pixel_um: float, cutoff: float) -> np.ndarray:
    """`image` without frequencies above `cutoff`, cycles/um."""
    fy = np.fft.fftfreq(image.shape[0], pixel_um)[:, None]
    fx = np.fft.fftfreq(image.shape[1], pixel_um)[None, :]
    return np.fft.ifft2(np.fft.fft2(image) * (fy**2 + fx**2 <= cutoff**2))


def seen(image: np.ndarray, pixel_um: float, light: np.ndarray, cutoff: float) -> np.ndarray:
    """`image` (y, x) without the frequencies that none of the waves `light` (led, 2) carries through the pupil.

    Parameters
    ----------
    light, cutoff : na / wavelength of each LED and of the objective, cycles/um.
    """
    fy = np.fft.fftfreq(image.shape[0], pixel_um)[:, None]
    fx = np.fft.fftfreq(image.shape[1], pixel_um)[None, :]
    passed = np.zeros(image.shape, bool)
    for y, x in light:
        passed |= (fy + y) ** 2 + (fx + x) ** 2 <= cutoff**2
    return np.fft.ifft2(np.fft.fft2(image) * passed)
