"""Small simulated recordings of a thin sample whose transmission is known, from the plain simulator."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_neuralfield.data.acquisition import Draft, LedArray
from napari_neuralfield.simulate.simulators import led_frames

WAVELENGTH_UM, OBJECTIVE_NA, PIXEL_UM = 0.5, 0.2, 0.4
UPSAMPLING = 2


def board(count: int = 5, spacing_na: float = 0.0531, shift_na: tuple[float, float] = (0.0043, -0.0117)) -> np.ndarray:
    """Directions (led, 2) of a `count` x `count` board that falls on no bin and is centred on nothing."""
    ticks = (np.arange(count) - count // 2) * spacing_na
    return np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1).reshape(-1, 2) + np.array(shift_na)


def thin_sample(shape: tuple[int, int], seed: int = 0, strength: float = 0.6, cutoff: float = 0.6) -> np.ndarray:
    """A smooth random transmission near 1, complex (y, x), band-limited to `cutoff` cycles/um on the fine pixels."""
    rng = np.random.default_rng(seed)
    fine = PIXEL_UM / UPSAMPLING
    f = np.hypot(np.fft.fftfreq(shape[0], fine)[:, None], np.fft.fftfreq(shape[1], fine)[None, :])
    noise = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    smooth = np.fft.ifft2(np.fft.fft2(noise) * (f < cutoff))
    return 1 + strength * smooth / np.abs(smooth).max()


def scene(
    shape: tuple[int, int] = (32, 32), z_um: float = 0.0, na: np.ndarray | None = None, *,
    seed: int = 0, strength: float = 0.6, pupil: Any = None, gains: np.ndarray | None = None, **values: Any,
) -> tuple[LedArray, np.ndarray]:  # fmt: skip
    """Noise-free frames (led, y, x) of a thin sample at depth `z_um`, and its transmission on 2 x finer pixels."""
    na = board() if na is None else na
    sample = thin_sample((UPSAMPLING * shape[0], UPSAMPLING * shape[1]), seed, strength)
    frames = led_frames(
        sample[None] - 1, np.array([z_um]), na, objective_na=OBJECTIVE_NA, wavelength_um=WAVELENGTH_UM,
        pixel_um=PIXEL_UM, upsampling=UPSAMPLING, pupil=pupil,
    )  # fmt: skip
    if gains is not None:
        frames = frames * gains[:, None, None]
    given = {
        "wavelength_um": WAVELENGTH_UM,
        "objective_na": OBJECTIVE_NA,
        "pixel_um": PIXEL_UM,
        "illumination_na": na,
        **values,
    }
    acquisition = Draft("led_array", frames, given, "scene.acq.h5").complete()
    assert isinstance(acquisition, LedArray)
    return acquisition, sample


def relative_error(found: np.ndarray, truth: np.ndarray) -> float:
    """Norm of the difference over the norm of the truth, one complex scale free."""
    found = found * (np.vdot(found, truth) / np.vdot(found, found))
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))
