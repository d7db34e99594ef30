"""Object pixels and what the microscope really was, learnt together through the spatially coded model.

Gradient descent with decoupled momentum on the object's pixels with few edges (isotropic complex total variation),
and on Zernike coefficients, LED directions, gains and surface, each with a step of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from ...forward import fourier, spatially_coded
from ...optics.grids import centred_spectrum, fit_spectrum, image_of
from ...optics.pupil import TINY
from ..engine.adam import Adam, warm_cosine

STEPS: Mapping[str, float] = {"zernike": 0.02, "directions": 3e-4, "gains": 0.01, "profile": 0.01, "surface": 0.01}
EDGE_BINS = 0.5  # width of the aperture's soft edge while directions are learnt


class CodedPixels:
    """The object on its own pixels, and corrections of the microscope that start at nothing.

    Parameters
    ----------
    spectrum : centred object spectrum to start from (Y, X).
    learn : which of `zernike`, `directions` (NA), `gains`, `profile` (exponents of the surface's modulus and phase)
        and `surface` (every pixel of it) are learnt.
    noll : Zernike terms of the pupil.
    factor : complex factor on the pupil's bins (y, x).
    """

    def __init__(
        self,
        camera: spatially_coded.CodedCamera,
        measured: fourier.MeasuredAmplitude,
        spectrum: torch.Tensor,
        learn: tuple[str, ...],
        noll: tuple[int, ...],
        factor: torch.Tensor,
    ) -> None:
        self.camera, self.measured, self.noll, self.factor = camera, measured, noll, factor
        device = camera.device
        self.object = torch.view_as_real(image_of(spectrum)).contiguous().requires_grad_()
        sizes: dict[str, tuple[int, ...]] = {
            "zernike": (len(noll),), "directions": (camera.frames, 2), "gains": (camera.frames,), "profile": (2,),
            "surface": (*camera.surface.shape, 2),
        }  # fmt: skip
        self.learnt = {name: torch.zeros(sizes[name], device=device, requires_grad=True) for name in learn}
        moving = {"directions"} & set(learn)
        self._kernels = None if moving else spatially_coded.cached_kernels(camera)
        self.edge = EDGE_BINS * min(camera.plan.bin) if moving else 0.0

    def spectrum(self) -> torch.Tensor:
        """Centred object spectrum (Y, X)."""
        return centred_spectrum(torch.view_as_complex(self.object))

    def surface(self) -> torch.Tensor:
        """The surface with what was learnt of it (y, x): |S|^(1+a) exp(i (1+b) arg S), or S plus a field."""
        surface = self.camera.surface
        if "profile" in self.learnt:
            modulus, angle = surface.abs().clamp(min=1e-6), surface.angle()
            a, b = self.learnt["profile"]
            surface = torch.polar(modulus ** (1 + a), angle * (1 + b))
        if "surface" in self.learnt:
            surface = surface + torch.view_as_complex(self.learnt["surface"])
        return surface

    def gains(self) -> torch.Tensor:
        """Amplitude gain of each LED (led,)."""
        found = self.measured.gain
        return found * torch.exp(self.learnt["gains"] / 2) if "gains" in self.learnt else found

    def misfit(self, leds: np.ndarray) -> torch.Tensor:
        """Squared amplitude misfit of the frames of `leds`, differentiable."""
        predicted = spatially_coded.predict(
            self.spectrum(),
            self.camera,
            leds,
            surface=self.surface(),
            noll=self.noll,
            zernike_rad=self.learnt.get("zernike"),
            factor=self.factor,
            na_shift=self.learnt["directions"][leds] if "directions" in self.learnt else None,
            gain=self.gains()[leds] ** 2,
            background=self.measured.floor[leds][:, None, None],
            edge=self.edge,
            kernel=None if self._kernels is None else self._kernels[leds],
        )
        return ((torch.sqrt(predicted + TINY) - self.measured.amplitude[leds]) ** 2).sum()

    def steps(
        self, frames: np.ndarray, count: int, rate: float, edges: float, at_once: int, random: np.random.Generator
    ) -> Iterator[float]:
        """Yields the relative amplitude error of the frames of each step.

        Parameters
        ----------
        rate : largest change of a pixel per step.
        edges : weight of the total variation against the mean squared misfit of a pixel.
        at_once : frames compared in each step.
        """
        others = [(value, STEPS[name]) for name, value in self.learnt.items()]
        optimizer = Adam([self.object], rate, betas=(0.9, 0.99), others=others)
        pixels = float(self.measured.amplitude[0].numel())
        for step in range(count):
            chosen = np.sort(random.permutation(frames)[:at_once])
            misfit = self.misfit(chosen)
            loss = misfit / (pixels * len(chosen)) + edges * self._edges()
            energy = float((self.measured.amplitude[chosen] ** 2).sum())
            optimizer.step(loss, rate * warm_cosine(step, count))
            self._settle()
            yield (float(misfit.detach()) / energy) ** 0.5

    def _edges(self) -> torch.Tensor:
        """Mean isotropic total variation of the object."""
        image = self.object
        down, right = image.roll(-1, 0) - image, image.roll(-1, 1) - image
        return torch.sqrt((down**2 + right**2).sum(-1) + 1e-8).mean()

    @torch.no_grad()
    def _settle(self) -> None:
        """Take out what the object can take: the mean gain (but no common shift of the LEDs by a fraction of a bin)."""
        if "gains" in self.learnt:
            self.learnt["gains"] -= self.learnt["gains"].mean()

    @torch.no_grad()
    def final_spectrum(self) -> torch.Tensor:
        """The object's spectrum on the bins of the camera's plan (Y, X)."""
        return fit_spectrum(self.spectrum(), self.camera.plan.spectrum_shape)
