"""Partially coherent images of thin samples against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import j1

from napari_neuralfield.forward.brightfield import BrightField, source_points
from napari_neuralfield.optics.grids import binned

WAVELENGTH, NA, PIXEL, SIZE = 0.53, 0.4, 0.65, 128
WEAK = 0.01  # rad


def wave(cycles: int, depth: float = WEAK) -> torch.Tensor:
    """A phase (y, x) of so many periods across."""
    x = 2 * math.pi * cycles * torch.arange(SIZE, dtype=torch.float64) / SIZE
    return (depth * torch.cos(x)).expand(SIZE, SIZE)


def sample(phase: torch.Tensor) -> torch.Tensor:
    return torch.polar(torch.ones_like(phase), phase)


def contrast(frame: torch.Tensor, cycles: int) -> float:
    """Amplitude of a cosine in a frame (y, x)."""
    return 2 * float(torch.fft.fft2(frame.double())[0, cycles].real) / frame.numel()


@pytest.mark.parametrize("z", [-9.0, -4.0, 2.0, 13.0])
@pytest.mark.parametrize("cycles", [4, 11])
@pytest.mark.parametrize("condenser", [0.0, 0.16])
def test_a_weak_sinusoid_has_the_contrast_of_the_closed_form(z: float, cycles: int, condenser: float) -> None:
    """2 sin(pi wavelength z f^2) times, of an open condenser, 2 J1(x) / x with x = 2 pi z f condenser."""
    microscope = BrightField(WAVELENGTH, NA, condenser, PIXEL, points=80)
    frame = microscope.images(sample(wave(cycles)), torch.tensor([z]))[0]
    f = cycles / (SIZE * PIXEL)
    x = 2 * math.pi * abs(z) * f * condenser
    expected = WEAK * 2 * math.sin(math.pi * WAVELENGTH * z * f**2) * (2 * j1(x) / x if x else 1.0)
    assert frame.mean() == pytest.approx(1, abs=1e-4)
    assert contrast(frame, cycles) == pytest.approx(expected, abs=0.01 * 2 * WEAK)


def test_an_empty_sample_is_1_everywhere() -> None:
    microscope = BrightField(WAVELENGTH, NA, 0.3, PIXEL, binning=4, spectrum=((0.5, 2.0), (0.6, 1.0)))
    frames = microscope.images(torch.ones(2, 64, 96, dtype=torch.complex64), torch.tensor([-5.0, 0.0, 5.0]))
    assert frames.shape == (2, 3, 16, 24)
    assert torch.allclose(frames, torch.ones(()), atol=1e-5)


def test_a_phase_that_the_objective_passes_whole_does_not_show_in_focus() -> None:
    in_focus, above = BrightField(WAVELENGTH, NA, 0.0, PIXEL).images(sample(wave(3, 0.5)), torch.tensor([0.0, 6.0]))
    assert (in_focus - 1).abs().max() < 1e-3  # its overtones beyond the aperture are weaker than that
    assert (above - 1).abs().max() > 0.01
    beyond = BrightField(WAVELENGTH, 0.05, 0.0, PIXEL).images(sample(wave(12)), torch.tensor([6.0]))
    assert (beyond - 1).abs().max() < 1e-3  # 0.144 cycles/um against 0.094


def test_two_equal_colours_are_one() -> None:
    depths = torch.tensor([-3.0, 5.0])
    thing = sample(wave(7, 0.6).float())
    one = BrightField(WAVELENGTH, NA, 0.1, PIXEL, points=8).images(thing, depths)
    two = BrightField(WAVELENGTH, NA, 0.1, PIXEL, points=8, spectrum=((WAVELENGTH, 0.2), (WAVELENGTH, 0.9)))
    assert torch.allclose(two.images(thing, depths), one, atol=1e-6)


def test_colours_agree_where_light_is_transported_and_differ_where_it_interferes() -> None:
    """Of the same path, -k dI/dz = div(I grad phase) holds whatever the wavelength; beyond its range it does not."""
    colours = [((0.53, 1.0),), ((0.65, 1.0),)]
    green, red = (BrightField(WAVELENGTH, NA, 0.0, PIXEL, spectrum=colour) for colour in colours)
    smooth, fine, depth = sample(wave(7, 0.6)), sample(wave(25, 0.6)), torch.tensor([13.0])
    assert (red.images(smooth, depth) - green.images(smooth, depth)).abs().max() < 0.005
    assert (red.images(fine, depth) - green.images(fine, depth)).abs().max() > 0.05


def test_gradients_for_phase_and_depth_are_slopes() -> None:
    microscope = BrightField(WAVELENGTH, NA, 0.16, PIXEL, binning=2, points=4)
    torch.manual_seed(0)
    phase, way = (torch.randn(32, 32) for _ in range(2))
    weights, depth = torch.randn(1, 16, 16), torch.tensor([4.0], dtype=torch.float64)

    def shown(p: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        return (weights * microscope.images(sample(0.3 * p), z)).double().sum()

    p, z = phase.clone().requires_grad_(), depth.clone().requires_grad_()
    shown(p, z).backward()
    assert p.grad is not None
    assert z.grad is not None
    step = 1e-2
    along = (shown(phase + step * way, depth) - shown(phase - step * way, depth)) / (2 * step)
    assert float((p.grad * way).double().sum()) == pytest.approx(float(along), rel=2e-2)
    deeper = (shown(phase, depth + step) - shown(phase, depth - step)) / (2 * step)
    assert float(z.grad) == pytest.approx(float(deeper), rel=2e-2)


def test_source_points_fill_the_condenser_evenly() -> None:
    points = source_points(0.2, 60)
    assert points.shape == (60, 2)
    assert np.abs(points.mean(0)).max() < 1e-12
    assert np.hypot(*points.T).max() == pytest.approx(0.2, rel=0.05)
    assert (np.hypot(*points.T) ** 2).mean() == pytest.approx(0.2**2 / 2, rel=0.02)  # of a full disc
    assert source_points(0.0, 60).tolist() == source_points(0.2, 1).tolist() == [[0.0, 0.0]]


def test_camera_pixels_are_means() -> None:
    image = torch.arange(4 * 6, dtype=torch.float64).reshape(4, 6)
    assert binned(image, 1) is image
    assert torch.equal(binned(image, 2), torch.tensor([[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]], dtype=torch.float64))
