"""The light of near LEDs: a sphere of phase on the sample, the same for all of them.

From place to place the direction of an LED at the height h changes by r / h, which is a phase of pi r^2 / (wavelength
h) over the sample, about the place where the directions hold. A solver with one set of directions finds sample times
sphere. Frames tell a slow phase badly, so it has to begin with the sphere; then even a field over which the directions
change a lot can be solved in one piece, and the sphere is taken out at the end.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...forward.fourier import Windows
from ...forward.led_grid import flat_spectra
from ...optics.board import positions
from ...optics.grids import centred_spectrum, image_of

UM_PER_MM = 1000.0


@dataclasses.dataclass(frozen=True)
class NearLight:
    """Phase of the light over a field.

    Parameters
    ----------
    bend : rad/um^2.
    middle_um : (y, x) about which it is bent, um from the first pixel.
    size_um : (y, x) of the field.
    """

    bend: float
    middle_um: tuple[float, float]
    size_um: tuple[float, float]

    @classmethod
    def of(cls, acquisition: LedArray) -> NearLight | None:
        """That of an `acquisition`; None where the height of the LEDs is not known, or where their directions hold."""
        height, held = acquisition.led_height_mm, acquisition.directions_at_um
        if height is None or held is None:
            return None
        rows, columns = (n * acquisition.pixel_um for n in acquisition.frame_shape)
        bend = np.pi / (acquisition.wavelength_um * height * UM_PER_MM)
        return cls(float(bend), (float(held[0]), float(held[1])), (rows, columns))

    @property
    def sentence(self) -> str:
        """What is taken out of the phase, for a user to judge."""
        rows, columns = (max(m, n - m) for m, n in zip(self.middle_um, self.size_um, strict=True))
        corner = self.bend * (rows**2 + columns**2)
        return f"the spherical wave of near LEDs, {corner:.2g} rad at the corner as led_height_mm has it, is taken out"

    def lit(self, spectra: torch.Tensor) -> torch.Tensor:
        """Centred spectra (z, Y, X) of a sample, over the field, as those of the sample in this light."""
        return self._turned(spectra, 1.0)

    def freed(self, spectra: torch.Tensor) -> torch.Tensor:
        """Centred spectra (z, Y, X) of a sample in this light as those of the sample."""
        return self._turned(spectra, -1.0)

    def of_led(self, na: np.ndarray, wavelength_um: float, shape: tuple[int, int]) -> torch.Tensor:
        """What the wave of one LED is beside this common one, complex (y, x), on a grid of `shape` over the field.

        The wave is a true sphere. Off the axis it is bent less than the common one, by some per cent.

        Parameters
        ----------
        na : direction (2,) of the LED where directions hold.
        wavelength_um : of the light.
        shape : (y, x) of the grid.
        """
        height = np.pi / (self.bend * wavelength_um)  # um
        q = positions(np.asarray(na)[None])[0]
        y, x = (
            (np.arange(n) * (size / n) - middle) / height
            for n, size, middle in zip(shape, self.size_um, self.middle_um, strict=True)
        )
        y, x = y[:, None], x[None]
        longer = np.sqrt(1 + (q[0] - y) ** 2 + (q[1] - x) ** 2) - np.sqrt(1 + (q**2).sum())
        phase = (2 * np.pi * height / wavelength_um) * (longer - na[0] * y - na[1] * x - (y**2 + x**2) / 2)
        return torch.polar(torch.ones(shape), torch.from_numpy(phase).float())

    def _turned(self, spectra: torch.Tensor, sign: float) -> torch.Tensor:
        y, x = (
            self.bend * (np.arange(n) * (size / n) - middle) ** 2
            for n, size, middle in zip(spectra.shape[-2:], self.size_um, self.middle_um, strict=True)
        )
        phases = (torch.as_tensor(np.exp(1j * sign * part)).to(spectra) for part in (y, x))
        rows, columns = phases
        return centred_spectrum(image_of(spectra) * rows[:, None] * columns)


def begun(light: NearLight | None, plan: Windows, planes: int, device: torch.device) -> torch.Tensor:
    """Centred spectra (z, Y, X) of an empty sample in a `light`: `planes` planes on the grid of `plan`, on `device`."""
    flat = flat_spectra(plan, planes, device)
    return flat if light is None else light.lit(flat)
