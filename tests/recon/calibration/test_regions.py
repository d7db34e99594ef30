"""Regions of a wide field, calibrated one by one, tell optical axis, height of the board and pupil over the field."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np
import pytest
from places_scene import places_apart

from napari_neuralfield.optics.pupil_field import PupilField, defocus_coefficient
from napari_neuralfield.recon.calibration.recipe import CalibrationRecipe
from napari_neuralfield.recon.calibration.regions import RegionsFound, calibrate_regions
from napari_neuralfield.types import Event, InputError


def ended(events: Generator[Event, None, RegionsFound]) -> RegionsFound:
    while True:
        try:
            next(events)
        except StopIteration as stop:
            found: RegionsFound = stop.value
            return found


def test_four_regions_tell_axis_height_and_pupil() -> None:
    acquisition, truth = places_apart(0, 2, 48, limit_na=0.15, height_mm=12.0, pitch_mm=0.6)
    options = {"pupil_terms": 5, "calibration_steps": 4, "check_orientation": False, "as_given": True}
    found = ended(calibrate_regions(acquisition, CalibrationRecipe(region_px=48, **options), 2, 2))
    assert found.axis is not None
    assert found.axis.from_field
    assert np.hypot(*(found.axis.axis_um - truth["optical_axis_um"])) < 2  # um, measured 0.1
    assert found.axis.height_mm == pytest.approx(12.0, rel=0.03)  # measured 0.024; other worlds within 0.01
    corners = [found.corrected.crop(slice(y, y + 48), slice(x, x + 48)) for y in (0, 48) for x in (0, 48)]
    left = [corner.illumination_na - na for corner, na in zip(corners, truth["illumination_na"], strict=True)]
    assert np.sqrt(np.mean(np.square(left))) < 3e-4  # NA, measured 1.2e-4; as given 3.2e-3
    assert found.pupil is not None
    field, places = PupilField.of_table(truth["pupil_field"]), truth["places_um"]
    terms = dict(zip(found.pupil.noll, found.pupil.at(*places.T).T, strict=True))
    terms[4] = terms[4] + defocus_coefficient(found.corrected.sample_z_um, 0.1, 0.522)
    for number in (4, 6, 7, 8):  # astigmatism along 45 deg goes with y x, which four corners do not tell
        true = field.at(*places.T)[:, field.noll.index(number)]
        assert np.abs(terms[number] - true).max() < 0.01  # rad, measured 0.0013 of up to 0.2


def test_regions_that_are_too_small_are_refused() -> None:
    acquisition, _ = places_apart(0, 2, 48, limit_na=0.05)
    with pytest.raises(InputError, match="4 x 4 regions of frames of 96 x 96 pixels are 24 pixels wide"):
        ended(calibrate_regions(acquisition, CalibrationRecipe(as_given=True), 4, 4))
