from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.optics.board import BoardPose
from napari_neuralfield.optics.illumination import direction_cosines, grid_positions
from napari_neuralfield.optics.wide_field import fit_axis, runs_backwards, seen_from, variation

LEDS = grid_positions(9, 9, 4.0)
PLACES = np.array([(y, x) for y in (0, 1500, 3000) for x in (0, 1500, 3000)], dtype=float)  # um
AXIS, HEIGHT = np.array([1200.0, 1900.0]), 72.0
POSE = BoardPose(np.deg2rad(3.0), (0.0, 0.0), 1.02)


def seen(rng: np.random.Generator, error_na: float) -> tuple[np.ndarray, np.ndarray]:
    """Nominal directions, and those at `PLACES` of a turned board, with an error of each region and each LED."""
    nominal = direction_cosines(LEDS, HEIGHT)
    at_axis = POSE.place(nominal)
    found = np.array([seen_from(at_axis, HEIGHT, place - AXIS) for place in PLACES])
    return nominal, found + rng.normal(0, error_na, (9, 1, 2)) + rng.normal(0, 3 * error_na, found.shape)


def test_from_another_place_leds_lie_where_geometry_says() -> None:
    away_mm = np.array([0.7, -1.6])
    there = direction_cosines(LEDS - away_mm, HEIGHT)
    np.testing.assert_allclose(seen_from(direction_cosines(LEDS, HEIGHT), HEIGHT, 1000 * away_mm), there, atol=1e-12)
    corner = seen_from(np.zeros((1, 2)), HEIGHT, (1500.0, 1500.0))
    assert np.hypot(*corner[0]) == pytest.approx(variation((3000, 3000), HEIGHT), rel=1e-3)


def test_axis_and_height_are_found_from_directions_in_regions() -> None:
    """Over 20 boards with errors of 1e-4 NA; one region in nine is 0.01 NA astray."""
    off, heights = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        nominal, found = seen(rng, 1e-4)
        found[rng.integers(9)] += 0.01
        axis = fit_axis(nominal, PLACES, found)
        assert axis is not None
        assert axis.from_field
        off.append(np.hypot(*(axis.axis_um - AXIS)))
        heights.append(axis.height_mm)
    assert np.max(off) < 15  # um, measured 8
    assert np.abs(np.array(heights) - HEIGHT).max() < 0.7  # mm, measured 0.4


def test_a_field_that_does_not_tell_takes_the_height_that_is_given() -> None:
    nominal, found = seen(np.random.default_rng(0), 1e-4)
    same = np.repeat(found[4:5], 9, axis=0) + np.random.default_rng(1).normal(0, 1e-4, (9, 1, 2))
    assert fit_axis(nominal, PLACES, same) is None
    axis = fit_axis(nominal, PLACES[4:5], found[4:5], HEIGHT)
    assert axis is not None
    assert not axis.from_field
    assert np.hypot(*(axis.axis_um - AXIS)) < 30


def test_a_board_that_is_turned_by_half_a_turn_runs_backwards() -> None:
    nominal, found = seen(np.random.default_rng(0), 1e-4)
    assert runs_backwards(PLACES, -found)
    assert not runs_backwards(PLACES, found)
    assert fit_axis(-nominal, PLACES, -found, HEIGHT) is None
