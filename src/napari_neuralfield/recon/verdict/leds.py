"""What is known for and against a picture from an LED array, and the verdict on it."""

from __future__ import annotations

import numpy as np

from ...data.acquisition import LedArray
from ...optics.illumination import nearest_overlap
from ...registry import judge
from ...types import Result, Verdict
from . import led_rules
from .artefacts import grid, vortices
from .led_frames import Part, compare, microscope_of, middle, picture, predicted
from .led_trials import best_pupil, other_readings, small_part, trial

DEAD = 0.01  # of the usual brightness
NOISE_RULES = 0.5  # share of a frame's structure
RIM = 0.03  # of the NA on either side, where a frame may be bright or dark
FAR = 1.6  # times the NA, from which on a dark frame is far


@judge("led_array")
def judge_leds(acquisition: LedArray, result: Result) -> Verdict:
    """How far a picture can be trusted, from the frames alone.

    Parameters
    ----------
    acquisition : whose frames were reconstructed.
    result : the picture, and what was found of the microscope.
    """
    if acquisition.coded_surface is not None:
        return led_rules.by_error(result.figures.get("relative_amplitude_error"))
    return led_rules.verdict(evidence(acquisition, result))


def evidence(acquisition: LedArray, result: Result) -> dict[str, float]:
    """The figures behind a verdict; those that cannot be had are left out.

    Parameters
    ----------
    acquisition, result : as for `judge_leds`.
    """
    margin = result.figures.get("pupil_margin", 0.0)
    known = microscope_of(acquisition, result)
    part = middle(known, margin)
    shown, z_um = predicted(part, result)
    found, oblique = compare(part, shown), part.oblique
    shines = np.ones(len(oblique), bool)  # a dead LED's frame says nothing of the picture
    if known.exposure is not None:
        shines = np.asarray(known.exposure) > DEAD * np.median(known.exposure)
    bright, dark = shines & (oblique < 1 - RIM), shines & (oblique > 1 + RIM)
    rings = {"bright": bright, "near_dark": dark & (oblique < FAR), "far_dark": dark & (oblique >= FAR)}
    figures: dict[str, float] = {}
    for name, leds in rings.items():
        if leds.any():
            figures[f"unexplained_{name}"] = found.unexplained(leds)
            figures[f"off_{name}"] = found.off(leds)
            figures[f"noises_{name}"] = found.noises(leds)
            figures[f"noise_{name}"] = found.noisy(leds)
    told = found.noise < NOISE_RULES * found.structure  # where noise rules, a brightness says nothing
    told &= shines & (oblique < FAR)  # and where what a picture shows is faint
    figures |= _brightness(acquisition, result, np.where(told, found.brightness, np.nan), bright)
    figures["overlap"] = float(np.median(nearest_overlap(known.illumination_na, known.objective_na)))
    figures["leds"], figures["bright_leds"] = float(len(oblique)), float(bright.sum())
    small, own = best_pupil(small_part(known), margin, z_um)
    figures["misfit_used"], figures["misfit_held_out"] = trial(small, margin, z_um, hold=True)
    figures["misfit_short_run"] = own
    figures["planes"] = 1.0 if result.field.extent.z_um[0] == result.field.extent.z_um[1] else 2.0
    figures["own_prediction"] = float(result.predicted is not None)
    figures |= _artefacts(part, result, z_um)
    return figures | other_readings(small, margin, z_um, own)


def _artefacts(part: Part, result: Result, z_um: float) -> dict[str, float]:
    """Patterns that come from the microscope, in the plane at `z_um` of a `result`, on a `part` of the field."""
    shown, pixel_um = picture(part, result, z_um)
    na, wavelength = np.asarray(part.acquisition.illumination_na), part.acquisition.wavelength_um
    cutoff = (np.hypot(*na.T).max() + part.acquisition.objective_na) / wavelength
    return {
        "grid_at_led_frequencies": grid(shown, pixel_um, -na / wavelength),
        "pinwheel_vortices": vortices(shown, pixel_um, cutoff),
    }


def _brightness(acquisition: LedArray, result: Result, extra: np.ndarray, bright: np.ndarray) -> dict[str, float]:
    """How uneven the LEDs' brightness is against what the file says, and how much of that the picture left out.

    Factors at the ninth tenth of all LEDs: 2 where one in ten is twice or half as bright as usual.

    Parameters
    ----------
    acquisition, result : as for `judge_leds`. extra : of each LED against what the result says (led,), else NaN.
    bright : bright-field LEDs (led,), bool.
    """
    told = np.isfinite(extra)
    extra = extra[told] if told.any() else np.ones(1)
    usual = np.median(extra[bright[told]]) if (bright & told).any() else np.median(extra)
    left = np.abs(np.log(np.maximum(extra / max(usual, 1e-30), 1e-3)))
    found = result.calibration.get("gains", np.ones(0))
    if len(found) != acquisition.frame_count:
        return {"brightness_left": float(np.exp(np.quantile(left, 0.9)))}
    given = np.ones(len(found)) if acquisition.exposure is None else np.asarray(acquisition.exposure, dtype=float)
    ratio = np.log(np.maximum(np.asarray(found, dtype=float) / given, 1e-6))
    away = np.abs(ratio - np.median(ratio))
    return {
        "brightness_left": float(np.exp(np.quantile(left, 0.9))),
        "brightness_found": float(np.exp(np.quantile(away, 0.9))),
        "brightness_extreme": float(np.exp(away.max())),
    }
