"""Random LED-pattern microscopes with known phase, and one fault in half of them."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from napari_neuralfield.data.acquisition import MultiplexedLed
from napari_neuralfield.simulate.led_optics import led_grid_na
from napari_neuralfield.simulate.patterns import pattern_frames
from napari_neuralfield.simulate.scenes.random_scenes import random_scene

from .worlds import SLOW

FAULTS = (
    "halves exchanged", "frames permuted", "board turned", "wrong NA", "wrong pixel", "defocus", "strong aberration",
    "ambient light left", "few photons", "saturation",
)  # fmt: skip
UPSAMPLING = 3


def recorded(seed: int, fault: str) -> tuple[MultiplexedLed, np.ndarray, float]:
    """Frames of four halves, some with dark arcs beside them, the true phase (y, x), and its pixel, um.

    Parameters
    ----------
    seed : of the world. fault : one of FAULTS, or '' for none.
    """
    rng, sample = np.random.default_rng([30, seed]), np.random.default_rng([31, seed])
    na, wavelength = float(np.exp(rng.uniform(np.log(0.08), np.log(0.5)))), rng.uniform(0.45, 0.65)
    pixel = wavelength / (4 * na) * rng.uniform(0.6, 1.2)
    pixels, span = int(rng.choice([64, 80])), float(rng.choice([1.0, 1.5]))
    n = int(pixels * span) * UPSAMPLING
    phase, absorption = random_scene(n, UPSAMPLING, sample)
    phase = phase - gaussian_filter(phase, SLOW * UPSAMPLING, mode="wrap")
    phase = phase * sample.uniform(0.1, 0.35) / max(float(phase.std()), 1e-6)
    board = led_grid_na(13, na / rng.uniform(4, 6), 1.0, min(1.6 * na, 0.9))
    turn = np.deg2rad(rng.choice([0, 90, 45]))
    directions = turn + np.deg2rad([0, 180, 90, 270])
    inside = np.hypot(*board.T) <= na
    patterns = np.array([((board @ [np.sin(a), np.cos(a)]) > 1e-9) & inside for a in directions], float)
    true_board, pupil, z = board * (1 + rng.normal(0, 0.01)), _pupil(rng, na / wavelength, 0.1), 0.0
    said_na, said_pixel, ambient, full = na, pixel, 0.0, 2.0
    electrons = float(np.exp(rng.uniform(np.log(3e3), np.log(4e4))))
    sign = rng.choice([-1, 1])
    if fault == "board turned":
        angle = np.deg2rad(rng.uniform(25, 150)) * sign  # by 180, all signs turn, which no frame tells
        true_board = board @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    elif fault == "wrong NA":
        said_na = na * (1 + sign * rng.uniform(0.1, 0.35))
    elif fault == "wrong pixel":
        said_pixel = pixel * (0.8 if sign < 0 else 1.25)
    elif fault == "defocus":
        z = sign * rng.uniform(0.5, 4) * wavelength / na**2
    elif fault == "strong aberration":
        pupil = _pupil(rng, na / wavelength, rng.uniform(0.8, 2))
    elif fault == "ambient light left":
        ambient = rng.uniform(0.2, 3)
    elif fault == "few photons":
        electrons = float(np.exp(rng.uniform(np.log(8), np.log(100))))
    elif fault == "saturation":
        full = rng.uniform(0.85, 1.1)
    light = pattern_frames(
        np.exp(1j * phase - np.clip(absorption, 0, 1)), true_board, patterns, objective_na=na, wavelength_um=wavelength,
        pixel_um=pixel, upsampling=UPSAMPLING, z_um=z, pupil=pupil,
    )  # fmt: skip
    light = light / light.mean() + ambient
    lo = (light.shape[-1] - pixels) // 2
    light = np.minimum(light, full)[:, lo : lo + pixels, lo : lo + pixels]
    frames = np.clip(rng.poisson(light * electrons) + rng.normal(0, 2, light.shape), 0, None)
    if fault == "halves exchanged":
        frames = frames[[1, 0, 2, 3]] if rng.random() < 0.5 else frames[[0, 1, 3, 2]]
    elif fault == "frames permuted":
        frames = frames[[2, 1, 0, 3]] if rng.random() < 0.5 else frames[[0, 2, 1, 3]]
    acquisition = MultiplexedLed(
        frames=np.round(frames / electrons * 20000).astype(np.uint16), wavelength_um=wavelength, objective_na=said_na,
        pixel_um=said_pixel, led_na=board, patterns=patterns, source=fault or "sound",
    )  # fmt: skip
    cut = slice(lo * UPSAMPLING, (lo + pixels) * UPSAMPLING)
    return acquisition, phase[cut, cut], pixel / UPSAMPLING


def _pupil(rng: np.random.Generator, cutoff: float, strength: float):
    weights = rng.normal(0, strength, 3)

    def pupil(fy: np.ndarray, fx: np.ndarray) -> np.ndarray:
        y, x = fy / cutoff, fx / cutoff
        r2 = y**2 + x**2
        terms = 6**0.5 * (x**2 - y**2), 6**0.5 * 2 * x * y, 8**0.5 * (3 * r2 - 2) * x
        return np.exp(1j * sum(w * t for w, t in zip(weights, terms, strict=True)))

    return pupil


def likeness(true: np.ndarray, found: np.ndarray, fine_um: float, band: tuple[float, float]) -> float:
    """Correlation of two phases (y, x) within frequencies `band`, cycles/um, on pixels of `fine_um`."""
    fy, fx = (np.fft.fftfreq(n, fine_um) for n in true.shape)
    radius = np.hypot(fy[:, None], fx[None, :])
    window = np.outer(*(np.sin(np.pi * (np.arange(n) + 0.5) / n) for n in true.shape))
    inside = (radius > band[0]) & (radius < band[1])
    a, b = (np.fft.fft2((p - p.mean()) * window)[inside] for p in (true, found))
    return float((a.conj() * b).sum().real / max(np.linalg.norm(a) * np.linalg.norm(b), 1e-30))
