"""Cells through focus, simulated with what lies beyond the frame, and stand-ins for a network's answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from napari_neuralfield.data.acquisition import Draft, ThroughFocus
from napari_neuralfield.forward.brightfield import BrightField

PIXEL_UM, FINER, GUARD = 2.6, 4, 10
NOISE = 0.0025


def domes(size: int, seed: int) -> np.ndarray:
    """Grainy domes of up to 2.5 rad on nothing (Y, X), rad; FINER pixels per camera pixel."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size].astype(float)
    phase = np.zeros((size, size))
    for _ in range(int(np.ceil((size / 70) ** 2))):
        cy, cx = rng.uniform(0, size, 2)
        turn, long, short = rng.uniform(0, np.pi), rng.uniform(18, 30), rng.uniform(12, 18)
        along = np.cos(turn) * (y - cy) + np.sin(turn) * (x - cx)
        across = np.cos(turn) * (x - cx) - np.sin(turn) * (y - cy)
        dome = np.clip(1 - (along / long) ** 2 - (across / short) ** 2, 0, None)
        grain = 1 + 0.15 * np.cos(y / 3.5 + cx) * np.cos(x / 4.1 + cy)
        phase = np.maximum(phase, rng.uniform(1.2, 2.2) * np.sqrt(dome) * grain)
    return phase.astype(np.float32)


def through_focus(
    pixels: int = 48, seed: int = 0, z_um: Sequence[float] = (-4.0, 0.0, 4.0), absorption: float = 0.0
) -> tuple[ThroughFocus, np.ndarray]:
    """Frames of `pixels` x `pixels`, and the phase (Y, X) under them; `absorption` is its share of the phase."""
    whole = domes((pixels + 2 * GUARD) * FINER, seed)
    microscope = BrightField(0.53, 0.4, 0.16, PIXEL_UM / FINER, FINER, 16)
    phase = torch.from_numpy(whole)
    with torch.no_grad():
        light = microscope.images(torch.polar(torch.exp(-absorption * phase), phase), torch.tensor(z_um).double())
    frames = light.numpy() + NOISE * np.random.default_rng(seed).standard_normal(light.shape)
    inside = slice(GUARD, GUARD + pixels)
    fine = slice(GUARD * FINER, (GUARD + pixels) * FINER)
    values = {
        "wavelength_um": 0.53, "objective_na": 0.4, "condenser_na": 0.16, "pixel_um": PIXEL_UM, "z_um": np.array(z_um),
    }  # fmt: skip
    acquisition = Draft("through_focus", frames[:, inside, inside].astype(np.float32), values, "domes").complete()
    assert isinstance(acquisition, ThroughFocus)
    return acquisition, whole[fine, fine]


def psnr(found: np.ndarray, truth: np.ndarray, cut: int = 12) -> float:
    """dB over the truth's range, a constant offset free, the border left out."""
    difference = (np.asarray(found, float) - truth)[cut:-cut, cut:-cut]
    return float(20 * np.log10(np.ptp(truth) / difference.std()))


def slow_waves(size: int, height: float) -> np.ndarray:
    """An error that a frame hardly tells (Y, X), rad."""
    y, x = np.mgrid[:size, :size] / size
    return (height * (np.cos(2 * np.pi * (y + 0.2)) + np.sin(2 * np.pi * (1.5 * x - 0.4 * y)))).astype(np.float32)
