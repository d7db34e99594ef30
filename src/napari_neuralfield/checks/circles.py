"""Two circles in the spectrum of a bright-field frame, and how well directions of light explain them.

The light that an LED sends straight through interferes with what the sample scatters, so that the intensity of a
bright-field frame has its spectrum inside two circles of radius NA / wavelength about plus and minus na / wavelength
(Eckert, Phillips, Waller, Applied Optics 57, 5434 (2018), eq. 6). What the sample itself does to the spectrum is the
same in all frames and drops out when each frequency is compared between frames. Plus and minus cannot be told apart:
half a turn of the board looks the same.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from ..data.acquisition import LedArray
from ..data.frames import evenly_chosen

TILE = 128  # pixels along a side of the squares whose power spectra are averaged
TILES = 2  # of them along an axis at most, about the middle
MOST_FRAMES = 24
FEWEST_FRAMES = 5
INNERMOST, OUTERMOST = 0.15, 1.95  # of the pupil's cut-off: the frequencies that are compared
NOISE = 0.05  # of the mean power at a frequency, added before the logarithm
INDEPENDENT = 0.25  # share of the bins that count by themselves, because the window joins neighbours
COARSE = 64  # pixels along a side of a tile from which on every second frequency of each axis will do
DARKEST = 0.01  # of the brightest frame: no dark-field frame need be darker to be one
GAP = 2.0  # factor in brightness that parts dark from bright field


@dataclasses.dataclass(frozen=True)
class FrameCircles:
    """How the spectra of bright frames differ from each other.

    frames : numbers of the frames (k,).
    contrast : logarithm of their power, less its mean over frames and over frequencies (k, frequency).
    weight : how far each frequency stands above the noise, 0 to 1 (frequency,).
    y, x : the frequencies (frequency,), over the pupil's cut-off; one of each pair f, -f.
    edge : one bin, in the same unit.
    independent : share of the frequencies that count by themselves.
    """

    frames: np.ndarray
    contrast: np.ndarray
    weight: np.ndarray
    y: np.ndarray
    x: np.ndarray
    edge: float
    independent: float

    def agreement(self, centres: np.ndarray, radius: float = 1.0) -> float:
        """Correlation of the spectra with circles about `centres`: 1 for a perfect fit, about 0 for a wrong one.

        Parameters
        ----------
        centres : direction of each frame over the objective's NA (k, 2).
        radius : of the circles, over the pupil's cut-off.
        """
        expected = self._expected(centres, radius)
        scale = np.sqrt(self._spread * self._dot(expected, expected))
        return float(np.vdot(self._weighted, expected) / scale) if scale > 0 else 0.0

    def explained(self, centres: np.ndarray) -> float:
        """Share of the frames whose spectra do not clearly contradict circles about `centres` (k, 2)."""
        expected = self._expected(centres, 1.0) * self.weight
        noise = np.sqrt((self.contrast**2 * expected**2).sum(axis=1) / self.independent)
        return float(((self.contrast * expected).sum(axis=1) > -2 * noise).mean())

    def _expected(self, centres: np.ndarray, radius: float) -> np.ndarray:
        """What the contrast should be like (k, frequency), in any unit.

        Where both circles overlap, phase and absorption work against or for each other: how bright it is there, from
        0 to twice as bright as in one circle, follows from the spectra themselves.
        """
        y, x = np.asarray(centres, np.float32).T[:, :, None]
        width = np.float32(2 * self.edge)
        above, below = (
            np.clip(
                0.5 + (np.float32(radius) - np.sqrt((self.y - sign * y) ** 2 + (self.x - sign * x) ** 2)) / width, 0, 1
            )
            for sign in (1, -1)
        )
        both = above * below
        parts = [self._centred(part) for part in (above + below - 2 * both, both)]
        a, b = (float(np.vdot(self._weighted, part)) for part in parts)
        aa, bb, ab = (self._dot(parts[one], parts[other]) for one, other in ((0, 0), (1, 1), (0, 1)))
        one, two = a * bb - b * ab, b * aa - a * ab
        share = float(np.clip(two / one, 0, 2)) if one > 0 else 1.0
        return parts[0] + np.float32(share) * parts[1]

    def _centred(self, part: np.ndarray) -> np.ndarray:
        part = part - part.mean(axis=0)
        return part - (part @ self.weight / self.weight.sum())[:, None]

    def evidence(self, better: float, worse: float) -> float:
        """By how much (natural logarithm) the spectra are likelier with agreement `better` than with `worse`."""
        independent = self.independent * len(self.frames) * float(self.weight.sum())
        fit = [1 - max(r, 0.0) ** 2 for r in (worse, better)]
        return 0.5 * independent * float(np.log(fit[0] / fit[1]))

    def _dot(self, one: np.ndarray, other: np.ndarray) -> float:
        return float((one * other @ self.weight).sum())

    @functools.cached_property
    def _weighted(self) -> np.ndarray:
        return self.contrast * self.weight

    @functools.cached_property
    def _spread(self) -> float:
        return self._dot(self.contrast, self.contrast)


def brightness_gap(means: np.ndarray) -> float | None:
    """The brightness that parts bright from dark field: the middle of the widest gap; None where none is wide.

    `means` are those of the frames (led,), any unit.
    """
    steps = np.sort(np.log(np.maximum(means, DARKEST * means.max())))
    if len(steps) < 2 or not np.isfinite(steps).all():
        return None
    gap = int(np.argmax(np.diff(steps)))
    wide = steps[gap + 1] - steps[gap] >= np.log(GAP)
    return float(np.exp((steps[gap] + steps[gap + 1]) / 2)) if wide else None


def bright_circles(acquisition: LedArray, bright: np.ndarray) -> FrameCircles | None:
    """The circles of up to 24 of the frames `bright` (n,); None where they are too few or hold too little.

    `acquisition` holds the frames; up to 256 x 256 pixels about the middle are read.
    """
    frames = np.asarray(bright)[evenly_chosen(len(bright), MOST_FRAMES)] if len(bright) else np.zeros(0, int)
    side = min(TILE, *acquisition.frame_shape)
    if len(frames) < FEWEST_FRAMES or side < 32:
        return None
    power = np.array([_power(acquisition, int(k), side) for k in frames])
    cutoff = acquisition.objective_na / acquisition.wavelength_um
    axis = np.fft.fftfreq(side, acquisition.pixel_um) / cutoff
    y, x = np.meshgrid(axis, axis, indexing="ij")
    radius, usual = np.hypot(y, x), power.mean(axis=0)
    noise = np.quantile(usual, 0.05)
    half = (radius > INNERMOST) & (radius < OUTERMOST) & ((y > 0) | ((y == 0) & (x > 0)))
    step = 2 if side > COARSE else 1
    half &= np.logical_and.outer(np.arange(side) % step == 0, np.arange(side) % step == 0)
    weight = np.clip(1 - 1.5 * noise / np.maximum(usual[half], 1e-30), 0, 1).astype(np.float32)
    if weight.sum() < FEWEST_FRAMES:
        return None
    contrast = np.log(power[:, half] / usual[half] + NOISE)
    contrast -= contrast.mean(axis=0)
    contrast -= (contrast @ weight / weight.sum())[:, None]
    edge = 1 / (side * acquisition.pixel_um) / cutoff
    return FrameCircles(
        frames=frames,
        contrast=contrast.astype(np.float32),
        weight=weight,
        y=y[half].astype(np.float32),
        x=x[half].astype(np.float32),
        edge=edge,
        independent=min(1.0, INDEPENDENT * step**2),
    )


def _power(acquisition: LedArray, frame: int, side: int) -> np.ndarray:
    """Power spectrum (side, side) of a frame over its mean, averaged over tiles about its middle."""
    counts = [min(TILES, n // side) for n in acquisition.frame_shape]
    region = [
        slice((n - c * side) // 2, (n + c * side) // 2) for n, c in zip(acquisition.frame_shape, counts, strict=True)
    ]
    light = acquisition.intensity([frame], (region[0], region[1]))[0].astype(float)
    tiles = light.reshape(counts[0], side, counts[1], side).swapaxes(1, 2).reshape(-1, side, side)
    tiles = tiles / max(float(light.mean()), 1e-30)
    window = np.outer(np.hanning(side), np.hanning(side))
    tiles = tiles - (tiles * window).sum(axis=(1, 2), keepdims=True) / window.sum()
    return (np.abs(np.fft.fft2(tiles * window)) ** 2).mean(axis=0)
