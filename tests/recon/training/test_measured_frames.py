"""Measured pairs and stacks on fine pixels become patches in which frame and phase belong together."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from defocus_scene import FINER, PIXEL_UM, through_focus
from scipy import ndimage

from napari_neuralfield.data.acquisition import ThroughFocus
from napari_neuralfield.forward.brightfield import BrightField
from napari_neuralfield.recon.focus.network_inputs import UPSAMPLING, Defocus, transfer
from napari_neuralfield.recon.training.material import Material, Pair
from napari_neuralfield.recon.training.measured_frames import MeasuredFrames, pair_of, pairs_of, truth_of
from napari_neuralfield.types import InputError

FINE = PIXEL_UM / FINER


@pytest.fixture(scope="module")
def pair() -> Pair:
    acquisition, phase = through_focus(80)
    return Pair(acquisition, phase, FINE, "cells")


def agrees(given: torch.Tensor, phase: torch.Tensor) -> float:
    """Correlation of a patch's contrast with that which its phase gives a weak sample."""
    side = given.shape[-1]
    fresnel, blur = float(given[2, 0, 0]) / 2, float(given[3, 0, 0]) / 2
    response = transfer(Defocus(fresnel, blur / abs(fresnel), 2.0), (side * UPSAMPLING,) * 2)
    k = np.fft.fftfreq(side * UPSAMPLING, 1 / UPSAMPLING)
    square = torch.from_numpy(k[:, None] ** 2 + k**2)
    response = 2 * torch.sin(torch.pi * fresnel * square) * torch.exp(-3 * square)  # of fine pixels
    shown = torch.fft.ifft2(torch.fft.fft2(phase.double()) * response).real
    shown = shown.reshape(side, UPSAMPLING, side, UPSAMPLING).mean((1, 3))[6:-6, 6:-6]
    return float(torch.corrcoef(torch.stack([shown.flatten(), given[0, 6:-6, 6:-6].double().flatten()]))[0, 1])


def test_patches_of_a_pair_keep_frame_and_phase_together(pair: Pair) -> None:
    channels, phases = MeasuredFrames([pair], 48, np.random.default_rng(0)).batch(8)
    assert channels.shape == (8, 4, 48, 48)
    assert phases.shape == (8, 192, 192)
    assert set(torch.sign(channels[:, 2, 0, 0]).tolist()) == {-1.0, 1.0}  # both defocused frames, not the one in focus
    assert min(agrees(*both) for both in zip(channels, phases, strict=True)) > 0.75
    wrong = [agrees(given, phase.flip(0)) for given, phase in zip(channels, phases, strict=True)]
    assert max(wrong) < 0.4


def test_a_truth_of_four_times_finer_pixels_is_taken_as_it_is(pair: Pair) -> None:
    np.testing.assert_allclose(truth_of(pair).numpy(), pair.phase_rad, atol=1e-4)


@pytest.mark.parametrize("finer", [2.7, 6.0, 8.0])
def test_a_truth_on_other_pixels_is_resampled_from_the_same_corner(finer: float) -> None:
    """Waves of which both grids hold means over their pixels."""
    pixels, step = 40, PIXEL_UM / finer

    def waves(count: int, side: float) -> np.ndarray:
        at = (np.arange(count) + 0.5) * side  # um from the corner
        return np.asarray(np.cos(at[:, None] / 5) * np.sin(at / 6 + 1), np.float32)

    acquisition, _ = through_focus(pixels)
    found = truth_of(Pair(acquisition, waves(int(pixels * finer), step), step, "waves")).numpy()
    expected = waves(pixels * UPSAMPLING, FINE)
    np.testing.assert_allclose(found[4:-4, 4:-4], expected[4:-4, 4:-4], atol=0.01)


def test_few_pairs_lend_their_last_fifth_and_many_every_fifth(pair: Pair) -> None:
    trained, aside = pairs_of(Material(pairs=[pair]), 16)
    assert [one.acquisition.frame_shape for one in (*trained, *aside)] == [(80, 64), (80, 16)]
    assert [one.phase_rad.shape for one in (*trained, *aside)] == [(320, 256), (320, 64)]
    np.testing.assert_allclose(truth_of(aside[0]).numpy(), pair.phase_rad[:, 256:], atol=1e-4)
    np.testing.assert_array_equal(aside[0].acquisition.intensity(), pair.acquisition.intensity()[:, :, 64:])
    assert pairs_of(Material(pairs=[pair]), 48) == ([pair], [])  # no room for two patches
    trained, aside = pairs_of(Material(pairs=[pair] * 7), 16)
    assert (len(trained), len(aside)) == (6, 1)


def test_a_stack_on_fine_pixels_becomes_a_pair_of_coarse_frames_and_phase() -> None:
    rng = np.random.default_rng(1)
    phase = ndimage.gaussian_filter(rng.standard_normal((130, 131)), 4, mode="wrap")
    phase = torch.from_numpy(0.4 * phase / phase.std()).float()
    microscope, z_um = BrightField(0.53, 0.4, 0.1, 0.65, points=12), np.array([-3.0, 0.0, 3.0])
    frames = microscope.images(torch.polar(torch.ones_like(phase), phase), torch.tensor(z_um)).numpy()
    noisy = (frames + 0.001 * rng.standard_normal(frames.shape)).astype(np.float32)
    stack = ThroughFocus(
        frames=noisy, z_um=z_um, wavelength_um=0.53, objective_na=0.4, condenser_na=0.1, pixel_um=0.65
    )  # fmt: skip
    made = pair_of(stack, 32)
    assert made.acquisition.frame_shape == (32, 32)
    assert made.acquisition.pixel_um == pytest.approx(2.6)
    assert made.phase_rad.shape == (128, 128)
    whole = noisy[:, :128, :128]
    np.testing.assert_allclose(
        made.acquisition.intensity()[2, 3, 5], whole[2, 12:16, 20:24].mean(), rtol=1e-5
    )  # fmt: skip
    truth = phase[:128, :128].numpy()
    assert np.corrcoef(made.phase_rad[8:-8, 8:-8].ravel(), truth[8:-8, 8:-8].ravel())[0, 1] > 0.95
    channels, _ = MeasuredFrames([made], 32, np.random.default_rng(0)).batch(4)
    assert set(torch.sign(channels[:, 2, 0, 0]).tolist()) <= {-1.0, 1.0}


def test_what_cannot_be_learned_from_is_said(pair: Pair) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=r"cells: pixel_um of its truth is 2.6 and .* at least twice as fine"):
        MeasuredFrames([dataclasses.replace(pair, pixel_um=2.6)], 16, rng)
    with pytest.raises(InputError, match=r"cells: frames and truth have no square of 96 x 96 frame pixels"):
        MeasuredFrames([pair], 96, rng)
    short = dataclasses.replace(pair, phase_rad=pair.phase_rad[:100])
    with pytest.raises(InputError, match="smaller patch_px"):
        MeasuredFrames([short], 32, rng)
    focus = dataclasses.replace(pair, acquisition=pair.acquisition.subset([1]))
    with pytest.raises(InputError, match="in focus"):
        MeasuredFrames([focus], 32, rng)
    with pytest.raises(InputError, match=r"planes of 80 x 80 pixels become 20 x 20 .* patch_px is 32"):
        pair_of(pair.acquisition, 32)
    one = pair.acquisition.subset([2]).replace(frames=np.ones((1, 128, 128), np.float32))
    with pytest.raises(InputError, match="there is one frame"):
        pair_of(one, 32)
