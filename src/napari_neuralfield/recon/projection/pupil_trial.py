"""Which pupil the frames support: as known, a smooth aberration, or one free in every bin; by LEDs left out.

What is left out cannot be fitted, so a pupil that only takes up noise, borders or unfinished passes loses.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...forward import fourier
from .near_light import NearLight, begun
from .pupil_start import PupilStart, start_pupil
from .smooth_pupil import NOLL, SmoothPupil
from .solver import Solver, no_aberration

Shape = Literal["none", "smooth", "bins"]
SIDE = 128  # frame pixels along a side, in the middle
LEFT_OUT = 9  # one LED in so many
FEWEST = 18  # LEDs below which none can be spared
STEPS = (1.0,) * 7 + (0.5, 0.25)
WORTH = {"none": 1.0, "smooth": 0.995, "bins": 0.95}  # of the error of the simpler pupil: what lies below is taken
NAMES = {"none": "as known", "smooth": "a smooth aberration", "bins": "free in every bin"}


@dataclasses.dataclass(frozen=True)
class PupilChoice:
    """The pupil to solve for.

    Parameters
    ----------
    shape : of the aberration.
    start : the aberration from the bright-field spectra, where it is one to start from.
    errors : relative amplitude error of the LEDs left out by shape; empty where none could be spared.
    """

    shape: Shape
    start: PupilStart | None
    errors: dict[Shape, float]

    def sentence(self) -> str:
        """What was decided, with the figures."""
        if not self.errors:
            return (
                "the pupil is solved for as a smooth aberration: there are too few LEDs to leave some out and compare"
            )
        tried = ", ".join(f"{NAMES[shape]} {error:.4f}" for shape, error in self.errors.items())
        return f"pupil: {NAMES[self.shape]}, by the relative amplitude error of LEDs left out ({tried})"


def smooth_from(plan: fourier.Windows, device: torch.device, start: PupilStart | None) -> SmoothPupil:
    """A smooth pupil in the windows of `plan` on `device`, from `start` where there is one."""
    smooth = SmoothPupil(plan, device, NOLL)
    if start is not None:
        for index, value in zip(start.noll, start.coefficients, strict=True):
            smooth.coefficients[NOLL.index(index)] = float(value)
    return smooth


def pupil_start(acquisition: LedArray, z_um: float) -> PupilStart | None:
    """Where to start from, at a depth `z_um`; None where the bright field shows no aberration or one is known."""
    if acquisition.pupil is not None:
        return None
    start = start_pupil(acquisition, z_um)
    return start if start.clear else None


def choose_pupil(
    acquisition: LedArray,
    z_um: float,
    device: torch.device,
    recover_gain: bool,
    shapes: tuple[Shape, ...] = ("none", "smooth", "bins"),
    *,
    flat_light: bool = False,
) -> PupilChoice:
    """Try pupils on the middle of the frames, from the simplest; a freer one has to predict LEDs left out better.

    Parameters
    ----------
    acquisition : the recording.
    z_um : depth of the sample.
    device : to work on.
    recover_gain : solve for the LEDs' brightness in the trials.
    shapes : those to try, the simplest first.
    flat_light : begin with the spherical wave of near LEDs, where it is known.
    """
    start = pupil_start(acquisition, z_um)
    if acquisition.frame_count < FEWEST:
        return PupilChoice("smooth", start, {})
    small = acquisition
    if acquisition.pupil is None:
        y, x = (slice(max(0, (n - SIDE) // 2), (n + SIDE) // 2) for n in acquisition.frame_shape)
        small = acquisition.crop(y, x)
    plan = fourier.windows(small)
    measured = fourier.measure(small, plan, device)
    light = NearLight.of(small) if flat_light else None
    errors: dict[Shape, float] = {}
    chosen = shapes[0]
    for shape in shapes:
        solver = Solver(plan, measured, np.array([z_um]), begun(light, plan, 1, device), no_aberration(plan, device))
        if shape == "smooth":
            solver.take(smooth_from(plan, device, start))
        errors[shape] = _left_out_error(solver, shape != "none", recover_gain)
        if errors[shape] < WORTH[shape] * errors[chosen]:
            chosen = shape
    return PupilChoice(chosen, start, errors)


def _left_out_error(solver: Solver, recover_pupil: bool, recover_gain: bool) -> float:
    """Relative amplitude error of the LEDs that `solver` does not see, each with its best brightness."""
    place = np.arange(len(solver.order))
    left_out = solver.order[place % LEFT_OUT == LEFT_OUT // 2]
    solver.order = solver.order[place % LEFT_OUT != LEFT_OUT // 2]
    solver.run((1.0,))
    solver.run(STEPS, recover_pupil, recover_gain)
    missed, light = 0.0, 0.0
    for led in left_out:
        model, measured = solver.image(int(led))[0].abs(), solver.amplitude[led]
        gain = float((model * measured).sum() / (model**2).sum().clamp(min=1e-12))
        missed += float(((gain * model - measured) ** 2).sum())
        light += float((measured**2).sum())
    return (missed / max(light, 1e-30)) ** 0.5
