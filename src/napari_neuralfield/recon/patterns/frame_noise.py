"""How noisy frames are, from themselves: what lies beyond the band that an objective passes is noise.

The image of an incoherent sum of LEDs has no frequencies above twice the objective's cut-off. Square pixels that are
not much too coarse leave the corners of the frame's spectrum outside. The variance there, against the mean of each
frame, tells the noise of counting (variance = gain * intensity) from that of reading (variance without light).
"""

from __future__ import annotations

import dataclasses

import numpy as np

FEWEST = 24  # bins beyond the band below which there is nothing to judge by
MARGIN = 1.03  # on the edge of the band


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
    """The noise of frames (frame, y, x) that share one camera; None where their spectra have no empty corner."""
    fy, fx = (np.fft.fftfreq(n, pixel_um) for n in frames.shape[-2:])
    beyond = np.hypot(fy[:, None], fx[None, :]) > MARGIN * 2 * objective_na / wavelength_um
    if beyond.sum() < FEWEST:
        return None
    taper = _taper(frames.shape[-2:])
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


def _taper(shape: tuple[int, ...]) -> np.ndarray:
    """Falls to zero at the borders (y, x), where a frame does not go on as its other side begins."""
    rows, columns = (np.sin(np.pi * (np.arange(n) + 0.5) / n) for n in shape)
    taper: np.ndarray = rows[:, None] * columns[None, :]
    return taper
