"""Figures of images in closed form, and what is free taken out of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.metrics import structural_similarity

from napari_neuralfield.recon.engine.image_scores import Compared, aligned, figures, fourier_share
from napari_neuralfield.types import InputError

RNG = np.random.default_rng(0)
ALL = np.ones((60, 80), bool)


def scene(seed: int = 0, shape: tuple[int, int] = (60, 80)) -> np.ndarray:
    """A smooth complex sample, brightest 1."""
    rng = np.random.default_rng(seed)
    amplitude, phase = (gaussian_filter(rng.standard_normal(shape), 1.5, mode="wrap") for _ in range(2))
    return (0.7 + 0.8 * amplitude) * np.exp(4j * phase)


def test_figures_are_those_of_other_libraries() -> None:
    truth = RNG.uniform(0, 2, (60, 80))
    found = truth + RNG.normal(0, 0.2, truth.shape)
    known = figures([Compared(found, truth, ALL, 2.0)])
    assert known["mse"] == pytest.approx(np.mean((found - truth) ** 2))
    assert known["psnr_db"] == pytest.approx(10 * np.log10(4 / known["mse"]))
    assert known["ssim"] == pytest.approx(structural_similarity(truth, found, data_range=2.0), rel=1e-9)
    twice = figures([Compared(found, truth, ALL, 2.0)] * 2)
    assert twice == pytest.approx(known)


def test_what_lies_outside_does_not_count() -> None:
    truth, where = RNG.uniform(0, 1, (60, 80)), np.zeros_like(ALL)
    where[10:40, 20:60] = True
    found = np.where(where, truth, np.nan)
    known = figures([Compared(found, truth, where, 1.0)])
    assert (known["mse"], known["ssim"]) == (0, pytest.approx(1))


def test_fm_counts_the_coefficients_above_a_thousandth() -> None:
    y, x = np.indices((64, 64)) / 64
    waves = 1 + 0.5 * np.cos(2 * np.pi * 5 * x) + 0.01 * np.cos(2 * np.pi * 9 * y) + 1e-3 * np.cos(2 * np.pi * 3 * y)
    assert fourier_share(waves) == 5 / 64**2  # the constant, and the two sides of the two waves that are strong enough


def test_what_no_frame_can_tell_is_taken_out() -> None:
    truth = scene()
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in truth.shape), indexing="ij")
    assert aligned(truth * (2 - 3j), truth, ALL) == pytest.approx(truth)
    bent = truth * np.exp(1j * (0.3 + y - 2 * x + 1.5 * x * x - y * y + x * y))
    for given in (bent, bent.conj()):
        assert aligned(given, truth, ALL, "curvature") == pytest.approx(truth, abs=1e-5)
    f = np.fft.fftfreq(60)[:, None], np.fft.fftfreq(80)[None, :]
    away = np.fft.ifft2(np.fft.fft2(truth) * np.exp(-2j * np.pi * (2.3 * f[0] - 4.6 * f[1])))
    where = np.zeros_like(ALL)
    where[12:-12, 12:-12] = True
    found = aligned(away * 1j * np.exp(1j * (0.05 * np.indices((60, 80)).sum(0))), truth, where, "shift")
    assert np.linalg.norm((found - truth)[where]) < 0.02 * np.linalg.norm(truth[where])


def test_nothing_to_compare_is_said() -> None:
    for bad in (np.zeros((60, 80)), np.full((60, 80), np.nan)):
        with pytest.raises(InputError, match="the field is not finite or is zero where it is compared"):
            aligned(bad, scene(), ALL)
