import math

import numpy as np
import pytest
import torch

from napari_neuralfield.optics import pupil

WAVELENGTH_UM = 0.5


def disc(n: int = 801) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """fy, fx on the unit square, and which lie inside the unit circle."""
    axis = torch.linspace(-1, 1, n, dtype=torch.float64)
    fy, fx = axis[:, None], axis[None, :]
    return fy, fx, fy**2 + fx**2 <= 1


def test_a_hard_aperture_passes_its_own_edge() -> None:
    f = torch.tensor([0.0, 0.3, 0.4, 0.4001], dtype=torch.float64)
    assert pupil.aperture(f, torch.zeros(()), 0.4).tolist() == [1, 1, 1, 0]
    assert pupil.aperture(torch.tensor(0.24), torch.tensor(0.32), 0.41) == 1


def test_a_soft_aperture_is_half_at_the_edge_and_hard_where_it_is_narrow() -> None:
    fy, fx, _ = disc(101)
    assert pupil.aperture(torch.tensor(0.4), torch.tensor(0.0), 0.4, edge=0.1) == pytest.approx(0.5)
    soft, hard = pupil.aperture(fy, fx, 0.615, edge=1e-4), pupil.aperture(fy, fx, 0.615)
    assert (soft - hard).abs().max() < 1e-6
    width = pupil.aperture(torch.tensor([0.35, 0.45]), torch.zeros(()), 0.4, edge=0.1)
    assert width.tolist() == pytest.approx([0.881, 0.119], abs=1e-3)  # one edge width takes most of the fall


def test_gradients_in_the_frequencies_are_right_and_finite_everywhere() -> None:
    fy = torch.tensor([[-0.3], [0.0], [0.25]], dtype=torch.float64, requires_grad=True)
    fx = torch.tensor([[0.0, 0.31, 2.5]], dtype=torch.float64, requires_grad=True)  # the last one is evanescent

    def kernel(fy: torch.Tensor, fx: torch.Tensor) -> torch.Tensor:
        return pupil.aperture(fy, fx, 0.4, edge=0.2) * pupil.defocus(fy, fx, WAVELENGTH_UM, 3.0)

    inside = fx[:, :2].detach().requires_grad_()
    away = fy[::2].detach().requires_grad_()
    assert torch.autograd.gradcheck(kernel, (away, inside))
    kernel(fy, fx).abs().sum().backward()
    assert fy.grad is not None
    assert fx.grad is not None
    assert bool(torch.isfinite(fy.grad).all())
    assert bool(torch.isfinite(fx.grad).all())


def test_defocus_is_the_phase_a_plane_wave_collects_along_the_axis() -> None:
    z, angle = torch.tensor([-7.0, 0.0, 4.0], dtype=torch.float64), 0.3
    f = torch.tensor(math.sin(angle) / WAVELENGTH_UM, dtype=torch.float64)
    expected = np.exp(2j * np.pi * z.numpy() / WAVELENGTH_UM * (math.cos(angle) - 1))
    for fy, fx in ((f, 0 * f), (0 * f, -f), (0.6 * f, 0.8 * f)):
        assert np.allclose(pupil.defocus(fy, fx, WAVELENGTH_UM, z).numpy(), expected, atol=1e-9)


def test_defocus_adds_up_and_undoes_itself() -> None:
    fy, fx, _ = disc(21)
    there, on, back = (pupil.defocus(fy, fx, WAVELENGTH_UM, z) for z in (3.0, 2.0, -5.0))
    assert torch.allclose(there * on * back, torch.ones((), dtype=torch.complex128), atol=1e-12)


def test_noll_order() -> None:
    table = [
        (0, 0),
        (1, 1),
        (1, -1),
        (2, 0),
        (2, -2),
        (2, 2),
        (3, -1),
        (3, 1),
        (3, -3),
        (3, 3),
        (4, 0),
        (4, 2),
        (4, -2),
    ]
    assert [pupil.noll_to_nm(j) for j in range(1, 14)] == table  # Noll 1976, table I; sines negative
    assert len({pupil.noll_to_nm(j) for j in range(1, 100)}) == 99


def test_the_first_polynomials_are_those_of_the_table() -> None:
    fy, fx, _ = disc(40)  # no pixel exactly on the edge
    rho, angle = torch.sqrt(fy**2 + fx**2), torch.atan2(fy, fx)
    closed = {
        1: torch.ones_like(rho),
        2: 2 * rho * torch.cos(angle),
        3: 2 * rho * torch.sin(angle),
        4: math.sqrt(3) * (2 * rho**2 - 1),
        5: math.sqrt(6) * rho**2 * torch.sin(2 * angle),
        7: math.sqrt(8) * (3 * rho**3 - 2 * rho) * torch.sin(angle),
        11: math.sqrt(5) * (6 * rho**4 - 6 * rho**2 + 1),
    }
    for index, expected in closed.items():
        found = pupil.zernike(index, fy, fx, 1.0)
        assert torch.allclose(found, expected.expand_as(found), atol=1e-12), index


def test_the_polynomials_are_orthonormal_on_the_aperture() -> None:
    fy, fx, inside = disc()
    basis = torch.stack([pupil.zernike(j, 0.4 * fy, 0.4 * fx, 0.4)[inside] for j in range(1, 22)])
    gram = basis @ basis.T / inside.sum()
    assert (gram - torch.eye(21, dtype=torch.float64)).abs().max() < 5e-3  # measured 1.9e-3, the pixels of the edge


def test_polynomials_are_smooth_at_the_centre() -> None:
    """Where angle and radius have no derivative the polynomials have the plain one in fx and fy."""
    indices = range(1, 29)
    fy, fx = (torch.tensor([0.0, -0.11, 0.2], dtype=torch.float64, requires_grad=True) for _ in range(2))
    at_centre = [
        torch.autograd.grad(z[0], (fy, fx), retain_graph=True, allow_unused=True, materialize_grads=True)
        for z in pupil.zernikes(indices, fy, fx, 0.4)[1:]
    ]
    slopes = {j: (float(gy[0]), float(gx[0])) for j, (gy, gx) in enumerate(at_centre, 2)}
    assert slopes[2] == pytest.approx((0, 2 / 0.4))  # x tilt: 2 rho cos
    assert slopes[7] == pytest.approx((-2 * math.sqrt(8) / 0.4, 0))  # y coma: (3 rho^3 - 2 rho) sin
    assert all(slope == (0, 0) for j, slope in slopes.items() if abs(pupil.noll_to_nm(j)[1]) != 1)


def test_a_wavefront_has_the_right_gradient_in_everything() -> None:
    noll, random = (4, 5, 8, 11, 14, 22), torch.Generator().manual_seed(0)
    coefficients = torch.randn(len(noll), dtype=torch.float64, generator=random, requires_grad=True)
    fy = torch.tensor([[-0.2], [0.0], [0.31]], dtype=torch.float64, requires_grad=True)
    fx = torch.tensor([[0.0, 0.17, -0.5]], dtype=torch.float64, requires_grad=True)  # the centre, and beyond the rim
    wave = pupil.wavefront(noll, coefficients, fy, fx, 0.4)
    parts = [c * pupil.zernike(j, fy, fx, 0.4) for j, c in zip(noll, coefficients, strict=True)]
    assert torch.allclose(wave, torch.stack(parts).sum(0))
    assert torch.autograd.gradcheck(lambda c, y, x: pupil.wavefront(noll, c, y, x, 0.4), (coefficients, fy, fx))
    assert torch.equal(pupil.wavefront((), torch.zeros(0), fy, fx, 0.4), torch.zeros(3, 3, dtype=torch.float64))


@pytest.mark.parametrize("index", [1, 4, 8, 11, 17, 36])
def test_zernike_polynomials_are_tables_of_powers(index: int) -> None:
    y, x = torch.linspace(-1.1, 1.1, 7, dtype=torch.float64)[:, None], torch.linspace(-1, 1, 5, dtype=torch.float64)
    table = pupil.zernike_powers(index)
    powers = [torch.cat([f**k for k in range(len(table))], dim=1) for f in (y, x[:, None])]
    assert torch.allclose(powers[0] @ table @ powers[1].T, pupil.zernike(index, y, x[None], 1.0))
