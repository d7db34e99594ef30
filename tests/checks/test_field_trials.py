"""Near or far field by trying both on a few frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_neuralfield.checks.field_trials import FieldTrials, lit_to_the_border
from napari_neuralfield.data.acquisition import Ptychography
from napari_neuralfield.io import open_acquisition, open_draft
from napari_neuralfield.registry import SIMULATORS
from napari_neuralfield.types import InputError

LENGTHS = ("wavelength_um", "distance_um", "detector_pixel_um")


@pytest.fixture(scope="module")
def near() -> Ptychography:
    """Its texture's shadows are too faint to be told from their movement alone."""
    acquisition, _ = SIMULATORS["near-field"](5, pixels=96, frames=30, phantom="texture", border=24)
    return acquisition


@pytest.fixture(scope="module")
def far() -> Ptychography:
    acquisition, _ = SIMULATORS["far-field"](0, pixels=64, frames=60, spot=30.0, probe="none")
    return acquisition


def saved(path: Path, scan: Ptychography, *names: str) -> Path:
    values: dict[str, Any] = {name: getattr(scan, name) for name in names}
    np.savez(path, kind="ptychography", frames=scan.frames[:], positions_um=scan.positions_um, **values)
    return path


def test_the_right_field_predicts_frames_better(near: Ptychography, far: Ptychography) -> None:
    for scan in (near, far):
        trials = FieldTrials(scan.frames, scan.positions_um)
        pixel = scan.wavelength_um * scan.distance_um / (scan.frame_shape[0] * scan.detector_pixel_um)
        errors = trials.near(scan.detector_pixel_um, scan.wavelength_um, scan.distance_um), trials.far(pixel)
        assert np.argmin(errors) == (scan is far)
        assert min(errors) < 0.9 * max(errors)
        assert lit_to_the_border(scan.frames) == (scan is near)


@pytest.mark.parametrize("lengths", [LENGTHS, ("wavelength_um", "object_pixel_um"), (*LENGTHS, "object_pixel_um")])
def test_a_far_field_needs_no_word(tmp_path: Path, far: Ptychography, lengths: tuple[str, ...]) -> None:
    found = open_acquisition(saved(tmp_path / "a.npz", far, *lengths))
    assert isinstance(found, Ptychography)
    assert found.geometry == "far_field"
    assert found.object_pixel_um == pytest.approx(far.object_pixel_um)


def test_a_near_field_is_told_and_why(tmp_path: Path, near: Ptychography) -> None:
    draft = open_draft(saved(tmp_path / "a.npz", near, *LENGTHS))
    found = draft.complete()
    assert isinstance(found, Ptychography)
    assert (found.geometry, found.object_pixel_um) == ("near_field", pytest.approx(near.object_pixel_um, rel=0.05))
    assert any(note.startswith("taken as near field: the frames") for note in draft.notes)


def test_in_doubt_it_is_asked_for(tmp_path: Path, near: Ptychography) -> None:
    """Without a distance there is no near field to try, and the far field does not explain the frames."""
    path = saved(tmp_path / "a.npz", near, "wavelength_um", "object_pixel_um")
    with pytest.raises(
        InputError, match=r"geometry \(far_field or near_field\) is missing .* short trials do not tell"
    ):
        open_acquisition(path)
    assert open_draft(path).complete(geometry="far_field").kind == "ptychography"
    noise = np.random.default_rng(0).poisson(50, near.frames.shape)
    with pytest.raises(InputError, match=r"geometry .* is missing"):
        open_acquisition(saved(tmp_path / "b.npz", near.replace(frames=noise), *LENGTHS))


def test_an_object_pixel_is_enough(tmp_path: Path, far: Ptychography) -> None:
    with pytest.raises(
        InputError, match=r"object_pixel_um .* is missing; give object_pixel_um, or both detector_pixel"
    ):
        open_acquisition(saved(tmp_path / "a.npz", far, "wavelength_um"))
