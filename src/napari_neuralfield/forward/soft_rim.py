"""The pupil of a real objective: a rim that is soft, slightly elliptic and not quite as wide as engraved."""

from __future__ import annotations

import math

import torch

from .fourier import Windows

RADIUS, STRETCH, SKEW, SOFTNESS, FALL, FALL_4 = range(6)  # of the numbers that describe a rim
RIM = 6
SHARP = 0.015  # softness to start from, shares of the radius: an edge 0.06 wide
SHARPEST = 0.004
FOLDS = 10.0  # by e, of the softness where its number changes by 1: a fit moves all alike; this one has far to go
FAINT = 1e-13  # of the modulus: far less is denormal, and the gradient of its phase not a number


def sharp_rim() -> torch.Tensor:
    """The numbers of a circular rim as wide as engraved (6,)."""
    return torch.zeros(RIM)


def soft_aperture(fy: torch.Tensor, fx: torch.Tensor, cutoff: float, rim: torch.Tensor) -> torch.Tensor:
    """Modulus of the pupil at frequencies, differentiable in them and in the rim.

    Parameters
    ----------
    fy, fx : frequencies, cycles/um, of shapes that broadcast.
    cutoff : NA / wavelength, cycles/um.
    rim : (6,): change of the radius, stretch along y against x, skew, all as shares of the radius, the softness as
        `SHARP` exp(`FOLDS` ...), and how the modulus goes as the square and the fourth power of the radius.
    """
    y, x = fy / cutoff, fx / cutoff
    square = (y * (1 + rim[STRETCH])) ** 2 + (x * (1 - rim[STRETCH])) ** 2 + 2 * rim[SKEW] * y * x
    radius = torch.sqrt(square.clamp(min=1e-12))
    softness = (SHARP * torch.exp(FOLDS * rim[SOFTNESS])).clamp(min=SHARPEST)
    inside = torch.sigmoid(((1 + rim[RADIUS] - radius) / softness).clamp(min=math.log(FAINT)))
    return inside * (1 + square * (rim[FALL] + square * rim[FALL_4]))


def reach(plan: Windows) -> float:
    """Largest radius inside every window of a `plan`, as a share of the cut-off: how far its rim may be soft."""
    return min((n // 2 - 1) * step for n, step in zip(plan.box, plan.bin, strict=True)) / plan.cutoff
