"""Calibration and its assessment as streams for a job, and what is shown of them. Knows no window."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import memory
from ...app.figures import calibration_figures
from ...app.figures.calibration_findings import Finding, findings
from ...types import Event, InputError
from ..kit.threads import explain
from ..kit.warming import import_torch, importing

if TYPE_CHECKING:
    from ...data.acquisition import Acquisition, Frames, LedArray
    from ...recon.calibration.quality import Quality
    from ...recon.calibration.recipe import CalibrationRecipe
    from ...recon.calibration.result import Calibration
    from ...recon.engine.recipe import OptionInfo

CALIBRATED = (
    "illumination_na", "directions_at_um", "exposure", "background", "pupil", "pupil_field", "sample_z_um",
    "wavelength_um", "led_height_mm",
)  # fmt: skip
SIDE = 96  # pixels of the picture of a pupil that is made of Zernike terms


@dataclasses.dataclass(frozen=True)
class ShownCalibration:
    """A calibration with what is shown of it.

    Parameters
    ----------
    calibration : as it is taken up.
    phase : of the pupil, rad (y, x), NaN outside the aperture, whose edge touches the sides.
    findings : what was found, in words.
    """

    calibration: Calibration
    phase: np.ndarray
    findings: list[Finding]


@dataclasses.dataclass(frozen=True)
class Assessment:
    """The quality as given and as corrected, and what was found, in words that tell of it."""

    before: Quality
    after: Quality
    findings: list[Finding]


class Answer:
    """The last event of work that returns something: what it returned."""

    def __init__(self, value: object) -> None:
        self.value = value


def answering(work: Callable[[], Generator[Event, None, object]]) -> Callable[[], Iterator[Any]]:
    """A stream for `Job`: the events of `work`, then its `Answer`; errors are sentences."""

    def follow() -> Iterator[Any]:
        try:
            yield Answer((yield from work()))
        except Exception as error:  # the job's own words are about a reconstruction
            if memory.is_out_of_memory(error):
                remedies = ("smaller regions", "another device in the Reconstruct dock")
                raise InputError(memory.sentence(error, remedies)) from None
            raise InputError(explain(error)) from None

    return follow


def calibrating(acquisition: Acquisition, recipe: CalibrationRecipe) -> Generator[Event, None, ShownCalibration]:
    """Calibrate `acquisition` by `recipe`, and work out what is shown of it."""
    from ...recon.calibration.first_stage import calibration_of

    return shown((yield from calibration_of(acquisition, recipe)))


def assessing(calibration: Calibration, leave_out: bool, device: str) -> Generator[Event, None, Assessment]:
    """Judge `calibration` on `device`, without the outlier frames where `leave_out`."""
    from ...app.calibration import assess_both

    before, after = yield from assess_both(calibration, leave_out, device)
    return Assessment(before, after, findings(calibration_figures.figures(calibration, before, after)))


def shown(calibration: Calibration) -> ShownCalibration:
    """Work out what is shown; reads a frame and may import torch, so call it outside the window's thread."""
    calibration = calibration_figures.as_taken_up(calibration)
    given, corrected = calibration.given, calibration.corrected
    measured = given.pupil is not None and corrected.pupil is not None
    phase = measured_phase(corrected) if measured else calibration_figures.wavefront(calibration.zernike_rad, SIDE)
    return ShownCalibration(calibration, phase, findings(calibration_figures.figures(calibration)))


def measured_phase(acquisition: LedArray) -> np.ndarray:
    """Phase of an acquisition's pupil, rad, cut to the box around its aperture; NaN outside the aperture."""
    pupil = np.asarray(acquisition.pupil)
    cutoff = acquisition.objective_na / acquisition.wavelength_um
    axes = [(np.arange(n) - n // 2) / (n * acquisition.pixel_um) / cutoff for n in pupil.shape]
    inside = np.hypot(axes[0][:, None], axes[1][None, :]) <= 1
    phase = np.where(inside, np.angle(pupil), np.nan)
    rows, columns = (np.flatnonzero(np.abs(axis) <= 1) for axis in axes)
    return phase[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def corrected_values(calibration: Calibration, leave_out: bool) -> tuple[dict[str, object], Frames]:
    """What accepting `calibration` changes: the calibrated values, None where there is none now, and the frames.

    The outlier frames are missing where `leave_out`.
    """
    acquisition = calibration.acquisition(leave_out)
    values = acquisition.values()
    return {name: values.get(name) for name in CALIBRATED}, acquisition.frames


@importing()
def load_options() -> list[OptionInfo]:
    """Each option of a calibration; imports torch, so call it outside the window's thread."""
    import_torch()
    from ...recon.calibration.recipe import CalibrationRecipe
    from ...recon.engine.recipe import options_of

    return options_of(CalibrationRecipe)


def make_recipe(values: Mapping[str, object]) -> CalibrationRecipe:
    """The recipe with these options.

    Raises
    ------
    InputError : for a value that breaks its rule.
    """
    from ...recon.calibration.recipe import CalibrationRecipe
    from ...recon.engine.recipe import checked

    recipe: CalibrationRecipe = checked(CalibrationRecipe, values, "calibrate")
    return recipe
