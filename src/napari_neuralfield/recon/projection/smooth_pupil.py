"""A pupil's phase as a few Zernike polynomials, read at the exact frequencies of every LED's window.

Pixel by pixel a pupil has as many unknowns as a part of the object, and what noise and unfinished passes leave in it is
copied into the object. As a smooth function it has a few dozen, and costs nothing where there is nothing to find.
"""

from __future__ import annotations

import numpy as np
import torch

from ...compute import REAL
from ...forward import fourier
from ...optics.pupil import zernikes

NOLL = tuple(range(4, 37))  # radial orders 2 to 7, without piston and the tilts, which are a shift of the object
OFFSETS = (-0.5, 0.0, 0.5)  # bins, at which the polynomials are known; between them they are read quadratically


class SmoothPupil:
    """The sum of Zernike polynomials in each window.

    Parameters
    ----------
    plan : windows of the LEDs.
    device : to work on.
    noll : Noll indices of the polynomials (term,).
    """

    def __init__(self, plan: fourier.Windows, device: torch.device, noll: tuple[int, ...] = NOLL) -> None:
        self.noll, self.plan = noll, plan
        axes = [(torch.arange(n, dtype=torch.float64) - n // 2) * b for n, b in zip(plan.box, plan.bin, strict=True)]
        maps = [
            torch.stack(zernikes(noll, axes[0][:, None] + dy * plan.bin[0], axes[1] + dx * plan.bin[1], plan.cutoff))
            for dy in OFFSETS
            for dx in OFFSETS
        ]
        self.maps = torch.stack(maps).to(REAL).to(device)  # (offset, term, y, x)
        self.basis = self.maps[len(OFFSETS) ** 2 // 2].reshape(len(noll), -1)  # (term, bin), at the bins themselves
        self.shares = torch.as_tensor(_shares(plan), dtype=REAL, device=device)  # (led, offset)
        self.coefficients = torch.zeros(len(noll), dtype=REAL, device=device)  # rad

    def factors(self, indices: np.ndarray | slice = slice(None)) -> torch.Tensor:
        """exp(i phase) in the windows of the LEDs `indices` (led, y, x)."""
        known = torch.einsum("t,otyx->oyx", self.coefficients, self.maps)
        phase = torch.einsum("lo,oyx->lyx", self.shares[indices], known)
        return torch.polar(torch.ones_like(phase), phase)

    def in_bins(self) -> torch.Tensor:
        """exp(i phase) on the bins of a window whose middle is the middle of the pupil (y, x)."""
        phase = (self.coefficients @ self.basis).reshape(self.plan.box)
        return torch.polar(torch.ones_like(phase), phase)

    def improve(self, wanted: torch.Tensor, inside: torch.Tensor) -> None:
        """Add the smooth phase nearest to that which is wanted.

        Parameters
        ----------
        wanted : phase to add in each bin, rad (y, x).
        inside : bins that count (y, x), bool.
        """
        basis = self.basis[:, inside.reshape(-1)].double()
        matrix = basis @ basis.T
        matrix += 1e-6 * matrix.diagonal().mean() * torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device)
        change = torch.linalg.solve(matrix, basis @ wanted[inside].double())
        self.coefficients = self.coefficients + change.to(REAL)


def _shares(plan: fourier.Windows) -> np.ndarray:
    """Weight of the polynomials at each pair of `OFFSETS` for each LED's remainder (led, offset)."""
    part = plan.remainder / np.array(plan.bin)
    along = [np.stack([2 * p * (p - 0.5), 1 - 4 * p**2, 2 * p * (p + 0.5)], 1) for p in part.T]
    return (along[0][:, :, None] * along[1][:, None, :]).reshape(len(part), -1)
