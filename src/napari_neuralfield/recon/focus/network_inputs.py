"""What the single-frame networks are shown: one defocused frame in units that no longer know their microscope.

With lengths in frame pixels, what an image of a thin sample depends on is the Fresnel number of a pixel,
wavelength z / pixel^2, and the apertures times pixel / wavelength. Channels: the frame's contrast, the phase that a
weak sample would need to show it, and, constant across the frame, the Fresnel number and the condenser's blur.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from torch.nn import functional

from ...data.acquisition import ThroughFocus
from ...optics.propagation import frequency_axis

CHANNELS = ("contrast", "weak phase", "Fresnel number", "condenser")
CONTRAST_UNIT = 0.05
REGULARISER = 0.02  # transfer of phase to contrast below which the weak phase fades
MARGIN = 16  # frame pixels of mirrored border, for the weak phase
UPSAMPLING = 4
SMALLEST = 32  # frame pixels per axis
RANGE = (0.06, 1.2)  # sizes of the Fresnel number that the training knows
CONDENSER = (0.0, 1.0)  # condenser NA pixel / wavelength, cycles per frame pixel


@dataclasses.dataclass(frozen=True)
class Defocus:
    """How one frame was taken, without units.

    Parameters
    ----------
    fresnel : wavelength z / pixel^2; its sign is that of z.
    condenser, objective : NA pixel / wavelength, cycles per frame pixel.
    """

    fresnel: float
    condenser: float
    objective: float

    @classmethod
    def of(cls, acquisition: ThroughFocus, number: int) -> Defocus:
        """That of frame `number` of an `acquisition`."""
        wavelength, pixel = acquisition.wavelength_um, acquisition.pixel_um
        z = float(np.asarray(acquisition.z_um)[number])
        scale = pixel / wavelength
        return cls(wavelength * z / pixel**2, acquisition.condenser_na * scale, acquisition.objective_na * scale)


def transfer(defocus: Defocus, shape: tuple[int, int], device: torch.device | str = "cpu") -> torch.Tensor:
    """Contrast of a frame of `shape` per radian of a weak phase at each frequency (y, x), unshifted, on `device`.

    2 sin(pi F f^2) of a closed condenser (f in cycles per frame pixel, F the Fresnel number), times the blur of an
    open one, a disc of radius F x condenser pixels, and of the pixel's square; F and condenser as in `defocus`.
    """
    fy, fx = frequency_axis(shape[0], device=device)[:, None], frequency_axis(shape[1], device=device)[None, :]
    square = fy**2 + fx**2
    across = 2 * math.pi * torch.sqrt(square) * abs(defocus.fresnel) * defocus.condenser
    disc = torch.where(across > 1e-6, 2 * torch.special.bessel_j1(across) / across.clamp(min=1e-6), 1.0)
    pixel = torch.sinc(fy) * torch.sinc(fx)
    return (2 * torch.sin(math.pi * defocus.fresnel * square) * disc * pixel).float()


def weak_phase(contrast: torch.Tensor, response: torch.Tensor) -> torch.Tensor:
    """Phase (..., y, x), rad, of a weak sample with this contrast, Tikhonov-regularised; periodic borders.

    Parameters
    ----------
    contrast : of a frame (..., y, x), its mean 0.
    response : what `transfer` gives, contrast per radian (y, x).
    """
    inverse = response / (response.square() + REGULARISER**2)
    return torch.fft.ifft2(torch.fft.fft2(contrast) * inverse).real


def channels(contrast: torch.Tensor, phase: torch.Tensor, defocus: Defocus) -> torch.Tensor:
    """Channels (4, y, x) of a frame's `contrast` and weak `phase`, rad (y, x), taken at `defocus`."""
    constants = [2 * defocus.fresnel, 2 * abs(defocus.fresnel) * defocus.condenser]
    flat = [torch.full_like(contrast, value) for value in constants]
    return torch.stack([contrast / CONTRAST_UNIT, phase, *flat])


def inputs_of(frame: torch.Tensor, defocus: Defocus) -> torch.Tensor:
    """Channels (4, y, x) of a `frame` (y, x) in any unit, taken at `defocus`; nothing is known beyond its borders."""
    contrast = frame / frame.mean() - 1
    margin = min(MARGIN, *(n - 1 for n in frame.shape))
    wide = functional.pad(contrast[None], (margin,) * 4, mode="reflect")[0]
    response = transfer(defocus, (wide.shape[0], wide.shape[1]), frame.device)
    inner = slice(margin, -margin)
    return channels(contrast, weak_phase(wide, response)[inner, inner], defocus)


def best_frame(acquisition: ThroughFocus) -> int:
    """The frame whose Fresnel number lies best in what the networks know; of equals the one above the focus."""
    middle = math.sqrt(RANGE[0] * RANGE[1])
    numbers = [Defocus.of(acquisition, i).fresnel for i in range(acquisition.frame_count)]

    def away(i: int) -> tuple[float, float]:
        return round(abs(math.log(max(abs(numbers[i]), 1e-9) / middle)), 6), -numbers[i]

    return min(range(len(numbers)), key=away)
