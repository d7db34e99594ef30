"""The microscope as calibration believes it to be, while it looks for it, beside the frames it should explain."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...forward import fourier
from ...optics.pupil import aperture, axial_frequency, zernike_powers

JUMP, BORDER = 1.3, 0.12  # a border's jump over the usual step; share of the frame that then fades
CHUNK = 32  # LEDs looked at together
OFFSET = 1.5  # of the noise, added under both roots: 3/8 electron, so that few electrons are as noisy as many


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
    wavelength_um : of the light.
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
        """Name of each parameter of the pupil's phase -> phase it adds per unit in the windows of `plan` (led, y, x).

        `leds` : indices (led,).
        """
        fy, fx = fourier.pupil_frequencies(plan, leds)
        rows, columns = self._powers(fy / plan.cutoff, -2), self._powers(fx / plan.cutoff, -1)
        found = {name: rows @ (table @ columns) for name, table in zip(self.terms, tables(self.noll), strict=True)}
        found["z_um"] = 2 * math.pi * (axial_frequency(fy, fx, plan.wavelength_um) - 1 / plan.wavelength_um)
        return found

    def wavefront(self, plan: fourier.Windows, leds: np.ndarray) -> torch.Tensor:
        """Phase of the pupil in the windows of `plan` (led, y, x), of the LEDs `leds` (led,)."""
        fy, fx = fourier.pupil_frequencies(plan, leds)
        phase = 2 * math.pi * self.z_um * (axial_frequency(fy, fx, plan.wavelength_um) - 1 / plan.wavelength_um)
        if not self.noll:
            return phase
        table = torch.tensordot(torch.as_tensor(self.coefficients, dtype=torch.float32), tables(self.noll), 1)
        return phase + self._powers(fy / plan.cutoff, -2) @ (table @ self._powers(fx / plan.cutoff, -1))

    def _powers(self, f: torch.Tensor, axis: int) -> torch.Tensor:
        """Powers of frequencies `f`, (led, y, 1) for `axis` -2 or (led, 1, x) for -1, along the axis of length 1."""
        return torch.cat([f**k for k in range(tables(self.noll).shape[-1])], dim=-3 - axis)

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the Zernike terms."""
        return tuple(f"zernike_{index}" for index in self.noll)

    def phase(self, phases: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Phase of the pupil, aberration and defocus (led, y, x)."""
        parts = (float(c) * phases[name] for name, c in zip(self.terms, self.coefficients, strict=True))
        return sum(parts, start=self.z_um * phases["z_um"])

    def pupils(self, plan: fourier.Windows, leds: np.ndarray, phase: torch.Tensor | None = None) -> torch.Tensor:
        """Aperture, defocus and aberration in the windows of `plan` (led, y, x).

        Parameters
        ----------
        plan, leds : windows, and indices of the LEDs (led,).
        phase : of the pupil (led, y, x), where it is known already.
        """
        phase = self.wavefront(plan, leds) if phase is None else phase
        found = torch.polar(self.apertures(plan, leds), phase)
        return found if plan.pupil is None else found * fourier.between_bins(plan, leds)

    def apertures(
        self, plan: fourier.Windows, leds: np.ndarray, na_shift: tuple[float, float] = (0.0, 0.0)
    ) -> torch.Tensor:
        """The hard aperture of `leds` in the windows of `plan` (led, y, x), directions moved by `na_shift` (y, x)."""
        fy, fx = fourier.pupil_frequencies(plan, leds)
        y, x = (shift / plan.wavelength_um for shift in na_shift)
        return aperture(fy + y, fx + x, plan.cutoff)

    def changed(self, **values: object) -> TrialMicroscope:
        return dataclasses.replace(self, **values)  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Belief:
    """A microscope and an object, beside the frames that they should explain.

    Parameters
    ----------
    microscope, plan : as it is believed to be, and its windows.
    spectrum : centred object spectrum (Y, X).
    counts : frames on the image grid (led, y, x), bright field 1.
    noise : variance of each LED's amplitude (led,): weighs the LEDs, and keeps the root away from zero.
    stride : look at every `stride`-th pixel of each axis only.
    region : weight of each pixel of the image, 0 to 1 (y, x); 1 where None.
    """

    microscope: TrialMicroscope
    plan: fourier.Windows
    spectrum: torch.Tensor
    counts: torch.Tensor
    noise: np.ndarray
    stride: int = 1
    region: torch.Tensor | None = None

    def chunks(self) -> list[np.ndarray]:
        """Indices of all LEDs, some at a time."""
        count = len(self.counts)
        return np.split(np.arange(count), range(CHUNK, count, CHUNK))

    def windows(self, leds: np.ndarray) -> torch.Tensor:
        """What each of `leds` sees of the object's spectrum (led, y, x)."""
        rows, columns = self.plan.box
        return torch.stack([self.spectrum[y : y + rows, x : x + columns] for y, x in self.plan.corner[leds].tolist()])

    def images(self, windows: torch.Tensor) -> torch.Tensor:
        """Complex images of windows (led, y, x) at the pixels that are looked at."""
        return strided_images(windows, self.plan, self.stride)

    def brightness(self, leds: np.ndarray) -> list[torch.Tensor]:
        """Gain, ambient light and variance of `leds`, each (led, 1, 1)."""
        return per_led(self.microscope.gain[leds], self.microscope.floor[leds], self.noise[leds])

    def roots(self, leds: np.ndarray, variance: torch.Tensor) -> torch.Tensor:
        """Amplitudes of `leds` measured with this `variance` (led, 1, 1) at the pixels looked at (led, y, x)."""
        return rooted(self.counts[leds][:, :: self.stride, :: self.stride], variance)

    @property
    def weight(self) -> torch.Tensor:
        """Weight of each pixel that is looked at (y, x)."""
        region = torch.ones(self.plan.image_shape) if self.region is None else self.region
        return region[:: self.stride, :: self.stride]


@functools.cache
def tables(noll: tuple[int, ...]) -> torch.Tensor:
    """`zernike_powers` of each term (term, a, b), all as large as the largest."""
    found = [zernike_powers(index).float() for index in noll]
    most = max((len(table) for table in found), default=1)
    padded = [torch.nn.functional.pad(t, (0, most - len(t), 0, most - len(t))) for t in found]
    return torch.stack(padded) if padded else torch.zeros((0, 1, 1))


def per_led(*values: np.ndarray) -> list[torch.Tensor]:
    """Arrays (led,) as single-precision tensors (led, 1, 1)."""
    return [torch.as_tensor(value, dtype=torch.float32)[:, None, None] for value in values]


def rooted(counts: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
    """Root of counts with a noise that is the same for few electrons: Anscombe 1948.

    Parameters
    ----------
    counts : frames (led, y, x), bright field 1.
    variance : of their root (led, 1, 1).
    """
    return torch.sqrt(torch.clamp(counts + OFFSET * variance, min=0))


def strided_images(windows: torch.Tensor, plan: fourier.Windows, stride: int) -> torch.Tensor:
    """Complex images (led, y, x) at every `stride`-th pixel of each axis.

    The spectrum, folded onto the coarser grid, gives them exactly.

    Parameters
    ----------
    windows : centred spectra in the windows of `plan` (led, y, x).
    """
    if stride == 1 or any(n % stride for n in plan.image_shape):
        return torch.fft.ifft2(windows, s=plan.image_shape, norm="forward")[..., ::stride, ::stride]
    small = [n // stride for n in plan.image_shape]
    pad = [-b % n for b, n in zip(plan.box, small, strict=True)]
    whole = torch.nn.functional.pad(windows, (0, pad[1], 0, pad[0]))
    folds = whole.unflatten(-1, (-1, small[1])).sum(-2).unflatten(-2, (-1, small[0])).sum(-3)
    return torch.fft.ifft2(folds, norm="forward")


def taper(counts: torch.Tensor) -> torch.Tensor:
    """Weight of each pixel (y, x) of frames (led, y, x): 1, falling to 0 at borders that do not fit the other side.

    The Fourier transform joins opposite borders. Where the frames jump there, what lies between is left open.
    """
    weight = torch.ones(counts.shape[-2:])
    for axis in (-2, -1):
        n = counts.shape[axis]
        jump = (counts.select(axis, 0) - counts.select(axis, n - 1)).abs().mean()
        usual = counts.diff(dim=axis).abs().mean()
        if jump < JUMP * usual:
            continue
        distance = torch.minimum(torch.arange(n), n - 1 - torch.arange(n)) + 0.5
        ramp = torch.clamp(distance / (BORDER * n), max=1.0)
        ramp = torch.sin(ramp * np.pi / 2) ** 2
        weight = weight * (ramp[:, None] if axis == -2 else ramp[None, :])
    return weight
