"""How far a thin sample is from explaining defocused bright-field frames, and which way is down.

Every point of the condenser costs two Fourier transforms, one there and one back; the gradient is written out, so that
memory does not grow with points or frames. With the image I of `forward.brightfield`, the gain g of a frame, its
measured values M and the noise s of a pixel whose value is 1, the misfit is

    sum (2 sqrt(g I) - 2 sqrt(M))^2 / (2 s^2),

in units of the noise: half a unit per pixel is what noise alone leaves.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch

from ..data.acquisition import ThroughFocus
from ..forward.brightfield import BrightField, binned
from ..optics.grids import fast_length
from ..optics.propagation import frequency_axis

DARKEST = 1e-4  # of the frame's level: darker pixels count as this bright, where a root has no slope
SMALLEST_NOISE = 1e-4  # of the frame's level


@dataclasses.dataclass(frozen=True)
class Slopes:
    """The misfit at a sample and its gradient.

    energy : sum over pixels, half a unit each where only noise is left. residual : in units of the noise (frame, y, x).
    phase, absorption : gradient (Y, X). gain : of each frame that suits it best (frame,). z_um : gradient per um.
    """

    energy: float
    residual: torch.Tensor
    phase: torch.Tensor
    absorption: torch.Tensor
    gain: torch.Tensor
    z_um: float


def noise_of(frames: np.ndarray) -> float:
    """Deviation of a pixel's noise, from how pixels differ from their neighbours where there is little else to see.

    The median of the finest diagonal Haar details (D. L. Donoho, I. M. Johnstone, Biometrika 81, 425 (1994)), in the
    units of frames (frame, y, x). Frames full of fine structure seem noisier than they are.
    """
    rows, columns = (n - n % 2 for n in frames.shape[-2:])
    part = np.asarray(frames, np.float64)[..., :rows, :columns]
    upper, lower = part[..., ::2, :], part[..., 1::2, :]
    detail = (upper[..., ::2] - upper[..., 1::2] - lower[..., ::2] + lower[..., 1::2]) / 2
    return float(np.median(np.abs(detail)) / 0.6745)


class DefocusMisfit:
    """Frames of a stack, and the microscope that a sample must explain them through.

    The sample lies on a grid that goes on beyond the frames by a margin, because it does not repeat at their borders.

    Parameters
    ----------
    frames : (frame, y, x), an empty field of view being 1.
    noise : deviation of a pixel of value 1.
    upsampling : pixels of the sample per camera pixel and axis.
    margin : camera pixels beyond the frames, at least, on every side.
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
        self.z_um = torch.as_tensor(np.asarray(acquisition.z_um), dtype=torch.float64)
        self.measured = frames.to(device=device, dtype=torch.float32).clamp(min=DARKEST)
        self.root = self.measured.sqrt()
        sides = [fast_length(n + 2 * margin) if margin else n for n in self.frame_shape]
        self.before = tuple((total - n) // 2 for total, n in zip(sides, self.frame_shape, strict=True))
        self.shape = (sides[0] * upsampling, sides[1] * upsampling)
        self._pupils: dict[tuple[int, float], torch.Tensor] = {}
        self._bits = points

    @property
    def seen(self) -> tuple[slice, slice]:
        """The part of the sample's grid that lies under the frames."""
        f = self.upsampling
        corners = zip(self.before, self.frame_shape, strict=True)
        rows, columns = (slice(f * b, f * (b + n)) for b, n in corners)
        return rows, columns

    def padded(self, image: torch.Tensor) -> torch.Tensor:
        """An image (Y, X) of what lies under the frames, mirrored into the margin."""
        places = []
        for n, part in zip(self.shape, self.seen, strict=True):
            inside = part.stop - part.start
            index = np.arange(n) - part.start
            index = np.mod(index, 2 * inside)
            places.append(torch.from_numpy(np.minimum(index, 2 * inside - 1 - index)).to(image.device))
        return image.index_select(-2, places[0]).index_select(-1, places[1]).contiguous()

    def slopes(self, phase: torch.Tensor, absorption: torch.Tensor | None = None, moved_um: float = 0.0) -> Slopes:
        """Misfit and gradient of a sample (Y, X) on the whole grid, its planes taken `moved_um` deeper."""
        size = torch.exp(-absorption) if absorption is not None else torch.ones_like(phase)
        sample = torch.polar(size, phase)
        spectrum = torch.fft.fft2(sample)
        back, energy, deeper = torch.zeros_like(spectrum), 0.0, 0.0
        residuals, gains = [], []
        for number, root in enumerate(self.root):
            pupils = self._pupil(number, moved_um)
            image, waves = self._image(spectrum, pupils)
            gain = _gain(image, self.measured[number])
            shown = (gain * image).clamp(min=DARKEST).sqrt()
            residual = (2 / self.noise) * (shown - root)
            energy += 0.5 * float(residual.double().square().sum())
            weight = self._fine(residual * (gain / self.noise) / shown) / len(pupils)
            for pupil, wave in zip(pupils, waves, strict=True):
                turned = torch.fft.fft2(weight * wave) * pupil.conj()
                back += turned
            residuals.append(residual)
            gains.append(gain)
        if moved_um is not None:
            deeper = 0.0
        light = 2 * torch.fft.ifft2(back) * sample.conj()
        return Slopes(energy, torch.stack(residuals), light.imag, -light.real, torch.stack(gains), deeper)

    def shown(
        self, phase: torch.Tensor, absorption: torch.Tensor | None = None, moved_um: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames (frame, y, x) that a sample (Y, X) gives, and the gain of each that suits the measured ones best."""
        size = torch.exp(-absorption) if absorption is not None else torch.ones_like(phase)
        spectrum = torch.fft.fft2(torch.polar(size, phase))
        images = [self._image(spectrum, self._pupil(number, moved_um))[0] for number in range(len(self.root))]
        gains = [_gain(image, measured) for image, measured in zip(images, self.measured, strict=True)]
        return torch.stack(images), torch.stack(gains)

    def curvature(self, moved_um: float = 0.0) -> torch.Tensor:
        """About how the misfit curves with a weak phase at each frequency (Y, X / 2 + 1), without what aliases."""
        total = torch.zeros((self.shape[0], self.shape[1] // 2 + 1), device=self.root.device)
        for transfer in weak_phase_transfer(self.microscope, self.shape, self.z_um + moved_um):
            total += transfer.to(total).square()
        return total / (self.noise * self.upsampling) ** 2

    def _pupil(self, number: int, moved_um: float) -> torch.Tensor:
        """Pupils (point, Y, X) of a frame; kept as long as the depth stays."""
        key = (number, float(moved_um))
        if key not in self._pupils:
            self._pupils = {old: kept for old, kept in self._pupils.items() if old[1] == key[1]}
            depth = self.z_um[number : number + 1] + moved_um
            self._pupils[key] = self.microscope.pupils(self.shape, depth, device=self.root.device)[0]
        return self._pupils[key]

    def _image(self, spectrum: torch.Tensor, pupils: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        """The part of a frame (y, x) that is seen, and the waves of all points."""
        waves = [torch.fft.ifft2(spectrum * pupil) for pupil in pupils]
        light = torch.zeros_like(waves[0].real)
        for wave in waves:
            light += wave.real.square() + wave.imag.square()
        frame = binned(light / len(pupils), self.upsampling)
        (top, left), (rows, columns) = self.before, self.frame_shape
        return frame[top : top + rows, left : left + columns], waves

    def _fine(self, image: torch.Tensor) -> torch.Tensor:
        """Adjoint of binning and cutting out: (y, x) -> (Y, X)."""
        f = self.upsampling
        fine = image.new_zeros(self.shape)
        spread = (image / (f * f)).repeat_interleave(f, 0).repeat_interleave(f, 1)
        fine[self.seen] = spread
        return fine


def weak_phase_transfer(microscope: BrightField, shape: tuple[int, int], z_um: torch.Tensor) -> list[torch.Tensor]:
    """Of each depth: I - 1 over a weak phase, at each frequency (Y, X / 2 + 1), the camera's pixels included.

    2 sin(pi wavelength z f^2) of a closed condenser (M. Mitome et al.; N. Streibl, Opt. Commun. 49, 6 (1984)), times
    2 J1(x) / x, x = 2 pi z f condenser_na, of an open one.
    """
    fy = frequency_axis(shape[0], microscope.pixel_um)[:, None]
    fx = frequency_axis(shape[1], microscope.pixel_um)[None, : shape[1] // 2 + 1]
    square = fy.square() + fx.square()
    camera = microscope.pixel_um * microscope.binning
    pixel = torch.sinc(fy * camera) * torch.sinc(fx * camera)
    found = []
    for z in z_um.tolist():
        x = (2 * math.pi * abs(z) * microscope.condenser_na) * square.sqrt()
        blur = torch.where(x > 1e-6, 2 * torch.special.bessel_j1(x) / x.clamp(min=1e-6), 1.0)
        wave = 2 * torch.sin(math.pi * microscope.wavelength_um * z * square)
        found.append(wave * blur * pixel * (square.sqrt() <= microscope.objective_na / microscope.wavelength_um))
    return found


def _gain(image: torch.Tensor, measured: torch.Tensor) -> torch.Tensor:
    """Brightness (1,) by which the roots of an image come nearest to those measured."""
    root = image.clamp(min=0).sqrt()
    return ((root * measured.sqrt()).sum() / image.sum().clamp(min=1e-20)).square()


def chosen_frames(acquisition: ThroughFocus, frames: Sequence[int] | None) -> list[int]:
    raise NotImplementedError
