"""Coded scans solved on pixels: known positions, wrong ones, none; a wrong distance; bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_neuralfield.data.acquisition import CodedPtychography
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.coded.sparse_solver import lowest
from napari_neuralfield.simulate.scans import coded
from napari_neuralfield.types import Done, InputError, Note, Progress, Result

SMALL = {"pixels": 32, "upsampling": 2, "frames": 24, "spread": 12.0}


def solve(acquisition: CodedPtychography, **options: Any) -> tuple[Result, list[str]]:
    notes, last = [], None
    for event in reconstruct(acquisition, build_recipe("sparse-pixels", options)):
        if isinstance(event, Note):
            notes.append(event.text)
        elif isinstance(event, Progress):
            assert last is None or event.done >= last
            last = event.done
            assert event.done <= event.total
    assert isinstance(event, Done)
    return event.result, notes


def errors(result: Result, truth: dict[str, Any]) -> tuple[float, float]:
    """Relative error of the object, and rms of the positions in fine pixels without a common shift."""
    found = result.field.render([0.0], *result.field.extent.axes())[0].numpy()
    found = found * (np.vdot(found, truth["object"]) / np.vdot(found, found))
    wrong = (result.calibration["positions_um"] - truth["positions_um"]) / truth["pixel_um"]
    wrong = wrong - wrong.mean(0)
    return (
        float(np.linalg.norm(found - truth["object"]) / np.linalg.norm(truth["object"])),
        float(np.sqrt((wrong**2).sum(1).mean())),
    )


def test_right_positions_stay() -> None:
    acquisition, truth = coded(0, **SMALL)
    result, notes = solve(acquisition)
    error, positions = errors(result, truth)
    assert error < 0.05  # measured 0.026
    assert positions < 1e-9
    assert not notes
    assert result.figures["sparsity"] > 0


def test_wrong_positions_are_noticed_and_found() -> None:
    acquisition, truth = coded(1, position_error_px=3.0, **SMALL)
    result, notes = solve(acquisition)
    error, positions = errors(result, truth)
    assert positions < 0.1  # measured 0.02, of 2.4
    assert error < 0.2  # the common shift is not known
    assert any("off by" in note for note in notes)
    assert len(result.calibration["nominal_positions_um"]) == 24


def test_no_positions_at_all() -> None:
    acquisition, truth = coded(1, frames=30, upsampling=2, phantom="texture", positions_known=False)
    result, notes = solve(acquisition)
    assert errors(result, truth)[1] < 0.1
    assert any("gives no positions" in note for note in notes)


@pytest.mark.parametrize(
    ("wrong", "option", "name"),
    [("distance_error", "learn_distance", "to_detector_um"), ("wavelength_error", "learn_wavelength", "wavelength_um")],
)
def test_a_wrong_length_is_found(wrong: str, option: str, name: str) -> None:
    acquisition, truth = coded(3, **{wrong: 0.05}, **SMALL)
    result, notes = solve(acquisition, **{option: True}, iterations=10)
    true = truth["surface_to_sensor_um"] if name == "to_detector_um" else truth["wavelength_um"]
    assert result.figures[name] == pytest.approx(true, rel=5e-4)  # measured 1e-5
    assert any("the file says" in note for note in notes)


def test_an_unknown_surface_is_refused() -> None:
    acquisition, _ = coded(0, surface_known=False, **SMALL)
    with pytest.raises(InputError, match="coded_surface is missing"):
        solve(acquisition)


def test_the_bottom_of_three_trials() -> None:
    assert lowest({0.02: 1.0, 0.01: 0.5, 0.005: 1.0}) == pytest.approx(0.01)
    assert 0.01 < lowest({0.02: 0.6, 0.01: 0.5, 0.005: 1.0}) < 0.02
    assert lowest({0.02: 1.0, 0.01: 0.5}) == 0.01
