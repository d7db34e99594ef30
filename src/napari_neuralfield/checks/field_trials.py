"""Near or far field by trying both: a few passes over a few frames each way, judged by frames left out.

The passes are those of rPIE: Maiden, Johnson, Li, Optica 4, 736 (2017).
"""

from __future__ import annotations

import math

import numpy as np

from ..data.frames import Frames, evenly_chosen, no_data

FRAMES, HELD = 40, 5  # tried, those in the middle of the scan; every fifth is left out
SIDE = 96  # pixels of the middle of larger frames
PASSES = 6
CALM = 0.2  # share of the peak's brightness in the steps
SAMPLED, LIT = 32, 0.3  # frames looked at; share of the mean: far fields measured up to 0.03, near fields from 0.88 on
LARGEST = 2048  # pixels of an object: what is larger is no scan


def lit_to_the_border(frames: Frames, mask: np.ndarray | None = None) -> bool:
    """Whether the mean of some `frames` (frame, y, x) is as bright at its border as in its middle, more or less.

    `mask` is True where a detector pixel is good (y, x). Patterns of the far field end before, else they were cut.
    """
    rows, columns = frames.shape[1:]
    mean = np.zeros((rows, columns))
    for number in evenly_chosen(frames.shape[0], SAMPLED):
        frame = np.asarray(frames[int(number)])
        mean += np.where(no_data(frame), 0, frame)
    good = np.ones(mean.shape, bool) if mask is None else np.asarray(mask, bool)
    rim = np.ones(mean.shape, bool)
    wide = [max(1, n // 16) for n in mean.shape]
    rim[wide[0] : rows - wide[0], wide[1] : columns - wide[1]] = False
    return bool((rim & good).any() and mean[rim & good].mean() > LIT * mean[good].mean())


class FieldTrials:
    """Trials of `frames` (frame, y, x) at `positions_um` (frame, 2); `mask` is True where a pixel is good (y, x)."""

    def __init__(self, frames: Frames, positions_um: np.ndarray, mask: np.ndarray | None = None) -> None:
        place = np.asarray(positions_um, dtype=float)
        middle = (place.min(axis=0) + place.max(axis=0)) / 2
        chosen = np.sort(np.argsort(np.abs(place - middle).max(axis=1), kind="stable")[:FRAMES])
        self._place = place[chosen]
        side = min(SIDE, *frames.shape[1:])
        y, x = (slice(n // 2 - side // 2, n // 2 - side // 2 + side) for n in frames.shape[1:])
        stack = np.array([np.asarray(frames[int(n)])[y, x] for n in chosen])
        self._good = np.asarray(~no_data(stack).any(axis=0) if mask is None else mask, bool)
        self._good = self._good if mask is None else self._good[y, x]
        self._seen = np.sqrt(np.clip(np.where(self._good & ~no_data(stack), stack, 0), 0, None)).astype(np.float32)
        out = np.arange(len(chosen)) % HELD == HELD - 1
        self._held, self._used = np.flatnonzero(out), np.flatnonzero(~out)
        self._root = np.sqrt((self._seen[self._used] ** 2).mean(axis=0))
        self.side, self._larger = side, min(frames.shape[1:]) / side

    def mean_error(self) -> float:
        """Of the frames left out, predicted to be the mean frame."""
        return self._relative(((self._seen[self._held] - self._root) ** 2).sum())

    def near(self, pixel_um: float, wavelength_um: float, distance_um: float) -> float:
        """Error of the frames left out after free space.

        Parameters
        ----------
        pixel_um : at the sample.
        wavelength_um, distance_um : of the light, and to the detector as a parallel beam sees it.
        """
        phase = -np.pi * wavelength_um * distance_um * self._square() / pixel_um**2
        kernel = np.exp(1j * phase).astype(np.complex64)
        return self._error(pixel_um, kernel, np.fft.ifft2(np.fft.fft2(self._root) * kernel.conj()))

    def far(self, pixel_um: float) -> float:
        """Least error of the frames left out in the far field, over distances of the light's focus.

        `pixel_um` : of the object that whole frames give.
        """
        root = _cornered(self._root)
        lit = float((root**2).sum() ** 2 / max(float((root**4).sum()), 1e-30))
        radius = math.sqrt(max(lit, 1.0) / math.pi) / self.side
        least = 0.5 / (4 * radius**2)
        bends = np.geomspace(least, max(1.2 * self.side / (4 * radius), 1.01 * least), 5)
        return min(self._bent(root, float(q), pixel_um * self._larger) for q in (0.0, *bends, *-bends))

    def _bent(self, root: np.ndarray, curvature: float, pixel_um: float) -> float:
        wave = root * np.exp(2j * np.pi * curvature * self._square())
        probe = np.roll(np.fft.ifft2(wave, norm="ortho"), (self.side // 2, self.side // 2), axis=(0, 1))
        return self._error(pixel_um, None, probe)

    def _square(self) -> np.ndarray:
        f = np.fft.fftfreq(self.side)
        return f[:, None] ** 2 + f[None, :] ** 2

    def _relative(self, misfit: float) -> float:
        return math.sqrt(misfit / max(float((self._seen[self._held] ** 2).sum()), 1e-30))

    def _error(self, pixel_um: float, kernel: np.ndarray | None, probe: np.ndarray) -> float:
        """Of the frames left out after `PASSES` from an empty object; infinite where it is no scan or runs away."""
        corner = np.round((self._place - self._place.min(axis=0)) / pixel_um)
        if not corner.max() < LARGEST:
            return math.inf
        corner = corner.astype(int)
        seen, good = self._seen, self._good
        if kernel is None:
            seen, good = _cornered(seen), _cornered(good)
        held, world = self._held, np.ones(tuple(corner.max(axis=0) + self.side), np.complex64)
        probe, rng = probe.astype(np.complex64), np.random.default_rng(0)
        for number in range(PASSES):
            for frame in rng.permutation(self._used):
                window = world[corner[frame, 0] :, corner[frame, 1] :][: self.side, : self.side]
                wave = _onward(probe * window, kernel)
                size = np.abs(wave)
                aim = np.where(good, seen[frame] / np.maximum(size, 1e-6), 1)
                change = _back(wave * (aim - 1), kernel)
                light, bright = np.abs(probe) ** 2, np.abs(window) ** 2
                step = probe.conj() * change / ((1 - CALM) * light + CALM * light.max())
                if number:
                    probe = probe + window.conj() * change / ((1 - CALM) * bright + CALM * bright.max())
                window += step
        misfit = 0.0
        for frame in held:
            window = world[corner[frame, 0] :, corner[frame, 1] :][: self.side, : self.side]
            misfit += float((((np.abs(_onward(probe * window, kernel)) - seen[frame]) * good) ** 2).sum())
        return self._relative(misfit) if math.isfinite(misfit) else math.inf


def _cornered(values: np.ndarray) -> np.ndarray:
    """Frames (..., y, x) with the pixel in their middle moved to (0, 0)."""
    return np.roll(values, [-(n // 2) for n in values.shape[-2:]], axis=(-2, -1))


def _onward(wave: np.ndarray, kernel: np.ndarray | None) -> np.ndarray:
    """`wave` (y, x) at the detector: after free space's `kernel`, or far away where that is None."""
    return np.fft.fft2(wave, norm="ortho") if kernel is None else np.fft.ifft2(np.fft.fft2(wave) * kernel)


def _back(wave: np.ndarray, kernel: np.ndarray | None) -> np.ndarray:
    return np.fft.ifft2(wave, norm="ortho") if kernel is None else np.fft.ifft2(np.fft.fft2(wave) * kernel.conj())
