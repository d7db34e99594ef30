"""Dose and bright disc of electrons, in closed form."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.optics.electrons import are_counts, area_of_a_frame, bright_disc, dose_of


@pytest.mark.parametrize(("rows", "columns"), [(5, 5), (3, 17)])
def test_the_dose_is_counts_over_the_area_of_a_step(rows: int, columns: int) -> None:
    y, x = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
    places = 1.5e-4 * np.stack([y.ravel(), x.ravel()], 1) @ np.array([[0.8, 0.6], [-0.6, 0.8]])
    assert area_of_a_frame(places) == pytest.approx(2.25e-8, rel=0.02)
    assert dose_of(2250, places) == pytest.approx(1000, rel=0.02)
    assert dose_of(2250, places[:3] * [1, 0]) == 0


def disc(radius: float, noise: float = 0.0, middle: float = 0.0) -> np.ndarray:
    """A disc (64, 64) with an edge one pixel wide, off the centre."""
    away = np.hypot(*(np.indices((64, 64)) - np.array([30.3, 33.1])[:, None, None]))
    lit = np.clip(radius + 0.5 - away, 0, 1) * (away >= middle) + 0.03
    return np.asarray(lit + noise * np.random.default_rng(0).standard_normal(lit.shape))


@pytest.mark.parametrize(("radius", "noise"), [(5.0, 0.0), (13.0, 0.15), (22.0, 0.05)])
def test_the_radius_of_a_bright_disc(radius: float, noise: float) -> None:
    assert bright_disc(disc(radius, noise)) == pytest.approx(radius, rel=0.03)


def test_what_is_no_disc() -> None:
    assert bright_disc(disc(13.0, middle=9.0)) is None  # a ring
    assert bright_disc(disc(60.0)) is None  # wider than the detector
    assert bright_disc(np.random.default_rng(0).random((64, 64))) is None
    assert bright_disc(np.zeros((64, 64))) is None


def test_counts_are_whole_numbers() -> None:
    assert are_counts(np.array([0.0, 1.0, 5.0]))
    assert not are_counts(np.array([0.0, 0.25, 5.0]))
    assert not are_counts(np.zeros(3))
