"""What a calibration found, in words and numbers for people. Knows no Qt."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from . import calibration_words as words

if TYPE_CHECKING:
    from ...data.acquisition import LedArray
    from ...recon.calibration.quality import Quality
    from ...recon.calibration.result import Calibration

CALIBRATED = ("illumination_na", "exposure", "background", "pupil", "sample_z_um", "wavelength_um", "led_height_mm")
SIDE = 96  # pixels of the picture of a pupil that is made of Zernike terms


@dataclasses.dataclass(frozen=True)
class ShownCalibration:
    """A calibration with what is shown of it; see `found_of`.

    Parameters
    ----------
    phase : of the pupil, rad (y, x), NaN outside the aperture, whose edge touches the sides.
    bright : mean of the frame lit straight from below, counts.
    """

    calibration: Calibration
    phase: np.ndarray
    bright: float


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line: what it is about, what was found, and what that means."""

    name: str
    text: str
    tip: str


def found_of(calibration: Calibration) -> ShownCalibration:
    """Work out what is shown; reads a frame and may import torch, so call it outside the window's thread."""
    calibration = words.as_taken_up(calibration)
    given, corrected = calibration.given, calibration.corrected
    straight = int(np.argmin(np.hypot(*corrected.illumination_na.T)))
    bright = float(np.mean(np.asarray(given.frames[straight], dtype=np.float64)))
    measured = given.pupil is not None and corrected.pupil is not None
    phase = measured_phase(corrected) if measured else words.wavefront(calibration.zernike_rad, SIDE)
    return ShownCalibration(calibration, phase, bright)


def measured_phase(acquisition: LedArray) -> np.ndarray:
    """Phase of an acquisition's pupil, rad, cut to the box around its aperture; NaN outside the aperture."""
    pupil = np.asarray(acquisition.pupil)
    cutoff = acquisition.objective_na / acquisition.wavelength_um
    axes = [(np.arange(n) - n // 2) / (n * acquisition.pixel_um) / cutoff for n in pupil.shape]
    inside = np.hypot(axes[0][:, None], axes[1][None, :]) <= 1
    phase = np.where(inside, np.angle(pupil), np.nan)
    rows, columns = (np.flatnonzero(np.abs(axis) <= 1) for axis in axes)
    return phase[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def kept_frames(calibration: Calibration) -> list[int]:
    """The frames that agree with all others."""
    odd = {outlier.frame for outlier in calibration.outlier_frames}
    return [frame for frame in range(calibration.given.frame_count) if frame not in odd]


def corrected_values(calibration: Calibration, leave_out: bool) -> tuple[dict[str, Any], Any]:
    """What accepting changes: the calibrated values, None where there is none now, and the frames."""
    acquisition = calibration.acquisition(leave_out)
    values = acquisition.values()
    return {name: values.get(name) for name in CALIBRATED}, acquisition.frames


def findings(found: ShownCalibration) -> list[Finding]:
    """Everything that was found, a line each, the most telling first."""
    calibration = found.calibration
    lines = [_misfit(calibration)]
    if calibration.orientation != "as given":
        tip = "The board's axes differ from those of the file; the found directions follow the board."
        lines.append(Finding("Board mounted", calibration.orientation, tip))
    lines += [*_board(calibration), *_light(found), *_optics(calibration)]
    rest = words.left_as_given(words.learnt(calibration))
    if rest:
        lines.append(Finding("Left as given", rest, "Not asked for, or these frames do not tell."))
    return lines


def _misfit(calibration: Calibration) -> Finding:
    before, after = (float(np.median(e)) for e in (calibration.error_before, calibration.error_after))
    tip = "How far the predicted frames are from the measured ones: relative amplitude error of the median frame."
    return Finding("Misfit", f"{before:.3g} → {after:.3g}", tip)


def _board(calibration: Calibration) -> list[Finding]:
    pose = calibration.pose
    height, known, lines = calibration.given.led_height_mm, words.learnt(calibration), []
    if known["board"]:
        shift = words.shift_text(words.shift_na(pose), words.shift_mm(pose, height))
        lines += [
            Finding("Board turned", words.turn_text(math.degrees(pose.turn_rad)), "Turn about the optical axis."),
            Finding("Board shifted", shift, "Where the board's centre lies against the file's."),
            Finding("Board size", size_text(pose.scale, height), "The frames tell only the ratio of pitch and height."),
        ]
    if known["single LEDs"]:
        stray = words.off_board(calibration, kept_frames(calibration))
        tip = "How far LEDs lie from the board's grid, rms."
        lines.append(Finding("Single LEDs", f"{stray:.2g} NA off the board", tip))
    return lines


def size_text(scale: float, height_mm: float | None) -> str:
    """What `BoardPose.scale` says about pitch and height."""
    if abs(scale - 1) < 5e-4:
        return "as given"
    wider = f"pitch {abs(scale - 1):.1%} {'wider' if scale > 1 else 'narrower'}".replace("%", " %")
    if height_mm is None:
        nearer = f"board {abs(1 / scale - 1):.1%} {'nearer' if scale > 1 else 'further'}".replace("%", " %")
        return f"{nearer}, or {wider}"
    return f"height {height_mm / scale:.4g} mm if the pitch is right (given {height_mm:.4g}), or {wider}"


def _light(found: ShownCalibration) -> list[Finding]:
    calibration = found.calibration
    gains = np.asarray(calibration.gains)[kept_frames(calibration)]
    background = np.asarray(calibration.background)
    spread = "equal" if np.ptp(gains) < 1e-6 else f"{gains.min():.0%} to {gains.max():.0%} of the mean"
    low, high = float(background.min()), float(background.max())
    ambient = "none"
    if max(abs(low), abs(high)) > 0:
        counts = f"{low:.3g} counts" if high - low < 1e-6 * abs(high) else f"{low:.3g} to {high:.3g} counts"
        share = f", {background.mean() / found.bright:.1%} of the bright field" if found.bright > 0 else ""
        ambient = (counts + share).replace("%", " %")
    tip = "Light that reaches the camera whatever LED is lit; the model adds it to every frame."
    lines = [
        Finding("LED brightness", spread.replace("%", " %"), "Brightness of the weakest and the strongest LED."),
        Finding("Ambient light", ambient, tip),
    ]
    known = words.learnt(calibration)
    return [line for line, name in zip(lines, ("LED brightness", "ambient light"), strict=True) if known[name]]


def _optics(calibration: Calibration) -> list[Finding]:
    given, lines = calibration.given, []
    if words.learnt(calibration)["sample depth"]:
        tip = "Distance of the sample from the plane in focus"
        tip += f"; {words.HALF_TURN}." if words.half_turn_fits(calibration) else "."
        lines.append(Finding("Sample depth", signed(calibration.z_um, " µm") + _was(given.sample_z_um, " µm"), tip))
    if calibration.wavelength_um != given.wavelength_um:
        text = f"{calibration.wavelength_um:.4f} µm" + _was(given.wavelength_um, " µm")
        lines.append(Finding("Wavelength", text, "Of the LEDs, as the rim of the pupil shows it."))
    coefficients = calibration.zernike_rad
    if coefficients:
        rms = math.sqrt(sum(c**2 for c in coefficients.values()))
        worst = max(coefficients, key=lambda index: abs(coefficients[index]))
        text = f"{rms:.2f} rad rms, mostly {words.zernike_name(worst)}" if rms > 5e-3 else "none"
        tip = "Errors of the objective (and the cover slip); below 0.45 rad rms it is as good as perfect."
        lines.append(Finding("Aberrations", text, tip))
    return lines


def signed(value: float, unit: str) -> str:
    """With its sign and two decimals."""
    return f"{value:+.2f}{unit}".replace("-", "−")


def _was(value: float | None, unit: str) -> str:
    return " (not given)" if value is None else f" (given {value:.4g}{unit})"


def quality_lines(before: Quality, after: Quality) -> list[Finding]:
    """What two assessments, as given and corrected, say."""
    return [
        Finding(
            "Smallest detail",
            f"{_resolution(before)} → {_resolution(after)}",
            "Full period at which two pictures, each from one half of the LEDs, stop agreeing.",
        ),
        Finding(
            "Unseen frames",
            f"{before.held_out_error:.3g} → {after.held_out_error:.3g}",
            f"Misfit of {len(after.held_out)} frames predicted from all others: what is learnt must help there too.",
        ),
    ]


def _resolution(quality: Quality) -> str:
    return f"{quality.resolution_um:.3g} µm" if math.isfinite(quality.resolution_um) else "not known"
