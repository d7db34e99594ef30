"""NumPy stacks: NeuPh's differences and plain frames with a sidecar."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_neuralfield.checks.patterns import five_frames, orientation_scores
from napari_neuralfield.io import open_acquisition, open_draft
from napari_neuralfield.recon.patterns.linear import clear_pupil, dpc_phase
from napari_neuralfield.simulate.patterns import multiplexed
from napari_neuralfield.types import InputError


def stored(path: Path, channels: int = 6) -> Path:
    frames = multiplexed(0, pixels=40)[0].intensity().astype(float)
    steps = np.zeros((6, 40, 40))
    steps[:5, 1:] = np.diff(frames, axis=1)
    steps[5] = np.random.default_rng(0).normal(size=(40, 40))
    np.save(path, steps[:channels])
    return path


@pytest.mark.parametrize("channels", [5, 6])
def test_differences_need_no_sidecar(tmp_path: Path, channels: int) -> None:
    draft = open_draft(stored(tmp_path / "cells.npy", channels))
    assert "differences" in draft.notes[0]
    acquisition = pickle.loads(pickle.dumps(draft.complete()))
    assert (acquisition.kind, acquisition.frames.shape) == ("multiplexed_led", (5, 40, 40))
    assert acquisition.led_na.shape == (185, 2)
    assert "brightness of the dark field is relative" in acquisition.title
    roles = five_frames(acquisition)
    assert (roles.bright, roles.dark, round(roles.axis_deg)) == ((0, 1), (2, 3, 4), 225)
    assert roles.arcs_deg == pytest.approx((120, 240, 0), abs=3)
    assert acquisition.frames[2:4, 3].shape == (2, 40)


def test_a_sidecar_says_otherwise(tmp_path: Path) -> None:
    path = stored(tmp_path / "cells.npy")
    (tmp_path / "cells.yaml").write_text(
        "wavelength_um: 0.5\npatterns: [{half: 45}, {half: 225}, {arc: 0}, {arc: 120}, {arc: 240}]"
    )
    acquisition = open_acquisition(path)
    assert acquisition.wavelength_um == 0.5
    assert five_frames(acquisition).axis_deg == pytest.approx(45)


def test_plain_frames_need_a_sidecar(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).uniform(1, 2, (3, 8, 9)).astype(np.float32)
    np.save(tmp_path / "stack.npy", frames)
    with pytest.raises(InputError, match=r"stack.npy: this is an array of shape \(3, 8, 9\), not the .*stack.yaml"):
        open_draft(tmp_path / "stack.npy")
    (tmp_path / "stack.yaml").write_text(
        "kind: through_focus\nwavelength_um: 0.5\nobjective_na: 0.2\ncondenser_na: 0.05\npixel_um: 0.6\nz_um: [0, 1, 2]"
    )
    acquisition = pickle.loads(pickle.dumps(open_acquisition(tmp_path / "stack.npy")))
    assert np.array_equal(acquisition.frames[:], frames)


def test_what_is_no_stack_of_frames(tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", np.ones((4, 4)))
    with pytest.raises(InputError, match=r"flat.npy: this is an array of shape \(4, 4\), not"):
        open_draft(tmp_path / "flat.npy")
    (tmp_path / "text.npy").write_text("no array")
    with pytest.raises(InputError, match=r"text.npy: this is not a NumPy array"):
        open_draft(tmp_path / "text.npy")


def test_a_value_that_is_not_finite_is_named(tmp_path: Path) -> None:
    path = stored(tmp_path / "cells.npy")
    steps = np.load(path)
    steps[3, 20, 7] = np.nan
    np.save(path, steps)
    with pytest.raises(InputError, match=r"cells.npy: frame 3 holds values that are not finite"):
        open_acquisition(path).intensity()


def test_the_released_cells(shared_data: Path) -> None:
    """Directions and signs: the phase agrees with the file's own, and the arcs with the edges that they light up."""
    path = shared_data / "multiplexed_hela" / "22.npy"
    acquisition = open_acquisition(path)
    frames = acquisition.intensity()
    assert frames[2:].std() / frames[:2].std() == pytest.approx(0.196, abs=0.01)
    assert np.median(frames[:2, 215:, 170:]) == pytest.approx(1, abs=0.03)
    assert np.median(frames[2:, 215:, 170:]) < 0.003
    columns = frames[:2, 215:, 170:].mean(axis=1)  # a streak is a column unlike its neighbours
    assert np.abs(np.diff(columns, 2, axis=-1)).max() < 0.06
    left, right = (torch.from_numpy(f)[None] for f in frames[:2])
    one, two = (torch.tensor(p, dtype=torch.float32)[None] for p in acquisition.patterns[:2])
    phase = dpc_phase(
        left, right, one, two, acquisition.led_na, pixel_um=(1.625, 1.625), wavelength_um=0.63,
        pupil=clear_pupil(0.1 / 0.63),
    ).numpy()  # fmt: skip
    assert np.corrcoef(phase.ravel(), np.load(path)[5].ravel())[0, 1] > 0.7  # 0.75; 0.66 15 deg from this axis
    scores = orientation_scores(acquisition, five_frames(acquisition))
    assert max(scores, key=lambda name: (round(scores[name].edges, 6), scores[name].thick)) == "as given"
    assert scores["as given"].edges > 0.25
