"""What of a calibration is taken: all of it, a part, or nothing, as frames say that were withheld for the purpose."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import partial

import numpy as np

from ..engine import checkpoint
from .held_out import errors, withheld
from .result import AcceptedMicroscope
from .solver import Calibrator
from .trial_microscope import TrialMicroscope

CLEARLY = 0.01  # lower logarithm of the amplitude error that makes another microscope better
FAR = 0.15  # where the board would be mounted otherwise
SINGLE = 0.03  # more of it that single LEDs must win: each saw the frame that it is to predict
FEWEST = 2  # frames that must be withheld to tell
ALL, BOARD, GIVEN, NOTHING = "all", "board", "light and pupil", "nothing"
SAID = {
    ALL: "",
    BOARD: "of the LED directions only the turn, shift and size of the whole board are taken, not single LEDs",
    GIVEN: "the LED directions are left as they were, and only gains, pupil, depth and ambient light are taken",
    NOTHING: "the acquisition is left as it was",
}


@dataclasses.dataclass(frozen=True)
class Accepted:
    """The microscope that explains withheld frames best.

    Parameters
    ----------
    what : ALL, BOARD, GIVEN or NOTHING, the last for the microscope of the file.
    microscope : as it is taken.
    held_out : numbers of the frames that were withheld (k,).
    error_before, error_after : relative amplitude error of those (k,), with the file's microscope and with this one.
    """

    what: str
    microscope: TrialMicroscope
    held_out: np.ndarray
    error_before: np.ndarray
    error_after: np.ndarray

    @property
    def said(self) -> str:
        """Why not all was taken, a sentence; empty where all was."""
        if self.what == ALL or not len(self.held_out):
            return ""
        most = f"{len(self.held_out)} withheld frames agree best with that"
        if self.what == NOTHING:
            most = f"{len(self.held_out)} withheld frames agree no better with the microscope that was found"
        return f"{most}: {SAID[self.what]}" if self.what == NOTHING else f"{SAID[self.what]}: {most}"

    def summary(self, scale: float) -> AcceptedMicroscope:
        """For a result; `scale` are the counts of the mean bright field."""
        m = self.microscope
        return AcceptedMicroscope(
            what=self.what, illumination_na=m.na, gains=m.gain, floor=m.floor * scale, scale=scale,
            zernike_rad={j: float(v) for j, v in zip(m.noll, m.coefficients, strict=True)},
            z_um=m.z_um, wavelength_um=m.wavelength_um, held_out=self.held_out,
            error_before=self.error_before, error_after=self.error_after,
        )  # fmt: skip


def accept(
    calibrator: Calibrator,
    given: TrialMicroscope,
    candidates: Mapping[str, TrialMicroscope],
    usable: np.ndarray,
    otherwise: bool = False,
) -> Accepted:
    """The best of `given` and of `candidates` on withheld frames.

    Parameters
    ----------
    calibrator : the frames.
    given : the microscope of the file.
    candidates : by ALL, BOARD or GIVEN, the fullest first, which is taken where no frames can be withheld.
    usable : LEDs whose frames agree with the others (led,) bool.
    otherwise : the candidates have the board mounted, or lit, otherwise than the file; that must win by far.
    """
    first = next(iter(candidates))
    found = candidates[first]
    objective_na = calibrator.acquisition.objective_na
    held = withheld(found.na, objective_na, usable)
    if len(held) < FEWEST:
        return Accepted(first, found, held[:0], np.zeros(0), np.zeros(0))
    bright = np.hypot(*found.na[held].T) <= objective_na
    before = checkpoint.once("withheld", partial(errors, calibrator, given, held, usable))
    best, least, after = NOTHING, -FAR if otherwise else -CLEARLY, before
    for name, microscope in candidates.items():
        tried = checkpoint.once("withheld", partial(errors, calibrator, microscope, held, usable))
        score = change(before, tried, bright) + SINGLE * (name == ALL and len(candidates) > 1)
        if score < least:
            best, least, after = name, score, tried
    return Accepted(best, candidates.get(best, given), held, np.sqrt(before), np.sqrt(after))


def change(before: np.ndarray, after: np.ndarray, bright: np.ndarray) -> float:
    """Mean logarithm of how the amplitude error of frames changed, bright and dark field counting alike.

    Parameters
    ----------
    before, after : relative squared errors of the frames (k,).
    bright : which are bright field (k,) bool.
    """
    logarithm = np.log(np.maximum(after, 1e-12) / np.maximum(before, 1e-12)) / 2
    return float(np.mean([logarithm[some].mean() for some in (bright, ~bright) if some.any()]))
