"""Drafts become checked acquisitions; every mistake is one sentence."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_neuralfield.data.acquisition import KINDS, Acquisition, Draft, quantities, required
from napari_neuralfield.types import InputError

Make = Callable[..., Acquisition]
FRAMES = np.random.default_rng(0).uniform(1, 2, (3, 5, 7)).astype(np.float32)
VALUES: dict[str, Any] = {
    "wavelength_um": 0.5,
    "objective_na": 0.2,
    "pixel_um": 0.8,
    "illumination_na": [[0, 0], [0, 0.1], [0.1, 0]],
}


def complete(**changes: Any) -> Acquisition:
    return Draft("led_array", changes.pop("frames", FRAMES), {**VALUES, **changes}, "cells.mat").complete()


def test_a_complete_draft_is_frozen_and_typed() -> None:
    acquisition = complete(title="cells", sample_z_um=3)
    assert acquisition.kind == "led_array"
    assert acquisition.frame_shape == (5, 7)
    assert acquisition.sample_z_um == 3.0
    assert not acquisition.illumination_na.flags.writeable
    with pytest.raises(AttributeError):
        acquisition.wavelength_um = 1.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective_na": 1.2}, r"cells.mat: objective_na is 1.2; .* at most 1; immersion"),
        ({"wavelength_um": 522}, r"wavelength_um is 522 um; .*at most 20: did you mean 522 nm\?"),
        ({"wavelength_um": None}, r"wavelength_um .* is missing; give wavelength_um in um in the sidecar"),
        ({"pixel_um": -0.8}, r"pixel_um is -0.8 um; it must be larger than 0"),
        ({"pixel_um": "wide"}, r"pixel_um is 'wide'; it must be a number in um"),
        ({"pixel_um": 2**62}, r"pixel_um is 4.61169e\+18 um, which is no length of optics"),
        ({"pixel_um": 1 + 2j}, r"pixel_um is \(1\+2j\); it must be a number in um"),
        ({"pixel_um": [1.0, 2.0]}, r"pixel_um has shape \(2,\); it must be a single number"),
        ({"illumination_na": [[0, 0]]}, r"illumination_na has 1 entries along 'frame' but the frames have 3"),
        ({"illumination_na": [[0, 0], [0, 2], [0, 0]]}, r"illumination_na is 2 at index 1"),
        ({"illumination_na": [[0, 0], [0, np.nan], [0, 0]]}, r"illumination_na is not finite at \(1, 1\)"),
        ({"exposure": [1, 0, 1]}, r"exposure is 0 at index 1; it must be larger than 0"),
        ({"background": np.zeros((5, 5))}, r"background has 5 entries along 'x' but the frames have 7"),
        ({"ambient": [1, 2]}, r"ambient has 2 entries along 'frame' but the frames have 3"),
        ({"led_height_mm": 0}, r"led_height_mm is 0 mm; it must be larger than 0"),
        ({"objektiv": 1}, r"objektiv is not a value of kind led_array; known are wavelength_um"),
        ({"frames": FRAMES[0]}, r"frames have shape \(5, 7\); they must be \(frame, y, x\)"),
        ({"frames": FRAMES[:0]}, r"holds no pixels"),
        ({"frames": FRAMES.astype(np.complex64)}, r"complex64; they must be real"),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        complete(**changes)


def test_an_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"kind is 'hologram'; it must be one of led_array"):
        Draft("hologram", FRAMES).complete()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_what_it_needs(kind: str) -> None:
    draft = Draft(kind, FRAMES)
    assert draft.missing() == required(kind)
    assert "wavelength_um" in draft.missing()
    assert all(q.label and q.help for q in quantities(kind).values())


def test_intensity_takes_out_background_and_exposure() -> None:
    acquisition = complete(background=np.full((5, 7), 0.5), exposure=[1.0, 2.0, 4.0])
    expected = (FRAMES[[2, 0]] - 0.5) / np.array([4.0, 1.0])[:, None, None]
    assert np.allclose(acquisition.intensity([2, 0]), expected)
    region = acquisition.intensity([1], (slice(1, 4), slice(2, 3)))
    assert np.allclose(region, ((FRAMES[1] - 0.5) / 2)[1:4, 2:3])


def test_intensity_takes_out_the_ambient_light_of_each_frame() -> None:
    acquisition = complete(background=np.full((5, 7), 0.5), ambient=[0.1, -0.2, 0.3], exposure=[1.0, 2.0, 4.0])
    light = FRAMES - 0.5 - np.array([0.1, -0.2, 0.3])[:, None, None]
    assert np.allclose(acquisition.intensity([2, 0]), light[[2, 0]] / np.array([4.0, 1.0])[:, None, None])
    assert np.allclose(acquisition.intensity(per_exposure=False), light)
    region = (slice(1, 4), slice(2, 3))
    assert np.allclose(acquisition.intensity([1], region, per_exposure=False), light[[1], 1:4, 2:3])


def test_a_subset_takes_what_goes_with_its_frames() -> None:
    acquisition = complete(ambient=[0.1, 0.2, 0.3], exposure=[1.0, 2.0, 4.0], led_height_mm=80)
    part = acquisition.subset([2, 0])
    assert part.ambient.tolist() == [0.3, 0.1]
    assert part.exposure.tolist() == [4.0, 1.0]
    assert part.led_height_mm == 80.0
    assert np.array_equal(part.intensity(), acquisition.intensity([2, 0]))
    assert np.array_equal(part.crop(slice(1, 3), slice(0, 4)).intensity(), acquisition.intensity([2, 0])[:, 1:3, :4])
    assert acquisition.subset([1]).replace(ambient=None).ambient is None


def test_a_frame_that_is_not_finite_is_named() -> None:
    frames = FRAMES.copy()
    frames[1, 0, 0] = np.inf
    with pytest.raises(InputError, match=r"cells.mat: frame 1 holds values that are not finite"):
        complete(frames=frames).intensity()


def test_subset_and_crop_stay_lazy_and_picklable(led_array: Make) -> None:
    acquisition = led_array(leds=3, size=32)
    part = acquisition.subset([4, 1]).crop(slice(3, 20), slice(5, 30, 2))
    assert part.frames.shape == (2, 17, 13)
    copied = pickle.loads(pickle.dumps(part))
    assert np.array_equal(copied.intensity(), acquisition.intensity([4, 1])[:, 3:20, 5:30:2])
    assert np.array_equal(copied.illumination_na, acquisition.illumination_na[[4, 1]])
    assert np.array_equal(copied.frames[0, 2:4, 1], acquisition.frames[4][5:7, 7])
