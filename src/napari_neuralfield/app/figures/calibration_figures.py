"""What a calibration found, as plain values for JSON."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.plain import plain
from ...optics.board import BoardPose, to_na
from ...optics.illumination import ORIENTATIONS, orient

if TYPE_CHECKING:
    from ...data.acquisition import LedArray
    from ...recon.calibration.quality import Quality
    from ...recon.calibration.result import Calibration

Figures = dict[str, Any]  # name -> what JSON knows, see `figures`

ORDINALS = ("", "second ", "third ", "fourth ")
STILL_NA = 1e-7  # LEDs that lie on the board's grid but for rounding
SHAPES = {1: "coma", 2: "astigmatism", 3: "trefoil", 4: "quadrafoil", 5: "pentafoil", 6: "hexafoil"}


def zernike_name(index: int) -> str:
    """The name of Noll's Zernike polynomial `index`, such as 'astigmatism 45 deg' or 'coma y'."""
    from ...optics.pupil import noll_to_nm

    n, m = noll_to_nm(index)
    if m == 0:
        return ("piston", "defocus", "spherical", "second spherical", "third spherical")[min(n // 2, 4)]
    if n == abs(m) == 1:
        return "tilt x" if m > 0 else "tilt y"
    lowest = 3 if abs(m) == 1 else abs(m)
    order = ORDINALS[min((n - lowest) // 2, 3)]
    way = ("x" if m > 0 else "y") if abs(m) == 1 else f"{0 if m > 0 else 90 / abs(m):.3g} deg"
    return f"{order}{SHAPES.get(abs(m), f'{abs(m)}-foil')} {way}"


def as_taken_up(calibration: Calibration) -> Calibration:
    """What became of a calibration: where its acquisition was left as it was, no correction at all."""
    given = calibration.given
    if calibration.corrected is not given:
        return calibration
    gains = np.ones(given.frame_count) if given.exposure is None else np.asarray(given.exposure)
    return dataclasses.replace(
        calibration, orientation=ORIENTATIONS[0][0], pose=BoardPose(), gains=gains / gains.mean(), zernike_rad={},
        z_um=given.sample_z_um or 0.0, wavelength_um=given.wavelength_um,
    )  # fmt: skip


def nominal_na(calibration: Calibration) -> np.ndarray:
    """Directions (led, 2) the file gives, in the orientation that was found."""
    return orient(np.asarray(calibration.given.illumination_na), dict(ORIENTATIONS)[calibration.orientation])


def learnt(calibration: Calibration) -> dict[str, bool]:
    """Name -> whether it was found from the frames; all else is as the file gives it, wavelength left aside."""
    given, found = calibration.given, calibration.corrected
    return {
        "LED board": calibration.pose != BoardPose(),
        "LED positions": off_board(calibration) > STILL_NA,
        "LED intensity": _differ(given.exposure, found.exposure),
        "ambient light": _differ(given.background, found.background) or _differ(given.ambient, found.ambient),
        "sample depth": given.sample_z_um != found.sample_z_um,
        "aberrations": bool(calibration.zernike_rad),
    }


def _differ(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is not other and (one is None or other is None or not np.array_equal(one, other))


def off_board(calibration: Calibration) -> float:
    """How far the LEDs of all but the outlier frames lie from the board as it was found, NA rms."""
    strays = np.asarray(calibration.corrected.illumination_na) - calibration.pose.place(nominal_na(calibration))
    return float(np.sqrt((strays[calibration.kept_frames] ** 2).sum(1).mean()))


def _shift_na(pose: BoardPose) -> np.ndarray:
    """A board's shift as NA (y, x), positive down and to the right."""
    na: np.ndarray = -to_na(np.array([pose.shift]))[0]
    return na


def _bright_field(acquisition: LedArray) -> float:
    """Mean of the frame lit straight from below, counts."""
    straight = int(np.argmin(np.hypot(*acquisition.illumination_na.T)))
    return float(np.mean(np.asarray(acquisition.frames[straight], dtype=np.float64)))


def figures(
    calibration: Calibration,
    before: Quality | None = None,
    after: Quality | None = None,
    leave_out: bool = False,
    **seconds: float,
) -> Figures:
    """Everything numeric, JSON-ready, with units in the names; numbers that are not finite become null.

    Parameters
    ----------
    calibration : what was found.
    before, after : quality of the nominal and the corrected acquisition, where they were assessed.
    leave_out : whether the outlier frames are left out of the corrected acquisition.
    seconds : `seconds` and `cpu_seconds` of the calibration.
    """
    calibration = as_taken_up(calibration)
    given, found, pose = calibration.given, calibration.corrected, calibration.pose
    nominal, na = nominal_na(calibration), np.asarray(found.illumination_na)
    height = given.led_height_mm
    background = np.asarray(calibration.background)
    return plain(
        {
            "file": given.source,
            "title": given.title,
            "frames": given.frame_count,
            "objective_na": given.objective_na,
            "learnt": learnt(calibration),
            "orientation": calibration.orientation,
            "turn_deg": math.degrees(pose.turn_rad),
            "shift_na_yx": _shift_na(pose),
            "shift_mm_yx": None if height is None else np.array(pose.shift) * height,
            "scale": pose.scale,
            "pitch_change_percent": 100 * (pose.scale - 1),
            "height_given_mm": height,
            "height_mm": None if height is None else height / pose.scale,
            "off_board_na_rms": off_board(calibration),
            "wavelength_given_um": given.wavelength_um,
            "wavelength_um": calibration.wavelength_um,
            "z_given_um": given.sample_z_um,
            "z_um": calibration.z_um,
            "background_counts": background.mean(),
            "background_counts_by_frame": background,
            "bright_field_counts": _bright_field(found),
            "gains": calibration.gains,
            "gains_rms_percent": 100 * float(np.std(np.asarray(calibration.gains)[calibration.kept_frames])),
            "zernike_rad": {str(k): v for k, v in calibration.zernike_rad.items()},
            "illumination_na_nominal_yx": nominal,
            "illumination_na_yx": na,
            "error_before": calibration.error_before,
            "error_after": calibration.error_after,
            "quality_before": None if before is None else vars(before),
            "quality_after": None if after is None else vars(after),
            "outlier_frames": [vars(outlier) for outlier in calibration.outlier_frames],
            "outlier_frames_left_out": leave_out,
            "warnings": calibration.warnings,
            "figures": calibration.figures,
            **seconds,
        }
    )


def file_name(found: Figures) -> str:
    """The file's name without its folder, or its title."""
    return Path(found["file"]).name or found["title"] or "an acquisition"


def wavefront(terms: dict[int, float], side: int) -> np.ndarray:
    """Sum of Zernike terms on the square around the pupil (y, x), rad; NaN outside the pupil.

    Parameters
    ----------
    terms : Noll index -> coefficient, rad.
    side : points along each side.
    """
    import torch

    from ...optics.pupil import zernike

    ticks = torch.linspace(-1, 1, side, dtype=torch.float64)
    fy, fx = torch.meshgrid(ticks, ticks, indexing="ij")
    total = torch.zeros_like(fy)
    for index, value in terms.items():
        total += value * zernike(index, fy, fx, 1.0)
    return np.where((fy**2 + fx**2 <= 1).numpy(), total.numpy(), np.nan)
