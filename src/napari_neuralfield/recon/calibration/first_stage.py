"""Calibration as the first stage of a reconstruction."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator

import numpy as np

from ...checks.board_findings import board_to_calibrate, moved
from ...data.acquisition import Acquisition, LedArray
from ...optics.grids import frequencies
from ...types import Event, Note
from ..engine.preparing import announced
from ..engine.recipe import option
from . import stages
from .recipe import CalibrationRecipe
from .result import Calibration
from .stages import calibrate

CALIBRATE = option(False, "first find what the microscope really was, from the frames themselves")
BOARD = option(
    "given", "where the LED board is: as the file gives it, or as the circles in the bright frames' spectra show it"
)
SOFT_BINS = 1.5  # width of the rim of a pupil that lets part of an LED's direct light through
PARTLY = (0.03, 0.85)  # of the bright frames' light, in the frame of an LED at the rim
AT_THE_RIM = 0.03  # of the NA
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
    yield from said_of(found, recipe.leave_out)
    return found.acquisition(recipe.leave_out), what_was_found(found)


def said_of(found: Calibration, leave_out: bool) -> Iterator[Note]:
    """What a user should know of the frames of a calibration; whether they are left out, `leave_out` says."""
    for outlier in found.outlier_frames:
        left = "it is left out" if leave_out else "leave_out leaves it out"
        yield Note(f"frame {outlier.frame} {outlier.why}; {left}", "warning")


def placed(acquisition: LedArray) -> Generator[Event, None, LedArray]:
    """`acquisition` with its LED board where the bright frames' spectra show it, and a soft rim where they need one."""
    found = board_to_calibrate(acquisition)
    if found is None:
        yield Note("the bright frames' spectra show the LED board where the file says, or do not tell where it is")
        return acquisition
    given, better = found.agreement
    yield Note(
        f"the LED board is taken {moved(found.pose, acquisition)}, as the circles in the bright frames' spectra show "
        f"(agreement {better:.2f}, as given {given:.2f}); correct the sidecar, or run neuralfield calibrate for more",
        "warning",
    )
    turned = acquisition.replace(illumination_na=found.pose.place(acquisition.illumination_na))
    return with_soft_rim(turned)


def with_soft_rim(acquisition: LedArray) -> LedArray:
    """With a pupil that ends softly, where LEDs at its rim send part of their direct light through; else as it is."""
    ratio = np.hypot(*acquisition.illumination_na.T) / acquisition.objective_na
    rim, inside = np.flatnonzero(np.abs(ratio - 1) < AT_THE_RIM), np.flatnonzero(ratio < 1 - AT_THE_RIM)
    if acquisition.pupil is not None or not len(rim) or not len(inside):
        return acquisition
    usual = np.median([acquisition.intensity([int(k)]).mean() for k in inside])
    share = np.array([acquisition.intensity([int(k)]).mean() for k in rim]) / usual
    if not ((share > PARTLY[0]) & (share < PARTLY[1])).any():
        return acquisition
    fy, fx = (frequencies(n, acquisition.pixel_um) for n in acquisition.frame_shape)
    width = SOFT_BINS / (min(acquisition.frame_shape) * acquisition.pixel_um)
    beyond = np.hypot(fy[:, None], fx[None, :]) - acquisition.objective_na / acquisition.wavelength_um
    return acquisition.replace(pupil=np.clip(0.5 - beyond / width, 0, 1).astype(np.complex64))


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
