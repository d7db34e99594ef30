"""The same fit with a neural field in place of pixels: Adam moves its features, all frames in every step."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import torch

from ... import compute
from ...fields.phase_network import PhaseNetwork
from ...forward.defocus_misfit import DefocusMisfit, transmission
from ...forward.focus_measurement import FocusMeasurement
from ...types import Extent, Progress
from ..engine.adam import warm_cosine
from ..engine.fit_field import Batch, Counter, Fittable, fit_field
from .sparse_fit import FitStep, Known

RATE = 3e-2
BASE, SCALE = 8, 1.5  # cells of the coarsest level along the longer axis, and the factor to the next
ROUNDED = 3e-3  # rad; smaller steps between pixels are smooth shading


def phase_network(misfit: DefocusMisfit, extent: Extent, seed: int, encoding: str = "hash") -> PhaseNetwork:
    """An empty network over the whole grid of a misfit.

    Parameters
    ----------
    misfit : whose grid it fills.
    extent : what it shows of that.
    seed : of its features at the start.
    encoding : of its pyramid.
    """
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
    """Improves `field` in place; what is known of the sample is paid for as in `sparse_fit.SparseFit`."""

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
        measurement = FocusMeasurement(self.misfit)
        now = self.sample

        def light(_: float) -> torch.Tensor:
            nonlocal now
            now = self.field.on_grid(self.channels)
            return transmission(now)

        moving = Fittable(light, list(self.field.network.parameters()), lambda: self.field)
        events = fit_field(
            moving,
            measurement,
            (Batch(measurement.train, warm_cosine(step, count)) for step in range(count)),
            rate=RATE,
            counter=Counter(count),
            regulariser=lambda _: self._penalty(now) / self.misfit.root.numel(),
            betas=(0.9, 0.99),
        )
        for event in events:
            if isinstance(event, Progress):
                assert measurement.slopes is not None
                yield FitStep(event.done, count, measurement.slopes, False)

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
