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

from napari_neuralfield.app.figures import calibration_report
from napari_neuralfield.app.figures.calibration_figures import Figures, figures, wavefront, zernike_name
from napari_neuralfield.app.figures.calibration_findings import HALF_TURN, Finding, all_findings, findings, rings
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


def said_of(found: Figures) -> dict[str, str]:
    return {finding.name: finding.text for finding in findings(found)}


def test_findings_say_what_was_found() -> None:
    whole = figures(calibration(), quality(2.0, 0.08), quality(1.1))
    said = said_of(whole)
    assert said["LED board rotation"] == "2.00 deg clockwise in the picture"
    assert said["LED board shift"] == "1.60 mm left, 0.80 mm down"
    assert said["Board height / pitch"] == "height 76.19 mm (given 80), or pitch 5.00 % wider"
    assert said["Aberrations (Zernike)"] == "0.37 rad rms: astigmatism 45 deg +0.31, coma x -0.20 rad"
    assert said["LED intensity"] == "11.6 % rms, 0.80 to 1.20"  # without the outlier frames
    assert said["Ambient light"].startswith("4 counts, ")
    assert said["Sample depth (defocus)"] == f"+3.00 um (not given); {HALF_TURN}"
    assert said["Relative amplitude error (median frame)"] == "0.1000 before, 0.0100 after"
    assert said["Error of held-out frames"] == "0.0800 before, 0.0200 after"
    assert said["Resolution (full period, FRC)"] == "2.000 um before, 1.100 um after"
    assert "LED board orientation" not in said
    assert "Wavelength" not in said
    assert all(finding.tip.endswith(".") for finding in all_findings(whole))


def test_small_aberrations_are_no_list() -> None:
    said = said_of(figures(calibration(zernike_rad={5: 0.03, 6: 0.04})))
    assert said["Aberrations (Zernike)"] == "0.05 rad rms, every term below 0.05 rad"


def test_outlier_frames_are_told_by_reason_and_count_for_nothing() -> None:
    def told(leave_out: bool) -> list[str]:
        rows = all_findings(figures(calibration(), leave_out=leave_out))
        return [finding.text for finding in rows if finding.name == "Outlier frames"]

    assert told(False) == [
        "frame 3 is saturated; --leave-out leaves it out",
        "each of frames 9, 11 is dark; --leave-out leaves them out",
    ]
    assert told(True) == ["frame 3 is saturated; it is left out", "each of frames 9, 11 is dark; they are left out"]
    last = calibration(outlier_frames=(OutlierFrame(48, "is dark"),))
    assert said_of(figures(last))["LED intensity"].endswith("0.80 to 1.19")


SAID = {
    "LED board": ("LED board rotation", "LED board shift", "Board height / pitch"),
    "LED positions": ("LED position error (off the grid)",), "LED intensity": ("LED intensity",),
    "ambient light": ("Ambient light",), "sample depth": ("Sample depth (defocus)",),
    "aberrations": ("Aberrations (Zernike)",),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_what_was_not_learnt_has_no_row(name: str) -> None:
    whole = calibration()
    without: dict[str, dict[str, Any]] = {
        "LED board": {"pose": BoardPose()},
        "LED positions": {"corrected": whole.corrected.replace(illumination_na=POSE.place(NA))},
        "LED intensity": {"corrected": whole.corrected.replace(exposure=None)},
        "ambient light": {"corrected": whole.corrected.replace(background=None)},
        "sample depth": {"corrected": whole.corrected.replace(sample_z_um=None)},
        "aberrations": {"zernike_rad": {}},
    }
    said = said_of(figures(calibration(**without[name])))
    assert said["Left as given"] == name
    assert not set(SAID[name]) & set(said)
    assert {row for rows in SAID.values() for row in rows} - set(SAID[name]) < set(said)
    assert "Left as given" not in said_of(figures(whole))


def test_a_calibration_that_was_not_taken_up_says_so_of_everything() -> None:
    given = calibration().given
    found = figures(calibration(corrected=given, given=given, orientation=ORIENTATIONS[3][0]))
    assert not any(found["learnt"].values())
    assert found["illumination_na_nominal_yx"] == found["illumination_na_yx"]
    assert set(said_of(found)) == {"Left as given", "Relative amplitude error (median frame)"}


def test_half_a_turn_is_told_where_the_sign_of_the_depth_is_not_known() -> None:
    def told(**changes: Any) -> bool:
        return HALF_TURN in said_of(figures(calibration(**changes))).get("Sample depth (defocus)", "")

    whole = calibration()
    assert told()
    assert not told(given=whole.given.replace(sample_z_um=1.0))
    assert not told(corrected=whole.corrected.replace(sample_z_um=None))
    assert not told(orientation=ORIENTATIONS[3][0])  # a warning says it there


def test_errors_by_ring_say_where_nothing_was_held_out() -> None:
    rows = rings(figures(calibration(), quality(2.0, 0.08), quality(1.1)))
    assert {finding.name for finding in rows} == {"Error by ring of NA"}
    assert [finding.text for finding in rows] == [
        "0-0.2: 0.08 to 0.02, held out 0.08 to 0.02",
        "0.2-0.3: 0.16 to 0.04, held out none to none",
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
    said = said_of(found)
    assert said["LED board orientation"] == f"LED directions {name}"
    assert said["LED board shift"] == "0.0200 NA left, 0.0100 NA down"
    assert said["Board height / pitch"] == "board 4.76 % nearer, or pitch 5.00 % wider"


def test_zernike_terms_have_names() -> None:
    names = {4: "defocus", 5: "astigmatism 45 deg", 6: "astigmatism 0 deg", 7: "coma y", 8: "coma x"}
    names |= {9: "trefoil 30 deg", 10: "trefoil 0 deg", 11: "spherical", 12: "second astigmatism 0 deg"}
    names |= {15: "quadrafoil 22.5 deg", 16: "second coma x", 22: "second spherical"}
    assert {index: zernike_name(index) for index in names} == names


def test_the_wavefront_is_that_of_its_terms() -> None:
    phase = wavefront({6: 0.5, 8: 0.1}, 101)
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
        colours = {f"#{r:02x}{g:02x}{b:02x}" for _, (r, g, b) in image.convert("RGB").getcolors(1 << 22)}
    assert {calibration_report.BEFORE, calibration_report.AFTER} <= colours
    assert calibration_report.MARK in colours  # outlier frames, and warnings
    kept = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert [Finding(**row) for row in kept.pop("findings")] == all_findings(found)
    assert kept == found
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.json", "r.png"]
