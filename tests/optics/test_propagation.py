"""Free space against closed forms: a Gaussian beam, energy, there and back; shifts between pixels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from napari_neuralfield.optics.propagation import angular_spectrum, filtered, shift_ramp, shifted

WAVELENGTH, PIXEL, N = 0.5, 0.5, 256


def gaussian(waist_um: float, distance_um: float = 0.0) -> torch.Tensor:
    """Paraxial Gaussian beam (y, x) at a distance from its waist, without the phase of the axial wave."""
    y = (torch.arange(N, dtype=torch.float64) - N // 2) * PIXEL
    square = y[:, None] ** 2 + y[None, :] ** 2
    rayleigh = math.pi * waist_um**2 / WAVELENGTH
    q = complex(1, distance_um / rayleigh)
    return (torch.exp(-square / (waist_um**2 * q)) / q).to(torch.complex64)


def test_a_gaussian_beam_spreads_as_it_should() -> None:
    distance = 150.0
    found = filtered(gaussian(6.0), angular_spectrum((N, N), PIXEL, distance, WAVELENGTH))
    expected = gaussian(6.0, distance)
    assert float((found - expected).norm() / expected.norm()) < 2e-3  # measured 7e-4: the beam is not quite paraxial


def test_there_and_back_is_nothing() -> None:
    torch.manual_seed(0)
    field = torch.randn(48, 64, dtype=torch.complex64)
    there = angular_spectrum((48, 64), PIXEL, 80.0, WAVELENGTH)
    back = angular_spectrum((48, 64), PIXEL, -80.0, WAVELENGTH)
    torch.testing.assert_close(filtered(filtered(field, there), back), field, atol=1e-5, rtol=1e-5)
    assert float(filtered(field, there).norm() / field.norm()) == pytest.approx(1, abs=1e-6)


def test_evanescent_waves_do_not_travel() -> None:
    kernel = angular_spectrum((32, 32), 0.1, 5.0, 1.0)
    lateral = torch.fft.fftfreq(32, 0.1, dtype=torch.float64)
    square = lateral[:, None] ** 2 + lateral[None, :] ** 2
    assert torch.equal(kernel.abs() > 0.5, square < 1)


def test_the_limit_cuts_only_beyond_the_safe_distance() -> None:
    safe = N * PIXEL**2 / WAVELENGTH
    near = angular_spectrum((N, N), PIXEL, 0.4 * safe, WAVELENGTH, limited=True)
    far = angular_spectrum((N, N), PIXEL, 4 * safe, WAVELENGTH, limited=True)
    assert (near.abs() > 0.5).all()
    assert 0.05 < float((far.abs() > 0.5).float().mean()) < 0.5


def test_the_kernel_is_differentiable_in_distance_and_wavelength() -> None:
    values = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (30.0, 0.5)]

    def slope(distance: torch.Tensor, wavelength: torch.Tensor) -> torch.Tensor:
        return torch.view_as_real(angular_spectrum((16, 16), PIXEL, distance, wavelength))[3, 5, 0]

    analytic = torch.autograd.grad(slope(*values), values)
    for number, step in ((0, 1e-2), (1, 1e-4)):
        moved = [v.detach().clone() for v in values], [v.detach().clone() for v in values]
        moved[0][number] += step
        moved[1][number] -= step
        numeric = (slope(*moved[0]) - slope(*moved[1])) / (2 * step)
        assert float(analytic[number]) == pytest.approx(float(numeric), rel=2e-2, abs=1e-5)


def test_an_image_moves_by_whole_and_by_parts_of_pixels() -> None:
    y, x = np.indices((32, 40))
    wave = torch.tensor(np.exp(2j * np.pi * (3 * y / 32 + 5 * x / 40)), dtype=torch.complex64)
    move = torch.tensor([2.25, -1.5])
    expected = torch.tensor(np.exp(2j * np.pi * (3 * (y - 2.25) / 32 + 5 * (x + 1.5) / 40)), dtype=torch.complex64)
    torch.testing.assert_close(shifted(wave, move), expected, atol=1e-5, rtol=1e-5)
    image = torch.randn(32, 40, dtype=torch.complex64)
    torch.testing.assert_close(
        shifted(image, torch.tensor([3.0, -4.0])), image.roll((3, -4), (0, 1)), atol=1e-5, rtol=1e-5
    )
    assert shift_ramp(torch.zeros(5, 2), (4, 6)).shape == (5, 4, 6)
