"""A microscope that corrects itself: what an LED array's frames say about the microscope that took them."""

from __future__ import annotations

from collections.abc import Generator

from ..data.acquisition import Acquisition
from ..types import Event
from .calibration_recipe import CalibrationRecipe
from .microscope import Calibration


def calibrate(acquisition: Acquisition, recipe: CalibrationRecipe) -> Generator[Event, None, Calibration]:
    """Find what the microscope really was; yields Progress, Preview and Note, returns the calibration.

    Raises
    ------
    InputError : where the kind of acquisition cannot be calibrated.
    """
    raise NotImplementedError
    yield
