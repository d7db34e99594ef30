"""Eight ways round: what each does to the positions, and that the pictures tell the right one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scan_scene
import torch

from napari_neuralfield.cli import commands as cli
from napari_neuralfield.io import open_acquisition, save_acquisition
from napari_neuralfield.recon.scan.orientation import MATRICES, NAMES, oriented, oriented_positions
from napari_neuralfield.recon.scan.orientation_trials import Trial, orientation_trials, part_of
from napari_neuralfield.recon.scan.recipe import ScanRecipe
from napari_neuralfield.recon.scan.setup import problem_of
from napari_neuralfield.types import InputError, Progress

CORNERS = np.array([[0.0, 0.0], [0.0, 4.0], [2.0, 4.0]])  # an L: no two orientations give the same


def test_the_eight_are_all_different_and_keep_the_middle() -> None:
    found = {name: oriented_positions(CORNERS, name) for name in NAMES}
    assert len({tuple(np.round(p, 6).ravel()) for p in found.values()}) == 8
    for positions in found.values():
        np.testing.assert_allclose((positions.min(0) + positions.max(0)) / 2, [1.0, 2.0])
    np.testing.assert_array_equal(found["as-given"], CORNERS)
    np.testing.assert_allclose(found["flip-y"], [[2, 0], [2, 4], [0, 4]])
    np.testing.assert_allclose(found["flip-x"], [[0, 4], [0, 0], [2, 0]])
    np.testing.assert_allclose(found["half-turn"], [[2, 4], [2, 0], [0, 0]])
    np.testing.assert_allclose(found["swap-yx"], [[-1, 1], [3, 1], [3, 3]])
    for name in ("quarter-turn", "quarter-turn-back"):
        assert np.linalg.det(MATRICES[name]) == pytest.approx(1)
    right = np.array([0.0, 1.0])  # (y, x): to the right; a quarter turn clockwise brings it downwards
    np.testing.assert_allclose(MATRICES["quarter-turn"] @ right, [1.0, 0.0])


def test_the_recipe_turns_the_positions_of_a_problem() -> None:
    acquisition, _ = scan_scene.far_field()
    turned = problem_of(acquisition, ScanRecipe(orientation="swap-yx"))
    np.testing.assert_allclose(turned.acquisition.positions_um, oriented_positions(acquisition.positions_um, "swap-yx"))
    assert oriented(acquisition, "as-given") is acquisition


@pytest.mark.parametrize("make", [scan_scene.far_field, scan_scene.coded])
def test_the_right_one_fits_best_and_shows_the_object(make: Any) -> None:
    acquisition, _truth = make()
    wrong = acquisition.replace(positions_um=oriented_positions(acquisition.positions_um, "quarter-turn"))
    events = list(orientation_trials(wrong, "cpu"))
    trials = {event.orientation: event for event in events if isinstance(event, Trial)}
    assert tuple(trials) == NAMES
    assert events[-2].done == events[-2].total
    assert isinstance(events[-2], Progress)
    errors = {name: trial.error for name, trial in trials.items()}
    best = min(errors, key=lambda name: errors[name])
    assert best == "quarter-turn-back"
    assert errors[best] < 0.6 * min(error for name, error in errors.items() if name != best)
    assert trials[best].picture.dtype == np.complex64
    assert abs(np.angle(trials[best].picture.sum())) < 1e-3


def test_large_frames_and_many_of_them_are_cut_to_a_part() -> None:
    many, _ = scan_scene.far_field(side=144, across=6)
    small = part_of(many)
    assert small.frame_shape == (128, 128)
    assert small.object_pixel_um == pytest.approx(many.object_pixel_um * 144 / 128)
    assert small.probe.shape == (1, 128, 128)
    coded, _ = scan_scene.coded(side=96, upsampling=4)
    assert part_of(coded).frame_shape == (64, 64)
    assert part_of(coded).coded_surface.shape == (256, 256)


def test_what_is_no_scan_is_refused(led_array: Any) -> None:
    with pytest.raises(InputError, match="of kind led_array; only the positions of a scan can be turned"):
        next(iter(orientation_trials(led_array())))
    with pytest.raises(InputError, match="has no positions, so there is nothing to turn"):
        next(iter(orientation_trials(scan_scene.coded()[0].replace(positions_um=None))))


def test_the_sheet_and_the_choice_on_the_command_line(tmp_path: Any, capsys: Any) -> None:
    from PIL import Image

    torch.set_num_threads(1)
    acquisition, _ = scan_scene.far_field()
    frames, sheet, out = tmp_path / "scan.acq.h5", tmp_path / "eight.png", tmp_path / "turned.acq.h5"
    save_acquisition(frames, acquisition)
    assert cli.main(["reconstruct", str(frames), "--orientations", str(sheet)]) == 0
    said = capsys.readouterr().out
    assert "as-given" in said
    assert "--orientation NAME" in said
    assert "choose by the picture" in said
    with Image.open(sheet) as image:
        width, height = image.size
    assert width > 4 * 384
    assert height > 4 * 384
    assert cli.main(["convert", str(frames), "--orientation", "flip-x", "-o", str(out)]) == 0
    np.testing.assert_allclose(
        open_acquisition(out).positions_um, oriented_positions(acquisition.positions_um, "flip-x")
    )
    assert cli.main(["convert", str(frames), "--orientation", "sideways", "-o", str(tmp_path / "b.acq.h5")]) == 2
    assert "--orientation is sideways; it must be one of as-given, half-turn" in capsys.readouterr().err
    assert cli.main(["reconstruct", str(frames)]) == 2
    assert "option -o is missing" in capsys.readouterr().err
