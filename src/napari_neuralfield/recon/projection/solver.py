"""Sequential projection for Fourier ptychography, LED by LED, several depths at once.

For every LED in turn: cut its window from the object's spectrum, put the measured amplitude in its image, add the
difference back (Zheng et al., Nature Photonics 7, 739 (2013)). All planes of a stack share each FFT call.
Pupil (Ou, Zheng, Yang, Opt. Express 22, 4960 (2014)) and LED gains are solved by least squares after every pass:
the pupil of all LEDs together, so that the bright zero frequency does not drown the rest.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from ... import compute
from ...data.frames import order_of_use
from ...forward import fourier
from ...forward.led_grid import depth_tensor
from ...optics.grids import intensity
from ...optics.pupil import TINY
from ..engine.readings import squares
from .smooth_pupil import SmoothPupil

KERNEL_BYTES = 2**29  # pupils of all LEDs are kept where they take less


class Solver:
    """Spectra of some planes, the pupil's aberration and the LED gains, improved LED by LED.

    Parameters
    ----------
    plan : windows of the LEDs.
    measured : the frames on the image grid, with their exposure and ambient light.
    depths_um : depth of each plane, um (z,).
    spectra : centred spectra of these planes (z, y, x), changed in place.
    aberration : complex factor on the pupil (y, x).
    gain : brightness of each LED (led,), amplitude, mean 1; from the exposures where None.
    kernels : aperture and defocus in each window (led, z, y, x), where they are not those of `plan`.
    """

    def __init__(
        self,
        plan: fourier.Windows,
        measured: fourier.LedFrames,
        depths_um: np.ndarray,
        spectra: torch.Tensor,
        aberration: torch.Tensor,
        gain: torch.Tensor | None = None,
        kernels: torch.Tensor | None = None,
    ) -> None:
        amplitude = measured.amplitude
        self.plan, self.amplitude, self.floor, self.spectra = plan, amplitude, measured.floor, spectra
        self.aberration = aberration
        self.gain = measured.gain if gain is None else gain
        self.region: torch.Tensor | None = None  # weight of each pixel (y, x); 0 leaves it open
        self.dark_weight = 1.0  # share of a step that dark-field frames take
        self.dark = np.hypot(*fourier.window_centres(plan).T) > plan.cutoff
        self.smooth: SmoothPupil | None = None  # the aberration's phase as polynomials, then not solved bin by bin
        self.z = depth_tensor(depths_um, spectra.device)
        light = amplitude.sum(dim=(1, 2), dtype=torch.float64).cpu().numpy()
        self.order = order_of_use(light, np.hypot(*fourier.window_centres(plan).T))
        self._kernels = self._plain = cached_pupils(plan, self.z) if kernels is None else kernels
        squares = (amplitude.double() ** 2).sum(dim=(1, 2)).cpu().numpy() * len(self.z)
        self.energy = np.maximum(squares[self.order], 1e-30)  # of each LED, in the order of a sweep
        self.total = float(self.energy.sum())

    def kernel(self, led: int) -> torch.Tensor:
        """Aperture, defocus and smooth phase of one LED's window (z, y, x), without the aberration in bins."""
        if self._kernels is not None:
            return self._kernels[led]
        plain = fourier.pupils(self.plan, np.array([led]), self.z)[0]
        return plain if self.smooth is None else plain * self.smooth.factors(np.array([led]))

    def window(self, led: int) -> torch.Tensor:
        """View of the spectra that `led` sees (z, y, x)."""
        y, x = self.plan.corner[led]
        return self.spectra[:, y : y + self.plan.box[0], x : x + self.plan.box[1]]

    def image(self, led: int) -> torch.Tensor:
        """Complex image of one LED (z, y, x), up to a phase ramp."""
        seen = self.window(led) * self.kernel(led) * self.aberration
        return torch.fft.ifft2(seen, s=self.plan.image_shape, norm="forward")

    def run(self, steps: Sequence[float], recover_pupil: bool = False, recover_gain: bool = False) -> None:
        """Passes over all LEDs with the step sizes `steps`; `recover_pupil` and `recover_gain` as in `sweep`."""
        for step in steps:
            for _ in self.sweep(step, recover_pupil, recover_gain):
                pass

    def sweep(self, step: float, recover_pupil: bool = False, recover_gain: bool = False) -> Iterator[torch.Tensor]:
        """One pass over all LEDs; yields the root of the squared misfit of each LED before its update, on its device.

        Parameters
        ----------
        step : share of each correction that is applied, 0 to 1; 0 only looks.
        recover_pupil, recover_gain : solve for the aberration and for each LED's brightness as well.
        """
        rows, columns = self.plan.box
        wide = compute.precise(self.spectra.device)
        top = float(self.aberration.abs().amax()) ** 2
        numerator = torch.zeros_like(self.aberration)
        weight = torch.zeros_like(self.aberration.real)
        fresh, gains, floors = self.gain.clone(), self.gain.tolist(), self.floor.tolist()
        for led in self.order.tolist():
            kernel, window = self.kernel(led), self.window(led)
            pupil = kernel * self.aberration
            seen = window * pupil
            image = torch.fft.ifft2(seen, s=self.plan.image_shape, norm="forward")
            light = intensity(image)
            measured, gain, floor = self.amplitude[led], gains[led], floors[led]
            model = torch.sqrt_(torch.mul(light, gain**2).add_(floor + TINY))
            difference = measured - model
            yield torch.linalg.vector_norm(difference)
            if step == 0:
                continue
            if recover_gain:
                slope = light / model * gain
                change = ((slope * difference).sum() / (slope**2).sum().clamp(min=1e-12)).to(wide)
                fresh[led] = gain = (gain + 0.5 * change).clamp(min=0.1 * gain)
                model = torch.sqrt_(torch.mul(light, gain**2).add_(floor + TINY))
                difference = measured - model
            image *= difference.div_(model) if self.region is None else difference.div_(model).mul_(self.region)
            back = torch.fft.fft2(image, norm="forward")[:, :rows, :columns]
            if recover_pupil:
                numerator += gain**2 * ((kernel * window).conj() * back).sum(0)
                weight += gain**2 * ((kernel * window).abs() ** 2).sum(0)
            weight_of_led = self.dark_weight if self.dark[led] else 1.0
            window.addcmul_(pupil.conj(), back, value=weight_of_led * step / top)
        if step > 0 and recover_pupil:
            self._improve_pupil(numerator, weight)
        self.gain = fresh
        self._fix_scale(recover_pupil, recover_gain)

    def take(self, smooth: SmoothPupil) -> None:
        """Solve for the pupil as polynomials, from those in `smooth`, and no longer bin by bin."""
        self.smooth = smooth
        self._kernels = None if self._plain is None else self._plain * smooth.factors()[:, None]

    def solved(self) -> tuple[torch.Tensor, ...]:
        """Spectra, aberration, gains, and the polynomials' coefficients: what the next pass depends on."""
        polynomials = () if self.smooth is None else (self.smooth.coefficients,)
        return self.spectra, self.aberration, self.gain, *polynomials

    def go_on(self, solved: tuple[torch.Tensor, ...]) -> None:
        """Go on from what was `solved` before."""
        spectra, self.aberration, self.gain, *polynomials = solved
        self.spectra.copy_(spectra)
        if self.smooth is not None:
            (self.smooth.coefficients,) = polynomials
            self.take(self.smooth)

    def _improve_pupil(self, numerator: torch.Tensor, weight: torch.Tensor) -> None:
        """Add the correction `numerator` / `weight` (y, x) to the pupil, bin by bin or the smooth part of it."""
        change = numerator / (weight + 0.01 * weight[weight > 0].mean())
        if self.smooth is None:
            self.aberration = self.aberration + change
        else:
            self.smooth.improve((self.aberration.conj() * change).imag, weight > 0)
            self.take(self.smooth)

    def _fix_scale(self, recover_pupil: bool, recover_gain: bool) -> None:
        """Mean gain 1, mean pupil modulus 1, no piston: what the data cannot tell goes into the object."""
        if recover_gain:
            mean = self.gain.mean()
            self.gain = self.gain / mean
            self.spectra *= mean
        if recover_pupil and self.smooth is None:
            inside = self.kernel(int(self.order[0]))[0].abs() > 0
            self.aberration, mean = unit_pupil(self.aberration, inside)
            self.spectra *= mean

    def error(self) -> float:
        """Relative amplitude error over all planes."""
        return (sum(squares(list(self.sweep(0.0)))) / self.total) ** 0.5


def cached_pupils(plan: fourier.Windows, z_um: torch.Tensor) -> torch.Tensor | None:
    """Aperture and defocus of all LEDs (led, z, y, x) at depths `z_um` (z,), um; None where they take too much memory.

    `plan` : windows of the LEDs.
    """
    fits = 8 * len(plan.corner) * len(z_um) * math.prod(plan.box) < KERNEL_BYTES
    return fourier.pupils(plan, slice(None), z_um) if fits else None


def unit_pupil(aberration: torch.Tensor, inside: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The pupil without piston and with mean modulus 1, and the mean that the object has to take.

    Parameters
    ----------
    aberration : complex factor on the pupil (y, x).
    inside : bins within the aperture (y, x), bool.
    """
    values = aberration[inside]
    mean = values.abs().mean()
    level = torch.where(inside, aberration / mean, aberration)
    return level * torch.exp(-1j * values.sum().angle()), mean


def remove_tilt(
    spectra: torch.Tensor, aberration: torch.Tensor, inside: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Move the pupil's mean phase slope into the object, where it is a shift; images keep their modulus.

    Parameters
    ----------
    spectra : centred object spectra (..., Y, X).
    aberration : complex factor on the pupil (y, x).
    inside : bins within the aperture (y, x), bool.

    Returns
    -------
    spectra and aberration, both new.
    """
    for dim in (-2, -1):
        n = aberration.shape[dim]
        both = inside & inside.roll(1, dim)
        slope = float((aberration * aberration.roll(1, dim).conj())[both].sum().angle())
        bins = torch.arange(n, device=aberration.device) - n // 2
        big = torch.arange(spectra.shape[dim], device=aberration.device) - spectra.shape[dim] // 2
        shape = (-1, 1) if dim == -2 else (-1,)
        aberration = aberration * torch.exp(-1j * slope * bins).reshape(shape)
        spectra = spectra * torch.exp(1j * slope * big).reshape(shape)
    return spectra, aberration


def no_aberration(plan: fourier.Windows, device: torch.device) -> torch.Tensor:
    """The factor on the pupil before more than the measured one is known: ones (y, x) of `plan`'s box, on `device`."""
    return torch.ones(plan.box, dtype=torch.complex64, device=device)
