"""What the spectra of bright-field frames say about the pupil, without reconstructing anything.

To first order in the object's spectrum o, the frame of an LED whose light passes the pupil P at u holds at frequency q
    o(q) P*(u) P(u + q) + o*(-q) P(u) P*(u - q).
The same two unknowns stand in the frames of all LEDs, so each trial of a pupil is judged by how much of every frequency
it explains, the unknowns solved in closed form. Where only one of the two circles lets light through, the phases of two
frames differ by those of the pupil alone (compare Cao et al., Nature Communications 15, 4713 (2024)).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import scipy.optimize
import torch

from ...data.acquisition import LedArray
from ...optics.pupil import axial_frequency, zernikes

SIDE = 128  # frame pixels along a side, in the middle
LEDS, FREQUENCIES = 30, 400  # looked at, at most
RIM = 0.98  # of the NA: beyond it a small error of its direction takes an LED out of the bright field
FAINT = 0.3  # share of signal in a frequency below which it is left out
FURTHEST = 0.25  # share of a side by which what is looked at moves at most
DAMPING = 0.05  # share of the LEDs' number added to each unknown's weight, where the two cannot be told apart


class BrightSpectra:
    """Spectra of some bright-field frames, at some frequencies, and how well a pupil explains them.

    Parameters
    ----------
    acquisition : frames of one colour; a pupil in it is not looked at.
    noll : Noll indices of the polynomials (term,).
    z_um : depth of the sample as far as it is known: what is looked at of each frame moves with the image.
    """

    def __init__(self, acquisition: LedArray, noll: tuple[int, ...], z_um: float = 0.0) -> None:
        na = np.asarray(acquisition.illumination_na) / acquisition.objective_na
        chosen = evenly_spread(na, LEDS)
        self.noll, self.light = noll, torch.as_tensor(na[chosen])[:, None]  # (led, 1, 2), in units of the NA
        self.cutoff, self.wavelength_um = (
            acquisition.objective_na / acquisition.wavelength_um,
            acquisition.wavelength_um,
        )
        sides = [min(SIDE, n) for n in acquisition.frame_shape]
        y, x = (slice((n - s) // 2, (n - s) // 2 + s) for n, s in zip(acquisition.frame_shape, sides, strict=True))
        frames = acquisition.intensity(chosen, (y, x)).astype(float)
        moved = z_um * acquisition.objective_na * na[chosen] / acquisition.pixel_um  # pixels, to first order
        fade = _fades(sides, np.clip(moved, -FURTHEST * min(sides), FURTHEST * min(sides)))
        mean = (frames * fade).sum(axis=(1, 2)) / fade.sum(axis=(1, 2))
        spectra = np.fft.fft2((frames / np.maximum(mean, 1e-12)[:, None, None] - 1) * fade, axes=(1, 2))
        f = np.meshgrid(*(np.fft.fftfreq(s, acquisition.pixel_um) / self.cutoff for s in sides), indexing="ij")
        self.spectra, self.frequencies = spectra.reshape(len(chosen), -1), np.stack([a.ravel() for a in f], 1)
        self.finest = 1 / (min(sides) * acquisition.pixel_um * self.cutoff)  # one bin
        self.signal = self._signal()

    def _signal(self) -> np.ndarray:
        """Share of signal in the power of each frequency (bin,), 0 to 1; 0 for one of each pair q and -q."""
        radius = np.hypot(*self.frequencies.T)
        power = (np.abs(self.spectra) ** 2).mean(0)
        y, x = self.frequencies.T
        half = ((y > 0) | ((y == 0) & (x > 0))) & (radius > 1.5 * self.finest)
        empty = radius > 2 + 4 * self.finest  # no light comes from there
        noise = np.median(power[empty]) / math.log(2) if empty.sum() > 50 else np.quantile(power, 0.01)
        ratio = np.maximum(power / max(noise, 1e-30) - 1, 0)
        found: np.ndarray = np.where(half, ratio / (ratio + 3), 0)
        return found

    def look_at(self, reach: float) -> int:
        """Take frequencies below `reach`, in units of NA / wavelength; returns how many there are to take."""
        usable = np.nonzero((self.signal > FAINT) & (np.hypot(*self.frequencies.T) < reach))[0]
        if len(usable) > FREQUENCIES:
            usable = np.sort(np.random.default_rng(0).choice(usable, FREQUENCIES, replace=False))
        q = torch.as_tensor(self.frequencies[usable])[None]
        sides = (self.light + q, self.light - q)
        self.weight = torch.as_tensor(self.signal[usable])
        self.data = torch.as_tensor(self.spectra[:, usable])
        self.energy = (self.data.abs() ** 2).sum(0)
        self.passed = [(side.norm(dim=-1) <= 1).double() for side in sides]  # (led, bin), of q and of -q
        there = [self._terms(side) for side in (self.light.expand_as(sides[0]), *sides)]
        self.terms = [there[1] - there[0], there[0] - there[2]]  # (led, bin, 1 + term), the first of a depth of 1 um
        return len(usable)

    def _terms(self, place: torch.Tensor) -> torch.Tensor:
        y, x = place[..., 0], place[..., 1]
        depth = 2 * math.pi * (axial_frequency(y * self.cutoff, x * self.cutoff, self.wavelength_um))
        return torch.stack([depth, *zernikes(self.noll, y, x, 1.0)], -1)

    def misfit(self, phase: torch.Tensor) -> torch.Tensor:
        """Share of the frames' power that a pupil leaves unexplained, 0 to 1, averaged over frequencies.

        `phase` : depth in um and coefficients in rad (1 + term,), differentiable.
        """
        both = [torch.polar(p, t @ phase) for p, t in zip(self.passed, self.terms, strict=True)]
        known = [p.sum(0) + DAMPING * len(p) for p in self.passed]
        seen = [(b.conj() * self.data).sum(0) for b in both]
        mixed = (both[0].conj() * both[1]).sum(0)
        light = known[1] * seen[0].abs() ** 2 + known[0] * seen[1].abs() ** 2
        light = light - 2 * (seen[0].conj() * mixed * seen[1]).real
        explained = light / (known[0] * known[1] - mixed.abs() ** 2) / self.energy
        return (self.weight * (1 - explained)).sum() / self.weight.sum()

    def at(self, z_um: float, coefficients: np.ndarray) -> float:
        """Misfit at a depth `z_um` with Zernike `coefficients` (term,), rad."""
        return float(self.misfit(torch.as_tensor(np.append(z_um, coefficients))))

    def descend(self, z_um: float, coefficients: np.ndarray, free: Sequence[int]) -> tuple[np.ndarray, float]:
        """Coefficients (term,) downhill from those given, and the misfit there.

        Parameters
        ----------
        z_um : depth of the sample.
        coefficients : start, rad (term,).
        free : Noll indices that may change.
        """
        places = [1 + self.noll.index(index) for index in free]
        start = np.append(z_um, coefficients)

        def value(part: np.ndarray) -> tuple[float, np.ndarray]:
            phase = torch.as_tensor(start.copy())
            phase[places] = torch.as_tensor(part)
            phase.requires_grad_()
            misfit = self.misfit(phase)
            (slope,) = torch.autograd.grad(misfit, phase)
            return float(misfit.detach()), slope.numpy()[places]

        found = scipy.optimize.minimize(value, start[places], jac=True, method="L-BFGS-B", options={"maxiter": 40})
        start[places] = found.x
        return start[1:], float(found.fun)


def _fades(sides: Sequence[int], moved: np.ndarray) -> np.ndarray:
    """Windows (led, y, x) of `sides` pixels that fall to zero at their rims, each `moved` (led, 2) pixels."""
    along = []
    for axis, side in enumerate(sides):
        half = (side + 1) / 2 - np.abs(moved).max()
        place = (np.arange(side) - (side - 1) / 2 - moved[:, axis, None]) / half
        along.append(np.where(np.abs(place) < 1, np.cos(0.5 * math.pi * place), 0.0))
    faded: np.ndarray = along[0][:, :, None] * along[1][:, None, :]
    return faded


def evenly_spread(na: np.ndarray, most: int) -> np.ndarray:
    """Indices of at most `most` LEDs of the bright field, each as far as can be from those before it.

    `na` : directions (led, 2) in units of the objective's NA.
    """
    radius = np.hypot(*na.T)
    inside = np.nonzero(radius < RIM)[0]
    if len(inside) <= most:
        return inside
    chosen, apart = [int(inside[np.argmin(radius[inside])])], np.full(len(inside), np.inf)
    while len(chosen) < most:
        apart = np.minimum(apart, np.hypot(*(na[inside] - na[chosen[-1]]).T))
        chosen.append(int(inside[np.argmax(apart)]))
    return np.array(sorted(chosen))
