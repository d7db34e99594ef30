"""Frames of several colours are told apart, and never taken for one wavelength."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.data.acquisition import Acquisition, Draft
from napari_neuralfield.data.white import empty_place
from napari_neuralfield.types import InputError

FRAMES = np.random.default_rng(0).random((6, 40, 48), np.float32) + 1
WAVES = [0.63, 0.53, 0.46]
VALUES = {"objective_na": 0.2, "condenser_na": 0.05, "pixel_um": 0.5}


def colours(frames: np.ndarray = FRAMES, **values: object) -> Acquisition:
    known = {"channel": [0, 0, 1, 1, 2, 2], "wavelengths_um": WAVES, "z_um": [0, 4], **VALUES}
    return Draft("through_focus", frames, {**known, **values}, "slide").complete()


def test_values_of_one_colour_hold_for_all() -> None:
    acquisition = colours(exposure=[1, 2], z_um=None, z_start_um=1, z_step_um=3)
    assert acquisition.z_um.tolist() == [1, 4] * 3
    assert acquisition.exposure.tolist() == [1, 2] * 3
    assert acquisition.wavelength_um == 0.53


def test_a_colour_alone() -> None:
    acquisition = colours(exposure=[1, 2, 3, 4, 5, 6], white=[2, 4, 8])
    blue = acquisition.of_channel(2)
    assert (blue.wavelength_um, blue.channel, blue.wavelengths_um, blue.white) == (0.46, None, None, None)
    assert blue.exposure.tolist() == [40, 48]
    assert np.allclose(blue.intensity(), acquisition.intensity([4, 5]))
    assert np.allclose(acquisition.intensity([4]), FRAMES[4] / 5 / 8)
    assert [one.wavelength_um for one in acquisition.colours()] == WAVES
    assert blue.of_channel(0) is blue
    with pytest.raises(InputError, match=r"channel is 3; the colours of the frames are 0 \(0.63 um\), 1 \(0"):
        acquisition.of_channel(3)
    with pytest.raises(InputError, match="channel 1 is asked for but the frames are of one colour"):
        blue.of_channel(1)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"channel": None}, r"holds 3 colours \(0.63, 0.53, 0.46\) but the frames are not told apart by colour"),
        ({"wavelengths_um": None}, r"wavelengths_um \(.*\) is missing"),
        ({"channel": [0, 0, 1, 1, 3, 3]}, r"frame 4 is of channel 3, counted from 0, but wavelengths_um holds 3"),
        ({"channel": [0, 0, 1, 1, 1, 1]}, r"no frame is of channel 2 \(0.46 um\)"),
        ({"wavelengths_um": [0.5, 0.6, 0.5]}, r"wavelengths_um is 0.5, 0.6, 0.5; every colour must have a wavelength"),
        ({"channel": [0, 1]}, r"channel has 2 entries along 'frame' but the frames have 6"),
    ],
)
def test_colours_that_make_no_sense_are_refused(values: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        colours(**{"z_um": [0, 4] * 3, **values})


def test_white_is_found_in_the_flattest_bright_place() -> None:
    rng = np.random.default_rng(1)
    stained = np.ones((40, 48)) - 0.5 * rng.random((40, 48))
    stained[22:34, 8:22] = 1.0
    frames = np.repeat(np.array([3.0, 1.0, 2.0]), 2)[:, None, None] * stained
    place = empty_place(colours((frames + rng.normal(0, 0.005, frames.shape)).astype(np.float32)))
    assert np.allclose(place.brightness, [3, 1, 2], rtol=0.01)
    assert not place.doubtful
    y0, x0, y1, x1 = (value / 0.5 for value in place.region_um)
    assert 21 <= y0 < y1 <= 35
    assert 7 <= x0 < x1 <= 23
    worse = empty_place(colours((frames - frames * (stained == 1) * rng.random((40, 48))).astype(np.float32)))
    assert worse.doubtful
    assert "no place of the frames looks empty" in worse.sentence


def test_white_is_taken_where_the_user_says() -> None:
    acquisition = colours(empty_um=[2, 3, 6, 8])
    place = empty_place(acquisition)
    assert place.region_um == (2, 3, 6, 8)
    assert place.given
    cut = acquisition.crop(slice(2, 40), slice(4, 48))
    assert cut.empty_um.tolist() == [1, 1, 5, 6]
    assert acquisition.crop(slice(20, 40), slice(None)).empty_um is None
    with pytest.raises(InputError, match=r"empty_um is 2, 3, 60, 8; it must be y0, x0, y1, x1 in um inside the frames"):
        empty_place(colours(empty_um=[2, 3, 60, 8]))
