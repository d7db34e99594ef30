"""What a calibration found, as named rows: the same for the command line, the report and the dock."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator

import numpy as np

from ...optics.illumination import ORIENTATIONS
from .calibration_figures import Figures, zernike_name

WORTH_SAYING_RAD = 0.05  # smaller Zernike coefficients are drawn, not told
MOST_TERMS = 6  # told
HALF_TURN = "half a turn of the board, with depth and phase reversed, fits the frames as well"


@dataclasses.dataclass(frozen=True)
class Finding:
    """One row: what it is about, what was found, and what that means."""

    name: str
    text: str
    tip: str


def findings(found: Figures) -> list[Finding]:
    """Everything in `calibration_figures.figures` but outlier frames and rings; no row on what was not learnt."""
    return [row for row in (*_errors(found), *_board(found), *_light(found), *_optics(found), _rest(found)) if row.text]


def all_findings(found: Figures) -> list[Finding]:
    """`findings`, outlier frames and errors by ring."""
    return [*findings(found), *outlier_frames(found), *rings(found)]


def _errors(found: Figures) -> Iterator[Finding]:
    yield Finding(
        "Relative amplitude error (median frame)",
        f"{_median(found['error_before'])} before, {_median(found['error_after'])} after",
        "How far the predicted amplitudes are from the measured ones, over the measured ones.",
    )
    before, after = found["quality_before"], found["quality_after"]
    if before and after:
        yield Finding(
            "Error of held-out frames",
            f"{before['held_out_error']:.4f} before, {after['held_out_error']:.4f} after",
            f"Of {len(after['held_out'])} frames predicted from all others: what is learnt must help there too.",
        )
        yield Finding(
            "Resolution (full period, FRC)",
            f"{_resolution(before)} before, {_resolution(after)} after",
            "Where two pictures, each from one half of the LEDs, stop agreeing (Fourier ring correlation).",
        )


def _board(found: Figures) -> Iterator[Finding]:
    mounted, known, turn = found["orientation"], found["learnt"], found["turn_deg"]
    yield Finding(
        "LED board orientation",
        "" if mounted == ORIENTATIONS[0][0] else f"LED directions {mounted}",
        "The board's axes differ from those of the file; the directions that were found follow the board.",
    )
    if known["LED board"]:
        way = "clockwise" if turn >= 0 else "anticlockwise"
        tip = "About the optical axis, against the file."
        yield Finding("LED board rotation", f"{abs(turn):.2f} deg {way} in the picture", tip)
        yield Finding("LED board shift", _shift(found), "Of the board's centre against the file.")
        yield Finding("Board height / pitch", _height(found), "The frames tell only the ratio of the two.")
    yield Finding(
        "LED position error (off the grid)",
        f"{found['off_board_na_rms']:.4f} NA rms" if known["LED positions"] else "",
        "How far LEDs lie from the board's grid, outlier frames left aside.",
    )


def _shift(found: Figures) -> str:
    in_mm = found["shift_mm_yx"]
    (y, x), unit, digits = (found["shift_na_yx"], "NA", 4) if in_mm is None else (in_mm, "mm", 2)
    side, way = "right" if x >= 0 else "left", "down" if y >= 0 else "up"
    return f"{abs(x):.{digits}f} {unit} {side}, {abs(y):.{digits}f} {unit} {way}"


def _height(found: Figures) -> str:
    wider = found["pitch_change_percent"]
    pitch = f"pitch {abs(wider):.2f} % {'wider' if wider >= 0 else 'narrower'}"
    if found["height_mm"]:
        return f"height {found['height_mm']:.2f} mm (given {found['height_given_mm']:g}), or {pitch}"
    nearer = 100 - 100 / found["scale"]
    return f"board {abs(nearer):.2f} % {'nearer' if nearer >= 0 else 'farther'}, or {pitch}"


def _light(found: Figures) -> Iterator[Finding]:
    known, ambient = found["learnt"], found["background_counts_by_frame"]
    if known["LED intensity"]:
        odd = {outlier["frame"] for outlier in found["outlier_frames"]}
        gains = [gain for frame, gain in enumerate(found["gains"]) if frame not in odd]
        text = f"{found['gains_rms_percent']:.1f} % rms, {min(gains):.2f} to {max(gains):.2f}"
        yield Finding("LED intensity", text, "Relative to the mean of all LEDs, outlier frames left aside.")
    if known["ambient light"]:
        mean, bright = found["background_counts"], found["bright_field_counts"]
        spread = f", {min(ambient):.4g} to {max(ambient):.4g}" if max(ambient) > min(ambient) else ""
        share = f", {100 * mean / bright:.2g} % of the bright field" if bright > 0 else ""
        tip = "Light that reaches the camera whatever LED is lit; the model adds it to every frame."
        yield Finding("Ambient light", f"{mean:.4g} counts{spread}{share}", tip)


def _optics(found: Figures) -> Iterator[Finding]:
    if found["learnt"]["sample depth"]:
        tip = "Distance of the sample from the plane in focus."
        text = f"{found['z_um']:+.2f} um{_given(found['z_given_um'])}"
        yield Finding("Sample depth (defocus)", f"{text}; {HALF_TURN}" if _half_turn_fits(found) else text, tip)
    if found["wavelength_um"] != found["wavelength_given_um"]:
        text = f"{found['wavelength_um']:.4f} um{_given(found['wavelength_given_um'])}"
        yield Finding("Wavelength", text, "Of the LEDs, as the rim of the pupil shows it.")
    if found["zernike_rad"]:
        tip = "Of the objective and the cover slip; below 0.45 rad rms they are as good as perfect."
        yield Finding("Aberrations (Zernike)", _aberrations(found), tip)


def _half_turn_fits(found: Figures) -> bool:
    """Whether to say `HALF_TURN`: the sign of the depth is not known, and no warning says so already."""
    return found["orientation"] == ORIENTATIONS[0][0] and found["z_given_um"] is None


def _aberrations(found: Figures) -> str:
    terms = {int(k): v for k, v in found["zernike_rad"].items()}
    rms = f"{math.hypot(*terms.values()):.2f} rad rms"
    large = [k for k in sorted(terms, key=lambda k: -abs(terms[k])) if abs(terms[k]) >= WORTH_SAYING_RAD]
    if not large:
        return f"{rms}, every term below {WORTH_SAYING_RAD:g} rad"
    told = ", ".join(f"{zernike_name(k)} {terms[k]:+.2f}" for k in sorted(large[:MOST_TERMS]))
    smaller = len(large) - MOST_TERMS
    return f"{rms}: {told} rad{f' and {smaller} smaller ones' if smaller > 0 else ''}"


def _rest(found: Figures) -> Finding:
    rest = ", ".join(name for name, learnt in found["learnt"].items() if not learnt)
    return Finding("Left as given", rest, "Not asked for, or these frames do not tell.")


def outlier_frames(found: Figures) -> list[Finding]:
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
        rows.append(Finding("Outlier frames", f"{which} {why}; {remedy}", "They disagree with all others."))
    return rows


def rings(found: Figures) -> list[Finding]:
    """Errors by ring of illumination NA, before and after; empty where the quality was not assessed."""
    before, after = found["quality_before"], found["quality_after"]
    rows = []
    for number, (start, end) in enumerate(itertools.pairwise(after["ring_na"] if after else ())):
        used, held_out = (
            " to ".join(_at(quality[name], number) for quality in (before, after))
            for name in ("ring_error", "held_out_ring_error")
        )
        tip = "Relative amplitude error by illumination NA, before and after."
        rows.append(Finding("Error by ring of NA", f"{start:.2g}-{end:.2g}: {used}, held out {held_out}", tip))
    return rows


def _at(errors: list[float | None], number: int) -> str:
    value = errors[number] if number < len(errors) else None
    return "none" if value is None else f"{value:.2g}"


def _median(errors: list[float | None]) -> str:
    known = [error for error in errors if error is not None]
    return f"{np.median(known):.4f}" if known else "unknown"


def _resolution(quality: Figures) -> str:
    period = quality["resolution_um"]
    return "none" if period is None else f"{period:.3f} um"


def _given(value_um: float | None) -> str:
    return " (not given)" if value_um is None else f" (given {value_um:.4g})"
