"""What is known for and against a phase from LED patterns, and the verdict on it."""

from __future__ import annotations

import numpy as np
import torch

from ...checks.halves import find_halves
from ...data.acquisition import MultiplexedLed
from ...optics.patterns import describe
from ...registry import judge
from ...types import Result, Verdict
from ..patterns.trust import Resimulated, resimulate
from . import pattern_rules

COMPARED = "bright_field_correlation", "dark_field_correlation"
LOOKED_AT = 64  # frame pixels along a side, in the middle
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
    acquisition, result : as for `judge_patterns`. Where a method has compared its answer with the frames, that counts.
    """
    figures = {name: result.figures[name] for name in COMPARED if name in result.figures}
    if not figures:
        figures = _compared(acquisition, result)
    names = describe(acquisition.led_na, acquisition.patterns, acquisition.objective_na)
    figures["halves"] = float(sum(name.kind == "half" for name in names))
    halves = find_halves(acquisition, names)
    if halves is not None:
        figures |= {
            "opposite_halves": halves.given, "opposite_halves_best": halves.paired,
            "one_phase": halves.explained[0], "one_phase_best": halves.explained[1],
        }  # fmt: skip
    return figures


def _compared(acquisition: MultiplexedLed, result: Result) -> dict[str, float]:
    """How the frames of the answer correlate with those measured, in the middle."""
    part, corner = _middle(acquisition)
    seen = _seen_again(part, corner, result)
    bright = {} if seen.dark.all() else {COMPARED[0]: seen.explained_bright}
    return bright | ({COMPARED[1]: seen.explained} if seen.dark.any() else {})


def _middle(acquisition: MultiplexedLed) -> tuple[MultiplexedLed, tuple[int, int]]:
    """The central square that is looked at, and its first pixel (y, x) in a frame."""
    rows, columns = acquisition.frame_shape
    if max(rows, columns) <= 1.5 * LOOKED_AT or acquisition.pupil is not None:
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
