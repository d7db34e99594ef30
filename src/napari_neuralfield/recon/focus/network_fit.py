"""The same fit with a neural field in place of pixels: Adam moves its features, all frames in every step."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch

from ... import compute
from ...fields.phase_network import PhaseNetwork
from ...types import Extent
from ..engine.adam import Adam, warm_cosine
from .misfit import DefocusMisfit
from .sparse_fit import FitStep, Known

RATE = 3e-2
BASE, SCALE = 8, 1.5  # cells of the coarsest level along the longer axis, and the factor to the next
ROUNDED = 3e-3  # rad; smaller steps between pixels are smooth shading


def phase_network(misfit: DefocusMisfit, extent: Extent, seed: int, encoding: str = "hash") -> PhaseNetwork:
    """An empty network over the whole grid of a misfit, with `extent` for what it shows."""
    step = extent.pixel_um * extent.shape[0] / (misfit.seen[0].stop - misfit.seen[0].start)
    corner = [
        origin - extent.pixel_um / 2 + step / 2 - part.start * step
        for origin, part in zip(extent.origin_um, misfit.seen, strict=True)
    ]
    grid = Extent(extent.z_um, misfit.shape, step, (corner[0], corner[1]))
    field = PhaseNetwork(
        extent=extent, network={"extent": grid, "encoding": encoding, "base": BASE, "scale": SCALE, "half": True}
    )
    field.network.start(compute.seed(seed))
    return field.to(misfit.root.device)


class NetworkFit:
    """Improves `field` in place; what is known of the sample is paid for as in `defocus_fit.SparseFit`."""

    def __init__(self, misfit: DefocusMisfit, field: PhaseNetwork, known: Known, channels: int) -> None:
        self.misfit, self.field, self.known, self.channels = misfit, field, known, channels
        f = misfit.upsampling
        self._edges, self._ground = known.edges / f, known.ground / f**2
        self._smooth = known.smoothness(misfit).to(misfit.root.device)
        with torch.no_grad():
            self._start = field.on_grid(channels).clone() if known.near > 0 else 0.0

    @property
    def sample(self) -> torch.Tensor:
        with torch.no_grad():
            return self.field.on_grid(self.channels)

    def snapshot(self) -> PhaseNetwork:
        return copy.deepcopy(self.field)

    def steps(self, count: int) -> Iterator[FitStep]:
        """`count` steps of Adam."""
        optimizer = Adam(self.field.network.parameters(), RATE, betas=(0.9, 0.99))
        scale = 1 / (self.misfit.root.numel())
        for done in range(1, count + 1):
            sample = self.field.on_grid(self.channels)
            slopes = self.misfit.slopes(sample.detach())
            loss = (slopes.sample * sample).sum() + self._penalty(sample)
            optimizer.step(loss * scale, RATE * warm_cosine(done - 1, count))
            yield FitStep(done, count, slopes, False)

    def _penalty(self, sample: torch.Tensor) -> torch.Tensor:
        down, right = sample - sample.roll(1, -2), sample - sample.roll(1, -1)
        total = self._edges * (down.square() + right.square() + ROUNDED**2).sqrt().sum()
        away = sample - self._start
        smooth = torch.fft.irfft2(self._smooth * torch.fft.rfft2(away.detach()), s=self.misfit.shape)
        total = total + (smooth * away).sum()  # its slope; the value does not matter
        if self.known.empty is not None:
            total = total + 0.5 * self._ground * (self.known.empty * sample.square()).sum()
        if self.known.non_negative:
            total = total + 0.5 * self._ground * sample[0].clamp(max=0).square().sum()
        return total
