"""The microscope as calibration believes it to be, while it looks for it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...forward import fourier
from ...optics.pupil import aperture, axial_frequency, zernikes


@dataclasses.dataclass(frozen=True)
class TrialMicroscope:
    """Everything about the optics that can be learnt.

    Parameters
    ----------
    na : direction of each LED (led, 2).
    gain : brightness of each LED (led,), intensity, mean 1.
    floor : ambient light in each frame (led,), where the mean bright field is 1.
    noll : Zernike terms that are learnt; coefficients : rad (term,).
    z_um : depth of the sample.
    """

    na: np.ndarray
    gain: np.ndarray
    floor: np.ndarray
    noll: tuple[int, ...]
    coefficients: np.ndarray
    z_um: float
    wavelength_um: float

    def plan(self, acquisition: LedArray) -> fourier.Windows:
        """The windows of the LEDs as they are believed to lie."""
        return fourier.windows(acquisition.replace(illumination_na=self.na, wavelength_um=self.wavelength_um))

    def phases(self, plan: fourier.Windows, leds: np.ndarray) -> dict[str, torch.Tensor]:
        """Name of each parameter of the pupil's phase -> phase it adds per unit (led, y, x)."""
        fy, fx = fourier.pupil_frequencies(plan, leds)
        found = dict(zip(self.terms, zernikes(self.noll, fy, fx, plan.cutoff), strict=True))
        found["z_um"] = 2 * math.pi * (axial_frequency(fy, fx, plan.wavelength_um) - 1 / plan.wavelength_um)
        return found

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the Zernike terms."""
        return tuple(f"zernike_{index}" for index in self.noll)

    def phase(self, phases: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Phase of the pupil, aberration and defocus (led, y, x)."""
        total = self.z_um * phases["z_um"]
        for name, coefficient in zip(self.terms, self.coefficients, strict=True):
            total = total + float(coefficient) * phases[name]
        return total

    def pupils(self, plan: fourier.Windows, leds: np.ndarray, phase: torch.Tensor | None = None) -> torch.Tensor:
        """Aperture, defocus and aberration of `leds` (led, y, x); `phase` where it is known already."""
        phase = self.phase(self.phases(plan, leds)) if phase is None else phase
        found = torch.polar(self.apertures(plan, leds), phase)
        return found if plan.pupil is None else found * fourier.between_bins(plan, leds)

    def apertures(
        self, plan: fourier.Windows, leds: np.ndarray, na_shift: tuple[float, float] = (0.0, 0.0)
    ) -> torch.Tensor:
        """The hard aperture of `leds` (led, y, x), their directions moved by `na_shift`."""
        fy, fx = fourier.pupil_frequencies(plan, leds)
        y, x = (shift / plan.wavelength_um for shift in na_shift)
        return aperture(fy + y, fx + x, plan.cutoff)

    def changed(self, **values: object) -> TrialMicroscope:
        return dataclasses.replace(self, **values)  # type: ignore[arg-type]
