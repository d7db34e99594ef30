"""What a calibration found, as plain values for JSON and as lines for people."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..optics.board import to_na
from ..optics.illumination import ORIENTATIONS, orient

if TYPE_CHECKING:
    from ..recon.microscope import Calibration
    from ..recon.quality import Quality

WORTH_SAYING_RAD = 0.05  # smaller Zernike coefficients are drawn, not told
MOST_TERMS = 6  # told
ORDINALS = ("", "second ", "third ", "fourth ")
SHAPES = {1: "coma", 2: "astigmatism", 3: "trefoil", 4: "quadrafoil", 5: "pentafoil", 6: "hexafoil"}


def zernike_name(index: int) -> str:
    """The name of Noll's Zernike polynomial `index`, such as 'astigmatism 45 deg' or 'coma y'."""
    from ..optics.pupil import noll_to_nm

    n, m = noll_to_nm(index)
    if m == 0:
        return ("piston", "defocus", "spherical", "second spherical", "third spherical")[min(n // 2, 4)]
    if n == abs(m) == 1:
        return "tilt x" if m > 0 else "tilt y"
    lowest = 3 if abs(m) == 1 else abs(m)
    order = ORDINALS[min((n - lowest) // 2, 3)]
    way = ("x" if m > 0 else "y") if abs(m) == 1 else f"{0 if m > 0 else 90 / abs(m):.3g} deg"
    return f"{order}{SHAPES.get(abs(m), f'{abs(m)}-foil')} {way}"


def nominal_na(calibration: Calibration) -> np.ndarray:
    """Directions (led, 2) the file gives, in the orientation that was found."""
    return orient(np.asarray(calibration.given.illumination_na), dict(ORIENTATIONS)[calibration.orientation])


def figures(
    calibration: Calibration, before: Quality | None = None, after: Quality | None = None, **seconds: float
) -> dict[str, Any]:
    """Everything numeric, JSON-ready, with units in the names; numbers that are not finite become null.

    Parameters
    ----------
    before, after : quality of the nominal and the corrected acquisition, where they were assessed.
    seconds : `seconds` and `cpu_seconds` of the calibration.
    """
    from .report import plain

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
            "orientation": calibration.orientation,
            "turn_deg": math.degrees(pose.turn_rad),
            "shift_na_yx": -to_na(np.array([pose.shift]))[0],
            "shift_mm_yx": None if height is None else np.array(pose.shift) * height,
            "scale": pose.scale,
            "pitch_change_percent": 100 * (pose.scale - 1),
            "height_given_mm": height,
            "height_mm": None if height is None else height / pose.scale,
            "off_board_na_rms": float(np.sqrt(((na - pose.place(nominal)) ** 2).sum(1).mean())),
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
            "suspects": [vars(suspect) for suspect in calibration.suspects],
            "warnings": calibration.warnings,
            "figures": calibration.figures,
            **seconds,
        }
    )


def lines(found: dict[str, Any]) -> list[tuple[str, str]]:
    """(what, found) rows from `figures`."""
    return [row for row in (*_board(found), *_light(found), *_pupil(found), *_errors(found)) if row[1]]


def _board(found: dict[str, Any]) -> list[tuple[str, str]]:
    turn, percent = found["turn_deg"], found["pitch_change_percent"]
    shift = f"{_pair(found['shift_na_yx'], 4)} NA (y, x)"
    if found["shift_mm_yx"]:
        shift += f", {_pair(found['shift_mm_yx'], 2)} mm"
    pitch = f"pitch {abs(percent):.2f} % {'wider' if percent >= 0 else 'narrower'}"
    if found["height_mm"]:
        pitch = f"{found['height_mm']:.2f} mm instead of {found['height_given_mm']:g} mm, or the {pitch}"
    else:
        pitch += f", or the board as much {'nearer' if percent >= 0 else 'farther'}"
    mounted = found["orientation"]
    return [
        ("board mounted", "" if mounted == ORIENTATIONS[0][0] else f"LED directions {mounted}"),
        ("board turned", f"{abs(turn):.2f} deg {'clockwise' if turn >= 0 else 'anticlockwise'} in the picture"),
        ("board shifted", shift),
        ("board height", pitch),
        ("LEDs off its grid", f"{found['off_board_na_rms']:.4f} NA rms"),
    ]


def _light(found: dict[str, Any]) -> list[tuple[str, str]]:
    gains, ambient = found["gains"], found["background_counts_by_frame"]
    spread = f", {min(ambient):.4g} to {max(ambient):.4g}" if max(ambient) > min(ambient) else ""
    changed = found["wavelength_um"] != found["wavelength_given_um"]
    wavelength = f"{found['wavelength_um']:.4f} um instead of {found['wavelength_given_um']:.4f} um"
    return [
        ("LED brightness", f"{found['gains_rms_percent']:.1f} % rms, {min(gains):.2f} to {max(gains):.2f}"),
        ("ambient light", f"{found['background_counts']:.4g} counts{spread}"),
        ("wavelength", wavelength if changed else ""),
    ]


def _pupil(found: dict[str, Any]) -> list[tuple[str, str]]:
    terms = {int(k): v for k, v in found["zernike_rad"].items()}
    large = [k for k in sorted(terms, key=lambda k: -abs(terms[k])) if abs(terms[k]) >= WORTH_SAYING_RAD]
    told = [f"{zernike_name(k)} {terms[k]:+.2f}" for k in sorted(large[:MOST_TERMS])]
    smaller = len(large) - len(told)
    text = f"{', '.join(told)} rad{f' and {smaller} smaller ones' if smaller else ''}"
    none = f"every term below {WORTH_SAYING_RAD:g} rad"
    return [("sample depth", f"{found['z_um']:.2f} um"), ("pupil", "" if not terms else text if told else none)]


def _errors(found: dict[str, Any]) -> list[tuple[str, str]]:
    frame_before, frame_after = _median(found["error_before"]), _median(found["error_after"])
    rows = [("error of a frame", f"{frame_before} before, {frame_after} after (median)")]
    before, after = found["quality_before"], found["quality_after"]
    if before and after:
        rows.append(("error held out", f"{before['held_out_error']:.4f} before, {after['held_out_error']:.4f} after"))
        rows.append(("resolution", f"{_resolution(before)} before, {_resolution(after)} after"))
    return rows + _suspects(found)


def _suspects(found: dict[str, Any]) -> list[tuple[str, str]]:
    """A row for every reason, with the frames it is true of."""
    frames: dict[str, list[str]] = {}
    for suspect in found["suspects"]:
        frames.setdefault(suspect["why"], []).append(str(suspect["frame"]))
    return [
        ("suspect", f"frame {numbers[0]} {why}" if len(numbers) == 1 else f"each of frames {', '.join(numbers)} {why}")
        for why, numbers in frames.items()
    ]


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


def _pair(values: list[float], digits: int) -> str:
    return ", ".join(f"{value:+.{digits}f}" for value in values)


def file_name(found: dict[str, Any]) -> str:
    """The file's name without its folder, or its title."""
    return Path(found["file"]).name or found["title"] or "an acquisition"
