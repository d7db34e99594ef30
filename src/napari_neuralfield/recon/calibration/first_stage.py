"""Calibration as the first stage of a reconstruction."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator

import numpy as np

from ...data.acquisition import Acquisition, LedArray
from ...types import Event, Note
from ..engine.preparing import announced
from ..engine.recipe import option
from . import stages
from .recipe import CalibrationRecipe
from .result import Calibration
from .stages import calibrate

CALIBRATE = option(False, "first find what the microscope really was, from the frames themselves")
DARKEST_FRAMES, DARKEST_PIXELS = 0.1, 0.02  # shares of the dark frames, and of their pixels, that show ambient light


@dataclasses.dataclass(frozen=True)
class FoundMicroscope:
    """What a calibration adds to a result: arrays and figures, both empty without one."""

    arrays: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    figures: dict[str, float] = dataclasses.field(default_factory=dict)


def calibration_of(acquisition: Acquisition, recipe: CalibrationRecipe) -> Generator[Event, None, Calibration]:
    """The calibration of an acquisition that is made ready first, as before every run.

    Parameters
    ----------
    acquisition : as it was read.
    recipe : what may be corrected, and whether the frames are taken as they are given.
    """
    ready = yield from announced(acquisition, recipe.as_given)
    return (yield from stages.calibrate(ready.acquisition, recipe))


def calibrated(
    acquisition: LedArray, recipe: CalibrationRecipe, wanted: bool
) -> Generator[Event, None, tuple[LedArray, FoundMicroscope]]:
    """`acquisition` with the microscope that its frames tell of, as far as `recipe` asks, where that is `wanted`."""
    if not wanted:
        return acquisition, FoundMicroscope()
    found = yield from calibrate(acquisition, recipe)
    for outlier in found.outlier_frames:
        left = "it is left out" if recipe.leave_out else "leave_out leaves it out"
        yield Note(f"frame {outlier.frame} {outlier.why}; {left}", "warning")
    return found.acquisition(recipe.leave_out), what_was_found(found)


def what_was_found(calibration: Calibration) -> FoundMicroscope:
    """Arrays and figures of a calibration as a result keeps them."""
    kept = calibration.corrected
    arrays = arrays_of(kept, calibration.gains, calibration.background)
    figures = {"calibration_seconds": calibration.figures["cpu_seconds"]}
    if kept.sample_z_um is not None:
        figures["sample_z_um"] = float(kept.sample_z_um)
    return FoundMicroscope(arrays, figures)


def arrays_of(acquisition: LedArray, gains: np.ndarray, background: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """What a result keeps of a microscope that was found.

    Parameters
    ----------
    acquisition : with what was found.
    gains : brightness of each LED (led,), mean 1.
    background : ambient light in each frame (led,), counts; None where it was not looked for.
    """
    found = {"gains": gains, "pupil": acquisition.pupil, "background": background}
    arrays = {"illumination_na": np.asarray(acquisition.illumination_na)}
    return arrays | {name: np.asarray(value) for name, value in found.items() if value is not None}


def without_ambient_light(acquisition: LedArray) -> LedArray:
    """With a dark frame as bright as the darkest parts of the darkest dark-field frames.

    Where there are no dark-field frames, the acquisition as it is.
    """
    radius = np.hypot(*np.asarray(acquisition.illumination_na).T)
    dark = np.flatnonzero(radius > acquisition.objective_na)
    if not len(dark):
        return acquisition
    low = [float(np.quantile(np.asarray(acquisition.frames[int(k)]), DARKEST_PIXELS)) for k in dark]
    few = max(1, round(DARKEST_FRAMES * len(dark)))
    level = float(np.median(np.sort(low)[:few]))
    return acquisition.replace(background=np.full(acquisition.frame_shape, max(level, 0.0)), ambient=None)
