import numpy as np
import pytest
import torch

from napari_neuralfield.fields import interpolation
from napari_neuralfield.optics.grids import fit_spectrum, image_of


def wave(y: np.ndarray, x: np.ndarray, shape: tuple[int, int], cycles: tuple[int, int]) -> np.ndarray:
    return np.exp(2j * np.pi * (cycles[0] * y / shape[0] + cycles[1] * x / shape[1]))


def test_weights_sum_to_one_and_are_exact_on_pixels() -> None:
    index, weight = interpolation.taps(np.array([-3.0, 0.0, 5.0, 12.0, 4.3, -0.7]), 12)
    assert torch.allclose(weight.sum(1), torch.ones(6), atol=1e-6)
    assert bool(((index >= 0) & (index < 12)).all())
    on_pixel = torch.zeros(4, 12).scatter_add(1, index[:4], weight[:4])
    assert torch.allclose(on_pixel, torch.eye(12)[[9, 0, 5, 0]], atol=1e-6)


@pytest.mark.parametrize("shape", [(36, 45), (30, 48)])
def test_every_wave_below_two_thirds_of_nyquist_is_read_between_pixels_within_5e_4(shape: tuple[int, int]) -> None:
    y, x = np.random.default_rng(0).uniform(-100, 100, (2, 300))
    rows, columns = np.indices(shape)
    response = [interpolation.kaiser_response(n, n).numpy() for n in shape]
    for cycles in [(0, 0), (3, -7), (shape[0] // 3, 0), (-(shape[0] // 3), shape[1] // 3)]:
        divided = np.prod([r[n // 2 + c] for r, n, c in zip(response, shape, cycles, strict=True)])
        image = torch.from_numpy((wave(rows, columns, shape, cycles) / divided).astype(np.complex64))
        found = interpolation.interpolate_points(image, y, x, interpolation.kaiser_taps).numpy()
        assert np.abs(found - wave(y, x, shape, cycles)).max() < 5e-4, cycles  # measured 2.7e-4 in the corner


def test_matrices_read_as_the_functions_do() -> None:
    image = torch.randn(11, 4, generator=torch.Generator().manual_seed(0))
    at = np.array([-0.3, 2.0, 10.9, 30.25])
    smooth = interpolation.matrix_of(at, 11, interpolation.taps) @ image
    assert torch.allclose(smooth, interpolation.interpolate_axis(image, at, -2), atol=1e-6)
    linear = interpolation.matrix_of(at, 11, interpolation.linear_taps) @ image
    assert torch.allclose(linear, interpolation.bilinear_axis(image, at, -2), atol=1e-6)
    assert torch.allclose(linear[3], 0.75 * image[8] + 0.25 * image[9], atol=1e-6)
    points = interpolation.bilinear_points(image, at, np.array([0.5, 3.5, 1.0, -2.0]))
    assert torch.allclose(points[1], (image[2, 3] + image[2, 0]) / 2, atol=1e-6)


def test_axis_by_axis_equals_point_by_point_and_wraps() -> None:
    spectrum = torch.randn(2, 9, 9, dtype=torch.complex64, generator=torch.Generator().manual_seed(0))
    image = image_of(fit_spectrum(spectrum, (15, 20)))
    y, x = np.array([-0.4, 3.25, 14.9]), np.array([0.0, 7.7, 19.5, 23.1])
    grid = interpolation.interpolate_axis(interpolation.interpolate_axis(image, y, -2), x, -1)
    points = interpolation.interpolate_points(image, *(a.ravel() for a in np.meshgrid(y, x, indexing="ij")))
    assert torch.allclose(grid.reshape(2, -1), points, atol=1e-5)
    around = interpolation.interpolate_axis(image, y + 15, -2)
    assert torch.allclose(around, interpolation.interpolate_axis(image, y, -2), atol=1e-5)


@pytest.mark.parametrize(
    ("axis", "whole"),
    [
        (np.arange(8) * 0.5 + 2, True),
        (np.arange(5) * 0.8 + 2, True),
        (np.arange(7) * 0.5 + 2, False),
        (np.arange(8) * 0.5, False),
        (np.arange(16) * 0.5 + 2, False),
        (np.array([2.0, 2.5, 3.5, 3.6, 4.0, 4.5, 5.0, 5.5]), False),
        (np.array([2.0]), False),
    ],
)
def test_a_grid_covers_a_period_once_or_it_does_not(axis: np.ndarray, whole: bool) -> None:
    assert interpolation.covers_period(axis, 2.0, 4.0) is whole


@pytest.mark.parametrize("taps", [interpolation.taps, interpolation.linear_taps])
def test_a_grid_is_read_in_bands_as_axis_by_axis_also_over_its_edges_and_thinned_out(taps: interpolation.Taps) -> None:
    image = torch.randn(3, 70, 90, generator=torch.Generator().manual_seed(0))
    for y, x in (
        (np.linspace(20, 40, 130), np.linspace(10, 30, 7)),  # within
        (np.linspace(-30, 15, 101), np.linspace(60, 130, 99)),  # over the edges
        (np.linspace(0, 300, 60), np.linspace(80, -200, 55)),  # coarse, backwards
    ):
        by_axis = interpolation.interpolate_axis(image, y, -2, taps)
        by_axis = interpolation.interpolate_axis(by_axis, x, -1, taps)
        assert torch.allclose(interpolation.read_grid(image, y, x, taps), by_axis, atol=2e-6)
