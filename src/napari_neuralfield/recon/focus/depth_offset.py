"""How far all planes of a stack are from where the file says, found while a sample is fitted to them.

The depth that the residuals ask for, by Gauss and Newton: d = -<dr/dz, r> / <dr/dz, dr/dz>, the slope dr/dz from frames
simulated a little above and below.
"""

from __future__ import annotations

import numpy as np
import torch

from ...forward.defocus_misfit import DefocusMisfit
from .sparse_fit import FitStep

EVERY = 5  # steps between two looks
PROBE = 0.05  # of the farthest plane's depth
BOLDEST = 0.3  # of it, that a look may move the planes


class Deeper:
    """Moves the planes of a misfit as its fit goes on; never in its last fifth, so that the sample can settle."""

    def __init__(self, misfit: DefocusMisfit) -> None:
        self.misfit = misfit
        self._scale = float(np.abs(misfit.z_um.numpy()).max())

    def look(self, sample: torch.Tensor, step: FitStep) -> None:
        """Every EVERY steps (see `step`), move the planes where the frames of `sample` (channel, Y, X) fit better."""
        if step.done % EVERY or step.done > 0.8 * step.total:
            return
        here, probe = self.misfit.moved_um, PROBE * self._scale
        residuals = []
        for moved in (here - probe, here, here + probe):
            self.misfit.move(moved)
            residuals.append(self.misfit.residual(sample).double())
        slope = (residuals[2] - residuals[0]) / (2 * probe)
        wanted = -float((slope * residuals[1]).sum() / slope.square().sum().clamp(min=1e-20))
        bound = BOLDEST * self._scale
        self.misfit.move(here + float(np.clip(wanted, -bound, bound)))
