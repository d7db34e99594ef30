"""What random samples are drawn with: clouds, patches, and how they are laid on a canvas that repeats."""

from __future__ import annotations

import numpy as np
import scipy.fft

TALLEST = 7.0  # rad, where the heights of bodies on top of each other level off


def power_noise(
    size: int, unit: int, rng: np.random.Generator, slope: float, *, finest: float = 0.5, coarsest: float = 1e9
) -> np.ndarray:
    """A random field (y, x) of mean 0 and deviation 1 whose amplitude spectrum falls as frequency^-slope.

    Parameters
    ----------
    size, unit, rng, slope : pixels per axis, pixels per frame pixel, what it is drawn from, and how steeply it falls.
    finest, coarsest : periods, in frame pixels, beyond which little is left.
    """
    white = rng.standard_normal((size, size), dtype=np.float32)
    spectrum = scipy.fft.rfft2(white)
    fy = np.fft.fftfreq(size, 1 / unit).astype(np.float32)[:, None]
    fx = np.fft.rfftfreq(size, 1 / unit).astype(np.float32)[None, :]
    f = np.sqrt(fy**2 + fx**2)
    low = max(unit / size, 1 / coarsest)
    spectrum *= (f / low + 1) ** -slope * np.exp(-((f * finest) ** 2)) * (1 - np.exp(-((f / low) ** 2)))
    field = scipy.fft.irfft2(spectrum, s=(size, size))
    return field / max(float(field.std()), 1e-9)


def add_wrapped(canvas: np.ndarray, patch: np.ndarray, y: float, x: float) -> None:
    """Add `patch` to `canvas`, centred at (`y`, `x`), going on at the other side beyond a border."""
    canvas[place_of(canvas, patch, y, x)] += patch


def paste(canvas: np.ndarray, mask: np.ndarray, inside: np.ndarray | float, y: float, x: float) -> None:
    """Cover `canvas` by `inside` where `mask` (0 to 1), centred at (`y`, `x`), going on beyond a border."""
    under = canvas[place := place_of(canvas, mask, y, x)]
    canvas[place] = under + mask * (inside - under)


def place_of(canvas: np.ndarray, patch: np.ndarray, y: float, x: float) -> tuple[np.ndarray, ...]:
    """Where on `canvas` the pixels of `patch`, centred at (`y`, `x`), lie: an index."""
    middles = zip(canvas.shape, patch.shape, (y, x), strict=True)
    return np.ix_(*((np.arange(n) + int(at) - n // 2) % size for size, n, at in middles))


def soft(outside: np.ndarray) -> np.ndarray:
    """A step from 1 to 0 where `outside` grows through 0."""
    return 1 / (1 + np.exp(np.clip(outside, -30, 30)))


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number from `low` to `high`, all ratios alike, drawn by `rng`."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def patch_axes(radius: float, turn: float) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates y, x (y, x) of a square patch that holds a disc of `radius` pixels, turned by `turn` radians."""
    half = int(np.ceil(radius))
    y, x = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float32)
    return np.cos(turn) * y - np.sin(turn) * x, np.sin(turn) * y + np.cos(turn) * x
