"""Frames that disagree are told from frames that are merely dark, and why."""

from __future__ import annotations

import numpy as np
import pytest
from scene import scene

from napari_neuralfield.recon.suspects import around, explain, stand_out

NA = np.stack([np.linspace(0, 0.35, 60), np.zeros(60)], axis=1)
OBJECTIVE_NA = 0.2


def errors(seed: int = 0) -> np.ndarray:
    """Usual ones: dark frames have larger errors, growing with the angle, 20 % up and down."""
    radius = np.hypot(*NA.T)
    usual = np.where(radius < OBJECTIVE_NA, 0.01 + 0.02 * radius, 0.08 + 0.1 * radius)
    return usual * np.exp(np.random.default_rng(seed).normal(0, 0.2, len(NA)))


def test_no_frame_stands_out_among_usual_ones() -> None:
    assert not any(stand_out(errors(seed), NA, OBJECTIVE_NA).any() for seed in range(20))


def test_frames_far_above_their_neighbours_stand_out_bright_or_dark() -> None:
    """A bright frame as bad as usual dark ones is among them."""
    bad = errors()
    bad[[5, 20, 50]] = 0.09, 0.1, 1.2
    assert np.flatnonzero(stand_out(bad, NA, OBJECTIVE_NA)).tolist() == [5, 20, 50]


def test_equal_errors_need_a_factor_of_two() -> None:
    """Where nothing scatters, the robust deviation is zero and says nothing."""
    even = np.full(60, 0.01)
    even[[7, 8]] = 0.019, 0.021
    assert np.flatnonzero(stand_out(even, NA, OBJECTIVE_NA)).tolist() == [8]


def test_the_neighbours_are_those_of_the_same_field_and_not_oneself() -> None:
    values = np.where(np.hypot(*NA.T) <= OBJECTIVE_NA, 1.0, 5.0)
    values[10] = 100.0
    assert np.array_equal(around(values, NA, OBJECTIVE_NA), np.where(np.hypot(*NA.T) <= OBJECTIVE_NA, 1.0, 5.0))
    alone = around(np.array([3.0, 1.0, 1.0]), np.array([[0.3, 0], [0, 0], [0, 0.1]]), OBJECTIVE_NA)
    assert alone.tolist() == [3, 1, 1]


def test_reasons_end_a_sentence() -> None:
    acquisition, _ = scene()
    frames = np.array(acquisition.frames)
    frames[1] = np.minimum(frames[1], np.quantile(frames[1], 0.75))
    frames[2] = 0
    spoilt = acquisition.replace(frames=frames)
    saturated = explain(spoilt, 1, 0.3, 0.01, 1.4)
    assert saturated.frame == 1
    assert saturated.why.startswith("is saturated (25 % of its pixels hold its highest value, ")
    blocked = explain(spoilt, 2, 0.9, 0.01, 0.0123)
    assert blocked.why == "has 1.2 % of its neighbours' light (its LED is blocked or has failed)"
    other = explain(spoilt, 3, 0.31, 0.0123, 0.9)
    assert other.why == "shows another picture than all other frames predict (error 0.31, its neighbours 0.012)"


@pytest.mark.parametrize("brightness", [0.21, 1.0])
def test_a_dim_frame_is_not_called_blocked(brightness: float) -> None:
    assert "blocked" not in explain(scene()[0], 0, 0.3, 0.01, brightness).why
