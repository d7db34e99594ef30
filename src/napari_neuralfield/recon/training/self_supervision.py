"""Fine-tuning without truth: the answer for measured frames, imaged again through the board, must look like them.

Beside shifting the phase a thin sample absorbs; here its absorption is proportional to its phase. That ratio and the
objective's low aberrations are found on the way, one value of each for the whole acquisition.
"""

from __future__ import annotations

import torch
from torch import nn

from ...data.acquisition import MultiplexedLed
from ...networks.encoder import LocalConditionalNetwork
from ...networks.plain_images import plain_patterns
from ...types import InputError
from ..patterns.network_inputs import CANONICAL, DARK_KNEE, inputs_of
from .match_measured import BoardOf
from .pattern_stream import NOLL

FINE = 3  # samples of the answer per frame pixel: enough for the steepest LED
SOFT = 8  # frame pixels at the border of a patch over which the phase is faded out
RIM = 12  # frame pixels at the border that are not compared: what lies outside shines in
START_RATIO = 0.1  # absorption over phase


class FrameMisfit(nn.Module):
    """How far the network's answer for measured frames is from explaining them; its parameters are the microscope's.

    Parameters
    ----------
    patch : frame pixels per axis of what is looked at in a step.

    Raises
    ------
    InputError : where the frames are none of the network's patterns, or smaller than a patch.
    """

    def __init__(self, acquisition: MultiplexedLed, patch: int, device: torch.device) -> None:
        super().__init__()
        self.channels = inputs_of(acquisition).channels.to(device)
        rows, columns = (int(n) for n in self.channels.shape[1:])
        if min(rows, columns) < patch or patch <= 2 * RIM + 8:
            raise InputError(
                f"{acquisition.source or 'the acquisition'}: its frames are {rows} x {columns} of the network's pixels "
                f"and patch_px is {patch}; it must be smaller than the frames and larger than {2 * RIM + 8}"
            )
        self.patch, self.device = patch, device
        self.board = BoardOf(acquisition).exact(CANONICAL, patch)
        self.ratio = nn.Parameter(torch.tensor(START_RATIO))
        self.aberration_rad = nn.Parameter(torch.zeros(len(NOLL)))
        fade = torch.ones(patch * FINE)
        ramp = 0.5 - 0.5 * torch.cos(torch.pi * (torch.arange(SOFT * FINE) + 0.5) / (SOFT * FINE))
        fade[: SOFT * FINE], fade[-SOFT * FINE :] = ramp, ramp.flip(0)
        self.fade = (fade[:, None] * fade).to(device)

    def forward(self, network: LocalConditionalNetwork, generator: torch.Generator) -> torch.Tensor:
        """Mean absolute difference of predicted and measured channels at a place that `generator` draws."""
        rows, columns = (n - self.patch + 1 for n in self.channels.shape[1:])
        y, x = (int(torch.randint(n, (), generator=generator)) for n in (rows, columns))
        shown = self.channels[:, y : y + self.patch, x : x + self.patch]
        axis = torch.arange(self.patch * FINE, device=self.device) / FINE
        phase = network.on_grid(network.encode(shown[None]), axis, axis, 1 / FINE)[0, 0]
        return self.compare(phase, shown)

    def compare(self, phase: torch.Tensor, shown: torch.Tensor) -> torch.Tensor:
        """The same for a `phase` (Y, X), rad, FINE samples per pixel, and the channels `shown` (7, y, x) there."""
        faded = (phase - phase.mean()) * self.fade
        transmission = torch.polar(torch.exp(-self.ratio * faded), faded)
        frames = self.board.imaged(transmission.cpu(), self.aberration_rad.cpu()).to(self.device)
        inner = (..., slice(RIM, -RIM), slice(RIM, -RIM))
        frames, shown = frames[inner], shown[inner]
        measured = plain_patterns(shown[None], DARK_KNEE)[0, :5]
        level = (measured[:2].mean() / frames[:2].mean().clamp(min=1e-6)).detach()
        frames = frames * level
        gain = measured.mean((1, 2)) / frames.mean((1, 2)).clamp(min=1e-6)
        frames = frames * gain.detach().clamp(0.8, 1.25)[:, None, None]  # of the LEDs: no sample changes it so
        predicted = torch.cat([2 * (frames[:2] - 1), 2 * frames[2:] / torch.sqrt(frames[2:].abs() + DARK_KNEE)])
        return (predicted - shown[:5]).abs().mean()
