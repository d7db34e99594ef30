"""An LED array as something to be learnt: counts from an object, differentiable in what the microscope may have wrong.

With a coded surface in front of the camera or without one. The object lies on the native grid, of which the LEDs see
the synthetic aperture. What is learnt of the microscope starts at the file's values: the direction and brightness of
each LED, Zernike terms of the pupil, ambient light, and the surface, every pixel of it or its modulus and phase as two
exponents.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch

from ..data.acquisition import LedArray
from ..data.frames import order_of_use
from ..optics.grids import binned, centred_spectrum, fit_spectrum, image_of, intensity
from ..optics.pupil import wavefront
from . import fourier, spatially_coded
from .led_grid import depth_tensor, extent, support

STEPS = {"directions": 3e-4, "pupil": 0.02, "gains": 0.01, "background": 1e-3, "profile": 0.01, "surface": 0.01}
EDGE_BINS = 0.5  # width of the aperture's soft edge while directions are learnt
KERNEL_BYTES = 2**29  # pupils of all LEDs are kept where they take no more


class LedMeasurement:
    """Frames of an LED array, of a sample in one plane.

    Parameters
    ----------
    acquisition : whose frames are compared.
    z_um : depth of the sample, um.
    learn : which of STEPS are learnt with the object.
    noll : Zernike terms of the pupil, where `pupil` is learnt.
    split : numbers of the frames used, and of those left out to be predicted (frame,), int64.
    factor : complex factor on the pupil's bins that is known already, on a window (y, x); without a surface.
    margin : share by which the aperture is wider than the nominal NA; without a surface.
    settles_gains : take the mean gain out after each step, not inside the model; so pixels find gains in fewer steps.

    Attributes
    ----------
    extent, amplitude, good, train, held, learnt : see `types.Measurement`; an empty bright field is 1.
    scale : counts that stand for 1.
    gain : intensity of each LED, from its exposure (led,). like : the used LED nearest to each (led,).
    """

    sparsity, rate = 4e-4, 1e-2

    def __init__(
        self,
        acquisition: LedArray,
        z_um: float,
        learn: Sequence[str],
        split: tuple[torch.Tensor, torch.Tensor],
        *,
        noll: tuple[int, ...] = (),
        factor: np.ndarray | None = None,
        margin: float = 0.0,
        settles_gains: bool = False,
    ) -> None:
        device = split[0].device
        self.acquisition, self.z = acquisition, depth_tensor(np.array([z_um]), device)
        self.extent = extent(acquisition, np.array([z_um]))
        self.train, self.held = (part.cpu() for part in split)  # numbers stay on the processor, which cuts windows
        self.settles_gains = settles_gains
        self.batch = batch_of(len(self.train))
        self.camera: spatially_coded.CodedCamera | None = None
        if acquisition.coded_surface is None:
            self.plan = fourier.windows(acquisition, margin=margin)
            found = fourier.measure(acquisition, self.plan, device)
        else:
            self.camera = spatially_coded.camera_of(acquisition, z_um, device)
            self.plan = self.camera.plan
            found = spatially_coded.measure(acquisition, self.camera)
        self.amplitude, self.scale, self.floor = found.amplitude, found.scale, found.floor
        light = self.amplitude[self.train].sum(dim=(1, 2), dtype=torch.float64).cpu().numpy()
        self.train = self.train[torch.as_tensor(order_of_use(light))]
        self.good: torch.Tensor | None = None
        self.gain = found.gain**2
        na = torch.as_tensor(np.array(acquisition.illumination_na))
        self.like = self.train[torch.cdist(na, na[self.train]).argmin(1)].to(device)
        self.noll = noll if "pupil" in learn else ()
        surface = (0, 0) if self.camera is None else tuple(self.camera.surface.shape)
        leds = acquisition.frame_count
        sizes: dict[str, tuple[int, ...]] = {
            "directions": (leds, 2), "pupil": (len(self.noll),), "gains": (leds,), "background": (1,), "profile": (2,),
            "surface": (*surface, 2),
        }  # fmt: skip
        self.learnt = {name: torch.zeros(sizes[name], device=device, requires_grad=True) for name in learn}
        self.edge = EDGE_BINS * min(self.plan.bin) if "directions" in self.learnt else 0.0
        self._factor = None
        if factor is not None:
            self._factor = torch.as_tensor(factor, dtype=torch.complex64, device=device)
        self._kept = self._fixed()

    def _fixed(self) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        """Pupils without Zernike terms, and free space behind a surface, of all LEDs (led, y, x); None if not fixed."""
        if "directions" in self.learnt:
            return None, None
        rows, columns = self.plan.box
        fits = 8 * len(self.plan.corner) * rows * columns < KERNEL_BYTES
        pupils = fourier.pupils(self.plan, slice(None), self.z, self._factor)[:, 0] if fits else None
        return pupils, None if self.camera is None else spatially_coded.cached_kernels(self.camera)

    def step_of(self, name: str) -> float:
        """Step of a learnt parameter, in its own unit."""
        return STEPS[name]

    def shifts(self) -> torch.Tensor | None:
        """Change of each LED's direction, NA (led, 2), where it is learnt; without a surface their mean stays."""
        if "directions" not in self.learnt:
            return None
        moved = self.learnt["directions"]
        return moved - moved.mean(0) if self.camera is None else moved

    def gains(self) -> torch.Tensor:
        """Intensity of each LED (led,); one that is not used is like its nearest neighbour that is."""
        if "gains" not in self.learnt:
            return self.gain
        change = self.learnt["gains"]
        mean = 0.0 if self.settles_gains else change[self.train].mean()
        return self.gain * torch.exp(change - mean)[self.like]

    @torch.no_grad()
    def settle(self) -> None:
        """Take the mean gain out, which is the object's, where the model does not."""
        if self.settles_gains and "gains" in self.learnt:
            change = self.learnt["gains"]
            change -= change[self.train].mean()

    def floors(self) -> torch.Tensor:
        """Ambient light in each frame (led,)."""
        return torch.relu(self.floor + self.learnt["background"]) if "background" in self.learnt else self.floor

    def surface(self) -> torch.Tensor | None:
        """The coded surface (y, x), where there is one."""
        if self.camera is None:
            return None
        surface = self.camera.surface
        if "profile" in self.learnt:
            a, b = self.learnt["profile"]
            surface = torch.polar(surface.abs().clamp(min=1e-6) ** (1 + a), surface.angle() * (1 + b))
        return surface + torch.view_as_complex(self.learnt["surface"]) if "surface" in self.learnt else surface

    def pupils(self, leds: np.ndarray) -> torch.Tensor:
        """Pupils of `leds` with what was learnt (led, y, x)."""
        moved = self.shifts()
        shift = None if moved is None else moved[leds]
        kernel = self._kept[0][leds] if self._kept[0] is not None else None
        if kernel is None:
            kernel = fourier.pupils(self.plan, leds, self.z, self._factor, na_shift=shift, edge=self.edge)[:, 0]
        return kernel * self._aberration(leds, shift) if self.noll else kernel

    def _aberration(self, leds: np.ndarray, shift: torch.Tensor | None) -> torch.Tensor:
        """exp(i Zernike) in the windows of `leds`, moved by `shift`, NA (led, y, x)."""
        fy, fx = fourier.pupil_frequencies(self.plan, leds, self.z.device)
        if shift is not None:
            fy = fy + shift[:, 0, None, None] / self.plan.wavelength_um
            fx = fx + shift[:, 1, None, None] / self.plan.wavelength_um
        phase = wavefront(self.noll, self.learnt["pupil"], fy, fx, self.plan.cutoff)
        return torch.polar(torch.ones_like(phase), phase)

    def predict(self, image: torch.Tensor, frames: torch.Tensor, z_um: float = 0.0) -> torch.Tensor:
        """Counts (frame, y, x) that an object gives; an empty bright field is 1.

        Parameters
        ----------
        image : complex object (y, x) over the extent, on any grid that holds the synthetic aperture.
        frames : numbers of the frames, int64.
        z_um : not looked at: the object lies where the measurement was told.
        """
        leds = frames.cpu().numpy()
        spectrum = fit_spectrum(centred_spectrum(image), self.plan.spectrum_shape)
        field = fourier.predict(
            spectrum[None], self.pupils(leds)[:, None], self.plan.corner[leds], self.plan.image_shape
        )
        wave, surface = field[:, 0], self.surface()
        if self.camera is not None and surface is not None:
            kernel = self._kept[1][frames] if self._kept[1] is not None else None
            if kernel is None:
                moved = self.shifts()
                kernel = spatially_coded.free_space(self.camera, leds, None if moved is None else moved[leds])
            coded = surface * spatially_coded.whole_ramp(self.camera)
            wave = spatially_coded.to_sensor(wave * coded, kernel.to(wave.dtype))
        light = intensity(wave)
        light = light if self.camera is None else binned(light, self.camera.upsampling)
        return light * self.gains()[frames, None, None] + self.floors()[frames, None, None]

    @torch.no_grad()
    def matched(self, image: torch.Tensor) -> torch.Tensor:
        """The image (y, x) as bright as the brightest of the frames that are used ask for."""
        energy = self.amplitude[self.train].square().mean((1, 2)) - self.floor[self.train]
        chosen = self.train[torch.argsort(energy, descending=True)[:16].cpu()]
        level = self.floors()[chosen, None, None]
        counts = (self.amplitude[chosen].square() - level).sum()
        return image * (counts / (self.predict(image, chosen) - level).sum().clamp(min=1e-12)).clamp(min=0).sqrt()

    @torch.no_grad()
    def seen(self, image: torch.Tensor) -> torch.Tensor:
        """The image (y, x) without the frequencies that no used LED shows."""
        used = self.train.cpu().numpy()
        plan = dataclasses.replace(self.plan, corner=self.plan.corner[used], remainder=self.plan.remainder[used])
        inside = support(plan).to(image.device)
        spectrum = fit_spectrum(centred_spectrum(image), self.plan.spectrum_shape) * inside
        return image_of(fit_spectrum(spectrum, self.extent.shape))

    @torch.no_grad()
    def frame_error(self, image: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Squared amplitude misfit of every frame (frame,), and its counts (frame,)."""
        misfit, energy = [], []
        for part in torch.arange(len(self.plan.corner), device=self.train.device).split(16):
            amplitude = self.amplitude[part]
            misfit.append((torch.sqrt(self.predict(image, part)) - amplitude).square().sum((1, 2)))
            energy.append(amplitude.square().sum((1, 2)))
        return torch.cat(misfit).double().cpu().numpy(), torch.cat(energy).double().cpu().numpy()

    @torch.no_grad()
    def calibration(self) -> dict[str, np.ndarray]:
        """What was learnt of the microscope, by the names of an acquisition's values."""
        found: dict[str, np.ndarray] = {}
        if "pupil" in self.learnt:
            na = np.hypot(*np.asarray(self.acquisition.illumination_na).T)
            nearest = np.array([int(np.argmin(na))])
            in_focus = fourier.pupils(self.plan, nearest, torch.zeros_like(self.z), self._factor)[0, 0]
            found["pupil"] = (in_focus * self._aberration(nearest, None)[0]).cpu().numpy()
            found["zernike_noll"], found["zernike_rad"] = np.array(self.noll), self.learnt["pupil"].cpu().numpy()
        moved, surface = self.shifts(), self.surface()
        if moved is not None:
            found["illumination_na"] = np.asarray(self.acquisition.illumination_na) + moved.double().cpu().numpy()
        if "gains" in self.learnt:
            gain = self.gains().double()
            found["gains"] = (gain / gain.mean()).cpu().numpy()
        if "background" in self.learnt:
            found["background"] = self.floors().cpu().numpy() * self.scale
        if surface is not None and {"profile", "surface"} & set(self.learnt):
            found["coded_surface"] = surface.cpu().numpy()
        return found


def batch_of(frames: int) -> int:
    """Frames in a step, of so many that are used."""
    return min(16, max(1, frames // 3))
