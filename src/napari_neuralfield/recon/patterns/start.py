"""What a phase leaves open: its grid and borders, how much it absorbs, the pupil's aberrations, the frames' gains."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from scipy.optimize import minimize

from ...data.acquisition import MultiplexedLed
from ...data.borders import patterns_repeat
from ...optics.grids import resample
from ...types import InputError
from .misfit import PatternGradient, PatternMisfit

EVALUATIONS = 14  # of the misfit, to find what the whole field shares
BORDER = 24  # frame pixels in which a field that does not repeat is closed


@dataclasses.dataclass(frozen=True)
class Shared:
    """What the whole field has in common.

    Parameters
    ----------
    values : share of the phase that is absorbed, constant absorption, Zernike coefficients (rad), logarithm of the
        frames' gains less their mean; float32.
    terms : how many Zernike coefficients.
    """

    values: torch.Tensor
    terms: int

    @property
    def share(self) -> torch.Tensor:
        return self.values[0]

    @property
    def aberration(self) -> torch.Tensor:
        return self.values[2 : 2 + self.terms]

    @property
    def gain(self) -> torch.Tensor:
        gain = self.values[2 + self.terms :]
        return gain - gain.mean()

    def absorption(self, phase: torch.Tensor) -> torch.Tensor:
        return self.share * phase + self.values[1]

    def slope(self, slopes: PatternGradient, phase: torch.Tensor) -> torch.Tensor:
        """Gradient of the energy by `values`, of its `slopes` at the object of this `phase` (Y, X), rad."""
        by_absorption = torch.stack([(slopes.absorption * phase).sum(), slopes.absorption.sum()])
        return torch.cat([by_absorption, slopes.aberration, slopes.gain - slopes.gain.mean()])


def closed(image: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """`image` (y, x) continued to `shape` in a straight line from its last pixel to its first: it repeats smoothly."""
    for axis in (0, 1):
        extra = shape[axis] - image.shape[axis]
        if extra:
            share = (torch.arange(1, extra + 1, device=image.device, dtype=image.dtype) / (extra + 1)).reshape(
                (-1, 1) if axis == 0 else (1, -1)
            )
            last, first = image.narrow(axis, image.shape[axis] - 1, 1), image.narrow(axis, 0, 1)
            image = torch.cat([image, last + (first - last) * share], axis)
    return image


def border_of(acquisition: MultiplexedLed) -> int:
    """Frame pixels to add so that a field may be treated as one that repeats; 0 where it does or a pupil is given."""
    return 0 if acquisition.pupil is not None or patterns_repeat(acquisition.intensity()) else BORDER


def on_object_grid(model: PatternMisfit, phase: torch.Tensor, upsampling: int) -> torch.Tensor:
    """A `phase` (Y, X), `upsampling` pixels per frame pixel, on the grid of `model` with its border.

    Raises
    ------
    InputError : where the phase does not cover the frames.
    """
    expected = tuple(upsampling * n for n in model.frame_shape)
    if tuple(phase.shape) != expected:
        raise InputError(
            f"the phase has {tuple(phase.shape)} pixels; {upsampling} per pixel of frames of {model.frame_shape} are "
            f"{expected}"
        )
    if not torch.isfinite(phase).all():
        raise InputError("the phase holds values that are not finite; every pixel needs a number")
    rows, columns = (upsampling * n for n in model.plan.image_shape)
    whole = closed(phase, (rows, columns))
    return resample(whole, model.object_shape)


def on_fine_grid(model: PatternMisfit, image: torch.Tensor, upsampling: int) -> torch.Tensor:
    """Inverse of `on_object_grid`: what of `image`, on the grid of `model`, lies over frames, `upsampling` finer."""
    fine = resample(image, (upsampling * model.plan.image_shape[0], upsampling * model.plan.image_shape[1]))
    return fine[: upsampling * model.frame_shape[0], : upsampling * model.frame_shape[1]].clone()


def best_shared(
    model: PatternMisfit,
    phase: torch.Tensor,
    *,
    absorption: torch.Tensor | None = None,
    aberration: Sequence[float] | None = None,
    gains: bool = False,
) -> Shared:
    """Absorption as a share of the phase, and aberrations, with which a phase explains the frames best.

    Parameters
    ----------
    model : of the frames.
    phase : on the model's object grid (Y, X).
    absorption : where it is known (Y, X); share and constant then stay 0.
    aberration : the model's Zernike coefficients where they are known, rad.
    gains : fit the brightness of the frames beside their LEDs' too.
    """
    terms = len(model.noll)
    free = np.ones(2 + terms + len(model.leds))
    free[:2], free[2 : 2 + terms], free[2 + terms :] = absorption is None, aberration is None, gains
    start = np.zeros(len(free))
    start[0] = 0.1 if absorption is None else 0.0
    if aberration is not None:
        start[2 : 2 + terms] = aberration

    def shared_of(values: np.ndarray) -> Shared:
        return Shared(torch.as_tensor(values, dtype=torch.float32, device=phase.device), terms)

    def energy(values: np.ndarray) -> tuple[float, np.ndarray]:
        shared = shared_of(values)
        absorbed = shared.absorption(phase) if absorption is None else absorption
        slopes = model.slopes(phase, absorbed, shared.aberration, shared.gain)
        return slopes.energy, free * shared.slope(slopes, phase).double().cpu().numpy()

    return shared_of(minimize(energy, start, jac=True, method="L-BFGS-B", options={"maxfun": EVALUATIONS}).x)
