"""A neural field of phase: a pyramid of grids and a small head, that answers in radians between its pixels too.

What is fitted lies on a grid that goes on beyond what is asked for, since light from there arrives in the frames.
"""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import nn

from ..registry import FIELDS
from ..types import Extent
from .placement import Options, extent_of
from .residual import ResidualField


@FIELDS.register("phase-network")
class PhaseNetwork(nn.Module):
    """Phase of one plane, rad, and an absorption beside it that only a fit sees.

    Parameters
    ----------
    extent : `Extent` or its dict, of the native grid.
    network : options of the `ResidualField` behind it, whose extent is the grid of the fit; None: as `extent`. Real
        part: phase, imaginary part: absorption.
    """

    type_name = "phase-network"
    complex_valued = False

    def __init__(self, *, extent: Extent | Options, network: Options | None = None) -> None:
        super().__init__()
        self.extent = extent_of(extent)
        self.network = ResidualField(**(network or {"extent": self.extent}))
        self.network.set_prior(torch.zeros((), dtype=self.network.prior.dtype))

    def options(self) -> Options:
        return {"extent": self.extent.to_dict(), "network": self.network.options()}

    def set_prior(self, sample: torch.Tensor) -> None:
        """Take phase, or phase and absorption (channel, Y, X), as what the network adds to."""
        rest = sample[1] if len(sample) > 1 else torch.zeros_like(sample[0])
        self.network.set_prior(torch.complex(sample[0].float(), rest.float()))

    def on_grid(self, channels: int = 1) -> torch.Tensor:
        """Phase and absorption (channel, Y, X) on the grid of the fit, differentiable."""
        return torch.view_as_real(self.network.at_pixels()).permute(2, 0, 1)[:channels]

    forward = on_grid

    def start(self, generator: torch.Generator) -> None:
        """Begin with no phase; `generator` draws what is random."""
        self.network.start(generator)

    def sample(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Phase (z, y, x), rad, on axes `z_um`, `y_um`, `x_um`, um, differentiable."""
        return self.network.sample(z_um, y_um, x_um).real

    def render(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Phase (z, y, x), float32, rad, on axes `z_um`, `y_um`, `x_um`, um."""
        return self.network.render(z_um, y_um, x_um).real.clone()

    def query(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Phase, float32, rad, at points `z_um`, `y_um`, `x_um`, um, whose shapes broadcast."""
        return self.network.query(z_um, y_um, x_um).real.clone()

    def state_dict(self, *args, **kwargs):
        return self.network.state_dict(*args, **kwargs)

    def load_state_dict(self, *args, **kwargs):
        return self.network.load_state_dict(*args, **kwargs)
