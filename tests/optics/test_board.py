"""A board turned, shifted and scaled: against geometry in mm, finite differences, and back again."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.optics.board import BoardPose, fit_pose, positions, to_na
from napari_neuralfield.optics.illumination import direction_cosines, grid_positions, place

POSE = BoardPose(0.11, (0.031, -0.052), 0.94)
HEIGHT_MM = 70.0
GRID_MM = grid_positions(5, 7, 6.0) + np.array([3.0, -1.0])
NOMINAL = direction_cosines(GRID_MM, HEIGHT_MM)


def test_a_pose_is_the_same_board_in_millimetres() -> None:
    """Turn as `illumination.place`, then size, then shift in units of the height."""
    moved = POSE.scale * place(GRID_MM, np.rad2deg(POSE.turn_rad)) + HEIGHT_MM * np.array(POSE.shift)
    assert np.abs(POSE.place(NOMINAL) - direction_cosines(moved, HEIGHT_MM)).max() < 1e-14


def test_a_lower_board_is_a_wider_one() -> None:
    lower = direction_cosines(GRID_MM, HEIGHT_MM / 1.05)
    assert np.abs(BoardPose(scale=1.05).place(NOMINAL) - lower).max() < 1e-14


def test_positions_and_directions_undo_each_other_and_nothing_moves_by_default() -> None:
    assert np.abs(to_na(positions(NOMINAL)) - NOMINAL).max() < 1e-15
    assert np.abs(BoardPose().place(NOMINAL) - NOMINAL).max() < 1e-15
    assert BoardPose.of(POSE.vector) == POSE


def test_the_jacobian_is_the_slope_of_place() -> None:
    found, step = POSE.jacobian(NOMINAL), 1e-6
    for k in range(4):
        ends = [BoardPose.of(POSE.vector + sign * step * np.eye(4)[k]).place(NOMINAL) for sign in (1, -1)]
        assert np.abs(found[:, :, k] - (ends[0] - ends[1]) / (2 * step)).max() < 1e-9


def test_a_pose_is_found_again_from_its_directions() -> None:
    assert fit_pose(NOMINAL, POSE.place(NOMINAL)).vector == pytest.approx(POSE.vector, abs=1e-13)


def test_directions_without_weight_have_no_say() -> None:
    found = POSE.place(NOMINAL)
    found[[3, 20]] += 0.2
    weight = np.ones(len(found))
    weight[[3, 20]] = 0
    assert fit_pose(NOMINAL, found, weight).vector == pytest.approx(POSE.vector, abs=1e-13)
    assert np.abs(fit_pose(NOMINAL, found).vector - POSE.vector).max() > 5e-3


def test_single_deviations_average_out() -> None:
    """LEDs off by 2e-3 each: the pose of 35 is off by some of that over sqrt(35)."""
    jitter = np.random.default_rng(0).normal(0, 2e-3, NOMINAL.shape)
    error = np.abs(fit_pose(NOMINAL, POSE.place(NOMINAL) + jitter).vector - POSE.vector)
    assert error.max() < 3e-3
    assert error[1:3].max() < 1e-3


def test_one_pose_after_another_is_one_pose() -> None:
    na = np.array([[0.1, 0.05], [-0.2, 0.1], [0.0, -0.3]])
    first, second = BoardPose(0.3, (0.01, -0.02), 1.05), BoardPose(-1.2, (0.03, 0.0), 0.9)
    assert first.then(second).place(na) == pytest.approx(second.place(first.place(na)))
