"""How far each colour of a stack is from where the file says that it is in focus.

A transparent specimen delays all colours by the same path: the middle colour's phase, scaled, must explain the frames
of every colour, at the depths at which these were really taken.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
import torch

from ...data.acquisition import ThroughFocus
from ...data.colours import middle_of, named_colour
from ...data.geometry import depth_of_field_um
from ...registry import METHODS
from ...types import Done, Event, Field, Note, Progress
from ..engine.colour import Aligned, Alignment
from ..engine.colour_shift import shift_between
from ..engine.recipe import Recipe, build
from .frames import FINE, frames_of
from .report import middle as middle_part

LOOKED_AT = 128  # frame pixels along a side, in the middle
POINTS = 8  # of the condenser
FARTHEST = 0.6  # of the farthest plane's depth
TRIALS = 9
HALVINGS = 4
LEAST = 0.02  # share by which the misfit must fall for a focus to be believed
FEWEST_FRAMES = 2  # that the transport of intensity needs


def align_stacks(
    colours: Sequence[ThroughFocus], waves_um: np.ndarray, recipe: Recipe
) -> Generator[Event, None, Alignment]:
    """The colours with the depths at which they were really taken, the middle one's being as the file says.

    Parameters
    ----------
    colours : an acquisition for each.
    waves_um : their wavelengths (channel,).
    recipe : what the user chose; a single frame is the one of its option `frame`.
    """
    middle = middle_of(waves_um)
    parts = [one.crop(*middle_part(one.frame_shape, LOOKED_AT)) for one in colours]
    phases = []
    for number, part in enumerate(parts):
        phases.append(_quick_phase(part, recipe))
        yield Progress(number + 1, len(parts), float("nan"), "focus of each colour")
    y, x = phases[middle].extent.axes()
    pixel = phases[middle].extent.pixel_um
    shown = [field.render([0.0], y, x)[0].cpu().numpy() for field in phases]
    found = []
    for part, wave, phase in zip(parts, waves_um, shown, strict=True):
        scale = float(waves_um[middle] / wave)
        shift, _ = shift_between(shown[middle], np.asarray(phase / scale, np.float32))
        found.append(_deeper(part, phases[middle], scale, shift * pixel))
    sure = all(clear for _, clear in found)
    focus = np.array([z for z, _ in found]) - found[middle][0]
    if not sure:
        yield Note(
            f"the phase of {named_colour(waves_um[middle])} does not tell where the other colours are in focus, so all "
            "are taken to be at the depths of the file",
            "warning",
        )
        focus = np.zeros(len(found))
    moved = [one.replace(z_um=one.z_um + z) if z else one for one, z in zip(colours, focus, strict=True)]
    return Alignment([Aligned(one, recipe) for one in moved], 0.0, focus)


def _quick_phase(part: ThroughFocus, recipe: Recipe) -> Field:
    """A first phase: by the transport of intensity, or of a single frame by the network."""
    several = len(np.unique(part.z_um)) >= FEWEST_FRAMES
    frame = getattr(recipe, "frame", None)
    name, chosen = ("tie-fft", {}) if several else ("srqpi", {"frame": frame})
    for event in METHODS[name].run(part, build(name, chosen)):
        if isinstance(event, Done):
            return event.result.field
    raise RuntimeError(f"method {name} ended without a result")


def _deeper(part: ThroughFocus, phase: Field, scale: float, shift_um: np.ndarray) -> tuple[float, bool]:
    """How much deeper than the file says the frames explain best, um, and whether they tell it.

    Parameters
    ----------
    part : frames of one colour.
    phase : of the middle colour.
    scale : phase of this colour over that one's.
    shift_um : (y, x) by which this colour lies beside that one.
    """
    misfit = frames_of(part).misfit(FINE, POINTS)
    step = part.pixel_um / FINE
    corner = -(FINE - 1) / 2 * step
    rows, columns = (corner + step * np.arange(n * FINE) for n in part.frame_shape)
    plane = phase.render([0.0], rows - shift_um[0], columns - shift_um[1])[0].to(torch.float32)
    sample = misfit.padded(scale * plane)[None]

    def error(z: float) -> float:
        misfit.move(z)
        return float(misfit.residual(sample).double().square().mean())

    reach = max(FARTHEST * float(np.abs(part.z_um).max()), 0.5 * depth_of_field_um(part))
    tried = {float(z): error(float(z)) for z in np.linspace(-reach, reach, TRIALS)}
    step, usual = 2 * reach / (TRIALS - 1), float(np.median(list(tried.values())))
    for _ in range(HALVINGS):
        best, step = min(tried, key=lambda z: tried[z]), step / 2
        tried.update({z: error(z) for z in (best - step, best + step) if z not in tried})
    best = min(tried, key=lambda z: tried[z])
    return best, bool(abs(best) < 0.95 * reach and tried[best] < (1 - LEAST) * usual)
