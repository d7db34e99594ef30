"""A measurement model: a thin sample in focus under single LEDs, whose brightness is learnt."""

from collections.abc import Sequence

import numpy as np
import torch

from napari_neuralfield import Extent, Field, LedArray, measurement


@measurement("thin-led")
class ThinLed:
    """Each LED tilts the light; the objective passes what lies inside its NA; the camera counts."""

    kinds = ("led_array",)

    def __init__(self, acquisition: LedArray, device: torch.device) -> None:
        self.extent = Extent((0.0, 0.0), acquisition.frame_shape, acquisition.pixel_um)
        self.frame_count = acquisition.frame_count
        self.held_out = tuple(range(9, acquisition.frame_count, 10))
        self._frames = torch.as_tensor(acquisition.intensity(), device=device)
        self._frequency = np.asarray(acquisition.illumination_na) / acquisition.wavelength_um  # (led, 2), cycles/um
        self._cutoff = acquisition.objective_na / acquisition.wavelength_um
        self.gain = torch.nn.Parameter(torch.ones(acquisition.frame_count, device=device))

    def measured(self, frame_indices: Sequence[int]) -> torch.Tensor:
        """Counts (frame, y, x)."""
        return self._frames[list(frame_indices)]

    def predict(self, field: Field, frame_indices: Sequence[int]) -> torch.Tensor:
        """gain |pupil * (sample tilted)|^2: (frame, y, x)."""
        y, x = self.extent.axes()
        sample = field.render([0.0], y, x)[0]  # (y, x)
        return torch.stack([self.gain[i] * self._image(sample, *self._frequency[i], y, x) for i in frame_indices])

    def _image(self, sample: torch.Tensor, fy: float, fx: float, y: np.ndarray, x: np.ndarray) -> torch.Tensor:
        tilt = np.exp(2j * np.pi * (fy * y[:, None] + fx * x))
        seen = torch.fft.fft2(sample * torch.as_tensor(tilt, dtype=sample.dtype, device=sample.device))
        rows, columns = (torch.fft.fftfreq(len(axis), self.extent.pixel_um) for axis in (y, x))
        pupil = torch.hypot(rows[:, None], columns[None, :]) <= self._cutoff
        return torch.fft.ifft2(seen * pupil.to(sample.device)).abs() ** 2

    def parameters(self) -> list[torch.Tensor]:
        """The brightness of each LED."""
        return [self.gain]
