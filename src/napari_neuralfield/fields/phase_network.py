"""A neural field of phase: a pyramid of grids and a small head, that answers in radians between its pixels too.

What is fitted lies on a grid that goes on beyond what is asked for, since light from there arrives in the frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ..registry import FIELDS
from ..types import Extent
from .residual import ResidualField


@FIELDS.register("phase-network")
class PhaseNetwork(nn.Module):
    """Phase of one plane, rad, and an absorption beside it that only a fit sees.

    Parameters
    ----------
    extent : `Extent` or its dict, of the native grid.
    network : options of the `ResidualField` behind it, whose extent is the grid of the fit. Real part: phase,
        imaginary part: absorption.
    """

    type_name = "phase-network"
    complex_valued = False

    def __init__(self, *, extent: Extent | dict[str, Any], network: Mapping[str, Any]) -> None:
        super().__init__()
        self.extent = extent if isinstance(extent, Extent) else Extent.from_dict(extent)
        self.network = ResidualField(**network)
        self.network.set_prior(torch.zeros((), dtype=self.network.prior.dtype))

    def options(self) -> dict[str, Any]:
        return {"extent": self.extent.to_dict(), "network": self.network.options()}

    def set_prior(self, sample: torch.Tensor) -> None:
        """Take phase, or phase and absorption (channel, Y, X), as what the network adds to."""
        rest = sample[1] if len(sample) > 1 else torch.zeros_like(sample[0])
        self.network.set_prior(torch.complex(sample[0].float(), rest.float()))

    def on_grid(self, channels: int = 1) -> torch.Tensor:
        """Phase and absorption (channel, Y, X) on the grid of the fit, differentiable."""
        return torch.view_as_real(self.network.at_pixels()).permute(2, 0, 1)[:channels]

    def forward(self) -> torch.Tensor:
        return self.on_grid()

    def render(self, z_um: Any, y_um: Any, x_um: Any) -> torch.Tensor:
        """Phase on the grid of 1-D axes (um): (z, y, x) float32, rad."""
        return self.network.render(z_um, y_um, x_um).real.clone()

    def query(self, z_um: Any, y_um: Any, x_um: Any) -> torch.Tensor:
        """Phase at points (um), rad; the three coordinates broadcast against each other."""
        return self.network.query(z_um, y_um, x_um).real.clone()

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        return self.network.state_dict(*args, **kwargs)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        return self.network.load_state_dict(*args, **kwargs)
