"""Virtual bright-field microscopes against the forward model, and what a time-lapse holds."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from napari_neuralfield.forward.brightfield import BrightField
from napari_neuralfield.registry import SIMULATORS
from napari_neuralfield.simulate.through_focus import abbe_frames, condenser, passed, protocol_field, through_focus
from napari_neuralfield.simulate.time_lapse import time_lapse

OPTICS = {"wavelength_um": 0.53, "objective_na": 0.4, "condenser_na": 0.16, "pixel_um": 0.65}
DEPTHS = [-4.0, 0.0, 13.0]


@pytest.mark.parametrize("name", ["through-focus", "through-focus-textures", "through-focus-confluent"])
def test_every_seed_gives_another_sample_fast(name: str) -> None:
    start = time.process_time()
    acquisition, truth = SIMULATORS[name](3)
    assert time.process_time() - start < 15  # about 1 s
    phase = truth["phase_rad"]
    assert acquisition.frames.shape == (3, 128, 128)
    assert acquisition.z_um.tolist() == [-4, 0, 4]
    assert phase.shape == (512, 512)
    assert truth["pixel_um"] == pytest.approx(0.65)
    assert 2 < np.ptp(phase) < 6
    assert max(np.abs(np.diff(phase, axis=axis)).max() for axis in (0, 1)) < 2.5  # never near a jump of 2 pi
    assert acquisition.intensity().mean() == pytest.approx(1, abs=2e-3)
    assert np.array_equal(SIMULATORS[name](3)[0].frames, acquisition.frames)
    assert not np.array_equal(SIMULATORS[name](4)[0].frames, acquisition.frames)


def test_the_forward_model_predicts_the_frames_inside_the_borders() -> None:
    acquisition, truth = through_focus(1, pixels=64, z_um=DEPTHS)
    model = BrightField.of(acquisition, upsampling=4, points=64)
    sample = torch.exp(1j * torch.from_numpy(truth["phase_rad"]))
    predicted = model.images(sample, torch.tensor(DEPTHS)).numpy()
    off = (predicted - acquisition.intensity())[:, 10:-10, 10:-10]
    assert off.std(axis=(1, 2)) == pytest.approx(0.0025, rel=0.1)
    assert abs(off.mean()) < 2e-4


def test_more_directions_of_light_change_nothing() -> None:
    sample = np.exp(1j * protocol_field(2, 128))
    few, many = (
        abbe_frames(sample, passed(sample.shape, DEPTHS, rings=r, per_ring=n, **OPTICS), 4)
        for r, n in ((3, 12), (8, 32))
    )
    assert np.abs(few - many).max() < 2e-4  # measured 6e-5


def test_directions_fill_the_condenser_evenly() -> None:
    directions, shares = condenser(0.16, 3, 12)
    assert shares.sum() == pytest.approx(1)
    assert np.abs(shares @ directions).max() < 1e-12
    assert shares @ (directions**2).sum(1) == pytest.approx(0.16**2 / 2)  # mean square radius of a disc
    assert condenser(0.0, 3, 12)[0].tolist() == [[0, 0]]


def test_a_protocol_field_repeats_and_is_filled() -> None:
    start = time.process_time()
    phase = protocol_field(0, 512)
    assert time.process_time() - start < 5
    inner = np.abs(np.diff(phase, axis=0)).max()
    assert np.abs(phase[0] - phase[-1]).max() < inner
    assert (phase > 0.2).mean() > 0.95
    assert inner < 1


def test_a_time_lapse_moves_as_its_truth_says() -> None:
    acquisition, truth = time_lapse(0, frames=12, pixels=48)
    assert acquisition.time_s is not None
    assert np.diff(acquisition.time_s).tolist() == [120] * 11
    assert set(acquisition.z_um) == {4.0}
    assert truth["phase_rad"].shape == (12, 192, 192)
    assert truth["phase_rad"].dtype == np.float16
    assert np.abs(np.diff(truth["drift_px"], axis=0)).max() < 0.5
    frames = acquisition.intensity()
    assert frames.mean(axis=(1, 2)) == pytest.approx(truth["brightness"], abs=4e-3)
    model = BrightField.of(acquisition, upsampling=4, points=32)
    sample = torch.exp(1j * torch.from_numpy(truth["phase_rad"][7].astype(np.float32)))
    off = model.images(sample, torch.tensor([4.0]))[0].numpy() * truth["brightness"][7] - frames[7]
    assert off[10:-10, 10:-10].std() == pytest.approx(0.0025, rel=0.1)


def test_dividing_cells_part_without_a_jump() -> None:
    _, truth = time_lapse(1, frames=40, pixels=64, drift_um=0.0)
    phase, count = truth["phase_rad"].astype(np.float32), truth["cell_count"]
    assert count[-1] > count[0]
    changes = np.abs(np.diff(phase, axis=0)).mean(axis=(1, 2))
    assert changes.max() < 3 * np.median(changes)


def test_the_truth_of_a_time_lapse_may_be_left_out() -> None:
    acquisition, truth = time_lapse(0, frames=2, pixels=32, keep_truth=False)
    assert "phase_rad" not in truth
    assert acquisition.frame_count == 2
