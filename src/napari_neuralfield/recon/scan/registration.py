"""Positions from the frames: coded ones alone, and far-field ones whose given positions are far off.

Coded: the specimen's shadow moves, the coded surface's stays. Each frame is divided by the mean frame, which leaves the
moving shadow. Frames are compared with each other, pair by pair or one after the other with their running average;
whichever start leads to the sharper average is refined: every frame's displacement is the peak of its correlation with
the average of all others, read between pixels.

Far field: carried back once through the probe, each frame shows its window by itself, faintly and with a twin. Windows
that overlap are compared at all displacements within reach, and all frames are moved to where they agree best with
their neighbours, from blurred to sharp.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from ...data.acquisition import CodedPtychography
from ...forward.ptychography import from_detector, to_detector
from ...forward.scan_problem import Problem

FINEST = 0.2  # cycles per sensor pixel: finer shadows change with the surface
REACH = 0.25  # of the frame: the largest displacement between two frames that is looked for
PASSES = 3
PAIRS = 150  # frames at most that are compared pair by pair
NEAR, FAR_OFF = 0.6, 0.4  # of the spot's width: windows compared, and the largest error of a position looked for
COMMON = 0.1  # of the light of a window: what two must share
BLURS = (4.0, 3.0, 2.0, 1.5, 1.0, 0.5)  # px, one after the other
TURNS = 2  # of all frames at each blur
CALM = 0.1  # share of the peak's light in what a frame shows by itself
LOUDEST = 6.0  # standard deviations: no pair counts for more


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


class PairedWindows:
    """How well far-field frames of `problem` agree, pair by pair, lit by the first mode of `probe` (mode, y, x)."""

    @torch.no_grad()
    def __init__(self, problem: Problem, probe: torch.Tensor) -> None:
        light = probe[0].abs().square()
        spot = float((light.sum() ** 2 / light.square().sum() * 4 / np.pi).sqrt())
        self.reach, self.place = max(3, round(FAR_OFF * spot)), np.round(problem.scan.position.cpu().numpy())
        self._pairs: list[tuple[int, int]] = []
        self._base: list[np.ndarray] = []
        scores = []
        for first, second, score in self._compared(_windows(problem, probe[0]), (light / light.max()).cpu(), spot):
            self._pairs.append((first, second))
            self._base.append(self.place[second] - self.place[first] - 2 * self.reach)
            scores.append(score)
        self._scores = np.array(scores)

    def _compared(self, shown: torch.Tensor, light: torch.Tensor, spot: float) -> Iterator[tuple[int, int, np.ndarray]]:
        """Pairs of near frames and their agreement at displacements (y, x) about the given one, in deviations."""
        size = [2 * n for n in light.shape]

        def spectra(values: torch.Tensor) -> torch.Tensor:
            return torch.fft.fft2(values, s=size)

        waves, powers = spectra(light * shown), spectra((light * shown.abs().square()).to(shown.dtype))
        window = spectra(light.to(shown.dtype))
        common = torch.fft.ifft2(window * window.conj()).real
        enough, around = common > COMMON * common.max(), torch.arange(-2 * self.reach, 2 * self.reach + 1)
        apart = np.hypot(*(self.place[:, None] - self.place[None]).transpose(2, 0, 1))
        for first in range(len(shown)):
            others = first + 1 + np.flatnonzero(apart[first, first + 1 :] < NEAR * spot)
            if not len(others):
                continue
            alike = torch.fft.ifft2(waves[first] * waves[others].conj()).abs()
            energy = torch.fft.ifft2(powers[first] * window.conj() + window * powers[others].conj()).real
            gain = 2 * alike / energy.clamp(min=1e-6 * float(energy.max()))
            for number, second in enumerate(others):
                y, x = (
                    (around + int(d)) % n for d, n in zip(self.place[second] - self.place[first], size, strict=True)
                )
                score, valid = gain[number][y][:, x], enough[y][:, x]
                if int(valid.sum()) > 2 * self.reach:
                    score = (score - score[valid].mean()) / score[valid].std().clamp(min=1e-12)
                    yield first, int(second), torch.where(valid, score, 0.0).clamp(min=-1).numpy()

    def agreement(self, place: np.ndarray) -> float:
        """Mean of all pairs at `place` (frame, 2), px, in standard deviations of a pair; the best within a pixel."""
        total, last = 0.0, 4 * self.reach
        for (first, second), base, score in zip(self._pairs, self._base, self._scores, strict=True):
            y, x = np.round(place[second] - place[first] - base).astype(int)
            if 0 < y < last and 0 < x < last:
                total += float(score[y - 1 : y + 2, x - 1 : x + 2].max())
        return total / max(len(self._pairs), 1)

    def placed(self, seed: int) -> np.ndarray:
        """Places (frame, 2), px, at which neighbours agree best; `seed` is of the order of the frames."""
        place, rng = self.place.copy(), np.random.default_rng(seed)
        if not self._pairs:  # frames too far apart to share anything
            return place
        near: list[list[tuple[int, int, int]]] = [[] for _ in place]
        for number, (first, second) in enumerate(self._pairs):
            near[first].append((number, second, 1))
            near[second].append((number, first, -1))
        loud = np.minimum(self._scores.max((1, 2)), LOUDEST)[:, None, None]
        for blur in BLURS:
            soft = np.array([gaussian_filter(score, blur) for score in self._scores])
            soft = soft * loud / soft.max((1, 2), keepdims=True).clip(1e-6)
            for frame in np.tile(rng.permutation(len(place)), TURNS):
                if near[frame]:
                    place[frame] = self._best(frame, near[frame], place, soft)
        return place

    def _best(self, frame: int, near: list[tuple[int, int, int]], place: np.ndarray, soft: np.ndarray) -> np.ndarray:
        """Where `frame` agrees best with those `near` it at `place` (frame, 2), by `soft` scores (pair, y, x)."""
        around, last = np.arange(-self.reach, self.reach + 1), 4 * self.reach
        total = np.zeros((len(around), len(around)))
        for number, other, side in near:
            start = side * (place[other] - self.place[frame]) - self._base[number]
            y, x = (np.round(s - side * around).astype(int) for s in start)
            inside = ((y >= 0) & (y <= last))[:, None] & ((x >= 0) & (x <= last))
            total += soft[number][np.ix_(y.clip(0, last), x.clip(0, last))] * inside
        y, x = np.unravel_index(total.argmax(), total.shape)
        found: np.ndarray = self.place[frame] + (around[y], around[x])
        return found


def _windows(problem: Problem, light: torch.Tensor) -> torch.Tensor:
    """What each frame shows by itself of its window (frame, y, x), 1 where that is nothing, lit by `light` (y, x)."""
    wave = to_detector(light, None)
    back = from_detector(wave / wave.abs().clamp(min=1e-6) * problem.measured.amplitude, None)
    bright = light.abs().square()
    change = light.conj() * (back - light) / ((1 - CALM) * bright + CALM * bright.max())
    return (1 + change - change.mean(0)).cpu()
