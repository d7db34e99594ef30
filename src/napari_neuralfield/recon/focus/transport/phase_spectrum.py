"""How noisy frames through focus are, how strong the phase of each frequency is, and so what can be told.

In rings of equal frequency the frames' power, projected on what phase does to them, is noise plus transfer^2 phase:

    power(f) = noise (1 + (slow / f)^2) + transfer(f)^2 level (1 + (f / corner)^2)^(-fall / 2).

No frequency has less power than the noise, so the quietest ring bounds it from above, as do what phase and absorption
leave unexplained between three planes or more, and the quietest places of single frames. Light that changes slowly
from frame to frame, and what borders spoil, are `slow`. The rest is found by maximum likelihood (P. Whittle,
Ark. Mat. 2, 423 (1953)).

Besides, what flows into the field from outside is unknown, and makes the phase of about its own size uncertain however
little noise there is: the cut-off is never far below one period per field.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from .cosines import cosine_frequencies, cosines
from .linear import EDGE, Transport, transfers

FEWEST = 24  # frequencies of a ring
WIDTH = 1.12  # ratio of a ring's edges, at least
CERTAIN = 2.0  # deviations added to a ring's power before it bounds the noise
COUNTED = 60  # frequencies of a ring that count, or fine detail would decide about coarse
LEVELS = np.geomspace(1e-8, 1e6, 113)
FALLS = (2.0, 2.5, 3.0, 3.5, 4.0, 5.0)
SLOWEST = 1.5  # times the coarsest ring: `slow` at most
FIELD = 0.75  # periods across the field below which phase is not told, in the mean over simulated scenes


@dataclasses.dataclass(frozen=True)
class SpectrumRings:
    """Means over rings (ring,): frequency (cycles/um), power, squared transfer; and how many frequencies each has."""

    f: np.ndarray
    power: np.ndarray
    transfer: np.ndarray
    count: np.ndarray
    unexplained: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class PhaseSpectrum:
    """What the formula above was found to be.

    noise : power of a frame's pixel, an empty field being 1. slow, corner : cycles/um.
    border : ridge for what flows in from outside. rings : what it was found from.
    """

    noise: float
    slow: float
    level: float
    corner: float
    fall: float
    border: float
    rings: SpectrumRings

    def ridge(self, f: np.ndarray) -> np.ndarray:
        """Noise over phase, in power, at frequencies `f`: the ridge of the best linear estimate (Wiener's)."""
        at = np.maximum(f, self.rings.f[0] / 4)
        noise = self.noise * (1 + (self.slow / at) ** 2)
        return np.asarray(noise / np.maximum(self.power(f), 1e-30) + self.border)

    def power(self, f: np.ndarray) -> np.ndarray:
        """Of the phase at frequencies `f`, rad^2."""
        at = np.maximum(f, self.rings.f[0] / 4)
        return np.asarray(self.level * (1 + (at / self.corner) ** 2) ** (-self.fall / 2))

    def untold_rad(self, transport: Transport, ridge: np.ndarray | float) -> float:
        """Deviation of the error to be expected of a phase that was solved for with a `ridge` (Y, X): part is missing
        and noise is in it. With the ridge above that is as little as can be, power ridge / (told + ridge).

        Parameters
        ----------
        transport : the frames.
        ridge : noise over phase, in power, of each frequency (Y, X), or one number for all.
        """
        kept, power = transport.kept(ridge), self.power(transport.f)
        noise = self.ridge(transport.f) * kept / np.maximum(transport.told() + ridge, 1e-30)
        squares = np.where(transport.f > 0, power * ((1 - kept) ** 2 + noise), 0)
        return float(np.sqrt(squares.sum() / transport.f.size))

    @property
    def cutoff(self) -> float:
        """Frequency above which more phase is told than noise, cycles/um; the highest where none is."""
        f = np.geomspace(self.rings.f[0] / 4, self.rings.f[-1], 400)
        transfer = np.exp(np.interp(np.log(f), np.log(self.rings.f), np.log(self.rings.transfer + 1e-30)))
        low = f < self.rings.f[0]
        transfer[low] = (self.rings.transfer[0] + 1e-30) * (f[low] / self.rings.f[0]) ** 4
        told = transfer > self.ridge(f)
        return float(f[np.argmax(told)]) if told.any() else float(f[-1])


def phase_spectrum(transport: Transport, frame_noise: float | None = None) -> PhaseSpectrum:
    """Noise and phase, from the frames alone.

    Parameters
    ----------
    transport : the frames.
    frame_noise : deviation of a pixel that is known not to be exceeded; None: nothing is known.
    """
    rings = _rings(transport)
    bounds = [rings.power, *([rings.unexplained] if rings.unexplained is not None else [])]
    noise = min(float((bound * (1 + CERTAIN * np.sqrt(2 / rings.count))).min()) for bound in bounds)
    if frame_noise is not None:
        noise = min(noise, frame_noise**2)
    field = min(s.stop - s.start for s in transport.seen) * transport.acquisition.pixel_um
    return _most_likely(rings, max(noise, 1e-12), transport.slope_ridge(FIELD / field))


def _rings(transport: Transport) -> SpectrumRings:
    """Power in rings of frequency, of frames that a window fades out towards their borders."""
    frames = transport.contrast[:, *transport.seen][:, EDGE:-EDGE, EDGE:-EDGE]
    shape = (frames.shape[1], frames.shape[2])
    window = _window(shape[0])[:, None] * _window(shape[1])[None, :]
    level = (frames * window).sum((1, 2), keepdims=True) / window.sum()
    spectra = cosines((frames - level) * window) / np.sqrt((window**2).mean())
    f = cosine_frequencies(shape, transport.acquisition.pixel_um)
    phase, absorption = transfers(f, transport.z_um, transport.acquisition, transport.kernel)
    unit = absorption / np.maximum(np.sqrt((absorption**2).sum(0)), 1e-12)
    phase, spectra = (values - unit * (unit * values).sum(0) for values in (phase, spectra))
    transfer = (phase**2).sum(0)
    power = (phase * spectra).sum(0) ** 2 / np.maximum(transfer, 1e-30)
    rest = ((spectra**2).sum(0) - power) / max(len(frames) - 2, 1)
    told = (f > 0) & (f <= transport.acquisition.objective_na / transport.acquisition.wavelength_um)
    edges = _edges(np.sort(f[told]))
    ring = np.digitize(f[told], edges) - 1
    count = np.bincount(ring, minlength=len(edges) - 1)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(ring, values[told], len(edges) - 1) / count

    return SpectrumRings(mean(f), mean(power), mean(transfer), count, mean(rest) if len(frames) > 2 else None)


def _most_likely(rings: SpectrumRings, noise: float, border: float) -> PhaseSpectrum:
    """The spectrum of given noise under which the rings' power is most likely, from a grid of trials."""
    weight = np.minimum(rings.count, COUNTED) / 2
    best = np.inf
    found = PhaseSpectrum(
        noise=noise, slow=0.0, level=0.0, corner=float(rings.f[-1]), fall=FALLS[0], border=border, rings=rings
    )
    for slow in (0.0, *np.geomspace(0.7, SLOWEST, 4) * rings.f[0]):
        floor = noise * (1 + (slow / rings.f) ** 2)
        for corner in np.geomspace(rings.f[0], rings.f[-1] / 2, 14):
            for fall in FALLS:
                shape = rings.transfer * (1 + (rings.f / corner) ** 2) ** (-fall / 2)
                model = floor + LEVELS[:, None] * shape
                cost = (weight * (np.log(model) + rings.power / model)).sum(1)
                number = int(np.argmin(cost))
                if cost[number] < best:
                    best = float(cost[number])
                    found = dataclasses.replace(
                        found, slow=float(slow), level=float(LEVELS[number]), corner=float(corner), fall=fall
                    )
    return found


def _window(n: int) -> np.ndarray:
    """1, falling to 0 over an eighth at either end (n,)."""
    faded = max(n // 8, min(4, n // 2))
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(faded) + 0.5) / faded)
    window = np.ones(n)
    window[:faded], window[n - faded :] = rise, rise[::-1]
    return window


def _edges(f: np.ndarray) -> np.ndarray:
    """Edges of rings of sorted frequencies that hold FEWEST each and grow by WIDTH."""
    edges, first = [f[0] * (1 - 1e-6)], 0
    while first < len(f):
        last = max(first + FEWEST, int(np.searchsorted(f, edges[-1] * WIDTH)))
        if len(f) - last < FEWEST:
            last = len(f)
        edges.append(f[last - 1] * (1 + 1e-6))
        first = int(np.searchsorted(f, edges[-1]))
    return np.array(edges)
