"""Networks around which everything lies that raw frames of one microscope need: frames in, phase out."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import nn

from ...data.acquisition import MultiplexedLed, ThroughFocus
from ...networks.pretrained import Weights
from ...recon.focus.network_inputs import Defocus
from ...recon.focus.network_inputs import inputs_of as frame_channels
from ...recon.focus.single_frame import beyond_training, checked_frame
from ...recon.patterns.dpc import MARGIN, DpcSolver
from ...recon.patterns.network_inputs import CANONICAL, board_of, inputs_of, light_of, normalise
from ...types import InputError

STRAIGHT = 1e-6


class RawPatterns(nn.Module):
    """Frames of five LED patterns (1, 5, y, x), in the order of their file and any unit, to phase (1, 1, 6 y, 6 x).

    Parameters
    ----------
    weights : of the network.
    acquisition : of the microscope: board, patterns, pixel, size of the frames. What lies beyond them is unknown.

    Raises
    ------
    InputError : where its frames must be turned by other than quarters, or resampled, before the network sees them.
    """

    def __init__(self, weights: Weights, acquisition: MultiplexedLed) -> None:
        super().__init__()
        inputs = inputs_of(acquisition)
        own, matrix = inputs.placement.pixel_um, np.array(inputs.orientation.matrix)
        straight = np.allclose(np.abs(matrix).max(1), 1)
        if not straight or abs(own / acquisition.pixel_um - 1) > STRAIGHT:
            pixel = CANONICAL.pixel * acquisition.wavelength_um / acquisition.objective_na
            raise InputError(
                f"{acquisition.source or 'the acquisition'}: a network alone neither turns frames by less than a "
                f"quarter nor resamples them; its pixel is {pixel:.3g} um at this NA and wavelength, the frames have "
                f"{acquisition.pixel_um:.3g} um; reconstruct such frames with: neuralfield reconstruct"
            )
        self.network = weights.network()
        order, factor = inputs.orientation.order, CANONICAL.upsampling
        na, weight = board_of(acquisition)
        self.light = nn.Buffer(torch.tensor(light_of(na, weight), dtype=torch.float32)[:, None, None])
        self.order, self.turn_deg = list(order), inputs.orientation.turn_deg
        self.reversed = [axis for axis, back in zip((-2, -1), matrix.sum(0) < 0, strict=True) if back]
        self.exchanged = bool(abs(matrix[0, 1]) > 0.5)
        self.dpc = DpcSolver(
            np.asarray(acquisition.led_na), weight[self.order[:2]], objective_na=acquisition.objective_na,
            wavelength_um=acquisition.wavelength_um, pixel_um=acquisition.pixel_um, shape=acquisition.frame_shape,
            regulariser=CANONICAL.regulariser, margin=MARGIN,
        )  # fmt: skip
        axes = (np.arange(n * factor) * acquisition.pixel_um / factor for n in acquisition.frame_shape)
        rows, columns, _ = inputs.placement.axes(*axes)
        self.rows, self.columns = (nn.Buffer(torch.tensor(a, dtype=torch.float32)) for a in (rows, columns))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        stack = frames / self.light
        dpc = self.dpc(stack[:, self.order[:2]])
        stack = torch.cat([stack[:, self.order], dpc[:, None]], dim=1).flip(self.reversed)
        stack = stack.transpose(-2, -1) if self.exchanged else stack
        channels = normalise(stack[:, :5], stack[:, 5], self.turn_deg)
        answer = self.network.on_grid(self.network.encode(channels), self.rows, self.columns)[:, :1]
        found: torch.Tensor = answer.transpose(-2, -1) if self.exchanged else answer
        return found


class RawFrame(nn.Module):
    """A defocused frame (1, 1, y, x) in any unit to phase (1, 1, 4 y, 4 x), by a network for single frames.

    Parameters
    ----------
    weights : of the network.
    defocus : at which every frame is taken.
    """

    def __init__(self, weights: Weights, defocus: Defocus) -> None:
        super().__init__()
        self.network, self.defocus = weights.network(), defocus

    def forward(self, frame: torch.Tensor) -> torch.Tensor:
        channels = frame_channels(frame[0, 0], self.defocus)
        found: torch.Tensor = self.network(channels[None])[:, :1]
        return found


@dataclasses.dataclass(frozen=True)
class RawModel:
    """A network for raw frames of one microscope.

    Parameters
    ----------
    module : frames (1, frame, y, x) to phase (1, 1, Y, X), rad.
    frames : an example (1, frame, y, x), float32.
    upsampling : pixels of the phase per frame pixel and axis.
    microscope : one sentence: which frames it takes.
    """

    module: nn.Module
    frames: torch.Tensor
    upsampling: int
    microscope: str


def raw_model(weights: Weights, acquisition: MultiplexedLed | ThroughFocus) -> RawModel:
    """The network of `weights` for raw frames like those of an `acquisition`.

    Raises
    ------
    InputError : where they are for another kind of frames, or frames are outside of what the network knows.
    """
    name = weights.header["network"]
    optics = (
        f"{acquisition.wavelength_um:g} um light, objective of {acquisition.objective_na:g} NA, pixels of "
        f"{acquisition.pixel_um:g} um at the sample, frames of {' x '.join(map(str, acquisition.frame_shape))} pixels"
    )
    if isinstance(acquisition, MultiplexedLed) and name == "neuph":
        module = RawPatterns(weights, acquisition)
        frames = torch.tensor(acquisition.intensity(), dtype=torch.float32)
        told = f"Five LED patterns in the order of the example, per exposure, background subtracted; {optics}."
        return RawModel(module.eval(), frames[None], CANONICAL.upsampling, told)
    if isinstance(acquisition, ThroughFocus) and name in ("srqpi", "srcnn"):
        number = checked_frame(acquisition, None)
        for note in beyond_training(acquisition, weights, number):
            raise InputError(f"{acquisition.source or 'the acquisition'}: {note.text}")
        single = RawFrame(weights, Defocus.of(acquisition, number))
        frames = torch.tensor(acquisition.intensity([number]), dtype=torch.float32)
        z = float(np.asarray(acquisition.z_um)[number])
        told = f"One frame at z = {z:+g} um, condenser of {acquisition.condenser_na:g} NA; {optics}."
        return RawModel(single.eval(), frames[None], int(single.network.upsampling), told)
    raise InputError(
        f"{acquisition.source or 'the acquisition'}: its frames are {acquisition.kind}, which the network {name} does "
        "not take; name frames of its own kind with --like"
    )
