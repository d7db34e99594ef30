"""How far a thin object is from frames lit by LED patterns, and which way is down: fast, with a written-out adjoint.

The object exp(i phase - absorption) shows each LED a window of its spectrum; a frame is the sum of the LEDs'
intensities. Compared are roots of counts, in units of their noise. Every LED costs two FFTs of a frame, pruned to the
window's rows.

How noisy frames are they tell themselves: the image of an incoherent sum of LEDs has no frequencies above twice the
objective's cut-off, and square pixels that are not much too coarse leave the corners of the frame's spectrum outside.
The variance there, against the mean of each frame, tells the noise of counting (variance = gain * intensity) from that
of reading (variance without light).
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from ...compute import REAL
from ...data.acquisition import MultiplexedLed
from ...forward import fourier, multiplexed
from ...optics.grids import centred_spectrum, fast_length, fit_spectrum, image_of, intensity
from ...optics.pupil import TINY, zernikes

FEWEST = 24  # bins beyond the band below which there is nothing to judge by
MARGIN = 1.03  # on the edge of the band
BATCH_BYTES = 2**21  # images of LEDs that are transformed together: what a processor keeps near


@dataclasses.dataclass(frozen=True)
class FrameNoise:
    """variance = gain * intensity + reading, in the units of the frames.

    Parameters
    ----------
    gain : units of the frame per detected electron.
    reading : variance without light.
    """

    gain: float
    reading: float

    @property
    def offset(self) -> float:
        """Added to the intensity, it makes the variance of its root gain / 4 however dark the pixel.

        The generalised transform of F. Murtagh, J.-L. Starck, A. Bijaoui, Astron. Astrophys. Suppl. 112, 179 (1995).
        """
        return 0.375 * self.gain + self.reading / self.gain


def frame_noise(frames: np.ndarray, pixel_um: float, objective_na: float, wavelength_um: float) -> FrameNoise | None:
    """The noise of `frames` (frame, y, x) of one camera; None where their spectra have no empty corner.

    That is where `objective_na`, `wavelength_um` and `pixel_um` leave none beyond twice the cut-off.
    """
    fy, fx = (np.fft.fftfreq(n, pixel_um) for n in frames.shape[-2:])
    beyond = np.hypot(fy[:, None], fx[None, :]) > MARGIN * 2 * objective_na / wavelength_um
    if beyond.sum() < FEWEST:
        return None
    taper = np.outer(*(np.sin(np.pi * (np.arange(n) + 0.5) / n) for n in frames.shape[-2:]))  # borders do not repeat
    tapered = (frames - frames.mean((1, 2), keepdims=True)) * taper
    power = np.abs(np.fft.fft2(tapered, axes=(1, 2))) ** 2 / (taper**2).sum()
    variance = np.array([np.median(p[beyond]) for p in power]) / np.log(2)  # |noise|^2 of a bin is exponential
    mean = np.clip(np.average(frames.reshape(len(frames), -1), axis=1, weights=taper.ravel() ** 2), 0, None)
    if not variance.max() > 0 or not mean.max() > 0:
        return None
    brightest = mean > 0.5 * mean.max()
    gain = float((variance[brightest] / mean[brightest]).mean())
    reading = float(np.clip(variance - gain * mean, 0, None)[~brightest].mean()) if (~brightest).any() else 0.0
    return FrameNoise(gain, reading)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PatternGradient:
    """Misfit and its gradient.

    Parameters
    ----------
    misfit : mean of ((model - measured) / noise)^2 over the pixels of each frame (frame,); 1 is the noise itself.
    energy : half the sum of those squares over everything: the negative log likelihood whose gradient follows.
    phase, absorption : (Y, X).
    aberration : of each Zernike term (term,).
    gain : of the logarithm of each frame's brightness (frame,).
    """

    misfit: np.ndarray
    energy: float
    phase: torch.Tensor
    absorption: torch.Tensor
    aberration: torch.Tensor
    gain: torch.Tensor


class PatternMisfit:
    """The frames of an acquisition, ready to be compared with objects.

    Parameters
    ----------
    noll : Zernike terms of the pupil that may vary, Noll's indices.
    border : frame pixels added after the last row and column, where the object is free and nothing is compared;
        0 for a sample that repeats at its borders.
    """

    def __init__(
        self,
        acquisition: MultiplexedLed,
        *,
        noll: tuple[int, ...] = (4, 5, 6),
        border: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        board = multiplexed.board_of(acquisition)
        measured = multiplexed.measure(acquisition, fourier.windows(board, crop=False), device)
        rows, columns = self.frame_shape = acquisition.frame_shape
        if border:
            shape = (fast_length(rows + border), fast_length(columns + border))
            board = dataclasses.replace(board, frames=np.broadcast_to(np.float32(0), (1, *shape)))
        self.plan = plan = fourier.windows(board, crop=False)
        self.noll, self.scale, self.weight, self.floor = noll, measured.scale, measured.weight, measured.floor
        self.leds = [np.flatnonzero(row) for row in measured.weight.cpu().numpy()]
        self.kernel = fourier.pupils(plan, slice(None), torch.zeros(1, device=device))[:, 0]  # (led, y, x)
        fy, fx = (
            torch.as_tensor((np.arange(n) - n // 2) * b, dtype=REAL, device=device)
            for n, b in zip(plan.box, plan.bin, strict=True)
        )
        terms = zernikes(noll, fy[:, None], fx[None, :], plan.cutoff)
        self.zernike = torch.stack(terms) if noll else torch.zeros((0, *plan.box), device=device)
        counts = np.square(measured.amplitude.double().cpu().numpy())
        noise = frame_noise(counts, acquisition.pixel_um, acquisition.objective_na, acquisition.wavelength_um)
        self.noise = noise or FrameNoise(1e-4, 0.0)
        self.offset, self.variance = self.noise.offset, self.noise.gain / 4
        self.intensity = measured.amplitude.square()  # (frame, y, x), of the camera's pixels alone
        self.amplitude = torch.sqrt(self.intensity + self.offset)
        self._batch = max(1, BATCH_BYTES // (8 * plan.image_shape[0] * plan.image_shape[1]))

    @property
    def object_shape(self) -> tuple[int, int]:
        """The coarsest fast grid (Y, X), over frame and border, that holds the synthetic aperture with some room."""
        rows, columns = (fast_length(int(1.15 * n)) for n in self.plan.spectrum_shape)
        return rows, columns

    def aberration(self, coefficients: torch.Tensor) -> torch.Tensor:
        """Complex factor on a window (y, x)."""
        phase = torch.einsum("t,tyx->yx", coefficients, self.zernike)
        return torch.polar(torch.ones_like(phase), phase)

    def frames(
        self, phase: torch.Tensor, absorption: torch.Tensor, coefficients: torch.Tensor, gain: torch.Tensor
    ) -> torch.Tensor:
        """Predicted intensity (frame, y, x) over `scale` on the camera's pixels, ambient light included.

        `phase`, `absorption`, `coefficients` and `gain` as in `slopes`.
        """
        spectrum = self._spectrum(torch.polar(torch.exp(-absorption), phase))
        kernel = self.kernel * self.aberration(coefficients)
        light = [self._light(frame, spectrum, kernel, [])[self._seen] for frame in range(len(self.leds))]
        return torch.stack(light) * torch.exp(gain)[:, None, None] + self.floor[:, None, None]

    def slopes(
        self, phase: torch.Tensor, absorption: torch.Tensor, coefficients: torch.Tensor, gain: torch.Tensor
    ) -> PatternGradient:
        """Misfit and gradient at an object (Y, X) on any grid over frame and border.

        Parameters
        ----------
        phase, absorption : rad, and negative natural logarithm of amplitude (Y, X).
        coefficients : of the Zernike terms, rad (term,).
        gain : logarithm of each frame's brightness beside its LEDs' (frame,).
        """
        transmission = torch.polar(torch.exp(-absorption), phase)
        spectrum, pupil = self._spectrum(transmission), self.aberration(coefficients)
        kernel = self.kernel * pupil
        to_spectrum, to_pupil = torch.zeros_like(spectrum), torch.zeros_like(pupil)
        squares, to_gain = [], torch.zeros_like(gain)
        for frame in range(len(self.leds)):
            kept: list[tuple[torch.Tensor, torch.Tensor]] = []
            brightness = torch.exp(gain[frame])
            light = brightness * self._light(frame, spectrum, kernel, kept)
            model = torch.sqrt(light + (self.floor[frame] + self.offset + TINY))
            difference = torch.zeros_like(model)
            difference[self._seen] = model[self._seen] - self.amplitude[frame]
            squares.append(float(difference.square().sum()) / self.variance)
            slope = difference / model * (0.5 / self.variance)  # of the energy, by the intensity
            to_gain[frame] = (slope * light).sum()
            self._back(frame, kernel, kept, slope * brightness, to_spectrum=to_spectrum, to_pupil=to_pupil)
        along = image_of(fit_spectrum(to_spectrum, (phase.shape[-2], phase.shape[-1]))) / phase.numel()
        along = transmission.conj() * along
        turned = (pupil.conj() * to_pupil).imag
        return PatternGradient(
            misfit=np.array(squares) / self.amplitude[0].numel(),
            energy=0.5 * sum(squares),
            phase=along.imag,
            absorption=-along.real,
            aberration=torch.einsum("yx,tyx->t", turned, self.zernike),
            gain=to_gain,
        )

    @property
    def _seen(self) -> tuple[slice, slice]:
        return slice(0, self.frame_shape[0]), slice(0, self.frame_shape[1])

    def _spectrum(self, transmission: torch.Tensor) -> torch.Tensor:
        return fit_spectrum(centred_spectrum(transmission), self.plan.spectrum_shape)

    def _batches(self, frame: int) -> list[np.ndarray]:
        leds = self.leds[frame]
        return [leds[start : start + self._batch] for start in range(0, len(leds), self._batch)]

    def _light(
        self, frame: int, spectrum: torch.Tensor, kernel: torch.Tensor, kept: list[tuple[torch.Tensor, torch.Tensor]]
    ) -> torch.Tensor:
        """Intensity (y, x) of a frame with its border; images and windows of its LEDs are added to `kept`."""
        (rows, columns), (height, width) = self.plan.box, self.plan.image_shape
        total = torch.zeros((height, width), device=spectrum.device)
        for leds in self._batches(frame):
            window = torch.stack([spectrum[y : y + rows, x : x + columns] for y, x in self.plan.corner[leds].tolist()])
            image = torch.fft.ifft(window * kernel[leds], n=width, dim=-1, norm="forward")
            image = torch.fft.ifft(image, n=height, dim=-2, norm="forward")
            total += (self.weight[frame, leds] @ intensity(image).flatten(1)).reshape(height, width)
            kept.append((image, window))
        return total

    def _back(
        self,
        frame: int,
        kernel: torch.Tensor,
        kept: list[tuple[torch.Tensor, torch.Tensor]],
        slope: torch.Tensor,
        *,
        to_spectrum: torch.Tensor,
        to_pupil: torch.Tensor,
    ) -> None:
        """Add what `slope` (y, x), of the energy by the frame's intensity, says about spectrum and pupil."""
        (rows, columns), (height, width) = self.plan.box, self.plan.image_shape
        for leds, (image, window) in zip(self._batches(frame), kept, strict=True):
            image *= slope
            back = torch.fft.fft(image, dim=-2, norm="forward")[:, :rows]
            back = torch.fft.fft(back, dim=-1, norm="forward")[:, :, :columns]
            back = back * (2 * height * width * self.weight[frame, leds])[:, None, None]
            if self.noll:
                to_pupil += (back * (self.kernel[leds] * window).conj()).sum(0)
            for (y, x), part in zip(self.plan.corner[leds].tolist(), back * kernel[leds].conj(), strict=True):
                to_spectrum[y : y + rows, x : x + columns] += part
