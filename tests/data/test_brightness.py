"""Frames made evenly bright."""

import numpy as np
import pytest

from napari_neuralfield.data.brightness import evened, slow_light
from napari_neuralfield.types import InputError


def test_a_slope_of_light_is_followed_up_to_the_borders():
    y, x = np.mgrid[:90, :130]
    light = 100 + 0.4 * y + 0.2 * x
    np.testing.assert_allclose(slow_light(light), light, rtol=0.01)
    even = evened(np.stack([light, 3 * light]), "slow")
    np.testing.assert_allclose(even, 1, atol=0.012)


def test_slow_light_leaves_details_alone_and_frames_only_their_mean():
    y, x = np.mgrid[:96, :96]
    detail = 1 + 0.1 * np.sin(2 * np.pi * x / 8)
    lamp = 50 * np.exp(-((y - 40) ** 2 + (x - 60) ** 2) / (2 * 90**2))
    even = evened((detail * lamp)[None], "slow")[0]
    assert np.abs(even - detail / detail.mean()).max() < 0.05
    frames = np.stack([detail, 2 * detail])
    np.testing.assert_allclose(evened(frames, "frame"), np.stack([detail, detail]) / detail.mean(), rtol=1e-5)
    assert evened(frames, "off").mean((1, 2)) == pytest.approx([2 / 3, 4 / 3], rel=1e-5)


def test_a_dark_frame_is_refused():
    with pytest.raises(InputError, match="slide: frame 1 has a mean of 0; a bright-field frame must hold light"):
        evened(np.stack([np.ones((8, 8)), np.zeros((8, 8))]), "frame", "slide")
