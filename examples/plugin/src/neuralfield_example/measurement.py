"""A measurement model: a thin sample in focus under single LEDs, whose intensity is learnt."""

import numpy as np
import torch

from napari_neuralfield import Extent, LedArray, measurement


@measurement("thin-led")
class ThinLed:
    """Each LED tilts the light; the objective passes what lies inside its NA; the camera counts.

    One frame in ten is left out of a fit, to be predicted.
    """

    kinds = ("led_array",)

    def __init__(self, acquisition: LedArray, device: torch.device | str) -> None:
        self.extent = Extent((0.0, 0.0), acquisition.frame_shape, acquisition.pixel_um)
        frames = torch.as_tensor(acquisition.intensity(), device=device)
        self.amplitude = (frames / frames.mean()).clamp(min=0).sqrt()  # (frame, y, x)
        self.good = None  # every pixel counts
        numbers = torch.arange(len(frames), device=device)
        self.train, self.held = numbers[numbers % 10 != 9], numbers[numbers % 10 == 9]
        self.learnt = {"gain": torch.zeros(len(frames), device=device, requires_grad=True)}  # logarithm of intensity
        self._frequency = np.asarray(acquisition.illumination_na) / acquisition.wavelength_um  # (led, 2), cycles/um
        self._cutoff = acquisition.objective_na / acquisition.wavelength_um

    @classmethod
    def of(cls, acquisition: LedArray, device: torch.device | str = "cpu", z_um: object = None) -> "ThinLed":
        """Of an acquisition; always in focus."""
        return cls(acquisition, device)

    def step_of(self, name: str) -> float:
        """Largest change per step of a fit."""
        return 0.01

    def predict(self, image: torch.Tensor, frames: torch.Tensor, z_um: float = 0.0) -> torch.Tensor:
        """gain |pupil * (sample tilted)|^2: (frame, y, x), for a complex sample (y, x)."""
        gain = torch.exp(self.learnt["gain"])
        return torch.stack([gain[i] * self._image(image, *self._frequency[i]) for i in frames.tolist()])

    def _image(self, sample: torch.Tensor, fy: float, fx: float) -> torch.Tensor:
        y, x = self.extent.axes()
        tilt = np.exp(2j * np.pi * (fy * y[:, None] + fx * x))
        seen = torch.fft.fft2(sample * torch.as_tensor(tilt, dtype=sample.dtype, device=sample.device))
        rows, columns = (torch.fft.fftfreq(len(axis), self.extent.pixel_um) for axis in (y, x))
        pupil = torch.hypot(rows[:, None], columns[None, :]) <= self._cutoff
        return torch.fft.ifft2(seen * pupil.to(sample.device)).abs() ** 2
