"""What calibration found: the microscope as it really was, beside the one the file describes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ...data.acquisition import LedArray
from ...optics.board import BoardPose


@dataclasses.dataclass(frozen=True)
class OutlierFrame:
    """A frame that disagrees with all others. `why` ends a sentence: 'frame 7 is saturated'."""

    frame: int
    why: str


@dataclasses.dataclass(frozen=True)
class AcceptedMicroscope:
    """What was taken of a calibration, for whoever goes on from it.

    Parameters
    ----------
    what : 'all', 'board' (no single LEDs), 'light and pupil' (directions as given) or 'nothing'.
    illumination_na : direction of each LED (led, 2).
    gains : brightness of each LED (led,), its exposure in it, mean 1.
    floor : ambient light of each frame (led,), counts.
    scale : counts of the mean bright field.
    zernike_rad : Noll index -> coefficient of the unit-variance polynomial, rad, beside the file's own pupil.
    z_um : depth of the sample.
    wavelength_um : of the light.
    held_out : numbers of the frames that were withheld to decide (k,); empty where none could be.
    error_before, error_after : their relative amplitude errors (k,) with the file's microscope and with this one.
    """

    what: str
    illumination_na: np.ndarray
    gains: np.ndarray
    floor: np.ndarray
    scale: float
    zernike_rad: dict[int, float]
    z_um: float
    wavelength_um: float
    held_out: np.ndarray
    error_before: np.ndarray
    error_after: np.ndarray


@dataclasses.dataclass(frozen=True)
class Calibration:
    """The result of `calibrate`.

    Parameters
    ----------
    given, corrected : the acquisition as it came and with everything found, all frames in both.
    orientation : name of the board's orientation that was found, one of `optics.illumination.ORIENTATIONS`.
    pose : of the board, against the nominal directions in that orientation.
    gains : intensity of each LED (led,), mean 1.
    background : ambient light in each frame (led,), counts.
    zernike_rad : Noll index -> coefficient of the unit-variance polynomial, rad. Defocus is in `z_um` where learnt.
    error_before, error_after : relative amplitude error of each frame (led,), nominal and found microscope.
    outlier_frames : frames that disagree with all others.
    warnings : what the user should know, a sentence each; remarks : what was taken and replaced, likewise.
    accepted : the microscope that was taken, as `corrected` holds it; the values above are those found.
    figures : scalars (`relative_amplitude_error`, `cpu_seconds`, ...).
    """

    given: LedArray
    corrected: LedArray
    orientation: str
    pose: BoardPose
    gains: np.ndarray
    background: np.ndarray
    zernike_rad: dict[int, float]
    z_um: float
    wavelength_um: float
    error_before: np.ndarray
    error_after: np.ndarray
    outlier_frames: tuple[OutlierFrame, ...] = ()
    warnings: tuple[str, ...] = ()
    figures: dict[str, float] = dataclasses.field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    accepted: AcceptedMicroscope | None = None

    @property
    def kept_frames(self) -> list[int]:
        """Numbers of the frames that agree with all others."""
        odd = {outlier.frame for outlier in self.outlier_frames}
        return [frame for frame in range(self.given.frame_count) if frame not in odd]

    def acquisition(self, leave_out: bool = False) -> LedArray:
        """The corrected acquisition, without the outlier frames where `leave_out`."""
        return self.corrected.subset(self.kept_frames) if leave_out and self.outlier_frames else self.corrected


def overall(errors: np.ndarray, energies: np.ndarray, without: Sequence[int]) -> float:
    """Relative amplitude error of all frames together.

    Parameters
    ----------
    errors, energies : of each frame (led,): its relative amplitude error, and its mean.
    without : numbers of frames that do not count.
    """
    used = np.setdiff1d(np.arange(len(energies)), without)
    return float((errors[used] ** 2 * energies[used]).sum() / energies[used].sum()) ** 0.5
