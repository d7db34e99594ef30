"""Regions of a wide field, calibrated together, tell optical axis, height of the board and pupil over the field."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import pytest
from places_scene import places_apart

from napari_neuralfield.optics.board import BoardPose
from napari_neuralfield.optics.pupil_field import PupilField, defocus_coefficient
from napari_neuralfield.optics.wide_field import seen_from
from napari_neuralfield.recon.calibration.recipe import CalibrationRecipe
from napari_neuralfield.recon.calibration.wide.microscope import FieldPlaces, WideMicroscope
from napari_neuralfield.recon.calibration.wide.regions import RegionsFound, calibrate_regions
from napari_neuralfield.simulate.led_optics import led_grid_na
from napari_neuralfield.types import Event, InputError, Note

OPTIONS = {"pupil_terms": 5, "calibration_steps": 8, "as_given": True, "region_px": 48, "learn_directions": False}


def ended(events: Generator[Event, None, RegionsFound], notes: list[str] | None = None) -> RegionsFound:
    while True:
        try:
            event = next(events)
        except StopIteration as stop:
            found: RegionsFound = stop.value
            return found
        if isinstance(event, Note) and notes is not None:
            notes.append(event.text)


def test_directions_of_a_place_are_those_of_geometry_and_their_derivative_is_its() -> None:
    na, places = (
        led_grid_na(7, 1.2, 25.0, 0.2),
        FieldPlaces(np.array([[0.0, 50.0], [300.0, 20.0]]), np.array([150.0, 40.0])),
    )
    plain = WideMicroscope.plain(na, places, (), 1 / 25000.0)
    np.testing.assert_allclose(plain.na(1), seen_from(na, 25.0, places.away[1]), atol=1e-12)
    turned = plain.on_board(na, BoardPose(0.03, (0.002, -0.001), 1.02))
    step = 1e-6 * np.eye(5)
    for number in range(5):
        ahead, behind = (turned.changed(board=turned.board + way * step[number]).na(1) for way in (1, -1))
        np.testing.assert_allclose((ahead - behind) / 2e-6, turned.by_board(1)[:, :, number], atol=1e-8)
    middle = np.zeros(2)
    other = turned.half_turned().pose(middle).place(-na)
    np.testing.assert_allclose(other, -turned.pose(middle).place(na), atol=1e-12)


def test_four_regions_that_repeat_tell_axis_height_pupil_and_half_a_turn() -> None:
    acquisition, truth = places_apart(0, 2, 48, limit_na=0.15, height_mm=12.0, pitch_mm=0.6)
    turned, notes = acquisition.replace(illumination_na=-np.asarray(acquisition.illumination_na)), list[str]()
    found = ended(calibrate_regions(turned, CalibrationRecipe(**OPTIONS), 2, 2), notes)
    assert any("mounted half a turn from what the file says" in note for note in notes)
    assert found.axis is not None
    assert found.axis.from_field
    assert np.hypot(*(found.axis.axis_um - truth["optical_axis_um"])) < 4  # um, measured 1.8
    assert found.axis.height_mm == pytest.approx(12.0, rel=0.03)  # measured 0.008
    corners = [found.corrected.crop(slice(y, y + 48), slice(x, x + 48)) for y in (0, 48) for x in (0, 48)]
    errors = [one.illumination_na - na for one, na in zip(corners, truth["illumination_na"], strict=True)]
    assert np.sqrt(np.mean(np.square(errors))) < 3e-4  # NA, measured 1e-4; the board as it is, unturned, 3.2e-3
    assert found.pupil is not None
    field, places = PupilField.of_table(truth["pupil_field"]), truth["places_um"]
    terms = dict(zip(found.pupil.noll, found.pupil.at(*places.T).T, strict=True))
    terms[4] = terms[4] + defocus_coefficient(found.corrected.sample_z_um, 0.1, 0.522)
    for number in (4, 6, 7, 8):  # astigmatism along 45 deg goes with y x, which four corners do not tell
        true = field.at(*places.T)[:, field.noll.index(number)]
        assert np.abs(terms[number] - true).max() < 0.02  # rad, measured 0.007 of up to 0.2


def test_regions_that_are_too_small_are_refused() -> None:
    acquisition, _ = places_apart(0, 2, 48, limit_na=0.1)
    with pytest.raises(InputError, match="4 x 4 regions of frames of 96 x 96 pixels are 24 pixels apart"):
        ended(calibrate_regions(acquisition, CalibrationRecipe(as_given=True), 4, 4))
