"""The board is found from the bright frames' spectra alone: which way round, and roughly where."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scene import OBJECTIVE_NA, board, scene

from napari_neuralfield.checks.led_boards import downhill
from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.optics.board import BoardPose
from napari_neuralfield.optics.illumination import ORIENTATIONS, orient
from napari_neuralfield.recon.calibration.board_from_spectra import (
    bright_frames,
    circles,
    first_guess,
    with_strong_pupil,
)
from napari_neuralfield.recon.calibration.recipe import CalibrationRecipe
from napari_neuralfield.recon.calibration.solver import Calibrator
from napari_neuralfield.simulate.simulators import miscalibrated_board

POSE = BoardPose(np.deg2rad(4), (0.01, -0.008), 1.03)
MARGIN = [0.01, 0.004, 0.004, 0.08]  # measured 0.0052, 0.0025, 0.0018, 0.0525: the size is guessed too large


@pytest.fixture(scope="module")
def slide() -> LedArray:
    return miscalibrated_board(1, pixels=64, phantom="texture", pose=POSE)[0]


def mounted(acquisition: LedArray, number: int) -> LedArray:
    """The file's directions are not those of the board, which is mounted as in ORIENTATIONS[number]."""
    nominal = np.asarray(acquisition.illumination_na)
    return acquisition.replace(illumination_na=orient(nominal, np.linalg.inv(ORIENTATIONS[number][1])))


@pytest.mark.parametrize("number", range(0, 8, 2))
def test_a_board_is_found_whichever_way_round_it_is_mounted(slide: LedArray, number: int) -> None:
    name, matrix, pose = first_guess(mounted(slide, number))
    assert name == ORIENTATIONS[number][0]
    assert np.array_equal(matrix, ORIENTATIONS[number][1])
    assert (np.abs(pose.vector - POSE.vector) < MARGIN).all()


@pytest.mark.parametrize("number", [1, 7])
def test_half_a_turn_looks_the_same_with_the_shift_reversed(slide: LedArray, number: int) -> None:
    name, _, pose = first_guess(mounted(slide, number))
    assert name == ORIENTATIONS[number - 1][0]
    assert (np.abs(pose.vector - POSE.vector * [1, -1, -1, 1]) < MARGIN).all()


def test_the_orientation_is_the_files_where_it_is_not_to_be_checked(slide: LedArray) -> None:
    assert first_guess(mounted(slide, 2), check_orientation=False)[0] == "as given"


@pytest.mark.parametrize("phantom", ["cells", "texture"])
def test_a_board_that_lies_as_it_should_is_hardly_moved(phantom: str) -> None:
    right, _ = miscalibrated_board(2, pixels=64, phantom=phantom, pose=BoardPose(), jitter_na=0)
    name, _, pose = first_guess(right)
    assert name == "as given"
    assert (np.abs(pose.vector - BoardPose().vector) < MARGIN).all()


def test_the_true_directions_explain_the_spectra_better_than_shifted_ones(slide: LedArray) -> None:
    found = circles(slide)
    true = POSE.place(np.asarray(slide.illumination_na))
    assert found.bright.sum() == (np.hypot(*true.T) <= slide.objective_na).sum()
    for away in ([0.03, 0], [0, -0.03], [-0.02, 0.02]):
        assert found.misfit(true) < found.misfit(true + np.array(away)) - 0.01
    assert found.misfit(-true) == pytest.approx(found.misfit(true))


def test_bright_frames_lie_above_the_gap_or_inside_the_nominal_na() -> None:
    acquisition, _ = scene(na=board(5, 0.09))
    radius = np.hypot(*np.asarray(acquisition.illumination_na).T)
    means = np.where(radius < 0.15, 1.0, 0.03)  # the frames know better than the directions
    assert np.array_equal(bright_frames(acquisition, means), radius < 0.15)
    assert np.array_equal(bright_frames(acquisition, np.ones(25)), radius <= OBJECTIVE_NA)
    one = acquisition.subset([0])
    assert bright_frames(one, np.ones(1)).tolist() == [radius[0] <= OBJECTIVE_NA]


def test_three_bright_frames_are_too_few_to_guess_from(slide: LedArray) -> None:
    few = slide.subset([0, 1, 2, *range(100, 129)])
    assert first_guess(few)[2] == BoardPose()


def test_downhill_finds_the_bottom_of_a_tilted_bowl() -> None:
    bottom = np.array([1.3, -0.7, 0.2, 3.1])
    shape = np.eye(4) + 0.3

    def cost(step: np.ndarray) -> float:
        return float((step - bottom) @ shape @ (step - bottom))

    assert np.abs(downhill(cost)[0] - bottom).max() < 0.1
    assert np.array_equal(downhill(lambda step: float((step**2).sum()))[0], np.zeros(4))


def test_a_strong_aberration_is_read_from_the_bright_frames_and_a_weak_one_left_to_the_fit() -> None:
    given: dict[str, Any] = {"pixels": 48, "phantom": "texture", "pose": BoardPose(), "jitter_na": 0.0}
    noll = (5, 6, 7, 8)
    for strength, found in ((1.0, True), (0.1, False)):
        truth = {5: 1.0 * strength, 6: -0.8 * strength, 7: 0.4 * strength}
        acquisition, _ = miscalibrated_board(4, zernike_rad=truth, **given)
        nominal = Calibrator(acquisition, CalibrationRecipe()).nominal.changed(noll=noll, coefficients=np.zeros(4))
        better = with_strong_pupil(nominal, acquisition, True)
        assert (better is not nominal) == found
        if found:
            assert better.coefficients == pytest.approx([truth.get(index, 0.0) for index in noll], abs=0.1)
            assert better.z_um == pytest.approx(-2.5, abs=3)  # measured -4.9; the depth of field is 8.4
            assert with_strong_pupil(nominal, acquisition, False).z_um == nominal.z_um
    assert with_strong_pupil(nominal, acquisition.replace(pupil=np.ones((48, 48), np.complex64)), True) is nominal
