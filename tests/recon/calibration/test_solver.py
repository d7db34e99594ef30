"""Steps of a calibration: what they keep, whom they leave out, and how far they go."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.optics.board import BoardPose
from napari_neuralfield.recon.calibration.recipe import CalibrationRecipe
from napari_neuralfield.recon.calibration.solver import Calibrator
from napari_neuralfield.simulate.simulators import miscalibrated_board

NOISE_FRAME = 20
PASSES = (1.0, 1.0, 0.5)


@pytest.fixture(scope="module")
def given() -> LedArray:
    """True directions, depth and pupil; wrong gains; one useless frame."""
    acquisition, truth = miscalibrated_board(
        1, pixels=48, phantom="texture", led_limit_na=0.27, zernike_rad={}, noise=[NOISE_FRAME]
    )
    return acquisition.replace(illumination_na=truth["illumination_na"], sample_z_um=-2.5)


def calibrator(given: LedArray, **options) -> Calibrator:
    return Calibrator(given, CalibrationRecipe(**options))


def test_the_mean_gain_goes_into_the_object(given: LedArray) -> None:
    """Gains three times as high: of mean 1 again, and the object brighter, so that the frames are explained alike."""
    c = calibrator(given)
    c.sweep(PASSES)
    errors, spectrum = c.errors(), c.spectrum.clone()
    c.spectrum = spectrum / 3**0.5
    c.change(c.microscope.changed(gain=3 * c.microscope.gain))
    assert c.microscope.gain.mean() == pytest.approx(1)
    assert c.errors() == pytest.approx(errors, rel=1e-4)
    assert torch.allclose(c.spectrum, spectrum, atol=1e-6)


def test_a_useless_frame_is_left_out_and_moves_the_object_no_more(given: LedArray) -> None:
    c = calibrator(given)
    for _ in range(3):
        c.sweep(PASSES)
        c.step_rest(2)
    c.sort_out()
    assert np.flatnonzero(~c.used).tolist() == [NOISE_FRAME]
    c.counts[NOISE_FRAME] *= 5
    before = c.spectrum.clone()
    c.sweep((1.0,), np.array([NOISE_FRAME]))
    assert torch.equal(c.spectrum, before)


def test_no_step_is_larger_than_its_option(given: LedArray) -> None:
    options = {"gain_step": 0.01, "pupil_step": 0.002, "z_step": 0.01, "background_step": 1e-5, "board_step": 1e-4}
    c = calibrator(given.replace(sample_z_um=2.0, background=np.full((48, 48), 0.01)), **options)
    c.sweep(PASSES)
    before, nominal = c.microscope, np.asarray(given.illumination_na)
    pose = c.step_board(nominal, BoardPose(), 0.5, 2)
    after = c.microscope
    assert np.abs(np.log(after.gain / before.gain)).max() < 0.021  # the mean goes into the object
    assert np.abs(after.coefficients - before.coefficients).max() <= 0.002 + 1e-12
    assert abs(after.z_um - before.z_um) == pytest.approx(0.01)
    assert np.abs(after.floor - before.floor).max() <= 1e-5 + 1e-12
    assert 0 < np.abs(pose.place(nominal) - nominal).max() < 1.1e-4
    assert np.array_equal(after.na, pose.place(nominal))


def test_a_held_board_stays_where_it_is(given: LedArray) -> None:
    c = calibrator(given, learn_board=False)
    c.sweep(PASSES)
    pose = c.step_board(np.asarray(given.illumination_na), BoardPose(), 0.5, 2)
    assert pose == BoardPose()
    assert np.array_equal(c.microscope.na, given.illumination_na)


def test_bright_and_dark_frames_are_told_by_their_light(given: LedArray) -> None:
    radius = np.hypot(*np.asarray(given.illumination_na).T)
    assert np.array_equal(calibrator(given).side, np.where(radius <= given.objective_na, 1, -1))
    shifted = given.replace(illumination_na=np.asarray(given.illumination_na) + 0.03)
    assert np.array_equal(calibrator(shifted).side, np.where(radius <= given.objective_na, 1, -1))
