"""Differential phase contrast against a weak grating, whose images are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_neuralfield.optics.pupil import defocus
from napari_neuralfield.recon.patterns.linear import (
    Pupil,
    clear_pupil,
    differences,
    dpc_phase,
    half_circles,
    weak_transfer,
)

WAVELENGTH_UM, OBJECTIVE_NA, PIXEL_UM, SHAPE = 0.5, 0.2, (0.6, 0.75), (40, 32)
CUTOFF = OBJECTIVE_NA / WAVELENGTH_UM
NA = np.array([[y, x] for y in (-0.12, -0.04, 0.05, 0.13) for x in (-0.11, -0.03, 0.04, 0.12)])


def images(sample: np.ndarray, pupil: Pupil) -> np.ndarray:
    """Intensity (led, y, x) of a sample under each LED, straight from its Fourier transform."""
    fy, fx = (np.fft.fftfreq(n, p) for n, p in zip(SHAPE, PIXEL_UM, strict=True))
    found = []
    for y, x in NA / WAVELENGTH_UM:
        passed = pupil(torch.tensor(fy[:, None] + y), torch.tensor(fx[None, :] + x)).numpy()
        found.append(np.abs(np.fft.ifft2(np.fft.fft2(sample) * passed)) ** 2)
    return np.array(found)


def gratings() -> tuple[np.ndarray, np.ndarray]:
    """Weak phase and absorption of different frequencies, on whole bins."""
    y, x = (np.arange(n) / n for n in SHAPE)
    phase = 0.004 * np.cos(2 * np.pi * (3 * y[:, None] + 2 * x)) + 0.003 * np.sin(2 * np.pi * (y[:, None] - 5 * x))
    return phase, 0.004 * np.cos(2 * np.pi * (2 * y[:, None] + 4 * x))


def defocused(fy: torch.Tensor, fx: torch.Tensor) -> torch.Tensor:
    return clear_pupil(CUTOFF)(fy, fx) * defocus(fy, fx, WAVELENGTH_UM, 3.0)


@pytest.mark.parametrize("pupil", [clear_pupil(CUTOFF), defocused])
def test_weak_transfer_is_the_image_to_first_order(pupil: Pupil) -> None:
    phase, absorption = gratings()
    to_phase, to_absorption, light = weak_transfer(
        torch.eye(len(NA)), NA, SHAPE, pixel_um=PIXEL_UM, wavelength_um=WAVELENGTH_UM, pupil=pupil
    )
    spectrum = [torch.fft.fft2(torch.tensor(part)) for part in (phase, absorption)]
    change = torch.fft.ifft2(to_phase * spectrum[0] + to_absorption * spectrum[1]).real
    seen = images(np.exp(1j * phase - absorption), pupil) - light.numpy()[:, None, None]
    assert np.abs(change.numpy() - seen).max() < 2e-4  # 8e-3 squared; the change itself is 1.6e-2
    assert np.abs(seen).max() > 5e-3


@pytest.mark.parametrize("uneven", [False, True])
def test_the_phase_of_weak_gratings(uneven: bool) -> None:
    phase, _ = gratings()  # absorption shows too, where the LEDs do not lie symmetrically
    frames = images(np.exp(1j * phase), clear_pupil(CUTOFF))
    left, right = half_circles(NA, OBJECTIVE_NA)
    if uneven:
        left = left * np.linspace(0.8, 1.3, len(NA), dtype=np.float32)
    pair = [torch.tensor(np.einsum("pl,lyx->pyx", side, frames), dtype=torch.float32) for side in (left, right)]
    found = dpc_phase(
        *pair, torch.tensor(left), torch.tensor(right), NA, pixel_um=PIXEL_UM, wavelength_um=WAVELENGTH_UM,
        pupil=clear_pupil(CUTOFF), regulariser=1e-6,
    )  # fmt: skip
    assert np.abs(found.numpy() - phase).max() < 1e-4


def test_half_circles_leave_out_dark_field_and_the_line_between() -> None:
    left, right = half_circles(np.array([[0.1, 0.0], [-0.1, 0.1], [0.3, 0.3]]), 0.2)
    assert left.tolist() == [[1, 0, 0], [0, 1, 0]]
    assert right.tolist() == [[0, 1, 0], [0, 0, 0]]


def test_dark_pixels_do_not_blow_up() -> None:
    left = torch.ones(1, 8, 8)
    left[0, 2, 2] = 0
    assert differences(left, torch.zeros(1, 8, 8)).abs().max() <= 1
    assert differences(left, left.roll(1, -1) * 0).isfinite().all()
