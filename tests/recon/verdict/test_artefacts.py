"""Patterns that come from the microscope, put into a picture and not."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.recon.verdict.artefacts import grid, vortices

PIXEL, CUTOFF, SIDE = 0.5, 0.4, 160


@pytest.fixture(scope="module")
def speckle() -> np.ndarray:
    """A random field whose spectrum fills a circle evenly, amplitude 1 in the mean."""
    rng = np.random.default_rng(0)
    fy, fx = (np.fft.fftfreq(SIDE, PIXEL) for _ in range(2))
    inside = np.hypot(fy[:, None], fx[None, :]) < CUTOFF
    field = np.fft.ifft2(inside * (rng.normal(size=inside.shape) + 1j * rng.normal(size=inside.shape)))
    return field / np.sqrt(np.mean(np.abs(field) ** 2))


@pytest.fixture(scope="module")
def leds() -> np.ndarray:
    """7 x 7 frequencies, a twelfth cycle/um apart, off the centre a little (led, 2)."""
    ticks = np.arange(-3, 4) / 12 + 0.005
    return np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1).reshape(-1, 2)


def test_a_sample_has_no_grid(speckle: np.ndarray, leds: np.ndarray) -> None:
    assert grid(1 + 0.2 * speckle, PIXEL, leds) < 0.05


def test_light_at_the_leds_frequencies_is_a_grid(speckle: np.ndarray, leds: np.ndarray) -> None:
    """Each wave a fiftieth of the light, a tenth of the sample's own variation; other frequencies do not count."""
    y, x = np.meshgrid(*(PIXEL * np.arange(SIDE),) * 2, indexing="ij")
    waves = sum(np.exp(2j * np.pi * (fy * y + fx * x)) for fy, fx in leds)
    assert grid(1 + 0.2 * speckle + 0.02 * waves, PIXEL, leds) > 0.2
    assert grid(1 + 0.2 * speckle + 0.02 * waves, PIXEL, leds + 1 / 24) < 0.05


def test_vortices_are_those_of_a_random_field(speckle: np.ndarray) -> None:
    assert vortices(speckle, PIXEL, CUTOFF) == pytest.approx(1.0, abs=0.1)


def test_a_weak_phase_has_no_vortex_and_a_pair_has_two() -> None:
    y, x = np.meshgrid(*(np.arange(40) - 20.3,) * 2, indexing="ij")
    weak = np.exp(1j * np.sin(0.3 * y) * np.cos(0.2 * x))
    assert vortices(weak, PIXEL, CUTOFF) == 0
    pair = ((x - 8) + 1j * y) * ((x + 8) - 1j * y)
    assert vortices(pair, PIXEL, CUTOFF) == pytest.approx(2 / (0.5 * np.pi * (CUTOFF * PIXEL) ** 2 * 39**2))
