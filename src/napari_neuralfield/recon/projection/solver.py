"""Sequential projection for Fourier ptychography, LED by LED, several depths at once.

For every LED in turn: cut its window from the object's spectrum, put the measured amplitude in its image, add the
difference back (Zheng et al., Nature Photonics 7, 739 (2013)). All planes of a stack share each FFT call.
Pupil (Ou, Zheng, Yang, Opt. Express 22, 4960 (2014)) and LED gains are solved by least squares after every pass:
the pupil of all LEDs together, so that the bright zero frequency does not drown the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from ...forward import fourier
from ...optics.pupil import TINY
from .setup import depth_tensor


class Solver:
    """Spectra of some planes, the pupil's aberration and the LED gains, improved LED by LED.

    Parameters
    ----------
    measured : the frames on the image grid, with their exposure and ambient light.
    spectra : centred spectra of these planes (z, y, x), changed in place.
    aberration : complex factor on the pupil (y, x).
    gain : brightness of each LED (led,), amplitude, mean 1; from the exposures where None.
    kernels : aperture and defocus in each window (led, z, y, x), where they are not those of `plan`.
    """

    def __init__(
        self,
        plan: fourier.Windows,
        measured: fourier.MeasuredAmplitude,
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
        self.z = depth_tensor(depths_um, spectra.device)
        self.order = np.argsort(np.hypot(*fourier.window_centres(plan).T), kind="stable")
        bytes_needed = 8 * len(amplitude) * len(self.z) * plan.box[0] * plan.box[1]
        fits = bytes_needed < 2**29
        self._kernels = fourier.pupils(plan, slice(None), self.z) if kernels is None and fits else kernels
        squares = (amplitude.double() ** 2).sum(dim=(1, 2)).cpu().numpy() * len(self.z)
        self.energy = np.maximum(squares[self.order], 1e-30)  # of each LED, in the order of a sweep
        self.total = float(self.energy.sum())

    def kernel(self, led: int) -> torch.Tensor:
        """Aperture and defocus of one LED's window (z, y, x), without the aberration."""
        if self._kernels is not None:
            return self._kernels[led]
        return fourier.pupils(self.plan, np.array([led]), self.z)[0]

    def window(self, led: int) -> torch.Tensor:
        """View of the spectra that `led` sees (z, y, x)."""
        y, x = self.plan.corner[led]
        return self.spectra[:, y : y + self.plan.box[0], x : x + self.plan.box[1]]

    def image(self, led: int) -> torch.Tensor:
        """Complex image of one LED (z, y, x), up to a phase ramp."""
        seen = self.window(led) * self.kernel(led) * self.aberration
        return torch.fft.ifft2(seen, s=self.plan.image_shape, norm="forward")

    def sweep(self, step: float, recover_pupil: bool, recover_gain: bool) -> Iterator[float]:
        """One pass over all LEDs; yields the squared misfit of each LED before its update. Step 0 only looks."""
        rows, columns = self.plan.box
        top = float(self.aberration.abs().amax()) ** 2
        numerator = torch.zeros_like(self.aberration)
        weight = torch.zeros_like(self.aberration.real)
        fresh = self.gain.clone()
        for led in self.order.tolist():
            kernel, window = self.kernel(led), self.window(led)
            pupil = kernel * self.aberration
            seen = window * pupil
            image = torch.fft.ifft2(seen, s=self.plan.image_shape, norm="forward")
            light = torch.square(image.real).addcmul_(image.imag, image.imag)
            measured, gain, floor = self.amplitude[led], float(self.gain[led]), float(self.floor[led])
            model = torch.sqrt_(torch.mul(light, gain**2).add_(floor + TINY))
            difference = measured - model
            yield float(torch.linalg.vector_norm(difference)) ** 2
            if step == 0:
                continue
            if recover_gain:
                slope = light / model * gain
                change = float((slope * difference).sum() / (slope**2).sum().clamp(min=1e-12))
                fresh[led] = gain = max(gain + 0.5 * change, 0.1 * gain)
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
            self.aberration = self.aberration + numerator / (weight + 0.01 * weight[weight > 0].mean())
        self.gain = fresh
        self._fix_scale(recover_pupil, recover_gain)

    def _fix_scale(self, recover_pupil: bool, recover_gain: bool) -> None:
        """Mean gain 1, mean pupil modulus 1, no piston: what the data cannot tell goes into the object."""
        if recover_gain:
            mean = self.gain.mean()
            self.gain = self.gain / mean
            self.spectra *= mean
        if recover_pupil:
            inside = self.kernel(int(self.order[0]))[0].abs() > 0
            values = self.aberration[inside]
            mean = values.abs().mean()
            self.aberration = torch.where(inside, self.aberration / mean, self.aberration)
            self.aberration = self.aberration * torch.exp(-1j * values.sum().angle())
            self.spectra *= mean

    def error(self) -> float:
        """Relative amplitude error over all planes."""
        return (sum(self.sweep(0.0, False, False)) / self.total) ** 0.5


def remove_tilt(
    spectra: torch.Tensor, aberration: torch.Tensor, inside: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Move the pupil's mean phase slope into the object, where it is a shift; images keep their modulus."""
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
    """The factor on the pupil before anything is known beyond the measured pupil: ones (y, x)."""
    return torch.ones(plan.box, dtype=torch.complex64, device=device)
