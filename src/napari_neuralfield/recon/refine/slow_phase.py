"""Slow phase of an object, which single LEDs hardly show: a few cosines that are learnt beside its samples.

Only LEDs whose light passes near the rim of the pupil tell how the phase runs over the field, so steps that suit every
sample are too small for it. Cosines over the grid take steps of their own, and the object takes them up in the end.
Near LEDs send spherical waves, and a lens that is not telecentric bends them more: what they have in common is a sphere
in the object's phase, which a few trials find.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

from .microscope import FitGrid

COSINES, SAMPLES = 20, 16  # along each side: at most, and the object's samples to each at least
RATE = 0.01  # step of a weight, rad
STEP = 1.0  # rad at the corner between two spheres tried
MOST = 24  # spheres
CLEAR = 0.95  # of the misfit under a plane wave: what a sphere must leave


class SlowPhase:
    """Phase as a sum of products of cosines over an object's grid.

    Attributes
    ----------
    share : of a weight that a product is, the less the faster it runs (cosine, cosine).
    found : weights learnt so far, rad (cosine, cosine).
    """

    def __init__(self, shape: tuple[int, int], device: torch.device) -> None:
        """For an object of a `shape` (Y, X) on a `device`."""
        self.y, self.x = (_cosines(n, device) for n in shape)
        ky, kx = (torch.arange(c.shape[1], device=device) for c in (self.y, self.x))
        self.share = 1 / (1 + torch.hypot(ky[:, None].float(), kx[None].float()))
        self.found = torch.zeros_like(self.share)

    def wave(self, weights: torch.Tensor) -> torch.Tensor:
        """exp(i phase), complex (Y, X), of `weights` (cosine, cosine), rad; differentiable."""
        phase = self.y @ (weights * self.share) @ self.x.T
        return torch.polar(torch.ones_like(phase), phase)

    def take_up(self, found: torch.Tensor) -> None:
        """Begin with weights `found` (cosine, cosine) on a grid of the same area, which may have had more or fewer."""
        rows, columns = (min(here, there) for here, there in zip(self.found.shape, found.shape, strict=True))
        self.found[:rows, :columns] = found[:rows, :columns]


def _cosines(n: int, device: torch.device) -> torch.Tensor:
    place = (torch.arange(n, device=device) + 0.5) / n
    return torch.cos(math.pi * place[:, None] * torch.arange(min(COSINES, max(1, n // SAMPLES)), device=device))


def sphere(grid: FitGrid, pixel_um: float, bend: float) -> torch.Tensor:
    """Phase of a sphere about the middle of the frame, `bend` r^2, over an object's grid (Y, X), rad.

    Parameters
    ----------
    grid : where the object lies.
    pixel_um : of the frame.
    bend : rad/um^2; pi / (wavelength height) of LEDs at a height, in the paraxial approximation.
    """
    y, x = (
        (torch.arange(n, device=grid.device) * (pixels / n) - (part.start + part.stop) / 2) * pixel_um
        for n, pixels, part in zip(grid.object_shape, grid.plan.image_shape, grid.inside, strict=True)
    )
    return bend * (y[:, None] ** 2 + x**2)


def bend_of(misfit: Callable[[float], float], corner_um: float) -> float:
    """How a wave from afar is bent that explains the frames best, rad/um^2; 0 where a plane one does about as well.

    Parameters
    ----------
    misfit : of the frames under a wave that is bent so (rad/um^2).
    corner_um : distance of the corner of the frame from its middle, um.
    """
    step, found = STEP / corner_um**2, {0: misfit(0.0)}
    while len(found) < MOST:
        best = min(found, key=lambda n: found[n])
        left = [n for n in (best - 1, best + 1) if n not in found]
        if not left:
            break
        found[left[0]] = misfit(left[0] * step)
    best = min(found, key=lambda n: found[n])
    if best < 0 or found[best] > CLEAR * found[0] or not {best - 1, best + 1} <= set(found):
        return 0.0
    before, here, after = (found[best + n] for n in (-1, 0, 1))
    return step * (best + (before - after) / (2 * (before - 2 * here + after)))
