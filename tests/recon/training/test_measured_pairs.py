"""Measured pairs of a microscope that is mounted otherwise become the same patches as those of the canonical one."""

from __future__ import annotations

import numpy as np
import pytest
from training_scene import led_patterns

from napari_neuralfield.recon.patterns.network_inputs import CANONICAL
from napari_neuralfield.recon.training.material import Pair
from napari_neuralfield.recon.training.measured_pairs import MeasuredPairs
from napari_neuralfield.types import InputError

PIXEL = 1.625 / CANONICAL.upsampling


def patches(pair: Pair, patch: int = 24, count: int = 3):
    return MeasuredPairs([pair], patch, np.random.default_rng(0)).batch(count)


def test_patches_are_those_of_frames_and_truth():
    acquisition, phase = led_patterns(32)
    channels, phases = patches(Pair(acquisition, phase, PIXEL, "one"))
    assert channels.shape == (3, 7, 24, 24)
    assert phases.shape == (3, 144, 144)
    whole = MeasuredPairs([Pair(acquisition, phase, PIXEL, "one")], 32, np.random.default_rng(0)).batch(1)[1][0]
    np.testing.assert_allclose(whole.numpy(), phase, atol=1e-4)


def test_a_board_turned_by_a_quarter_makes_no_difference():
    acquisition, phase = led_patterns(32)
    na = np.stack([-acquisition.led_na[:, 1], acquisition.led_na[:, 0]], axis=1)  # board and sample turned together
    frames = np.ascontiguousarray(np.rot90(np.asarray(acquisition.frames), axes=(1, 2)))
    fine = np.roll(np.rot90(phase), 1 - CANONICAL.upsampling, axis=0)  # pixel (0, 0) where that of the frames is
    straight = patches(Pair(acquisition, phase, PIXEL, "straight"), 32, 1)
    turned = patches(Pair(acquisition.replace(led_na=na, frames=frames), fine, PIXEL, "turned"), 32, 1)
    np.testing.assert_allclose(turned[0].numpy(), straight[0].numpy(), atol=2e-3)
    inner = slice(0, 31 * CANONICAL.upsampling)  # the truth goes on less than a pixel beyond the last frame pixel
    np.testing.assert_allclose(turned[1][0, inner, inner].numpy(), straight[1][0, inner, inner].numpy(), atol=1e-3)


def test_a_truth_that_covers_too_little_is_refused():
    acquisition, phase = led_patterns(32)
    with pytest.raises(InputError, match=r"half: frames and truth have no square of 24 x 24 .* smaller patch_px"):
        patches(Pair(acquisition, phase[:90], PIXEL, "half"))
