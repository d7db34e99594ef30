"""Virtual LED-pattern microscopes against two other programs of the same physics."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from napari_neuralfield.forward import fourier
from napari_neuralfield.forward import multiplexed as forward
from napari_neuralfield.optics.grids import centred_spectrum, fit_spectrum
from napari_neuralfield.registry import SIMULATORS
from napari_neuralfield.simulate.led_optics import led_frames
from napari_neuralfield.simulate.patterns import cells, multiplexed, pattern_frames

OPTICS = {"objective_na": 0.1, "wavelength_um": 0.63, "pixel_um": 1.625}


@pytest.mark.parametrize("name", ["multiplexed-cells", "multiplexed-textures"])
def test_every_seed_gives_another_sample_fast(name: str) -> None:
    start = time.process_time()
    acquisition, truth = SIMULATORS[name](3)
    assert time.process_time() - start < 10  # about 1 s
    assert acquisition.frames.shape == (5, 100, 100)
    assert truth["phase_rad"].shape == (600, 600)
    assert truth["pixel_um"] == pytest.approx(1.625 / 6)
    assert 2.5 < np.ptp(truth["phase_rad"]) < 7
    assert np.abs(np.diff(truth["phase_rad"], axis=0)).max() < np.pi / 2
    frames = acquisition.intensity()
    assert 0.6 < frames[:2].mean() < 1
    assert 0.05 < frames[2:].std() / frames[:2].std() < 0.3
    assert np.array_equal(SIMULATORS[name](3)[0].frames, acquisition.frames)
    assert not np.array_equal(SIMULATORS[name](4)[0].frames, acquisition.frames)


def test_a_plain_sum_on_the_whole_fine_grid_gives_the_same() -> None:
    rng = np.random.default_rng(0)
    transmission = np.exp((1j - 0.1) * cells(96, 3, rng))
    na = rng.uniform(-0.25, 0.25, (7, 2))
    patterns = rng.uniform(0, 1, (3, 7))
    plain = led_frames(transmission[None] - 1, np.array([12.0]), na, upsampling=3, **OPTICS)
    found = pattern_frames(transmission, na, patterns, upsampling=3, z_um=12.0, **OPTICS)
    assert np.abs(found - np.tensordot(patterns, plain, 1)).max() < 1e-9


def test_the_forward_model_predicts_the_frames() -> None:
    acquisition, truth = multiplexed(0, pixels=48, astigmatism_rad=0.0, electrons=1e12)
    plan = fourier.windows(forward.board_of(acquisition), crop=False)
    sample = np.exp(1j * truth["phase_rad"].astype(float) + truth["absorption"])
    spectrum = fit_spectrum(centred_spectrum(torch.from_numpy(sample)), plan.spectrum_shape)
    pupil = fourier.pupils(plan, slice(None), torch.zeros(1, dtype=torch.float64))
    for frame, weight in zip(acquisition.intensity(), acquisition.patterns, strict=True):
        on = torch.from_numpy(weight[forward.lit(acquisition)])
        predicted = forward.predict(spectrum[None], pupil, plan.corner, plan.image_shape, on, 0.0)[0].numpy()
        assert np.abs(predicted / acquisition.patterns[0].sum() - frame).max() < 2e-4


def test_light_pulls_edges_out_of_the_dark() -> None:
    """Behind a slope that rises to the right, light that travels to the left comes straight."""
    _, x = np.indices((192, 192))
    ridge = 3 * np.exp(-(((x - 96) / 6) ** 2))
    na = np.array([[0.0, -0.15], [0.0, 0.15]])
    frames = pattern_frames(np.exp(1j * ridge), na, np.eye(2), upsampling=6, **OPTICS)
    assert frames[0, :, 11:16].sum() > 3 * frames[0, :, 17:22].sum()
    assert np.allclose(frames[0, :, 1:], frames[1, :, :0:-1], atol=1e-9)
