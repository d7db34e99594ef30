"""What is known for and against a phase from LED patterns, and the verdict on it."""

from __future__ import annotations

import numpy as np
import torch

from ...checks.halves import find_halves
from ...data.acquisition import MultiplexedLed
from ...forward.multiplexed import lit
from ...optics.patterns import describe
from ...registry import judge
from ...types import Result, Verdict
from ..patterns.misfit import frame_noise
from ..patterns.trust import Resimulated, resimulate
from . import pattern_rules

LOOKED_AT = 128  # frame pixels along a side, in the middle
UPSAMPLING = 4  # pixels per frame pixel at which the answer is put under the microscope again


@judge("multiplexed_led")
def judge_patterns(acquisition: MultiplexedLed, result: Result) -> Verdict:
    """How far a phase can be trusted, from the frames alone.

    What a method has said of its own answer counts too, where that is worse.

    Parameters
    ----------
    acquisition : whose frames were used.
    result : the phase, or amplitude and phase.
    """
    own = result.optics.get("trust_level"), result.optics.get("trust_sentence")
    return pattern_rules.verdict(evidence(acquisition, result), own)


def evidence(acquisition: MultiplexedLed, result: Result) -> dict[str, float]:
    """The figures behind a verdict; those that cannot be had are left out.

    Parameters
    ----------
    acquisition, result : as for `judge_patterns`.
    """
    part, corner = _middle(acquisition)
    seen = _seen_again(part, corner, result)
    bright = np.flatnonzero(~seen.dark)
    figures = {"bright_field_correlation": seen.explained_bright}
    if seen.dark.any():
        figures |= {"dark_field_correlation": seen.explained, "dark_field_missing": seen.missing}
    if len(bright) > 1:
        figures["contrast_explained"] = _contrast_explained(part, seen.frames, bright)
    names = describe(acquisition.led_na, acquisition.patterns, acquisition.objective_na)
    figures["halves"] = float(sum(name.kind == "half" for name in names))
    halves = find_halves(acquisition, names)
    if halves is not None:
        figures |= {
            "opposite_halves": halves.given, "opposite_halves_best": halves.paired,
            "one_phase": halves.explained[0], "one_phase_best": halves.explained[1],
        }  # fmt: skip
    figures["leds"] = float(lit(acquisition).sum())
    return figures


def _middle(acquisition: MultiplexedLed) -> tuple[MultiplexedLed, tuple[int, int]]:
    """The central square that is looked at, and its first pixel (y, x) in a frame."""
    rows, columns = acquisition.frame_shape
    if max(rows, columns) <= 1.25 * LOOKED_AT or acquisition.pupil is not None:
        return acquisition, (0, 0)
    y, x = max(0, (rows - LOOKED_AT) // 2), max(0, (columns - LOOKED_AT) // 2)
    return acquisition.crop(slice(y, y + LOOKED_AT), slice(x, x + LOOKED_AT)), (y, x)


def _seen_again(part: MultiplexedLed, corner: tuple[int, int], result: Result) -> Resimulated:
    """The frames that the answer gives on a `part` of the frames whose first pixel is `corner`."""
    step = part.pixel_um / UPSAMPLING
    axes = [c * part.pixel_um + step * np.arange(n * UPSAMPLING) for c, n in zip(corner, part.frame_shape, strict=True)]
    z = float(np.mean(result.field.extent.z_um))
    found = result.field.render([z], *axes)[0].detach().cpu()
    absorption = -torch.log(found.abs().clamp(min=1e-3)).float() if found.is_complex() else None
    phase = found.angle() if found.is_complex() else found
    return resimulate(part, phase.float(), upsampling=UPSAMPLING, absorption=absorption, trust_brightness=False)


def _contrast_explained(part: MultiplexedLed, shown: np.ndarray, bright: np.ndarray) -> float:
    """Share of what tells the bright frames apart, noise left out, that the answer explains.

    Parameters
    ----------
    part : the measured frames. shown : those of the answer (frame, y, x). bright : numbers of bright-field frames.
    """
    measured = part.intensity(bright)
    noise = frame_noise(measured, part.pixel_um, part.objective_na, part.wavelength_um)
    mean = np.maximum(measured.mean((1, 2)), 1e-12)
    floor = 0.0 if noise is None else float(np.mean((noise.gain * mean + noise.reading) / mean**2))
    one, two = _apart(measured), _apart(shown[bright])
    factor = float((one * two).sum() / max(float((two**2).sum()), 1e-30))
    rest, whole = float(((one - factor * two) ** 2).mean()), float((one**2).mean())
    floor *= 1 - 1 / len(bright)
    return 1 - max(rest - floor, 0.0) / max(whole - floor, 0.02 * whole, 1e-30)


def _apart(frames: np.ndarray) -> np.ndarray:
    """Frames (frame, y, x) over their means, less what they have in common, faded to their borders."""
    level = frames / np.maximum(frames.mean((1, 2), keepdims=True), 1e-12)
    fade = np.outer(*(np.sin(np.pi * (np.arange(n) + 0.5) / n) for n in frames.shape[-2:]))
    apart: np.ndarray = (level - level.mean(0)) * fade
    return apart
