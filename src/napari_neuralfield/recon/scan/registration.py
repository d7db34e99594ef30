"""Positions of coded frames from the frames alone: the specimen's shadow moves, the coded surface's stays.

Each frame is divided by the mean frame, which leaves the moving shadow. Frames are compared with each other, pair by
pair or one after the other with their running average; whichever start leads to the sharper average is refined: every
frame's displacement is the peak of its correlation with the average of all others, read between pixels.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from ...data.acquisition import CodedPtychography

FINEST = 0.2  # cycles per sensor pixel: finer shadows change with the surface
REACH = 0.25  # of the frame: the largest displacement between two frames that is looked for
PASSES = 3
PAIRS = 150  # frames at most that are compared pair by pair


def positions_from_frames(acquisition: CodedPtychography) -> np.ndarray:
    """Displacement of the specimen in each frame (frame, 2), um, of mean 0.

    Good to a fraction of a sensor pixel where the specimen scatters little; the reconstruction refines it.
    """
    shadows = _ShadowSpectra(acquisition.intensity())
    starts = [shadows.one_after_the_other()]
    if len(shadows.spectra) <= PAIRS:
        starts.append(shadows.pair_by_pair())
    refined = [shadows.refined(start) for start in starts]
    best = max(refined, key=shadows.sharpness)
    return (best - best.mean(axis=0)) * acquisition.sensor_pixel_um


class _ShadowSpectra:
    """What moves in frames (frame, y, x): amplitudes over the mean frame's, faded towards the borders, as spectra."""

    def __init__(self, frames: np.ndarray) -> None:
        ratio = np.sqrt(np.clip(frames / np.clip(frames.mean(axis=0), 1e-12, None), 0, None)).astype(float)
        ratio -= ratio.mean(axis=(1, 2), keepdims=True)
        fade = [np.sqrt(np.hanning(n + 2)[1:-1]) for n in frames.shape[1:]]
        self.spectra = np.fft.fft2(ratio * fade[0][:, None] * fade[1][None, :])
        self.fy, self.fx = (np.fft.fftfreq(n) for n in frames.shape[1:])
        fy, fx = self.fy[:, None], self.fx[None, :]
        power = (np.abs(self.spectra) ** 2).mean(axis=0)
        self.weight = np.exp(-(fy**2 + fx**2) / FINEST**2) / (power + power.mean())  # none shouts the others down
        self.near = (np.abs(fy) <= REACH) & (np.abs(fx) <= REACH)  # fftfreq numbers pixels as it does frequencies

    def back(self, number: int, place: np.ndarray) -> np.ndarray:
        """Spectrum of frame `number`, moved back by `place` (2,), px."""
        y, x = (np.exp(2j * np.pi * f * p) for f, p in zip((self.fy, self.fx), place, strict=True))
        moved: np.ndarray = self.spectra[number] * y[:, None] * x[None, :]
        return moved

    def average(self, places: np.ndarray) -> np.ndarray:
        """Sum of all spectra, moved back by `places` (frame, 2)."""
        total = np.zeros_like(self.spectra[0])
        for number, place in enumerate(places):
            total += self.back(number, place)
        return total

    def sharpness(self, places: np.ndarray) -> float:
        """Power of the average: the larger, the better the frames lie on each other."""
        return float((np.abs(self.average(places)) ** 2 * self.weight).sum())

    def peak(self, number: int, others: np.ndarray) -> np.ndarray:
        """Where frame `number` lies against the spectrum `others`, px (2,), to a twentieth of a pixel."""
        cross = self.spectra[number] * others.conj() * self.weight
        at = np.unravel_index(np.where(self.near, np.fft.ifft2(cross).real, -np.inf).argmax(), cross.shape)
        place = np.array([np.fft.fftfreq(n)[k] * n for n, k in zip(cross.shape, at, strict=True)])
        for step in (0.25, 0.05):
            y, x = place[:, None] + step * np.arange(-5, 6)
            values = np.exp(2j * np.pi * y[:, None] * self.fy) @ cross @ np.exp(2j * np.pi * self.fx[:, None] * x)
            best = np.unravel_index(values.real.argmax(), values.shape)
            place = np.array([y[best[0]], x[best[1]]])
        return place

    def one_after_the_other(self) -> np.ndarray:
        """Places (frame, 2) of the frames against the average of those before them."""
        places, total = np.zeros((len(self.spectra), 2)), self.spectra[0].copy()
        for number in range(1, len(places)):
            places[number] = self.peak(number, total)
            total += self.back(number, places[number])
        return places

    def pair_by_pair(self) -> np.ndarray:
        """Places (frame, 2) along the tree of the pairs that are most alike."""
        count, (rows, columns) = len(self.spectra), self.weight.shape
        alike = self.spectra * np.sqrt(self.weight)
        alike /= np.sqrt((np.abs(alike) ** 2).sum(axis=(1, 2), keepdims=True)).clip(1e-30)
        distance, move = np.zeros((count, count)), np.zeros((count, count, 2))
        for i in range(count - 1):
            correlation = np.fft.ifft2(alike[i + 1 :] * alike[i].conj()).real * rows * columns
            correlation = np.where(self.near, correlation, -1).reshape(count - 1 - i, -1)
            y, x = np.unravel_index(correlation.argmax(axis=1), (rows, columns))
            move[i, i + 1 :] = np.stack([np.fft.fftfreq(rows)[y] * rows, np.fft.fftfreq(columns)[x] * columns], 1)
            distance[i, i + 1 :] = np.clip(1 - correlation.max(axis=1), 1e-6, None)
        tree = minimum_spanning_tree(csr_array(distance))
        order, before = breadth_first_order(tree, int(distance.sum(axis=0).argmin()), directed=False)
        places = np.zeros((count, 2))
        for number in order[1:]:
            last = before[number]
            places[number] = places[last] + (move[last, number] if last < number else -move[number, last])
        return places

    def refined(self, places: np.ndarray) -> np.ndarray:
        """Places (frame, 2) of every frame against the average of all others, `PASSES` times over."""
        places, total = places.copy(), self.average(places)
        for _ in range(PASSES):
            for number in range(len(places)):
                others = total - self.back(number, places[number])
                places[number] = self.peak(number, others)
                total = others + self.back(number, places[number])
        return places
