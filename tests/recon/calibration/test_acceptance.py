"""Withheld frames take the true microscope, refuse a wrong one, and leave a right file's directions alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.optics.board import BoardPose
from napari_neuralfield.recon.calibration import stages
from napari_neuralfield.recon.calibration.acceptance import ALL, GIVEN, NOTHING, accept
from napari_neuralfield.recon.calibration.held_out import withheld
from napari_neuralfield.recon.calibration.recipe import CalibrationRecipe
from napari_neuralfield.recon.calibration.result import Calibration
from napari_neuralfield.recon.calibration.solver import Calibrator
from napari_neuralfield.recon.calibration.stages import calibrate
from napari_neuralfield.simulate.real_fpm import fpm_real
from napari_neuralfield.simulate.simulators import miscalibrated_board

RIGHT: dict[str, Any] = {
    "pose": BoardPose(), "jitter_na": 0.0, "gain_spread": 0.0, "zernike_rad": {}, "z_um": 0.0, "ambient": 0.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def moved() -> tuple[LedArray, dict[str, Any]]:
    return miscalibrated_board(2, pixels=48, phantom="texture", pose=BoardPose(0.05, (0.01, 0.0)))


def calibrated(acquisition: LedArray, **options: Any) -> Calibration:
    steps = calibrate(acquisition, CalibrationRecipe(**options))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def test_a_tenth_is_withheld_of_bright_and_dark_and_none_at_the_rim(moved: tuple[LedArray, dict[str, Any]]) -> None:
    acquisition = moved[0]
    na, usable = np.asarray(acquisition.illumination_na), np.ones(129, bool)
    usable[5] = False
    held = withheld(na, acquisition.objective_na, usable)
    radius = np.hypot(*na[held].T) / acquisition.objective_na
    assert 9 <= len(held) <= 16
    assert (radius < 1).any()
    assert (radius > 1).any()
    assert np.abs(radius - 1).min() > 0.06
    assert 5 not in held


def test_the_true_directions_are_taken_and_wrong_ones_are_not(moved: tuple[LedArray, dict[str, Any]]) -> None:
    acquisition, truth = moved
    calibrator = Calibrator(acquisition, CalibrationRecipe(learn_pupil="none"))
    given, usable = calibrator.nominal, np.ones(129, bool)
    right, wrong = given.changed(na=truth["illumination_na"]), given.changed(na=BoardPose(-0.1).place(given.na))
    taken = accept(calibrator, given, {ALL: wrong, GIVEN: right}, usable)
    assert taken.what == GIVEN
    assert np.log(taken.error_after / taken.error_before).mean() < -0.01
    refused = accept(calibrator, given, {ALL: wrong}, usable)
    assert refused.what == NOTHING
    assert refused.microscope is given
    assert refused.said.endswith("the acquisition is left as it was")
    assert "agree no better with the microscope that was found" in refused.said


def test_a_file_that_is_right_keeps_its_directions() -> None:
    """Nothing is to be found: single LEDs, each a little off by noise, would only do harm."""
    acquisition, _ = miscalibrated_board(5, pixels=48, phantom="texture", electrons=800.0, **RIGHT)
    found = calibrated(acquisition)
    assert found.accepted is not None
    assert found.accepted.what in (GIVEN, NOTHING)
    assert np.array_equal(found.corrected.illumination_na, acquisition.illumination_na)
    assert not found.warnings


def test_what_was_taken_is_there_to_go_on_from(moved: tuple[LedArray, dict[str, Any]]) -> None:
    found = calibrated(moved[0])
    taken = found.accepted
    assert taken is not None
    assert taken.what == ALL
    assert taken.illumination_na == pytest.approx(np.asarray(found.corrected.illumination_na))
    assert taken.gains == pytest.approx(found.gains)
    assert taken.floor == pytest.approx(found.background)
    assert taken.zernike_rad == found.zernike_rad
    assert taken.z_um == found.z_um == found.corrected.sample_z_um
    assert len(taken.error_before) == len(taken.held_out) > 5


def test_few_bright_frames_do_not_drive_the_leds_apart() -> None:
    """The farther apart LEDs are taken to be, the less their frames contradict each other: only withheld ones tell."""
    acquisition, truth = fpm_real(1001)
    found = calibrated(acquisition)
    assert found.accepted is not None
    away = found.accepted.illumination_na - truth["illumination_na"]
    away = np.delete(away - away.mean(0), truth["bad_frames"], axis=0)
    assert np.sqrt((away**2).sum(1).mean()) < 4e-3  # NA, measured 2e-3, of which 1e-3 jitter; as given 7e-3
    assert found.z_um == pytest.approx(truth["z_um"], abs=3)  # measured 0.5


def test_two_bright_frames_tell_neither_depth_nor_directions() -> None:
    acquisition, truth = fpm_real(5001, pitch_mm=6.0, board_radius=2.3, upsampling=5)
    bright = np.flatnonzero(np.hypot(*truth["illumination_na"].T) < acquisition.objective_na)
    few = acquisition.subset(np.setdiff1d(np.arange(acquisition.frame_count), bright[2:]))
    found = calibrated(few)
    assert np.asarray(found.corrected.illumination_na) == pytest.approx(np.asarray(few.illumination_na), abs=1e-12)
    assert found.corrected.sample_z_um is None
    assert found.corrected.pupil is None
    (text,) = (text for text in found.warnings if "bright-field frames tell" in text)
    assert text.startswith("2 bright-field frames tell neither the sample's depth nor the LEDs' directions")
    assert "only gains and ambient light are looked for" in text


def test_light_that_no_microscope_has_leaves_the_acquisition_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """As frames in an order that is none of the usual ones may bring it about."""
    monkeypatch.setattr(stages, "light_ratio", lambda *_: 1e-3)
    acquisition, _ = miscalibrated_board(6, pixels=32, phantom="texture", led_limit_na=0.25)
    found = calibrated(acquisition, calibration_steps=1)
    assert found.accepted is not None
    assert found.accepted.what == NOTHING
    assert found.corrected is found.given
