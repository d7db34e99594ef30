"""A small five-pattern microscope written without the package, to test what simulates and fits such frames."""

from __future__ import annotations

import numpy as np

WAVELENGTH, NA, PIXEL, UPSAMPLING = 0.63, 0.1, 1.6, 6


def board(limit: float = 0.3, pitch: float = 0.06) -> tuple[np.ndarray, np.ndarray]:
    """LED directions (led, 2), and brightness of each in two bright halves and three dark arcs (5, led)."""
    ticks = np.arange(-8, 9) * pitch
    na = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1).reshape(-1, 2)
    na = na[np.hypot(*na.T) <= limit]
    radius, angle = np.hypot(*na.T), np.degrees(np.arctan2(na[:, 0], na[:, 1])) % 360
    bright = radius < NA
    half = np.where(radius == 0, 0.5, ((angle - 44) % 360 < 180).astype(float))
    arcs = [~bright & ((angle - turn) % 360 < 120) for turn in (0, 120, 240)]
    return na, np.stack([bright * half, bright * (1 - half), *arcs]).astype(float)


def cells(shape: tuple[int, int], seed: int, count: int = 5) -> np.ndarray:
    """Phase (y, x), rad: discs with granules, which repeat at the borders."""
    rng = np.random.default_rng(seed)
    axes = [np.arange(n) for n in shape]

    def bump(centre: np.ndarray, radius: float, edge: float) -> np.ndarray:
        y, x = ((a - c + n / 2) % n - n / 2 for a, c, n in zip(axes, centre, shape, strict=True))
        return 1 / (1 + np.exp((np.hypot(y[:, None], x[None, :]) - radius) / edge))

    phase = np.zeros(shape)
    for _ in range(count):
        centre, radius = rng.uniform(0, 1, 2) * shape, rng.uniform(0.1, 0.16) * min(shape)
        phase += rng.uniform(0.4, 0.9) * bump(centre, radius, 1.5)
        for _ in range(5):
            phase += rng.uniform(0.2, 0.5) * bump(centre + rng.normal(0, 0.5 * radius, 2), 0.2 * radius, 1.0)
    return phase


def seen_through(
    phase: np.ndarray,
    na: np.ndarray,
    patterns: np.ndarray,
    *,
    absorbed: float = 0.15,
    astigmatism: float = 0.0,
    electrons: float = 0.0,
    seed: int = 0,
) -> np.ndarray:
    """Frames (5, y, x) of exp(i phase - absorbed * phase); a blank sample in bright field is 1.

    Each LED tilts the light by its whole bins and moves the pupil by the rest; the fine image is read every 6th pixel.
    """
    spectrum = np.fft.fft2(np.exp((1j - absorbed) * phase))
    fine = PIXEL / UPSAMPLING
    fy, fx = np.fft.fftfreq(phase.shape[0], fine)[:, None], np.fft.fftfreq(phase.shape[1], fine)[None, :]
    size = np.array(phase.shape) * fine
    frames = np.zeros((len(patterns), phase.shape[0] // UPSAMPLING, phase.shape[1] // UPSAMPLING))
    for led, direction in enumerate(na / WAVELENGTH):
        whole = np.round(direction * size).astype(int)
        y, x = (fy + direction[0] - whole[0] / size[0]) / (NA / WAVELENGTH), fx + direction[1] - whole[1] / size[1]
        x = x / (NA / WAVELENGTH)
        pupil = (y**2 + x**2 <= 1) * np.exp(1j * astigmatism * np.sqrt(6) * (x**2 - y**2))
        light = np.abs(np.fft.ifft2(np.roll(spectrum, whole, (0, 1)) * pupil)[::UPSAMPLING, ::UPSAMPLING]) ** 2
        frames += patterns[:, led, None, None] * light
    frames /= patterns[0] @ (np.hypot(*na.T) < NA)
    if electrons:
        frames = np.random.default_rng(seed).poisson(frames * electrons) / electrons
    return frames.astype(np.float32)
