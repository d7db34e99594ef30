"""How far a thin sample is from explaining defocused bright-field frames, and which way is down.

Every point of the condenser costs two Fourier transforms, one there and one back; the gradient is written out, so that
memory does not grow with the frames. With the image I of `forward.brightfield`, the gain g of a frame, its measured
values M and the noise s of a pixel whose value is 1, the misfit is

    sum (2 sqrt(g I) - 2 sqrt(M))^2 / (2 s^2),

half a unit per pixel where only noise is left.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from .. import compute
from ..data.acquisition import ThroughFocus
from ..optics.grids import binned, fast_length, intensity, spread
from ..optics.propagation import frequency_axis
from .brightfield import BrightField

DARKEST = 1e-4  # of the frame's level: darker pixels count as this bright, where a root has no slope
SMALLEST_NOISE = 2e-4  # of the frame's level: no camera and no model is better
KEPT = 2**24  # numbers up to which pupils and waves are kept instead of being made again


@dataclasses.dataclass(frozen=True)
class FocusGradient:
    """The misfit at a sample and its gradient.

    energy : half the sum of squared residuals, left on the device.
    residual : shown less measured, in units of the noise (frame, y, x).
    sample : gradient for phase and absorption (channel, Y, X). gain : of each frame that suits it best (frame,).
    """

    energy: torch.Tensor
    residual: torch.Tensor
    sample: torch.Tensor
    gain: torch.Tensor

    @property
    def mean_square(self) -> float:
        """Of the residual; 1 where only noise is left."""
        return float(self.residual.double().square().mean())


class DefocusMisfit:
    """Frames of a stack, and the microscope through which a sample must explain them.

    The sample's grid goes on beyond the frames by a margin, because a sample does not repeat at their borders. Its
    channels are phase, rad, and, where there is a second, absorption: it transmits exp(i phase - absorption).

    Parameters
    ----------
    acquisition : of the frames that are explained, for its geometry.
    frames : (frame, y, x), an empty field of view being 1.
    noise : deviation of a pixel of value 1.
    upsampling : pixels of the sample per camera pixel and axis.
    margin : camera pixels beyond the frames on every side, at least.
    points : of the condenser's aperture.
    """

    def __init__(
        self,
        acquisition: ThroughFocus,
        frames: torch.Tensor,
        noise: float,
        *,
        upsampling: int,
        margin: int,
        points: int = 12,
        device: torch.device | str = "cpu",
    ) -> None:
        self.frame_shape = (int(frames.shape[-2]), int(frames.shape[-1]))
        self.upsampling, self.noise = upsampling, max(noise, SMALLEST_NOISE)
        self.microscope = BrightField.of(acquisition, upsampling, points if acquisition.condenser_na > 0 else 1)
        self.z_um = torch.tensor(np.array(acquisition.z_um, float), dtype=torch.float64)
        self.moved_um = 0.0
        self.measured = frames.to(device=device, dtype=torch.float32).clamp(min=DARKEST)
        self.root = self.measured.sqrt()
        sides = [fast_length(n + 2 * margin) if margin else n for n in self.frame_shape]
        self._before = tuple((total - n) // 2 for total, n in zip(sides, self.frame_shape, strict=True))
        self.shape = (sides[0] * upsampling, sides[1] * upsampling)
        self._kept: dict[int, torch.Tensor] = {}

    @property
    def seen(self) -> tuple[slice, slice]:
        """The part of the sample's grid that lies under the frames."""
        f = self.upsampling
        rows, columns = (
            slice(f * b, f * (b + n)) for b, n in zip(self._before, self.frame_shape, strict=True)
        )  # fmt: skip
        return rows, columns

    def padded(self, image: torch.Tensor) -> torch.Tensor:
        """An image (..., y, x) of what lies under the frames, mirrored into the margin: (..., Y, X)."""
        places = []
        for n, part in zip(self.shape, self.seen, strict=True):
            inside = part.stop - part.start
            index = np.mod(np.arange(n) - part.start, 2 * inside)
            places.append(torch.from_numpy(np.minimum(index, 2 * inside - 1 - index)).to(image.device))
        return image.index_select(-2, places[0]).index_select(-1, places[1]).contiguous()

    def move(self, z_um: float) -> None:
        """Take all planes `z_um` deeper than the file says."""
        self.moved_um = z_um
        self._kept.clear()

    def mirror(self) -> None:
        """Take all planes on the other side of the focus."""
        self.z_um = -self.z_um
        self._kept.clear()

    def slopes(self, sample: torch.Tensor) -> FocusGradient:
        """Misfit and gradient of a sample (channel, Y, X)."""
        light = transmission(sample)
        found = self.slopes_of_light(light)
        turned = found.sample * light.conj()
        return dataclasses.replace(found, sample=torch.stack([turned.imag, -turned.real][: len(sample)]))

    @torch.no_grad()
    def slopes_of_light(self, light: torch.Tensor, frames: Sequence[int] | None = None) -> FocusGradient:
        """Misfit and gradient of what a sample transmits.

        Parameters
        ----------
        light : complex transmission (Y, X); `FocusGradient.sample` is d misfit / d conj(light), twice (Y, X).
        frames : numbers of the frames; None: all.
        """
        spectrum = torch.fft.fft2(light)
        wide = compute.precise(spectrum.device)
        back, energy = torch.zeros_like(spectrum), torch.zeros((), dtype=wide, device=spectrum.device)
        residuals, gains = [], []
        for number in range(len(self.root)) if frames is None else frames:
            waves: list[torch.Tensor] = []
            image = self._image(spectrum, number, waves)
            gain = _gain(image, self.measured[number])
            shown = (gain * image).clamp(min=DARKEST).sqrt()
            residual = (2 / self.noise) * (shown - self.root[number])
            energy += 0.5 * residual.to(wide).square().sum()
            weight = self._fine(residual * (2 * gain / self.noise) / shown)
            for point, pupil in enumerate(self._pupils(number)):
                wave = waves[point] if waves else torch.fft.ifft2(spectrum * pupil)
                back += torch.fft.fft2(weight * wave) * pupil.conj()
            residuals.append(residual)
            gains.append(gain)
        return FocusGradient(energy, torch.stack(residuals), torch.fft.ifft2(back), torch.stack(gains))

    @torch.no_grad()
    def shown(self, sample: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames (frame, y, x) of a sample (channel, Y, X), and the gain of each that suits the measured ones best."""
        spectrum = torch.fft.fft2(transmission(sample))
        images = [self._image(spectrum, number) for number in range(len(self.root))]
        gains = [_gain(image, measured) for image, measured in zip(images, self.measured, strict=True)]
        return torch.stack(images), torch.stack(gains)

    def residual(self, sample: torch.Tensor) -> torch.Tensor:
        """Shown less measured roots of intensity of a sample (channel, Y, X), in units of the noise (frame, y, x)."""
        image, gain = self.shown(sample)
        return (2 / self.noise) * ((gain[:, None, None] * image).clamp(min=DARKEST).sqrt() - self.root)

    def curvature(self, channels: int = 1) -> torch.Tensor:
        """How the misfit curves with a weak phase (and absorption) of each frequency: (channel, Y, X / 2 + 1)."""
        total = torch.zeros((channels, self.shape[0], self.shape[1] // 2 + 1))
        for z in (self.z_um + self.moved_um).tolist():
            for channel, transfer in enumerate(weak_transfer(self.microscope, self.shape, z)[:channels]):
                total[channel] += transfer.float().square()
        return (total / (self.noise * self.upsampling) ** 2).to(self.root.device)

    def _pupils(self, number: int) -> Iterator[torch.Tensor]:
        """Pupils (Y, X) of the condenser's points for one frame."""
        if number in self._kept:
            yield from self._kept[number]
            return
        depth = self.z_um[number : number + 1] + self.moved_um
        pupils = self.microscope.pupils(self.shape, depth, device=self.root.device)[0]
        if pupils.numel() * len(self.root) <= KEPT:
            self._kept[number] = pupils
        yield from pupils

    def _image(self, spectrum: torch.Tensor, number: int, waves: list[torch.Tensor] | None = None) -> torch.Tensor:
        """The part of a frame (y, x) that is seen; `waves` takes those of all points where they are not too large."""
        light = torch.zeros(self.shape, device=spectrum.device)
        keep = waves is not None and spectrum.numel() * self.microscope.points <= KEPT
        count = 0
        for pupil in self._pupils(number):
            wave = torch.fft.ifft2(spectrum * pupil)
            light += intensity(wave)
            count += 1
            if keep and waves is not None:
                waves.append(wave)
        return self.cut(binned(light / count, self.upsampling))

    def cut(self, frames: torch.Tensor) -> torch.Tensor:
        """The part of whole frames (..., y, x) that the camera sees."""
        (top, left), (rows, columns) = self._before, self.frame_shape
        return frames[..., top : top + rows, left : left + columns]

    def _fine(self, image: torch.Tensor) -> torch.Tensor:
        """Adjoint of averaging over the points, binning and cutting out: (y, x) -> (Y, X)."""
        f = self.upsampling
        fine = image.new_zeros(self.shape)
        share = image / (f * f * self.microscope.points)
        fine[self.seen] = spread(share, f)
        return fine


def weak_transfer(microscope: BrightField, shape: tuple[int, int], z_um: float) -> tuple[torch.Tensor, torch.Tensor]:
    """I - 1 over a weak phase and over a weak absorption, of each frequency (Y, X / 2 + 1), camera pixels included.

    2 sin(pi wavelength z f^2) and -2 cos(...) of a closed condenser (N. Streibl, Opt. Commun. 49, 6 (1984)), times
    2 J1(x) / x, x = 2 pi z f condenser_na, of an open one.

    Parameters
    ----------
    microscope : whose apertures, pixel and camera are meant.
    shape : of the sample's grid (Y, X).
    z_um : depth of the sample, um.
    """
    fy = frequency_axis(shape[0], microscope.pixel_um)[:, None]
    fx = frequency_axis(shape[1], microscope.pixel_um)[None, : shape[1] // 2 + 1].abs()
    square = fy.square() + fx.square()
    camera = microscope.pixel_um * microscope.binning
    x = (2 * math.pi * abs(z_um) * microscope.condenser_na) * square.sqrt()
    passed = torch.where(x > 1e-6, 2 * torch.special.bessel_j1(x) / x.clamp(min=1e-6), 1.0)
    passed = passed * torch.sinc(fy * camera) * torch.sinc(fx * camera)
    passed = passed * (square.sqrt() <= microscope.objective_na / microscope.wavelength_um)
    turn = (math.pi * microscope.wavelength_um * z_um) * square
    return 2 * torch.sin(turn) * passed, -2 * torch.cos(turn) * passed


def transmission(sample: torch.Tensor) -> torch.Tensor:
    """exp(i phase - absorption) (Y, X) of a sample (channel, Y, X)."""
    size = torch.exp(-sample[1]) if len(sample) > 1 else torch.ones_like(sample[0])
    return torch.polar(size, sample[0])


def _gain(image: torch.Tensor, measured: torch.Tensor) -> torch.Tensor:
    """Brightness by which the roots of an image come nearest to those measured."""
    root = (image.clamp(min=0) * measured).sqrt()
    return (root.sum() / image.sum().clamp(min=1e-20)).square()
