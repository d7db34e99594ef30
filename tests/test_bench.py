"""The benchmark: its plain reference is right, and its table says what was measured."""

from __future__ import annotations

import bz2
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from bench import (
    calibrate_cases,
    calibrate_job,
    calibration_truth,
    peer_fpm_inr,
    plain_fpm,
    scan_cases,
    scan_job,
    table,
)
from bench.__main__ import wanted
from bench.cases import Case, jobs, truth_beside
from bench.foreign import trust

from napari_neuralfield import save_acquisition
from napari_neuralfield.optics.board import BoardPose
from napari_neuralfield.recon.calibration.result import Calibration
from napari_neuralfield.recon.engine.metrics import score, score_in_focus
from napari_neuralfield.simulate.scans import coded, far_field
from napari_neuralfield.simulate.simulators import miscalibrated_board, tilted_slide
from napari_neuralfield.simulate.through_focus import through_focus


def test_plain_reference_finds_the_cells_of_a_tilted_slide() -> None:
    acquisition, truth = tilted_slide(seed=1, pixels=64)
    planes = plain_fpm.reconstruct(acquisition, list(truth["cell_z_um"][:4]), step=0.1)
    pairs = [(p[m], truth["object"][m]) for p, m in zip(planes, truth["cell_masks"][:4], strict=True)]
    assert score(pairs).amplitude_psnr_db > 34.5  # 35.6; 22.6 at the depths of the wrong sign


def test_peer_depths_are_those_of_the_paper() -> None:
    uniform = peer_fpm_inr.depths_of(0, 0.25, (-20.0, 20.0))
    assert np.allclose(np.diff(uniform), 40 / 6)
    random = peer_fpm_inr.depths_of(1, 0.25, (-20.0, 20.0))
    assert len(random) == 3
    assert (random >= -20).all()
    assert (random <= 20).all()


def test_peer_image_of_a_tilted_wave_is_flat_where_the_pupil_passes_it() -> None:
    n = 16
    y = np.arange(2 * n)[:, None] * np.ones(2 * n)
    wave = torch.from_numpy(np.exp(2j * np.pi * 3 * y / (2 * n)))[None]
    kernel = torch.zeros(n, n, dtype=torch.complex128)
    kernel[n // 2, n // 2] = 1
    middle = 2 * n // 2 - n // 2
    seen = peer_fpm_inr.image(wave, (middle + 3, middle), kernel)
    assert torch.allclose(seen, torch.full_like(seen, 4.0))  # the transforms are not normalised
    assert float(peer_fpm_inr.image(wave, (middle - 3, middle), kernel).max()) < 1e-12


def test_every_method_for_a_recording_is_a_job_and_slow_ones_need_a_shared_truth(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(peer_fpm_inr.VARIABLE, raising=False)
    acquisition, _ = tilted_slide(seed=1, pixels=32)
    file = tmp_path / "slide.acq.h5"
    save_acquisition(file, acquisition)
    assert truth_beside(file).name == "slide.truth.h5"
    alone = jobs(Case(file, None, None, None))
    assert {job.method for job in alone} >= {"fpm-sequential", "fpm-inr", "quasi-newton"}
    assert "coded-fpm" not in {job.method for job in alone}  # there is no coded surface
    assert not any(job.slow for job in alone)
    grid = {"score": "field", "shape": [64, 64], "pixel_um": 0.1725, "z_um": [-1.0, 1.0]}
    shared = jobs(Case(file, file, grid, tmp_path / "score.py"))
    assert {job.method for job in shared if job.slow} == {"fpm-per-slice", "fpm-inr"}
    assert {tuple(job.options["z_um"]) for job in shared if job.method != "plain-numpy"} == {(-20.0, 20.0)}


def test_table_shows_figures_gains_and_no_empty_column(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    for method, label, psnr in (("fpm-sequential", "", 38.564), ("plain-numpy", "step 0.1", 37.63)):
        row = {"file": "slide", "method": method, "label": label, "cpu_s": 1.25, "amplitude_psnr_db": psnr}
        (tmp_path / "jobs" / f"{method}.found.json").write_text(json.dumps(row))
    text = table.write(tmp_path)
    assert "| slide | fpm-sequential | default  |  1.25 |   38.56 |" in text
    assert "+0.93" in text
    assert "data misfit" not in text
    assert len(json.loads((tmp_path / "table.json").read_text())["rows"]) == 2


def test_defocused_frames_are_jobs_of_one_frame_and_of_all_and_have_a_table_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "focus.acq.h5"
    save_acquisition(file, through_focus(seed=1, pixels=32)[0])
    found = {(job.method, job.label): job.options for job in jobs(Case(file, None, None, None))}
    assert {method for method, _ in found} == {
        "focus-auto", "tie-fft", "tie-dct", "tie-tv", "srcnn", "srqpi", "defocus-field",
    }  # fmt: skip
    assert found["defocus-field", "default, one frame"] == {"frames": [2]}  # +4 um of -4, 0, 4
    assert found["defocus-field", ""] == {}
    (tmp_path / "jobs").mkdir()
    for number, psnr in ((1, 30.0), (2, 33.0)):
        row = {
            "file": f"focus_cells_{number}", "method": "srqpi", "label": "", "kind": "through_focus", "cpu_s": 1.0,
            "peak_mb": 400.0, "psnr_db": psnr, "ssim": 0.8, "rmse_rad": 0.02,
        }  # fmt: skip
        (tmp_path / "jobs" / f"{number}.found.json").write_text(json.dumps(row))
    text = table.write(tmp_path)
    assert "## Phase from defocused frames" in text
    assert "| focus_cells, mean of 2 | srqpi  | default |  1.00 |     400 |   31.50 |" in text


def test_a_calibration_is_compared_with_the_truth_and_a_common_shift_is_no_error() -> None:
    acquisition, truth = miscalibrated_board(1, pixels=32, noise=[2])
    terms = dict(zip(truth["zernike_noll"].tolist(), truth["zernike_rad"].tolist(), strict=True))
    wrong_na = truth["illumination_na"] + np.array([0.01, -0.02])
    wrong_na[2] += 0.5  # the LED of a frame of noise
    wrong_na[1, 0] += 0.011
    found = Calibration(
        given=acquisition, corrected=acquisition.replace(illumination_na=wrong_na), orientation="as given",
        pose=BoardPose(), gains=3 * truth["gains"], background=np.full(129, 1.1 * truth["background"]),
        zernike_rad={**terms, 6: terms[6] + 0.01, 11: 0.03}, z_um=truth["cell_z_um"][0] + 0.2, wavelength_um=0.5,
        error_before=np.ones(129), error_after=np.ones(129),
    )  # fmt: skip
    off = calibration_truth.compare(found, truth)
    assert off["direction_rms_na"] == pytest.approx(0.011 / 128**0.5, rel=0.01)
    assert off["common_shift_na"] == pytest.approx(np.hypot(0.01, 0.02), rel=0.01)
    assert off["gain_rms"] == pytest.approx(0, abs=1e-12)
    assert off["zernike_rad"] == pytest.approx(0.01 * 6**0.5)  # at the pupil's rim
    assert off["zernike_other_rad"] == pytest.approx(0.03 * 5**0.5)
    assert off["z_error_um"] == pytest.approx(0.2)
    assert off["background_error"] == pytest.approx(0.1)


def test_with_everything_known_a_miscalibrated_board_is_reconstructed_to_the_noise() -> None:
    acquisition, truth = miscalibrated_board(1, pixels=64)
    ideal = calibration_truth.ideal(acquisition, truth)
    result = calibrate_job.reconstructed(ideal, {"check_orientation": False})
    assert score_in_focus(result.field, truth).amplitude_psnr_db > 47.5  # 48.6; 51 at 128 pixels
    del truth["background"]
    assert calibration_truth.ambient(acquisition, truth) == pytest.approx(0.002, rel=0.02)


def test_the_twin_of_a_microscope_gives_the_same_frames() -> None:
    acquisition, truth = miscalibrated_board(1, pixels=32, zernike_rad={5: 0.3, 7: -0.2, 10: 0.1, 11: 0.2})
    other = calibration_truth.twin(truth)
    one, two = (calibration_truth.frames(acquisition, t) for t in (truth, other))
    assert np.abs(other["cell_z_um"] - truth["cell_z_um"]).min() > 4
    assert np.allclose(one, two, atol=1e-6)


def test_wrong_boards_differ_in_name_and_in_geometry(tmp_path: Path) -> None:
    acquisition, _ = miscalibrated_board(1, pixels=32)
    wrong = calibrate_cases.wrong_boards()
    jobs_ = calibrate_cases.of_case(Case(tmp_path / "a.acq.h5", None, None, None), wrong)
    assert len({job.name for job in jobs_}) == len(jobs_) == 18
    *boards, noisy = [calibrate_job.misdescribed(acquisition, w) for w in wrong.values()]
    boards = [board.illumination_na for board in boards]
    na = acquisition.illumination_na
    far = np.array([np.hypot(*(b - na).T).max() for b in boards])
    assert far.min() > 0.014
    assert np.hypot(*(boards[4] - na)[0]) == pytest.approx(0.03, rel=1e-3)
    changed = np.abs(noisy.intensity() - acquisition.intensity()).max(axis=(1, 2)) > 0
    assert np.flatnonzero(changed).tolist() == [3, 40, 100]
    assert all(np.abs(a - b).max() > 0.01 for k, a in enumerate(boards) for b in boards[:k])


def test_only_names_beginnings_of_parts() -> None:
    assert wanted("calibrate__as_given__board_1", ["calibrate"])
    assert not wanted("fpm_sequential__default__fpm_miscalibrated", ["calibrate"])
    assert wanted("fpm_sequential__default__fpm_miscalibrated", ["fpm_mis", "other"])
    assert wanted("anything", [])


def test_calibrations_have_tables_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    row = {"file": "board", "method": "calibrate", "label": "as given", "cpu_s": 1.0, "calibrate_s": 8.25}
    known = {**row, "amplitude_psnr_db": 51.4, "direction_rms_na": 4.4e-4, "turn_deg": 2.0, "outlier_frames": [3, 7]}
    for name, found in (("known", known), ("real", {**row, "file": "slide.mat", "height_mm": 90.9})):
        (tmp_path / "jobs" / f"{name}.found.json").write_text(json.dumps(found))
    truth, real = table.write(tmp_path).split("## Calibration of real")
    assert "51.40 |        0.440 | 3, 7" in truth
    assert "turn deg" not in truth
    assert "90.90" in real
    assert not truth.startswith("|")


def test_scans_are_jobs_of_their_own_and_published_fields_are_slow(tmp_path: Path) -> None:
    file = tmp_path / "coded_12.acq.h5"
    acquisition, _ = coded(1, frames=12, pixels=64)
    save_acquisition(file, acquisition)
    case = Case(file, file, {"score": "field", "shape": [64, 64], "pixel_um": 0.4625, "z_um": [0.0]}, file)
    assert jobs(case) == []
    found = scan_cases.of_case(case)
    assert {"epie", "rpie", "wasp", "least-squares", "sparse-pixels", "residual-field"} == {job.method for job in found}
    assert [job.options for job in found if job.slow] == [{"epochs": 417}]  # 12 frames each: 5000 steps
    wrong = [job for job in found if "off" in job.label]
    assert len({job.name for job in found}) == len(found)
    assert {next(iter(job.options["wrong"])) for job in wrong} == {"surface_to_sensor_um", "wavelength_um"}
    assert all(wanted(job.name, ["scans"]) for job in found)


def test_frames_of_the_siemens_star_are_split_two_ways(tmp_path: Path) -> None:
    acquisition, _ = far_field(0, frames=8, pixels=32)
    file = tmp_path / scan_cases.SPLIT[0]
    with bz2.open(file, "wb") as packed:
        np.savez(packed, data=acquisition.intensity()[None], scan=acquisition.positions_um[None])
    found = scan_cases.of_case(Case(file, None, None, None))
    assert not any(job.slow or job.method == "sparse-pixels" for job in found)
    rpie = {job.label: job.options for job in found if job.method == "rpie"}
    assert rpie == {", every 4th held out": {"hold_out": 4}, ", every 4th only": {"use_every": 4}}


def test_a_scan_is_scored_where_its_positions_say_the_object_lies(tmp_path: Path) -> None:
    acquisition, truth = coded(1, frames=12, pixels=32)
    moved = acquisition.replace(positions_um=acquisition.positions_um + 3 * truth["pixel_um"])  # all alike: no error
    file = tmp_path / "coded.truth.h5"
    with h5py.File(file, "w") as stored:
        stored["positions_um"] = truth["positions_um"]
    grid = {"shape": list(truth["object"].shape), "pixel_um": truth["pixel_um"], "z_um": [0.0]}
    job = {"method": "rpie", "label": "", "options": {"passes": 5, "correct_positions": False}, "truth": str(file)}
    errors = []
    for given in (acquisition, moved):
        found, planes = scan_job.measure(given, {**job, "grid": grid})
        assert found["positions_px"] == pytest.approx(0, abs=1e-6)
        errors.append(score([(planes[0].ravel(), truth["object"].ravel())]).relative_error)
    assert errors[1] == pytest.approx(errors[0], rel=0.02)


def test_scans_have_tables_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    row = {"file": "coded_25", "method": "sparse-pixels", "label": "", "runner": "scans", "cpu_s": 9.1}
    known = {**row, "relative_error": 0.0542, "positions_px": 0.0085}
    real = {**row, "file": "star", "method": "rpie", "label": ", every 4th only", "held_out_error": 0.1234}
    for name, found in (("known", known), ("real", real)):
        (tmp_path / "jobs" / f"{name}.found.json").write_text(json.dumps(found))
    peer = {"split": "3 of 4", "who": "pty-chi", "method": "rpie", "batch": 8, "cpu_s": 30.0, "held_out_error": 0.2}
    (tmp_path / "scan_peers.json").write_text(json.dumps([peer]))
    truth, rest = table.write(tmp_path).split("## Real scans")
    assert "0.0542 |       0.0085" in truth
    assert "held out" not in truth
    assert "| star | rpie   | every 4th only |  9.10 |   0.1234 |" in rest
    assert "rpie, 8 at once" in rest


def test_phases_from_led_patterns_have_a_table_with_means_over_files_of_a_kind(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    same = {"method": "neuph", "label": "", "kind": "multiplexed_led", "cpu_s": 1.5, "peak_mb": 400.0, "rmse_rad": 0.1}
    for name, psnr, ssim in (("cells_0", 33.0, 0.75), ("cells_1", 35.0, 0.85), ("natural_4", 20.0, 0.5)):
        row = {**same, "file": name, "psnr_db": psnr, "ssim": ssim}
        (tmp_path / "jobs" / f"{name}.found.json").write_text(json.dumps(row))
    (tmp_path / "jobs" / "real.found.json").write_text(json.dumps({**same, "file": "22.npy"}))
    text = table.write(tmp_path)
    assert text.startswith("## Phase from LED patterns")
    assert "| cells, mean of 2 | neuph  | default |  1.50 |     400 |   34.00 | 0.800 |" in text
    assert "natural, mean" not in text
    assert "| 22.npy " in text


def test_a_green_light_over_a_wrong_phase_is_counted() -> None:
    rows = [
        {"method": "m", "light": light, "relative": error, "covered": 0.5}
        for light, error in (("green", 0.1), ("green", 0.7), ("red", 0.9))
    ]
    assert trust.table(rows).splitlines()[-1] == "| m | 3 | 2 | 2 | 1 | 1 | 50% |"
