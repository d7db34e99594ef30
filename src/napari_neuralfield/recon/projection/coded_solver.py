"""Projections for spatially coded Fourier ptychography, LED by LED.

The measured amplitude is put into the sensor's pixels (each spreads it over its fine pixels); the difference is carried
back to the surface and through it as in regularised ptychography (Maiden, Johnson, Li, Optica 4, 736 (2017)), whose
momentum between passes helps here as well; the image's change goes into the object's spectrum through the pupil.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from ...forward import fourier, spatially_coded
from ...optics.grids import binned, intensity, spread
from ...optics.pupil import TINY
from ..engine.readings import squares


class CodedSolver:
    """The object's spectrum, improved LED by LED.

    Parameters
    ----------
    camera : windows of the LEDs, the coded surface and the way to the sensor.
    measured : the frames (led, y, x), with each LED's gain and ambient light.
    spectrum : centred object spectrum (Y, X), changed in place.
    pupils : of all LEDs' windows (led, y, x).
    kernels : free space of all LEDs (led, y, x), or None to make each when it is needed.
    frames : indices that are used.
    alpha : regularisation of the object's step, 0 to 1; 1 is that of ePIE.
    """

    def __init__(
        self,
        camera: spatially_coded.CodedCamera,
        measured: fourier.LedFrames,
        *,
        spectrum: torch.Tensor,
        pupils: torch.Tensor,
        kernels: torch.Tensor | None,
        frames: np.ndarray,
        alpha: float = 0.1,
    ) -> None:
        self.camera, self.measured, self.alpha = camera, measured, alpha
        self.spectrum, self.gain = spectrum, measured.gain
        self.surface = camera.surface * spatially_coded.whole_ramp(camera)
        self._kernels = kernels
        radius = np.hypot(*fourier.window_centres(camera.plan).T)
        self.order = frames[np.argsort(radius[frames], kind="stable")]
        self.energy = (measured.amplitude.double() ** 2).sum(dim=(1, 2)).cpu().numpy()[self.order]
        self._pupils = pupils
        self.momentum: torch.Tensor | None = None

    def kernel(self, led: int) -> torch.Tensor:
        """Free space from the surface to the sensor for one LED (y, x)."""
        if self._kernels is not None:
            return self._kernels[led]
        return spatially_coded.free_space(self.camera, np.array([led]))[0].to(torch.complex64)

    def window(self, led: int) -> torch.Tensor:
        """View of the spectrum that `led` sees (y, x)."""
        y, x = self.camera.plan.corner[led]
        return self.spectrum[y : y + self.camera.plan.box[0], x : x + self.camera.plan.box[1]]

    def sweep(self, step: float) -> Iterator[torch.Tensor]:
        """One pass over all LEDs; yields the root of the squared misfit of each before its update, on its device.

        Step 0 only looks.
        """
        rows, columns = self.camera.plan.box
        code = intensity(self.surface)
        share = self.surface.conj() / ((1 - self.alpha) * code + self.alpha * code.max())
        gains, floors = self.gain.tolist(), self.measured.floor.tolist()
        for led in self.order.tolist():
            window, kernel = self.window(led), self.kernel(led)
            passed = self._pupils[led]
            image = torch.fft.ifft2(window * passed, s=self.camera.plan.image_shape, norm="forward")
            wave = spatially_coded.to_sensor(image * self.surface, kernel)
            light = binned(intensity(wave), self.camera.upsampling)
            model = torch.sqrt(light * gains[led] ** 2 + floors[led] + TINY)
            difference = self.measured.amplitude[led] - model
            yield torch.linalg.vector_norm(difference)
            if step == 0:
                continue
            wave *= spread(difference / model, self.camera.upsampling)
            excess = spatially_coded.to_sensor(wave, kernel.conj())  # change of the field behind the surface
            back = torch.fft.fft2(share * excess, norm="forward")[:rows, :columns]
            window.addcmul_(passed.conj(), back, value=step)

    def accelerated(self, momentum: float) -> Iterator[torch.Tensor]:
        """A full-step pass, after which the object goes on by `momentum` of what it moved, and moved before."""
        before = self.spectrum.clone()
        yield from self.sweep(1.0)
        moved = self.spectrum - before
        self.momentum = moved if self.momentum is None else moved + momentum * self.momentum
        self.spectrum += momentum * self.momentum

    def error(self) -> float:
        """Relative amplitude error of the frames used."""
        return float((sum(squares(list(self.sweep(0.0)))) / self.energy.sum()) ** 0.5)
