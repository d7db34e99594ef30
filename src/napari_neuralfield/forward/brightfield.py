"""Bright field through focus: partially coherent images of a thin sample, by Abbe's method, and camera pixels.

Every point s of the condenser's aperture is a plane wave. The sample shifts its spectrum, the objective passes what
lies inside its aperture, and the intensities of all points add up:

    I_z(r) = sum_s w_s |F^-1 { O(f) P(f + s) exp(2 pi i z (sqrt(1/wavelength^2 - |f + s|^2) - ...)) }|^2

E. Abbe (1873); J. W. Goodman, Introduction to Fourier Optics, section 6.5. Several wavelengths add up likewise, each
with its own share of light. An empty sample gives 1.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
import torch

from ..compute import COMPLEX
from ..data.acquisition import ThroughFocus
from ..optics.grids import binned, intensity
from ..optics.propagation import frequency_axis
from ..optics.pupil import aperture, defocus

GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))


def source_points(condenser_na: float, count: int) -> np.ndarray:
    """`count` points of equal weight spread evenly over a disc of radius `condenser_na`, NA (point, 2) as (y, x).

    A sunflower's seeds (H. Vogel, Math. Biosci. 44, 179 (1979)), moved so that their mean is 0.
    """
    if condenser_na <= 0 or count < 2:
        return np.zeros((1, 2))
    number = np.arange(count)
    radius = condenser_na * np.sqrt((number + 0.5) / count)
    points = radius[:, None] * np.stack([np.sin(number * GOLDEN_ANGLE), np.cos(number * GOLDEN_ANGLE)], -1)
    return np.asarray(points - points.mean(0))


@dataclasses.dataclass(frozen=True)
class BrightField:
    """A microscope that images thin samples on fine pixels through focus; samples repeat at their borders.

    Parameters
    ----------
    pixel_um : of the sample's grid.
    binning : pixels of that grid per camera pixel and axis.
    points : of the condenser's aperture; one is enough where it is closed.
    spectrum : (wavelength_um, share of light) of each colour; empty: `wavelength_um` alone. The phase of the sample
        is that at `wavelength_um`, and its path the same in all.
    """

    wavelength_um: float
    objective_na: float
    condenser_na: float
    pixel_um: float
    binning: int = 1
    points: int = 24
    spectrum: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of(cls, acquisition: ThroughFocus, upsampling: int = 1, points: int = 24) -> BrightField:
        """The microscope of an acquisition, its sample on finer pixels than its frames.

        Parameters
        ----------
        acquisition : a stack through focus.
        upsampling : pixels of the sample per camera pixel and axis.
        points : of the condenser's aperture.
        """
        return cls(
            wavelength_um=acquisition.wavelength_um,
            objective_na=acquisition.objective_na,
            condenser_na=acquisition.condenser_na,
            pixel_um=acquisition.pixel_um / upsampling,
            binning=upsampling,
            points=points,
        )

    def pupils(
        self,
        shape: tuple[int, int],
        z_um: torch.Tensor,
        wavelength_um: float | None = None,
        device: torch.device | str = "cpu",
    ) -> torch.Tensor:
        """What each source point's light passes: (z, point, y, x), complex64, unshifted; differentiable in z.

        Parameters
        ----------
        shape : pixels of the sample's grid (y, x).
        z_um : distances of the sample from the focal plane (z,).
        wavelength_um : vacuum wavelength, um; the microscope's where None.
        device : where the pupils are made.
        """
        wavelength = self.wavelength_um if wavelength_um is None else wavelength_um
        s = torch.as_tensor(source_points(self.condenser_na, self.points) / wavelength, device=device)
        fy = frequency_axis(shape[0], self.pixel_um, device)[None, :, None] + s[:, 0, None, None]
        fx = frequency_axis(shape[1], self.pixel_um, device)[None, None, :] + s[:, 1, None, None]
        inside = aperture(fy, fx, self.objective_na / wavelength)
        depth = z_um.to(device=device, dtype=torch.float64)[:, None, None, None]
        return (inside * defocus(fy, fx, wavelength, depth)).to(COMPLEX)

    def images(self, transmission: torch.Tensor, z_um: torch.Tensor) -> torch.Tensor:
        """Camera frames (..., z, y, x) of a sample, differentiable in both.

        Parameters
        ----------
        transmission : exp(i phase - absorption) (..., Y, X), complex; Y and X are whole multiples of `binning`.
        z_um : distances of the sample from the focal plane (z,), um.
        """
        colours = self.spectrum or ((self.wavelength_um, 1.0),)
        share = sum(weight for _, weight in colours)
        parts = [self._one_colour(transmission, z_um, colour) * (weight / share) for colour, weight in colours]
        return functools.reduce(torch.add, parts)

    def _in_colour(self, transmission: torch.Tensor, wavelength: float) -> torch.Tensor:
        if wavelength == self.wavelength_um:
            return transmission
        size = transmission.abs()
        return torch.polar(size, torch.angle(transmission) * (self.wavelength_um / wavelength))

    def _one_colour(self, transmission: torch.Tensor, z_um: torch.Tensor, wavelength: float) -> torch.Tensor:
        spectrum = torch.fft.fft2(self._in_colour(transmission, wavelength))
        frames = []
        for pupil in self.pupils((spectrum.shape[-2], spectrum.shape[-1]), z_um, wavelength, spectrum.device):
            light = functools.reduce(torch.add, (_square(torch.fft.ifft2(spectrum * one)) for one in pupil))
            frames.append(binned(light / len(pupil), self.binning))
        return torch.stack(frames, dim=-3)


def _square(wave: torch.Tensor) -> torch.Tensor:
    return intensity(wave)
