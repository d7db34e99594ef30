"""What a stack through focus says about itself before anything is reconstructed."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.data.acquisition import Draft, ThroughFocus
from napari_neuralfield.data.through_focus_checks import distinct_planes
from napari_neuralfield.types import InputError


def stack(z_um, size=64, level=1000.0, dtype=np.float32, **values) -> ThroughFocus:
    """Frames with a little grain, one per depth."""
    rng = np.random.default_rng(0)
    frames = (level * (1 + 0.02 * rng.standard_normal((len(z_um), size, size)))).astype(dtype)
    known = {"wavelength_um": 0.53, "objective_na": 0.4, "condenser_na": 0.16, "pixel_um": 0.65, "z_um": z_um}
    made = Draft("through_focus", values.pop("frames", frames), known | values, "stack.tif").complete()
    assert isinstance(made, ThroughFocus)
    return made


def test_planes_come_in_the_order_of_their_depth():
    assert distinct_planes(stack([4.0, -4.0, 0.0, -4.0])).tolist() == [1, 3, 2, 0]


def test_fewer_than_two_depths_say_what_is_possible_instead():
    with pytest.raises(
        InputError, match=r"stack.tif: there is one frame, at z_um 4; .* srqpi, srcnn and defocus-field"
    ):
        distinct_planes(stack([4.0]))
    with pytest.raises(InputError, match=r"all 3 frames are at z_um 4; .* give time_s if the frames are a time-lapse"):
        distinct_planes(stack([4.0, 4.0, 4.0]))
    with pytest.raises(InputError, match="this is a time-lapse, all 2 frames at z_um 4"):
        distinct_planes(stack([4.0, 4.0], time_s=[0.0, 30.0]))
