"""Physics polish of a phase from defocused frames: what they tell is taken from them, the rest from the start.

A frame tells a phase's middle frequencies well, its slow part hardly, and what is finer than its pixels not at all. So
the fit of `sparse_fit` goes on from the start and pays for every distance from it, the more the finer it is: where
neither the frames nor an empty background decide, the start does, be it a network's.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from ... import compute
from ...data.acquisition import ThroughFocus
from ...optics.grids import binned
from ...types import InputError
from .frames import empty_on_grid, fit_pixels, frames_of, on_finer_pixels
from .sparse_fit import Known, SparseFit

STEPS = 20
POINTS = 8  # of the condenser's aperture
NEAR = 100.0  # per rad^2 and camera pixel: how far a start usually is from the truth
EDGES = 3.0  # per rad of an edge one camera pixel long
EXPLAINED = 4.0  # mean square in units of the noise above which the microscope is not what the file says


@dataclasses.dataclass(frozen=True)
class PolishedPhase:
    """What the frames make of a start.

    phase : rad (Y, X); the start where the polish was not accepted.
    error_before, error_after : relative amplitude error over the frames; the start's where not accepted.
    misfit : mean square of the difference in units of the frames' noise, that the fit reached; 1 is perfect.
    accepted : the frames are explained better than by the start, and nearly to their noise.
    """

    phase: torch.Tensor
    error_before: float
    error_after: float
    accepted: bool
    misfit: float


def polish_phase(
    acquisition: ThroughFocus,
    start_phase: torch.Tensor,
    frames: Sequence[int] | None = None,
    *,
    upsampling: int = 4,
    steps: int = STEPS,
    near: float = NEAR,
    edges: float = EDGES,
    flat_background: bool = True,
    non_negative: bool = True,
    noise: float | None = None,
    flatten_um: float = 0.0,
    device: torch.device | str = "cpu",
) -> Iterator[tuple[int, int, float] | PolishedPhase]:
    """Yield (steps done, of how many, relative amplitude error), and last the `PolishedPhase`.

    Parameters
    ----------
    acquisition : bright field out of focus.
    start_phase : rad, unwrapped (Y, X), `upsampling` pixels per camera pixel and axis, their areas the same.
    frames : numbers of the frames to explain; None: all.
    upsampling : of the start, and of what is found.
    steps : at most.
    near : weight of nearness to the start, per rad^2 and camera pixel; larger where the start is better.
    edges : weight of total variation, per rad.
    flat_background : where the frames show nothing over a larger place, there is nothing: the phase is the same in all
        such places. Says what a frame cannot: the slow part of the phase.
    non_negative : nothing has less phase than those places; as cells in water do, and holes in a film do not.
    noise : deviation of a pixel over its brightness; None: from the frames.
    flatten_um : brightness that varies more slowly than this is divided out of the frames, um; 0: only their means.
    device : that computes.

    Raises
    ------
    InputError : where the phase does not cover the frames or is not finite, or the frames cannot be used.
    """
    start = start_phase.detach().to(device=device, dtype=compute.REAL)
    expected = tuple(n * upsampling for n in acquisition.frame_shape)
    if tuple(start.shape) != expected:
        raise InputError(
            f"the phase to polish has {tuple(start.shape)} pixels; at upsampling {upsampling} it must have {expected}"
        )
    if not bool(torch.isfinite(start).all()):
        raise InputError("the phase to polish holds values that are not finite (NaN or infinity); give one that is")
    looked = frames_of(acquisition, frames, noise, flatten_um)
    fine = fit_pixels(upsampling)
    misfit = looked.misfit(fine, POINTS, device)
    coarse = binned(start, upsampling // fine)
    empty = empty_on_grid(looked, misfit) if flat_background else None
    whole = misfit.padded(coarse[None])
    level = 0.0 if empty is None else float((empty * whole[0]).sum() / empty.sum())
    known = Known(edges=edges, near=near, empty=empty, non_negative=non_negative and empty is not None)
    fit = SparseFit(misfit, whole - level, known)
    norm = math.sqrt(float(looked.intensity.astype(np.float64).sum())) * 2 / misfit.noise
    begun = misfit.slopes(fit.sample)
    energy = first = float(begun.energy)
    before = math.sqrt(2 * first) / norm
    yield 0, steps, before
    ended = begun
    for step in fit.steps(steps):
        ended, energy = step.slopes, float(step.slopes.energy)
        yield step.done, steps, math.sqrt(2 * energy) / norm
    accepted = math.isfinite(energy) and energy < first and ended.mean_square <= EXPLAINED
    change = on_finer_pixels(fit.sample[0][misfit.seen] + level - coarse, upsampling // fine)
    after = math.sqrt(2 * energy) / norm if accepted else before
    yield PolishedPhase(start + change if accepted else start, before, after, accepted, ended.mean_square)
