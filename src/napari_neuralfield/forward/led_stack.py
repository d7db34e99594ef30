"""An LED array that looks at a thick sample, one depth at a time, with what a fit may learn of the microscope."""

from __future__ import annotations

import numpy as np
import torch

from ..data.acquisition import LedArray
from ..data.frames import order_of_use
from ..optics.grids import centred_spectrum, fit_spectrum, intensity
from ..registry import MEASUREMENTS
from ..types import DataTerm, Extent
from . import fourier
from .corrections import LedCorrections
from .led_grid import depth_tensor, extent
from .led_measurement import LedMeasurement

SPREAD_NA = 0.004


@MEASUREMENTS.register("led-array")
class LedStack:
    """Frames of single LEDs; a plane at any depth predicts them.

    Parameters
    ----------
    plan : windows of the LEDs.
    measured : the frames with their ambient light.
    seen : depths and native grid of the sample.
    factor : aberration on the windows' bins (y, x), complex; None: none.
    gain : amplitude of each LED (led,); None: as exposed.
    corrections : learnt along with the field; with them `gain` is theirs.
    spread_na : how far single LEDs usually lie from the board, NA, rms.

    Attributes
    ----------
    extent, amplitude, good, train, held, learnt : see `types.Measurement`.
    """

    kinds = ("led_array",)

    def __init__(
        self,
        plan: fourier.Windows,
        measured: fourier.LedFrames,
        seen: Extent,
        *,
        factor: torch.Tensor | None = None,
        gain: torch.Tensor | None = None,
        corrections: LedCorrections | None = None,
        spread_na: float = SPREAD_NA,
    ) -> None:
        self.plan, self.extent, self.corrections, self.spread_na = plan, seen, corrections, spread_na
        self.amplitude, self.floor = measured.amplitude, measured.floor
        self.good: torch.Tensor | None = None
        device = self.amplitude.device
        self._gain = measured.gain if gain is None else gain
        self._factor = torch.ones((), dtype=torch.complex64, device=device) if factor is None else factor
        light = self.amplitude.sum(dim=(1, 2), dtype=torch.float64).cpu().numpy()
        self.train = torch.as_tensor(order_of_use(light))  # on the processor, where windows are cut by number
        self.held = self.train[:0]
        self.learnt = {} if corrections is None else {n: item.value for n, item in corrections.learnt.items()}

    @classmethod
    def of(
        cls,
        acquisition: LedArray,
        device: torch.device | str = "cpu",
        z_um: float | tuple[float, float] | None = None,
    ) -> LedStack | LedMeasurement:
        """Of an acquisition, as its file says; in one plane where there is a coded surface.

        Parameters
        ----------
        acquisition : single LEDs.
        device : on which frames and models lie.
        z_um : depth of the sample, or (min, max), um; None: the file's, else in focus.
        """
        known = acquisition.sample_z_um or 0.0
        low, high = z_um if isinstance(z_um, tuple) else (known if z_um is None else z_um,) * 2
        if acquisition.coded_surface is not None:
            frames = torch.arange(acquisition.frame_count, device=device)
            return LedMeasurement(acquisition, (low + high) / 2, (), (frames, frames[:0]))
        plan = fourier.windows(acquisition)
        return cls(plan, fourier.measure(acquisition, plan, device), extent(acquisition, np.array([low, high])))

    def step_of(self, name: str) -> float:
        """Largest change of a learnt value per step, in its own unit."""
        assert self.corrections is not None
        return self.corrections.learnt[name].step

    def predict(self, image: torch.Tensor, frames: torch.Tensor, z_um: float = 0.0) -> torch.Tensor:
        """Intensity (frame, y, x); an empty bright field is 1.

        Parameters
        ----------
        image : complex plane (y, x) over the extent, on any grid that holds the synthetic aperture.
        frames : numbers of the frames, int64.
        z_um : depth of the plane, um.
        """
        leds = frames.cpu().numpy()
        pupil, floor = self._pupils(leds, z_um)
        spectrum, corner = self._spectrum(image)[None], self.plan.corner[leds]
        wave = fourier.predict(spectrum, pupil[:, None], corner, self.plan.image_shape)[:, 0]
        return intensity(wave) + floor[:, None, None]

    def data_term(self, image: torch.Tensor, frames: torch.Tensor, z_um: float) -> DataTerm:
        """Mean squared amplitude misfit, its gradient in closed form; learnt directions are held near the board.

        Parameters
        ----------
        image, frames, z_um : as of `predict`.
        """
        leds = frames.cpu().numpy()
        pupil, floor = self._pupils(leds, z_um)
        amplitude = self.amplitude[frames]
        loss = fourier.misfit(self._spectrum(image), pupil, self.plan.corner[leds], amplitude, floor)
        mean = loss.detach()
        if self.corrections is not None:
            loss = loss + self.corrections.penalty(leds, self.spread_na) * (mean * 2 / amplitude.numel())
        return DataTerm(loss, mean * amplitude.numel(), amplitude.square().sum())

    def settle(self) -> None:
        """Take out of the corrections what the object can take."""
        if self.corrections is not None:
            self.corrections.settle()

    def _spectrum(self, image: torch.Tensor) -> torch.Tensor:
        return fit_spectrum(centred_spectrum(image), self.plan.spectrum_shape)

    def _pupils(self, leds: np.ndarray, z_um: float) -> tuple[torch.Tensor, torch.Tensor]:
        """Pupils with gains (led, y, x) and ambient light (led,) of `leds`."""
        depth = depth_tensor(np.array([z_um]), self.amplitude.device)
        if self.corrections is not None:
            return self.corrections.pupils(leds, depth[0], self._factor), self.corrections.floors(leds)
        pupil = fourier.pupils(self.plan, leds, depth, self._factor)[:, 0]
        return pupil * self._gain[leds, None, None], self.floor[leds]
