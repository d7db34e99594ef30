"""What a calibration found, as plain values for JSON and as lines for people."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...data.plain import plain
from ...optics.board import BoardPose, to_na
from ...optics.illumination import ORIENTATIONS, orient

if TYPE_CHECKING:
    from ...recon.calibration.quality import Quality
    from ...recon.calibration.result import Calibration

WORTH_SAYING_RAD = 0.05  # smaller Zernike coefficients are drawn, not told
MOST_TERMS = 6  # told
ORDINALS = ("", "second ", "third ", "fourth ")
HALF_TURN = "half a turn of the board, with depth and phase reversed, fits the frames as well"
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
        "board": calibration.pose != BoardPose(),
        "single LEDs": off_board(calibration) > STILL_NA,
        "LED brightness": _differ(given.exposure, found.exposure),
        "ambient light": _differ(given.background, found.background) or _differ(given.ambient, found.ambient),
        "sample depth": given.sample_z_um != found.sample_z_um,
        "pupil": bool(calibration.zernike_rad),
    }


def _differ(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is not other and (one is None or other is None or not np.array_equal(one, other))


def left_as_given(known: dict[str, bool]) -> str:
    """What of `learnt` was not found from the frames, in words."""
    return ", ".join(name for name, found in known.items() if not found)


def half_turn_fits(calibration: Calibration) -> bool:
    """Whether to say `HALF_TURN`: the sign of the depth is not known, and no warning says so already."""
    as_given = calibration.orientation == ORIENTATIONS[0][0]
    return as_given and calibration.given.sample_z_um is None and calibration.corrected.sample_z_um is not None


def off_board(calibration: Calibration, frames: Sequence[int] | slice = slice(None)) -> float:
    """How far the LEDs of `frames` lie from the board as it was found, NA rms."""
    strays = np.asarray(calibration.corrected.illumination_na) - calibration.pose.place(nominal_na(calibration))
    return float(np.sqrt((strays[frames] ** 2).sum(1).mean()))


def shift_na(pose: BoardPose) -> np.ndarray:
    """A board's shift as NA (y, x), positive down and to the right."""
    na: np.ndarray = -to_na(np.array([pose.shift]))[0]
    return na


def shift_mm(pose: BoardPose, height_mm: float | None) -> np.ndarray | None:
    """A board's shift in mm (y, x), where its height is known."""
    return None if height_mm is None else np.array(pose.shift) * height_mm


def shift_text(na_yx: Sequence[float] | np.ndarray, mm_yx: Sequence[float] | np.ndarray | None) -> str:
    """A board's shift in mm, or as NA where mm are not known."""
    (y, x), unit, digits = (na_yx, "NA", 4) if mm_yx is None else (mm_yx, "mm", 2)
    side, way = "right" if x >= 0 else "left", "down" if y >= 0 else "up"
    return f"{abs(x):.{digits}f} {unit} {side}, {abs(y):.{digits}f} {unit} {way}"


def turn_text(turn_deg: float) -> str:
    return f"{abs(turn_deg):.2f} deg {'clockwise' if turn_deg >= 0 else 'anticlockwise'} in the picture"


def figures(
    calibration: Calibration,
    before: Quality | None = None,
    after: Quality | None = None,
    leave_out: bool = False,
    **seconds: float,
) -> dict[str, Any]:
    """Everything numeric, JSON-ready, with units in the names; numbers that are not finite become null.

    Parameters
    ----------
    before, after : quality of the nominal and the corrected acquisition, where they were assessed.
    leave_out : whether outlier_frames are left out of the corrected acquisition.
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
            "shift_na_yx": shift_na(pose),
            "shift_mm_yx": shift_mm(pose, height),
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
            "gains": calibration.gains,
            "gains_rms_percent": 100 * float(np.std(calibration.gains)),
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


def lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """(what, found) rows from `figures`; what was not learnt has none of its own."""
    rest = ("left as given", left_as_given(found["learnt"]))
    return [row for row in (*_board(found), *_light(found), *_optics(found), rest, *_errors(found)) if row[1]]


def _board(found: dict[str, Any]) -> list[tuple[str, str]]:
    percent, known = found["pitch_change_percent"], found["learnt"]
    pitch = f"pitch {abs(percent):.2f} % {'wider' if percent >= 0 else 'narrower'}"
    if found["height_mm"]:
        pitch = f"{found['height_mm']:.2f} mm instead of {found['height_given_mm']:g} mm, or the {pitch}"
    else:
        pitch += f", or the board as much {'nearer' if percent >= 0 else 'farther'}"
    mounted = found["orientation"]
    rows = [
        ("board turned", turn_text(found["turn_deg"])),
        ("board shifted", shift_text(found["shift_na_yx"], found["shift_mm_yx"])),
        ("board height", pitch),
    ]
    return [
        ("board mounted", "" if mounted == ORIENTATIONS[0][0] else f"LED directions {mounted}"),
        *(rows if known["board"] else []),
        ("LEDs off its grid", f"{found['off_board_na_rms']:.4f} NA rms" if known["single LEDs"] else ""),
    ]


def _light(found: dict[str, Any]) -> list[tuple[str, str]]:
    gains, ambient, known = found["gains"], found["background_counts_by_frame"], found["learnt"]
    spread = f", {min(ambient):.4g} to {max(ambient):.4g}" if max(ambient) > min(ambient) else ""
    changed = found["wavelength_um"] != found["wavelength_given_um"]
    wavelength = f"{found['wavelength_um']:.4f} um instead of {found['wavelength_given_um']:.4f} um"
    brightness = f"{found['gains_rms_percent']:.1f} % rms, {min(gains):.2f} to {max(gains):.2f}"
    return [
        ("LED brightness", brightness if known["LED brightness"] else ""),
        ("ambient light", f"{found['background_counts']:.4g} counts{spread}" if known["ambient light"] else ""),
        ("wavelength", wavelength if changed else ""),
    ]


def _optics(found: dict[str, Any]) -> list[tuple[str, str]]:
    terms = {int(k): v for k, v in found["zernike_rad"].items()}
    large = [k for k in sorted(terms, key=lambda k: -abs(terms[k])) if abs(terms[k]) >= WORTH_SAYING_RAD]
    told = [f"{zernike_name(k)} {terms[k]:+.2f}" for k in sorted(large[:MOST_TERMS])]
    smaller = len(large) - len(told)
    text = f"{', '.join(told)} rad{f' and {smaller} smaller ones' if smaller else ''}"
    none = f"every term below {WORTH_SAYING_RAD:g} rad"
    depth = f"{found['z_um']:.2f} um" if found["learnt"]["sample depth"] else ""
    return [("sample depth", depth), ("pupil", "" if not terms else text if told else none)]


def _errors(found: dict[str, Any]) -> list[tuple[str, str]]:
    frame_before, frame_after = _median(found["error_before"]), _median(found["error_after"])
    rows = [("error of a frame", f"{frame_before} before, {frame_after} after (median)")]
    before, after = found["quality_before"], found["quality_after"]
    if before and after:
        rows.append(("error held out", f"{before['held_out_error']:.4f} before, {after['held_out_error']:.4f} after"))
        rows.append(("resolution", f"{_resolution(before)} before, {_resolution(after)} after"))
    return rows + _outlier_frames(found)


def _outlier_frames(found: dict[str, Any]) -> list[tuple[str, str]]:
    """A row for every reason, with the frames it is true of and what becomes of them."""
    frames: dict[str, list[str]] = {}
    for outlier in found["outlier_frames"]:
        frames.setdefault(outlier["why"], []).append(str(outlier["frame"]))
    rows = []
    for why, numbers in frames.items():
        single = len(numbers) == 1
        which = f"frame {numbers[0]}" if single else f"each of frames {', '.join(numbers)}"
        remedy = f"--leave-out leaves {'it' if single else 'them'} out"
        if found["outlier_frames_left_out"]:
            remedy = "it is left out" if single else "they are left out"
        rows.append(("outlier", f"{which} {why}; {remedy}"))
    return rows


def rings(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Errors by ring of illumination NA, before and after; empty where the quality was not assessed."""
    after = found["quality_after"]
    if not after:
        return []
    rows = []
    for number, (start, end) in enumerate(itertools.pairwise(after["ring_na"])):
        used, unseen = (
            [_at(found[quality][name], number) for quality in ("quality_before", "quality_after")]
            for name in ("ring_error", "held_out_ring_error")
        )
        text = f"{used[0]} to {used[1]}, held out {unseen[0]} to {unseen[1]}"
        rows.append(("error by ring of NA", f"{start:.2g}-{end:.2g}: {text}"))
    return rows


def _at(errors: list[float | None], number: int) -> str:
    value = errors[number] if number < len(errors) else None
    return "none" if value is None else f"{value:.2g}"


def _median(errors: list[float | None]) -> str:
    known = [error for error in errors if error is not None]
    return f"{np.median(known):.4f}" if known else "unknown"


def _resolution(quality: dict[str, Any]) -> str:
    period = quality["resolution_um"]
    return "none" if period is None else f"{period:.3f} um"


def file_name(found: dict[str, Any]) -> str:
    """The file's name without its folder, or its title."""
    return Path(found["file"]).name or found["title"] or "an acquisition"


def wavefront(terms: dict[int, float], side: int) -> np.ndarray:
    """Sum of Zernike terms (rad) on `side` x `side` points across the pupil (y, x), NaN outside."""
    import torch

    from ...optics.pupil import zernike

    ticks = torch.linspace(-1, 1, side, dtype=torch.float64)
    fy, fx = torch.meshgrid(ticks, ticks, indexing="ij")
    total = torch.zeros_like(fy)
    for index, value in terms.items():
        total += value * zernike(index, fy, fx, 1.0)
    return np.where((fy**2 + fx**2 <= 1).numpy(), total.numpy(), np.nan)
