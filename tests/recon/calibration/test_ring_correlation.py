"""Fourier ring correlation where its value is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from napari_neuralfield.optics.grids import centred_spectrum
from napari_neuralfield.recon.calibration.ring_correlation import RingCorrelation, half_bit, hann, ring_correlation

N, BIN = 96, (0.02, 0.02)
EVERYWHERE = torch.ones((N, N), dtype=torch.bool)


def noise(seed: int) -> torch.Tensor:
    return torch.randn((N, N), dtype=torch.complex64, generator=torch.Generator().manual_seed(seed))


def test_the_same_field_agrees_everywhere_whatever_its_phase_and_place() -> None:
    field = noise(0)
    bins = torch.arange(N) - N // 2
    moved = 1.7 * centred_spectrum(field) * torch.exp(1j * (0.4 - 0.31 * bins[:, None] + 0.05 * bins[None, :]))
    same = ring_correlation(centred_spectrum(field), centred_spectrum(field), BIN, EVERYWHERE)
    assert same.correlation == pytest.approx(np.ones(len(same.correlation)), abs=1e-5)
    assert same.resolution_um == pytest.approx(1 / same.frequency[-1])
    found = ring_correlation(centred_spectrum(field), moved, BIN, EVERYWHERE)
    assert found.correlation[found.frequency < 0.9].min() > 0.93  # the moved borders differ


def test_independent_noise_agrees_nowhere() -> None:
    found = ring_correlation(noise(1), noise(2), BIN, EVERYWHERE)
    assert math.isinf(found.resolution_um)
    assert (found.correlation < found.half_bit).all()


def test_a_light_that_both_share_but_no_detail_is_no_resolution() -> None:
    """The mean would leak through the window and look like agreement."""
    one, two = (noise(seed) for seed in (3, 4))
    for spectrum in (one, two):
        spectrum[N // 2, N // 2] += 1e4
    assert math.isinf(ring_correlation(one, two, BIN, EVERYWHERE).resolution_um)


def test_resolution_is_where_signal_sinks_into_noise() -> None:
    """A signal up to 0.6 cycles/um under weak noise: the period 1.67 um, found to a ring's width."""
    f = (np.arange(N) - N // 2) * BIN[0]
    signal = 5 * noise(5) * torch.from_numpy(np.hypot(f[:, None], f[None, :]) < 0.6)
    found = ring_correlation(signal + noise(6), signal + noise(7), BIN, EVERYWHERE)
    assert found.resolution_um == pytest.approx(1 / 0.6, rel=0.07)
    assert found.correlation[found.frequency < 0.5] == pytest.approx(25 / 26, abs=0.05)


def test_bins_that_one_half_never_saw_do_not_count() -> None:
    seen = EVERYWHERE.clone()
    seen[:, : N // 2] = False
    one, two = noise(8), noise(8)
    two[:, : N // 2 - 4] = 0
    found = ring_correlation(one, two, BIN, seen)
    assert found.correlation.min() > 0.9
    assert ring_correlation(one, two, BIN, EVERYWHERE).correlation.mean() < 0.8


def test_threshold_and_window_in_closed_form() -> None:
    assert half_bit(np.array([1.0, 1e12])) == pytest.approx([1.0, 0.2071 / 1.2071], rel=1e-3)
    assert hann(64, 64)[1] == pytest.approx(((3 / 8) ** 2 / (35 / 128)) ** 2, rel=1e-5)


def test_resolution_is_read_between_rings_where_it_falls_for_good() -> None:
    frequency, threshold = np.array([0.1, 0.2, 0.3, 0.4, 0.5]), np.full(5, 0.3)
    found = RingCorrelation(frequency, np.array([1.0, 0.2, 0.5, 0.1, 0.0]), threshold)
    assert found.resolution_um == pytest.approx(1 / 0.35)
