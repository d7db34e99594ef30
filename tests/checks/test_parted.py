"""LEDs at the rim of the NA over a wide field: the parted frames are found, exactly those."""

from __future__ import annotations

import numpy as np
import pytest
from places_scene import places_apart

from napari_neuralfield.checks.seen.look import look
from napari_neuralfield.checks.seen.parted import at_odds, parted, parted_of
from napari_neuralfield.checks.seen.preparation import prepared


@pytest.fixture(scope="module")
def scene() -> tuple:
    acquisition, truth = places_apart(3, 2, 48, height_mm=22.4, objective_na=0.14)
    inside = np.hypot(*np.moveaxis(truth["illumination_na"], -1, 0)) < 0.14  # (tile, led)
    return acquisition, np.flatnonzero(inside.any(0) & ~inside.all(0)), inside


def test_frames_bright_here_and_dark_there_are_found(scene: tuple) -> None:
    acquisition, crossing, _ = scene
    assert len(crossing)
    np.testing.assert_array_equal(parted_of(acquisition), crossing)
    np.testing.assert_array_equal(parted(acquisition, look(acquisition)), crossing)


def test_a_single_microscope_does_without_them_and_a_calibration_keeps_them(scene: tuple) -> None:
    acquisition, crossing, _ = scene
    assert set(crossing) == set(prepared(acquisition, 2**31, one_microscope=True).left_out)
    told = prepared(acquisition, 2**31)
    assert len(told.left_out) == 0
    assert any(finding.name == "parted_frames" for finding in told.findings)


def test_a_part_of_the_field_takes_those_that_do_what_their_direction_says(scene: tuple) -> None:
    acquisition, crossing, inside = scene
    told = np.hypot(*acquisition.illumination_na[crossing].T) < 0.14
    for tile, (y, x) in enumerate(np.ndindex(2, 2)):
        part = acquisition.crop(slice(48 * y, 48 * y + 48), slice(48 * x, 48 * x + 48))
        np.testing.assert_array_equal(at_odds(part, crossing), crossing[inside[tile, crossing] != told])


def test_directions_that_are_the_same_everywhere_part_no_frame() -> None:
    acquisition, _ = places_apart(1, 1, 96)
    assert not len(parted_of(acquisition))
