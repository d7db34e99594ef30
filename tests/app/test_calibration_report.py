"""The report of a calibration: its figures, its words and its page."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scene import OBJECTIVE_NA, board, scene

from napari_neuralfield.app.figures import calibration_report, calibration_words
from napari_neuralfield.app.figures.calibration_words import figures, half_turn_fits, lines, rings, zernike_name
from napari_neuralfield.optics.board import BoardPose
from napari_neuralfield.optics.illumination import ORIENTATIONS, orient
from napari_neuralfield.recon.calibration.quality import Quality
from napari_neuralfield.recon.calibration.result import Calibration, OutlierFrame

NA = board(7, 0.06)
POSE = BoardPose(math.radians(2.0), (0.01, -0.02), 1.05)


def calibration(**changes: Any) -> Calibration:
    given, _ = scene((16, 16), na=NA, led_height_mm=80.0)
    count = given.frame_count
    corrected = given.replace(
        illumination_na=POSE.place(NA) + np.array([0.001, 0.0]), sample_z_um=3.0,
        exposure=np.linspace(0.8, 1.2, count), background=np.full((16, 16), 4.0),
    )  # fmt: skip
    whole = Calibration(
        given, corrected, "as given", POSE, gains=np.linspace(0.8, 1.2, count), background=np.full(count, 4.0),
        zernike_rad={4: 0.0, 5: 0.31, 8: -0.2, 11: 0.01}, z_um=3.0, wavelength_um=given.wavelength_um,
        error_before=np.full(count, 0.1), error_after=np.full(count, 0.01),
        outlier_frames=(OutlierFrame(3, "is saturated"), OutlierFrame(9, "is dark"), OutlierFrame(11, "is dark")),
        warnings=("height and wavelength cannot be told apart",),
    )  # fmt: skip
    return dataclasses.replace(whole, **changes)


def quality(resolution_um: float = 1.1, error: float = 0.02) -> Quality:
    rings = np.array([0.0, OBJECTIVE_NA, 0.3])
    frequency = np.linspace(0.05, 1, 20)
    return Quality(
        frequency, 1 - frequency, np.full(20, 0.2), resolution_um, np.arange(49) % 2 == 0, rings,
        np.array([error, 2 * error]), np.array([5, 30]), error, np.array([error, np.nan]),
    )  # fmt: skip


def test_figures_carry_their_units_and_follow_from_the_pose() -> None:
    found = figures(calibration(), quality(2.0), quality(math.inf), seconds=3.0, cpu_seconds=2.0)
    assert found["turn_deg"] == pytest.approx(2.0)
    assert found["shift_mm_yx"] == pytest.approx([0.8, -1.6])
    assert found["shift_na_yx"] == pytest.approx([0.01, -0.02], rel=1e-3)
    assert (found["pitch_change_percent"], found["height_mm"]) == pytest.approx((5.0, 80 / 1.05))
    assert found["off_board_na_rms"] == pytest.approx(0.001)
    assert all(found["learnt"].values())
    assert (found["background_counts"], found["z_um"]) == (4.0, 3.0)
    assert found["zernike_rad"]["5"] == 0.31
    assert found["outlier_frames"][0] == {"frame": 3, "why": "is saturated"}
    assert (found["quality_before"]["resolution_um"], found["quality_after"]["resolution_um"]) == (2.0, None)
    assert len(found["illumination_na_yx"]) == len(found["error_after"]) == 49
    json.dumps(found, allow_nan=False)


def test_lines_say_what_was_found() -> None:
    said = dict(lines(figures(calibration(), quality(2.0, 0.08), quality(1.1))))
    assert said["board turned"] == "2.00 deg clockwise in the picture"
    assert said["board shifted"] == "1.60 mm left, 0.80 mm down"
    assert said["board height"] == "76.19 mm instead of 80 mm, or the pitch 5.00 % wider"
    assert said["pupil"] == "astigmatism 45 deg +0.31, coma x -0.20 rad"
    assert said["LED brightness"] == "11.8 % rms, 0.80 to 1.20"
    assert said["ambient light"] == "4 counts"
    assert said["error of a frame"] == "0.1000 before, 0.0100 after (median)"
    assert said["error held out"] == "0.0800 before, 0.0200 after"
    assert said["resolution"] == "2.000 um before, 1.100 um after"
    assert "board mounted" not in said
    assert "wavelength" not in said
    rows = lines(figures(calibration()))
    assert [text for name, text in rows if name == "outlier"] == [
        "frame 3 is saturated; --leave-out leaves it out",
        "each of frames 9, 11 is dark; --leave-out leaves them out",
    ]
    rows = lines(figures(calibration(), leave_out=True))
    assert [text for name, text in rows if name == "outlier"] == [
        "frame 3 is saturated; it is left out",
        "each of frames 9, 11 is dark; they are left out",
    ]


SAID = {
    "board": ("board turned", "board shifted", "board height"), "single LEDs": ("LEDs off its grid",),
    "LED brightness": ("LED brightness",), "ambient light": ("ambient light",), "sample depth": ("sample depth",),
    "pupil": ("pupil",),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_what_was_not_learnt_is_left_out_of_the_lines(name: str) -> None:
    whole = calibration()
    without: dict[str, dict[str, Any]] = {
        "board": {"pose": BoardPose()},
        "single LEDs": {"corrected": whole.corrected.replace(illumination_na=POSE.place(NA))},
        "LED brightness": {"corrected": whole.corrected.replace(exposure=None)},
        "ambient light": {"corrected": whole.corrected.replace(background=None)},
        "sample depth": {"corrected": whole.corrected.replace(sample_z_um=None)},
        "pupil": {"zernike_rad": {}},
    }
    said = dict(lines(figures(calibration(**without[name]))))
    assert said["left as given"] == name
    assert not set(SAID[name]) & set(said)
    assert {row for rows in SAID.values() for row in rows} - set(SAID[name]) < set(said)
    assert "left as given" not in dict(lines(figures(whole)))


def test_a_calibration_that_was_not_taken_up_says_so_of_everything() -> None:
    given = calibration().given
    found = figures(calibration(corrected=given, given=given, orientation=ORIENTATIONS[3][0]))
    assert not any(found["learnt"].values())
    assert found["illumination_na_nominal_yx"] == found["illumination_na_yx"]
    assert set(dict(lines(found))) == {"left as given", "error of a frame", "outlier"}


def test_half_a_turn_is_told_where_the_sign_of_the_depth_is_not_known() -> None:
    whole = calibration()
    assert half_turn_fits(whole)
    assert not half_turn_fits(calibration(given=whole.given.replace(sample_z_um=1.0)))
    assert not half_turn_fits(calibration(corrected=whole.corrected.replace(sample_z_um=None)))
    assert not half_turn_fits(calibration(orientation=ORIENTATIONS[3][0]))  # a warning says it there


def test_errors_by_ring_say_where_nothing_was_held_out() -> None:
    rows = rings(figures(calibration(), quality(2.0, 0.08), quality(1.1)))
    assert rows == [
        ("error by ring of NA", "0-0.2: 0.08 to 0.02, held out 0.08 to 0.02"),
        ("error by ring of NA", "0.2-0.3: 0.16 to 0.04, held out none to none"),
    ]
    assert rings(figures(calibration())) == []


def test_a_board_mounted_otherwise_is_compared_in_its_own_orientation() -> None:
    name, matrix = ORIENTATIONS[3]
    given, _ = scene((16, 16), na=NA)
    turned = calibration(
        given=given, orientation=name, corrected=given.replace(illumination_na=POSE.place(orient(NA, matrix)))
    )
    found = figures(turned)
    assert found["off_board_na_rms"] == pytest.approx(0, abs=1e-12)
    assert (found["shift_mm_yx"], found["height_mm"]) == (None, None)
    said = dict(lines(found))
    assert said["board mounted"] == f"LED directions {name}"
    assert said["board shifted"] == "0.0200 NA left, 0.0100 NA down"
    assert said["board height"] == "pitch 5.00 % wider, or the board as much nearer"


def test_zernike_terms_have_names() -> None:
    names = {4: "defocus", 5: "astigmatism 45 deg", 6: "astigmatism 0 deg", 7: "coma y", 8: "coma x"}
    names |= {9: "trefoil 30 deg", 10: "trefoil 0 deg", 11: "spherical", 12: "second astigmatism 0 deg"}
    names |= {15: "quadrafoil 22.5 deg", 16: "second coma x", 22: "second spherical"}
    assert {index: zernike_name(index) for index in names} == names


def test_the_wavefront_is_that_of_its_terms() -> None:
    phase = calibration_words.wavefront({6: 0.5, 8: 0.1}, 101)
    assert np.isnan(phase[0, 0])
    assert phase[50, 100] == pytest.approx(0.5 * 6**0.5 + 0.1 * 8**0.5)  # x to the right
    assert phase[100, 50] == pytest.approx(-0.5 * 6**0.5)


@pytest.mark.parametrize("assessed", [True, False])
def test_the_page_and_its_figures_are_written_side_by_side(assessed: bool, tmp_path: Path) -> None:
    both = (quality(2.0), quality(1.1)) if assessed else ()
    odd = {
        "zernike_rad": {},
        "outlier_frames": (),
        "error_after": np.full(49, np.nan),
        "gains": np.geomspace(0.2, 5, 49),
    }
    found = figures(calibration(**({} if assessed else odd)), *both)
    calibration_report.save(tmp_path / "r.png", found)
    with Image.open(tmp_path / "r.png") as image:
        assert image.size == (calibration_report.WIDTH, calibration_report.HEIGHT)
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 22)}
    assert {calibration_report.BEFORE, calibration_report.AFTER} <= colours
    assert calibration_report.MARK in colours  # outlier_frames, and warnings
    assert json.loads((tmp_path / "r.json").read_text(encoding="utf-8")) == found
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.json", "r.png"]


def test_text_is_wrapped_between_words() -> None:
    text = "the height of the board and the wavelength cannot be told apart"
    wrapped = calibration_report.wrap(text, 150)
    assert " ".join(wrapped) == text
    assert len(wrapped) > 2
    assert all(calibration_report.width_of(line) <= 150 for line in wrapped)
