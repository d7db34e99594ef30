"""A simulated microscope that is not what its file says comes back as it was, or it is said why not."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pytest
from scene import board, scene

from napari_neuralfield.data.acquisition import Draft, LedArray
from napari_neuralfield.optics.illumination import ORIENTATIONS, orient
from napari_neuralfield.recon.calibration.recipe import CalibrationRecipe
from napari_neuralfield.recon.calibration.result import Calibration
from napari_neuralfield.recon.calibration.stages import calibrate
from napari_neuralfield.simulate.simulators import miscalibrated_board, tilted_slide
from napari_neuralfield.types import Event, InputError, Note, Preview, Progress

MIRROR = 2  # of ORIENTATIONS
BAD = {"blocked": (4, 100), "saturated": (11,), "noise": (20, 110)}
BOARD_ONLY = {"learn_gains": False, "learn_background": "none", "learn_pupil": "none", "learn_z": False}


def run(acquisition: Any, **options: Any) -> tuple[Calibration, list[Event]]:
    """The calibration and all that it said on the way."""
    events, steps = [], calibrate(acquisition, CalibrationRecipe(**options))
    while True:
        try:
            events.append(next(steps))
        except StopIteration as end:
            return end.value, events


def rms(difference: np.ndarray) -> float:
    """Over the LEDs, of a number or of a vector of each."""
    return float(np.sqrt((difference**2).sum() / len(difference)))


@dataclasses.dataclass
class Case:
    given: LedArray
    truth: dict[str, Any]
    found: Calibration
    events: list[Event]


@pytest.fixture(scope="module")
def clean() -> Case:
    """A board in the right orientation, and nothing wrong with the frames."""
    given, truth = miscalibrated_board(1, pixels=48, phantom="texture")
    return Case(given, truth, *run(given))


@pytest.fixture(scope="module")
def spoilt() -> Case:
    """A mirrored board and five useless frames."""
    given, truth = miscalibrated_board(3, pixels=48, **BAD)
    wrong = orient(np.asarray(given.illumination_na), np.linalg.inv(ORIENTATIONS[MIRROR][1]))
    given = given.replace(illumination_na=wrong)
    return Case(given, truth, *run(given))


def test_directions_come_back(clean: Case) -> None:
    away = rms(np.asarray(clean.given.illumination_na) - clean.truth["illumination_na"])
    left = rms(np.asarray(clean.found.corrected.illumination_na) - clean.truth["illumination_na"])
    assert away > 6e-3
    assert left < 1e-3  # measured 5.6e-4, a fiftieth of a bin; jitter 2.1e-3
    pose, truth = clean.found.pose.vector, clean.truth
    wanted = [truth["turn_rad"], *truth["shift"], truth["scale"]]
    assert (np.abs(pose - wanted) < [4e-3, 6e-4, 6e-4, 3e-3]).all()  # the jitter of 129 LEDs: half of that


def test_pupil_depth_gains_and_ambient_light_come_back(clean: Case) -> None:
    found, truth = clean.found, clean.truth
    wanted = dict(zip(truth["zernike_noll"].tolist(), truth["zernike_rad"].tolist(), strict=True))
    assert set(found.zernike_rad) == set(range(5, 16))
    assert all(abs(value - wanted.get(j, 0)) < 5e-3 for j, value in found.zernike_rad.items())  # measured 1.3e-3
    assert found.z_um == pytest.approx(-2.5, abs=0.05)  # measured 0.002; the depth of field is 8.4
    assert rms(found.gains - truth["gains"]) < 0.02  # from 0.087; 0.004 or 0.015, as equally oblique frames take turns
    assert found.gains.mean() == pytest.approx(1)
    assert np.ptp(found.background) == 0
    assert found.background[0] == pytest.approx(0.002, abs=1.5e-4)  # measured 4e-5
    assert found.wavelength_um == clean.given.wavelength_um


def test_the_corrected_acquisition_holds_what_was_found(clean: Case) -> None:
    found, corrected = clean.found, clean.found.corrected
    assert found.given is clean.given
    assert corrected.frames is clean.given.frames
    assert corrected.exposure == pytest.approx(found.gains)
    assert corrected.sample_z_um == found.z_um
    assert np.asarray(corrected.background) == pytest.approx(found.background.mean())
    assert corrected.ambient is None
    assert corrected.pupil is not None
    assert corrected.led_height_mm == clean.given.led_height_mm


def test_errors_fall_to_the_noise_and_no_good_frame_is_suspect(clean: Case) -> None:
    found = clean.found
    assert found.orientation == "as given"
    assert (found.outlier_frames, found.warnings) == ((), ())
    assert not any(isinstance(event, Note) for event in clean.events)
    assert found.figures["relative_amplitude_error_before"] > 0.1
    assert found.figures["relative_amplitude_error"] < 0.015  # measured 0.0105
    assert found.error_after.shape == found.error_before.shape == (129,)
    assert (found.error_after < found.error_before).mean() > 0.95


def test_a_second_calibration_finds_little_more(clean: Case) -> None:
    """What was corrected is the microscope's own from now on: gains, pupil and depth are composed, not replaced."""
    again, _ = run(clean.found.corrected, calibration_steps=6)
    assert max(abs(value) for value in again.zernike_rad.values()) < 0.02
    assert again.z_um == pytest.approx(clean.found.z_um, abs=0.1)
    assert again.gains == pytest.approx(clean.truth["gains"], abs=0.05)  # measured 0.02
    moved = np.asarray(again.corrected.illumination_na) - np.asarray(clean.found.corrected.illumination_na)
    assert rms(moved) < 3e-3  # measured 2e-3: it begins with the board again, then looks for single LEDs
    assert again.corrected.exposure == pytest.approx(again.gains, abs=0.05)
    inside = np.abs(np.asarray(again.corrected.pupil)) > 0
    assert np.angle(again.corrected.pupil / clean.found.corrected.pupil)[inside].std() < 0.05


def test_progress_counts_to_its_end_and_shows_the_object(clean: Case) -> None:
    progress = [event for event in clean.events if isinstance(event, Progress)]
    assert all(b.done >= a.done for a, b in itertools.pairwise(progress))
    assert progress[0].done == 1
    assert progress[-1].done <= progress[-1].total
    assert progress[0].what == "as given"
    assert progress[-1].what == "done"
    assert len({event.total for event in progress}) == 1
    board = next(event for event in progress if event.what == "board, gains and pupil")
    assert progress[-1].loss < 0.2 * board.loss
    previews = [event for event in clean.events if isinstance(event, Preview)]
    assert all(preview.field.extent.shape == (96, 96) for preview in previews)


def test_a_mirrored_board_is_told_with_its_twin(spoilt: Case) -> None:
    assert spoilt.found.orientation == "y reversed (upside down)"
    (text,) = spoilt.found.warnings
    assert text == (
        "the LED board is mounted otherwise than the file says: the LED directions are taken y reversed (upside down);"
        " half a turn more (x reversed (left and right exchanged)) fits as well, with the phase and the depth reversed"
    )
    assert [note.text for note in spoilt.events if isinstance(note, Note)] == [text]


def test_useless_frames_are_named_with_their_reason(spoilt: Case) -> None:
    reasons = {outlier.frame: outlier.why for outlier in spoilt.found.outlier_frames}
    assert list(reasons) == spoilt.truth["bad_frames"].tolist()
    for frames, part in (("blocked", "blocked or has failed"), ("saturated", "is saturated"), ("noise", "another")):
        assert all(part in reasons[frame] for frame in BAD[frames])


def test_useless_frames_do_no_harm_to_the_others(spoilt: Case) -> None:
    found, truth = spoilt.found, spoilt.truth
    good = np.setdiff1d(np.arange(129), truth["bad_frames"])
    na = np.asarray(found.corrected.illumination_na)
    assert rms((na - truth["illumination_na"])[good]) < 1.5e-3  # measured 7e-4
    assert rms((na - truth["illumination_na"])[truth["bad_frames"]]) < 5e-3  # where the board has them
    assert (
        rms(found.gains[good] / found.gains[good].mean() - (truth["gains"] / truth["gains"][good].mean())[good]) < 0.015
    )
    wanted = dict(zip(truth["zernike_noll"].tolist(), truth["zernike_rad"].tolist(), strict=True))
    assert all(abs(value - wanted.get(j, 0)) < 0.01 for j, value in found.zernike_rad.items())
    assert found.z_um == pytest.approx(-2.5, abs=0.1)


def test_ambient_light_of_every_frame_is_found_in_the_dark_ones() -> None:
    """A lamp that was switched on half-way through."""
    given, truth = miscalibrated_board(1, pixels=48, phantom="texture", ambient=0.0)
    light = np.where(np.arange(129) % 2, 0.002, 0.006)
    lit = given.replace(frames=(np.asarray(given.frames) + light[:, None, None]).astype(np.float32))
    found, _ = run(lit, learn_background="frame", calibration_steps=6)
    dark = np.hypot(*truth["illumination_na"].T) > given.objective_na
    assert np.abs(found.background - light)[dark].max() < 1e-3
    total = np.asarray(found.corrected.background).mean() + np.asarray(found.corrected.ambient)
    assert total == pytest.approx(found.background)


def test_what_is_switched_off_stays(clean: Case) -> None:
    given = clean.given.replace(sample_z_um=-2.5)
    found, _ = run(given, **BOARD_ONLY, learn_directions=False, calibration_steps=2)
    assert np.asarray(found.corrected.illumination_na) == pytest.approx(found.pose.place(given.illumination_na))
    assert found.pose.turn_rad == pytest.approx(clean.truth["turn_rad"], abs=0.02)
    assert found.zernike_rad == {}
    for name in ("exposure", "background", "ambient", "pupil"):
        assert getattr(found.corrected, name) is None, name
    assert found.corrected.sample_z_um == -2.5
    held, _ = run(given, **BOARD_ONLY, learn_board=False, learn_directions=False, calibration_steps=1)
    assert np.asarray(held.corrected.illumination_na) == pytest.approx(given.illumination_na, abs=1e-15)
    assert held.pose.vector.tolist() == [0, 0, 0, 1]


def test_bright_frames_alone_tell_no_ambient_light() -> None:
    given, truth = miscalibrated_board(1, pixels=48, phantom="texture", led_limit_na=0.2)
    found, _ = run(given, calibration_steps=4)
    assert found.corrected.background is None
    assert np.array_equal(found.background, np.zeros(given.frame_count))
    assert rms(np.asarray(found.corrected.illumination_na) - truth["illumination_na"]) < 3e-3


def test_the_wavelength_comes_back_with_the_board() -> None:
    """1.3 % off, as a wrong filter would be; the rim of the pupil tells it from the board's size."""
    given, truth = miscalibrated_board(1, pixels=64, phantom="texture", led_limit_na=0.27)
    found, _ = run(given.replace(wavelength_um=0.529), learn_wavelength=True, calibration_steps=6)
    assert found.wavelength_um == pytest.approx(0.522, abs=2e-3)
    assert found.corrected.wavelength_um == found.wavelength_um
    assert rms(np.asarray(found.corrected.illumination_na) - truth["illumination_na"]) < 2e-3


def test_a_tilted_sample_leaves_the_microscope_alone_but_for_the_gains() -> None:
    given, _ = tilted_slide(1, pixels=64, tilt_um=12.0)
    found, events = run(given, calibration_steps=3)
    (text,) = found.warnings
    assert text.startswith("the sample is tilted or thick: its depth differs by ")
    assert text.endswith("calibrate with a flat, thin sample")
    assert Note(text, "warning") in events
    assert np.array_equal(found.corrected.illumination_na, given.illumination_na)
    assert found.corrected.pupil is None
    assert found.corrected.sample_z_um is None
    assert found.corrected.exposure == pytest.approx(1, abs=0.03)  # the truth; measured 0.01


def test_a_part_of_the_field_corrects_all_of_it() -> None:
    given, _ = miscalibrated_board(1, pixels=64, phantom="texture", led_limit_na=0.2)
    found, _ = run(given, region_px=40, calibration_steps=1)
    assert found.corrected.frames is given.frames
    assert np.asarray(found.corrected.pupil).shape == (64, 64)


def test_frames_that_hold_no_multiple_of_two_pixels_are_taken() -> None:
    """An image grid of odd sides, where the frames are no finer than they must be."""
    given, truth = miscalibrated_board(
        1, pixels=45, phantom="texture", pixel_um=0.52, upsampling=3, led_limit_na=0.27, jitter_na=0.0
    )
    found, _ = run(given, calibration_steps=3)
    assert rms(np.asarray(found.corrected.illumination_na) - truth["illumination_na"]) < 2e-3


def test_another_kind_and_few_frames_are_refused() -> None:
    focus = Draft(
        "through_focus", np.ones((3, 8, 8)),
        {"wavelength_um": 0.5, "objective_na": 0.2, "condenser_na": 0.1, "pixel_um": 0.4, "z_um": np.arange(3.0)},
        "focus.tif",
    ).complete()  # fmt: skip
    with pytest.raises(InputError, match=r"focus\.tif is of kind through_focus; calibration takes led_array"):
        run(focus)
    few, _ = scene(na=board(3)[:8])
    with pytest.raises(InputError, match=r"scene\.acq\.h5 has 8 frames; calibration needs 9 or more"):
        run(few)
