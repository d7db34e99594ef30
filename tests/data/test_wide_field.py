"""What is cut from a wide field has the directions and the pupil of its own place."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.checks.wide_field import wide_field
from napari_neuralfield.cli.commands import main
from napari_neuralfield.data.acquisition import Draft, LedArray
from napari_neuralfield.data.selection import select
from napari_neuralfield.io import open_acquisition, save_acquisition
from napari_neuralfield.optics.illumination import direction_cosines, grid_positions
from napari_neuralfield.optics.pupil_field import PupilField
from napari_neuralfield.types import InputError

LEDS, HEIGHT, PIXEL = grid_positions(3, 3, 4.0), 60.0, 2.0
FIELD = PupilField((4, 5), np.array([[0.1, 0, 0, 3.0, 0, 3.0], [0, 1.0, 0, 0, 2.0, 0]]))


def wide(**values: object) -> LedArray:
    frames = np.ones((9, 200, 240), np.float32)
    known = {
        "objective_na": 0.1,
        "wavelength_um": 0.5,
        "pixel_um": PIXEL,
        "illumination_na": direction_cosines(LEDS, HEIGHT),
    }
    found = Draft("led_array", frames, {**known, **values}, "wide").complete()
    assert isinstance(found, LedArray)
    return found


def seen_at(place_um: np.ndarray, axis_um: tuple[float, float]) -> np.ndarray:
    return direction_cosines(LEDS - (place_um - np.array(axis_um)) / 1000, HEIGHT)


def test_directions_are_those_of_the_place() -> None:
    axis = (90.0, 350.0)
    acquisition = wide(optical_axis_um=axis, led_height_mm=HEIGHT)
    np.testing.assert_allclose(acquisition.illumination_na, seen_at(np.array([199.0, 239.0]), axis), atol=1e-12)
    region = select(acquisition, region_um=(0, 0, 128, 160)).acquisition
    assert isinstance(region, LedArray)
    np.testing.assert_allclose(region.illumination_na, seen_at(np.array([63.0, 79.0]), axis), atol=1e-12)
    inner = region.crop(slice(32, 64), slice(40, 80))  # a part of a part, and some of its frames
    assert isinstance(inner, LedArray)
    np.testing.assert_allclose(inner.illumination_na, seen_at(np.array([95.0, 119.0]), axis), atol=1e-12)
    np.testing.assert_allclose(inner.optical_axis_um, [90 - 64, 350 - 80])
    np.testing.assert_array_equal(inner.subset([2, 4]).illumination_na, inner.illumination_na[[2, 4]])


@pytest.mark.parametrize("known", [{}, {"led_height_mm": HEIGHT}, {"optical_axis_um": (0.0, 0.0)}])
def test_nothing_changes_where_height_or_axis_is_not_known(known: dict[str, object]) -> None:
    acquisition = wide(**known)
    region = acquisition.crop(slice(0, 64), slice(0, 64))
    assert isinstance(region, LedArray)
    np.testing.assert_array_equal(region.illumination_na, direction_cosines(LEDS, HEIGHT))


def test_a_pupil_over_the_field_is_kept_and_used(tmp_path) -> None:
    save_acquisition(tmp_path / "wide.acq.h5", wide(pupil_field=FIELD.table))
    acquisition = open_acquisition(tmp_path / "wide.acq.h5")
    region = acquisition.crop(slice(100, 164), slice(20, 84)).crop(slice(0, 32), slice(32, 64))
    assert isinstance(region, LedArray)
    place = (200 + 31.0, 40 + 64 + 31.0)  # um, of the region's middle
    np.testing.assert_allclose(region.pupil, FIELD.pupil(place, (32, 32), PIXEL, 0.1 / 0.5), atol=1e-5)
    assert region.pupil_field is not None
    np.testing.assert_allclose(PupilField.of_table(region.pupil_field).at(31.0, 31.0), FIELD.at(*place), atol=1e-9)


@pytest.mark.parametrize("table", [np.ones((2, 6)), np.full((1, 2), 0.5), np.array([[0.0, 1.0]])])
def test_a_table_that_is_none_is_refused(table: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"pupil_field has rows of .* a row is the Noll index"):
        wide(pupil_field=table)


def test_the_axis_is_an_option(tmp_path, capsys) -> None:
    save_acquisition(tmp_path / "known.acq.h5", wide(led_height_mm=HEIGHT))
    save_acquisition(tmp_path / "unknown.acq.h5", wide())
    where = ["--region-um", "0,0,128,160", "--optical-axis-um", "90,350", "-o", str(tmp_path / "part.acq.h5")]
    assert main(["convert", str(tmp_path / "known.acq.h5"), *where]) == 0
    part = open_acquisition(tmp_path / "part.acq.h5")
    assert isinstance(part, LedArray)
    np.testing.assert_allclose(part.illumination_na, seen_at(np.array([63.0, 79.0]), (90.0, 350.0)), atol=1e-12)
    for file, sentence in (
        ("unknown", "the distance of the LED board is not known"),
        ("part", "has optical_axis_um 90"),
    ):
        other = [*where[:4], "-o", str(tmp_path / "other.acq.h5")]
        assert main(["convert", str(tmp_path / f"{file}.acq.h5"), *other]) == 2
        said = capsys.readouterr().err
        assert sentence in said
        assert said.count("\n") == 1
    assert main(["calibrate", str(tmp_path / "known.acq.h5"), "--regions", "1,1", "-o", where[-1] + "2.acq.h5"]) == 2
    assert "option --regions is 1,1; it is ROWS,COLUMNS" in capsys.readouterr().err


def test_a_wide_field_is_said() -> None:
    """As a remark: 256 pixels of 2 um under a board 60 mm away."""
    frames = np.ones((9, 256, 256), np.float32)
    known = {
        "objective_na": 0.1,
        "wavelength_um": 0.5,
        "pixel_um": PIXEL,
        "illumination_na": direction_cosines(LEDS, HEIGHT),
    }
    for values, sentence in (
        ({}, "only where led_height_mm and optical_axis_um are given"),
        ({"led_height_mm": HEIGHT}, "only where optical_axis_um is given"),
        ({"led_height_mm": HEIGHT, "optical_axis_um": (0, 0)}, "has its own directions."),
    ):
        acquisition = Draft("led_array", frames, {**known, **values}, "wide").complete()
        assert isinstance(acquisition, LedArray)
        (found,) = wide_field(acquisition)
        assert found.level == "info"
        assert sentence in found.text
    assert not list(wide_field(wide()))  # 200 x 240 pixels: too few to cut regions from
