"""What a fit may learn about the microscope along with the field, end to end.

Each correction starts at nothing and is learnt with a step of its own, in its own unit. What the frames cannot tell
is taken out after every step: a common shift of the LEDs is a tilt of the object, the mean gain is the object's.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import torch

from ..compute import REAL
from ..optics.pupil import aperture, axial_frequency, wavefront
from . import fourier


@dataclasses.dataclass
class Learnable:
    """A correction: its value, the largest change per step, and the unit of both."""

    value: torch.Tensor
    step: float
    unit: str = ""


class LedCorrections:
    """Corrections of an LED array's optics, differentiable.

    Parameters
    ----------
    plan : windows of the LEDs as they are believed to lie; measured : the frames.
    steps : name -> largest change per step, of `board` (NA), `directions` (NA), `gains` (relative), `background` (share
        of the bright field), `pupil` (rad), `z_um`, `wavelength_um`; what is not named is not learnt.
    noll : Zernike terms of the pupil.
    per_frame : one ambient light for every frame, not one for all.
    edge_bins : width of the aperture's soft edge, through which directions and wavelength are learnt.
    """

    UNITS: Mapping[str, str] = {
        "board": "NA", "directions": "NA", "gains": "", "background": "", "pupil": "rad", "z_um": "um",
        "wavelength_um": "um",
    }  # fmt: skip

    def __init__(
        self,
        plan: fourier.Windows,
        measured: fourier.MeasuredAmplitude,
        steps: Mapping[str, float],
        noll: tuple[int, ...] = (),
        per_frame: bool = False,
        edge_bins: float = 0.5,
    ) -> None:
        self.plan, self.noll = plan, noll
        self.gain, self.floor = measured.gain, measured.floor
        self.edge = edge_bins * min(plan.bin)
        device, leds = measured.gain.device, len(measured.gain)
        na = -fourier.window_centres(plan) * plan.wavelength_um
        self.na = torch.as_tensor(na, dtype=REAL, device=device)
        self.reach = float(self.na.norm(dim=1).max().clamp(min=1e-6))
        sizes: dict[str, tuple[int, ...]] = {
            "board": (4,), "directions": (leds, 2), "gains": (leds,), "background": (leds if per_frame else 1,),
            "pupil": (len(noll),), "z_um": (), "wavelength_um": (),
        }  # fmt: skip
        self.learnt = {
            name: Learnable(torch.zeros(sizes[name], device=device, requires_grad=True), step, self.UNITS[name])
            for name, step in steps.items()
            if math.prod(sizes[name])
        }

    def value(self, name: str) -> torch.Tensor:
        """The correction `name`, 0 where it is not learnt."""
        found = self.learnt.get(name)
        return torch.zeros((), device=self.gain.device) if found is None else found.value

    def directions(self) -> torch.Tensor:
        """Directions of all LEDs (led, 2): the board turned, shifted and scaled, and each LED's own."""
        board = self.value("board")
        if board.ndim == 0:
            return self.na + self.value("directions")
        turn, scale = board[0] / self.reach, board[3] / self.reach  # all four move the outermost LED alike
        y, x = self.na[:, 0], self.na[:, 1]
        turned = torch.stack([y * torch.cos(turn) + x * torch.sin(turn), x * torch.cos(turn) - y * torch.sin(turn)], 1)
        return turned * (1 + scale) + board[1:3] + self.value("directions")

    def pupils(self, leds: np.ndarray, z_um: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
        """Pupils of `leds` with their gains (led, y, x), for a plane at `z_um`; `factor` (y, x) is known of them."""
        plan = self.plan
        wavelength = plan.wavelength_um + self.value("wavelength_um")
        moved = self.directions()[leds] / wavelength - self.na[leds] / plan.wavelength_um
        fy, fx = fourier.pupil_frequencies(plan, leds, self.gain.device)
        fy, fx = fy + moved[:, 0, None, None], fx + moved[:, 1, None, None]
        cutoff = plan.cutoff * plan.wavelength_um / wavelength
        depth = z_um + self.value("z_um")
        phase = 2 * math.pi * depth * (axial_frequency(fy, fx, wavelength) - 1 / wavelength)
        if "pupil" in self.learnt:
            phase = phase + wavefront(self.noll, self.value("pupil"), fy, fx, cutoff)
        known = factor if plan.pupil is None else factor * fourier.between_bins(plan, leds, self.gain.device)
        return torch.polar(aperture(fy, fx, cutoff, self.edge), phase) * known * self.gains()[leds][:, None, None]

    def gains(self) -> torch.Tensor:
        """Amplitude gain of each LED (led,)."""
        return self.gain * torch.exp(self.value("gains") / 2)

    def floors(self, leds: np.ndarray) -> torch.Tensor:
        """Ambient light of `leds` (led,)."""
        added = self.value("background")
        added = added[leds] if added.ndim and len(added) > 1 else added
        return torch.relu(self.floor[leds] + added)

    def penalty(self, leds: np.ndarray, spread_na: float) -> torch.Tensor:
        """Half the squared distance of `leds` from the board in units of its usual spread, summed."""
        if "directions" not in self.learnt:
            return torch.zeros((), device=self.gain.device)
        return (self.value("directions")[leds] ** 2).sum() / (2 * spread_na**2)

    @torch.no_grad()
    def settle(self) -> None:
        """Take out what the object can take: the mean shift of single LEDs, the mean gain."""
        if "directions" in self.learnt:
            own = self.learnt["directions"].value
            own -= own.mean(dim=0)
        if "gains" in self.learnt:
            gains = self.learnt["gains"].value
            gains -= gains.mean()

    @torch.no_grad()
    def found(self) -> dict[str, np.ndarray]:
        """What was learnt: directions (led, 2), gain (intensity, mean 1), floor (led,), coefficients, depth."""
        gain = self.gains().double() ** 2
        every = np.arange(len(gain))
        return {
            "illumination_na": self.directions().double().cpu().numpy(),
            "gains": (gain / gain.mean()).cpu().numpy(),
            "floor": self.floors(every).double().cpu().numpy(),
            "zernike_rad": np.zeros(0) if "pupil" not in self.learnt else self.value("pupil").double().cpu().numpy(),
            "z_um": self.value("z_um").double().cpu().numpy(),
            "wavelength_um": (self.plan.wavelength_um + self.value("wavelength_um")).double().cpu().numpy(),
        }
