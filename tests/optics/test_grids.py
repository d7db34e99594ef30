import numpy as np
import pytest
import torch

from napari_neuralfield.optics import grids

SIZES = [(8, 8), (7, 9), (8, 5), (9, 12)]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, dtype=torch.complex128, generator=torch.Generator().manual_seed(seed))


def inner(a: torch.Tensor, b: torch.Tensor) -> complex:
    return complex(torch.vdot(a.ravel(), b.ravel()))


@pytest.mark.parametrize("n", [1, 2, 7, 8])
def test_zero_frequency_sits_at_half_the_size(n: int) -> None:
    f = grids.frequencies(n, 0.5)
    assert f[n // 2] == 0
    assert np.allclose(f, np.fft.fftshift(np.fft.fftfreq(n, 0.5)), atol=1e-15)


@pytest.mark.parametrize("shape", SIZES)
def test_a_spectrum_holds_the_amplitudes_of_plane_waves(shape: tuple[int, int]) -> None:
    y, x = np.indices(shape)
    fy, fx = grids.frequencies(shape[0], 1.0), grids.frequencies(shape[1], 1.0)
    image = 3 + (2 - 1j) * np.exp(2j * np.pi * (fy[1] * y + fx[-1] * x))
    spectrum = grids.centred_spectrum(torch.from_numpy(image)).numpy()
    expected = np.zeros(shape, complex)
    expected[shape[0] // 2, shape[1] // 2] = 3
    expected[1, -1] = 2 - 1j
    assert np.abs(spectrum - expected).max() < 1e-14


@pytest.mark.parametrize("shape", SIZES)
def test_image_and_spectrum_are_each_others_inverse(shape: tuple[int, int]) -> None:
    image = noise(2, *shape)
    assert torch.allclose(grids.image_of(grids.centred_spectrum(image)), image, atol=1e-14)
    assert torch.allclose(grids.centred_spectrum(grids.image_of(image)), image, atol=1e-14)


@pytest.mark.parametrize("old", SIZES)
@pytest.mark.parametrize("new", [(4, 4), (5, 3), (16, 16), (15, 10)])
def test_fitting_keeps_the_zero_frequency_and_is_the_adjoint_of_fitting_back(old, new) -> None:
    spectrum, other = noise(*old), noise(*new, seed=1)
    fitted = grids.fit_spectrum(spectrum, new)
    assert fitted[new[0] // 2, new[1] // 2] == spectrum[old[0] // 2, old[1] // 2]
    assert inner(other, fitted) == pytest.approx(inner(grids.fit_spectrum(other, old), spectrum), abs=1e-12)


@pytest.mark.parametrize("old", SIZES)
@pytest.mark.parametrize("new", [(16, 18), (15, 13), (14, 15)])
def test_finer_and_back_loses_nothing_and_pixel_0_0_stays(old, new) -> None:
    image = noise(*old)
    finer = grids.resample(image, new)
    assert torch.allclose(grids.resample(finer, old), image, atol=1e-13)
    assert torch.allclose(finer[0, 0], image[0, 0], atol=1e-13)
    real = grids.resample(image.real, new)
    assert not real.is_complex()
    assert torch.allclose(grids.resample(image.real, (2 * old[0], 2 * old[1]))[::2, ::2], image.real, atol=1e-13)


@pytest.mark.parametrize("new", [(9, 11), (10, 8), (31, 40)])
def test_resampling_reads_a_band_limited_image_at_the_new_pixels(new: tuple[int, int]) -> None:
    def image(shape: tuple[int, int]) -> torch.Tensor:
        y, x = torch.arange(shape[0])[:, None] / shape[0], torch.arange(shape[1])[None, :] / shape[1]
        return 1 + torch.cos(2 * torch.pi * (2 * y - 3 * x) + 0.7) + torch.sin(2 * torch.pi * 3 * y)

    assert torch.allclose(grids.resample(image((16, 13)), new), image(new), atol=1e-5)


def test_gradients_pass_through_resampling() -> None:
    image = noise(5, 6).requires_grad_()
    assert torch.autograd.gradcheck(lambda i: grids.resample(i, (4, 9)), image)


def test_fast_lengths_are_even_smooth_and_the_next() -> None:
    smooth = sorted(
        2 ** (a + 1) * 3**b * 5**c for a in range(11) for b in range(7) for c in range(5) if 2 ** (a + 1) * 3**b * 5**c
    )
    for n in range(1, 700):
        assert grids.fast_length(n) == next(s for s in smooth if s >= n)


def test_pixels_are_binned_and_spread() -> None:
    image = torch.arange(64.0).reshape(1, 8, 8)
    small = grids.binned(image, 4)
    assert small.shape == (1, 2, 2)
    assert float(small[0, 0, 1]) == float(image[0, :4, 4:].mean())
    torch.testing.assert_close(grids.binned(grids.spread(small, 4), 4), small)


@pytest.mark.parametrize("old", [*SIZES, (1, 2)])
def test_an_image_on_more_pixels_is_that_of_the_padded_spectrum(old: tuple[int, int]) -> None:
    spectrum = noise(*old)
    for new in (old, (9, 12), (16, 15)):
        padded = grids.image_of(grids.fit_spectrum(spectrum, new))
        assert torch.allclose(grids.image_on(spectrum, new), padded, atol=1e-14)


@pytest.mark.parametrize(
    ("sides", "least", "finer", "border"),
    [
        ((128, 128), 8, 1, 8),
        ((100, 100), 8, 1, 10),
        ((100, 128), 8, 1, 13),
        ((101, 101), 8, 1, 10),
        ((256, 256), 8, 1, 12),
    ],
)
def test_a_border_that_makes_transforms_fast(sides: tuple[int, int], least: int, finer: int, border: int) -> None:
    assert grids.quick_border(sides, least, finer) == border
