"""The images of a fit's microscope against the plain forward model."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scene import OBJECTIVE_NA, PIXEL_UM, WAVELENGTH_UM, board, scene, thin_sample

from napari_neuralfield.forward.soft_rim import FALL, RADIUS, SOFTNESS, STRETCH, sharp_rim, soft_aperture
from napari_neuralfield.optics.grids import centred_spectrum, fit_spectrum, frequencies
from napari_neuralfield.recon.refine.microscope import FitMicroscope, grid_of

CPU = torch.device("cpu")
CUTOFF = OBJECTIVE_NA / WAVELENGTH_UM


def microscope(na: np.ndarray, beyond: int = 0, z_um: float = 0.0) -> tuple[FitMicroscope, torch.Tensor]:
    """Of directions (led, 2), and the object's spectrum on its grid, where the grid is the frame's."""
    acquisition, _ = scene((32, 32), na=na)
    grid = grid_of(acquisition, CPU, beyond)
    found = FitMicroscope(acquisition, grid, z_um, np.ones(len(na)), 0.0)
    sample = torch.as_tensor(thin_sample((64, 64)), dtype=torch.complex64)
    return found, fit_spectrum(centred_spectrum(sample), grid.object_shape)


def test_a_hard_rim_is_the_plain_model() -> None:
    acquisition, _ = scene((32, 32), 5.0)
    found, spectrum = microscope(np.asarray(acquisition.illumination_na), z_um=5.0)
    found.values["rim"][SOFTNESS] = -1.0  # as sharp as it gets
    light = found.light(spectrum, np.arange(25), found.values)
    frames = torch.as_tensor(np.asarray(acquisition.frames[:]), dtype=torch.float32)
    assert float((light - frames).norm() / frames.norm()) < 0.03  # of a rim 0.016 of the NA wide; measured 0.02


def test_a_window_that_moves_is_an_led_that_moves() -> None:
    na, step = board(), WAVELENGTH_UM / (32 * PIXEL_UM)
    there, spectrum = microscope(na + np.array([0.3, -0.2]) * step)
    here, _ = microscope(na)
    here.values["directions"] += torch.tensor([0.3, -0.2])
    there_na, here_na = there.directions_na(), here.directions_na()
    assert np.allclose(there_na, na + np.array([0.3, -0.2]) * step)
    assert np.allclose(here_na, there_na, atol=1e-7)
    leds = np.arange(len(na))
    same = fit_spectrum(spectrum, here.grid.object_shape)
    assert torch.allclose(here.light(same, leds, here.values), there.light(spectrum, leds, there.values), atol=2e-4)


def test_the_phase_in_small_products_is_the_sum_of_polynomials() -> None:
    found, _ = microscope(board())
    found.values["zernike"][:] = torch.linspace(-0.5, 0.5, len(found.values["zernike"]))
    centre = int(np.argmin(np.hypot(*board().T)))
    pupil = found.pupils(np.array([centre]), found.values)[0]
    fy, fx = (torch.as_tensor(found.grid.plan.remainder[centre, k]).float() for k in (0, 1))
    rows, columns = found.grid.plan.box
    ky = (torch.arange(rows) - rows // 2) * found.grid.plan.bin[0] + fy
    kx = (torch.arange(columns) - columns // 2) * found.grid.plan.bin[1] + fx
    from napari_neuralfield.optics.pupil import wavefront
    from napari_neuralfield.recon.refine.microscope import NOLL

    phase = wavefront(NOLL, found.values["zernike"], ky[:, None], kx[None], found.grid.plan.cutoff)
    inside = pupil.abs() > 0.5
    assert torch.allclose((pupil / torch.polar(pupil.abs(), phase))[inside].imag, torch.zeros(()), atol=2e-4)


def test_a_rim_is_wide_and_long_as_its_numbers_say() -> None:
    f = torch.as_tensor(frequencies(401, 1 / (401 * 0.006 * CUTOFF))).float()
    rim = sharp_rim()
    rim[RADIUS], rim[STRETCH] = 0.02, 0.05
    passed = soft_aperture(f[:, None], f[None], CUTOFF, rim)
    step = float(f[1] - f[0]) / (2 * CUTOFF)
    along_y, along_x = (float((part > 0.5).sum()) * step for part in (passed[:, 200], passed[200]))
    assert along_y == pytest.approx(1.02 / 1.05, abs=0.006)
    assert along_x == pytest.approx(1.02 / 0.95, abs=0.006)


def test_far_outside_the_sharpest_rim_a_pupil_still_has_a_gradient() -> None:
    """Unless held above, its modulus is 2e-39 there, a number that torch cannot divide by."""
    rim = sharp_rim()
    rim[SOFTNESS], rim[FALL] = -10.0, -0.2
    rim.requires_grad_()
    far = torch.full((3,), 1.3544 * CUTOFF)
    found = torch.polar(soft_aperture(far, torch.zeros(1), CUTOFF, rim), torch.full((3,), 1.3))
    (gradient,) = torch.autograd.grad(found.real.sum() + found.imag.sum(), rim)
    assert torch.isfinite(gradient).all()


def test_a_border_around_the_frame_changes_no_place() -> None:
    """A delta in the frame's pixel (5, 9) shows there, whatever lies around."""
    acquisition, _ = scene((32, 32))
    grid = grid_of(acquisition, CPU, 8)
    found = FitMicroscope(acquisition, grid, 0.0, np.ones(25), 0.0)
    rows, columns = grid.object_shape
    y, x = grid.plan.image_shape
    at = np.array([5 + grid.offset[0], 9 + grid.offset[1]])
    ramp = [
        np.exp(-2j * np.pi * (np.arange(n) - n // 2) * p / m)
        for n, p, m in zip((rows, columns), at, (y, x), strict=True)
    ]
    spectrum = torch.as_tensor(ramp[0][:, None] * ramp[1], dtype=torch.complex64)
    light = found.light(spectrum, np.array([12]), found.values)[0]
    assert light.shape == (32, 32)
    assert divmod(int(light.argmax()), 32) == (5, 9)
