"""Where to start: the sample's depth, however far from focus, and a strong aberration, from the bright-field frames."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...data.geometry import depth_of_field_um
from ...optics.pupil import axial_frequency
from .bright_spectra import BrightSpectra

FEWEST_LEDS, FEWEST_FREQUENCIES = 4, 20  # with fewer the frames are not asked
DEPTHS_OF_FIELD, PER_DEPTH = 10, 8  # how far a depth is looked for on either side, and trials in each
DEPTH_TERMS = 12  # Noll indices below it are solved for beside a depth
COARSE, FINE = 0.5, 1.6  # frequencies looked at first and then, in units of NA / wavelength
STAGES = ((0.3, 11), (0.6, 16), (FINE, 22))  # frequencies below, Noll indices below
CLEAR = 0.9  # of the median misfit over all depths: what lies below is a depth
BETTER = 0.97  # of the misfit of a flat pupil: what lies below is an aberration
LEFT = 0.3  # misfit below which one descent is enough
STRONG = 0.65  # misfit of a flat pupil above which other starts are tried
TRIED = 5  # starts from a grid
HOPS = 16  # random ones after them, half of them about the best so far
SPREAD = (1.3, 1.1, 1.1, 0.6, 0.6, 0.5, 0.5)  # rad, of the first terms


@dataclasses.dataclass(frozen=True)
class PupilStart:
    """An aberration by the bright-field frames alone.

    Parameters
    ----------
    noll : Noll indices (term,).
    coefficients : rad, of unit-variance polynomials (term,).
    flat, misfit : share of the frames' spectra that a flat pupil and this one leave unexplained.
    """

    noll: tuple[int, ...]
    coefficients: np.ndarray
    flat: float
    misfit: float

    @property
    def clear(self) -> bool:
        """Whether it explains clearly more than a flat pupil."""
        return self.misfit < BETTER * self.flat

    @property
    def trust(self) -> float:
        """Share of what a flat pupil leaves unexplained that this one explains, 0 to 1."""
        return max(0.0, 1 - self.misfit / self.flat) if self.flat > 0 else 0.0


def start_pupil(acquisition: LedArray, z_um: float) -> PupilStart:
    """The pupil's phase as Zernike polynomials, from the spectra of bright-field frames.

    Parameters
    ----------
    acquisition : frames of one colour; a pupil in it is not looked at.
    z_um : depth of the sample.
    """
    noll = tuple(range(4, STAGES[-1][1]))
    spectra, nothing = BrightSpectra(acquisition, noll), np.zeros(len(noll))
    if len(spectra.light) < FEWEST_LEDS or spectra.look_at(FINE) < FEWEST_FREQUENCIES:
        return PupilStart(noll, nothing, 1.0, 1.0)
    flat = spectra.at(z_um, nothing)
    best, misfit = _descent(spectra, z_um, nothing)
    if flat > STRONG:
        for start in _starts(spectra, z_um):
            if misfit > LEFT:
                best, misfit = _better(spectra, z_um, start, (best, misfit))
        chance = np.random.default_rng(0)
        for hop in range(HOPS):
            if misfit > LEFT:
                start = (0.7 * best if hop % 2 == 0 else nothing).copy()
                start[: len(SPREAD)] += chance.normal(0, SPREAD)
                best, misfit = _better(spectra, z_um, start, (best, misfit))
    return PupilStart(noll, best, flat, misfit)


def _better(
    spectra: BrightSpectra, z_um: float, start: np.ndarray, known: tuple[np.ndarray, float]
) -> tuple[np.ndarray, float]:
    """The better of what is `known`, coefficients (term,) and misfit, and what lies downhill from `start` (term,)."""
    found = _descent(spectra, z_um, start)
    return found if found[1] < known[1] else known


def _descent(spectra: BrightSpectra, z_um: float, start: np.ndarray) -> tuple[np.ndarray, float]:
    """Downhill from `start` (term,), low frequencies and polynomials first."""
    found, misfit = start, 1.0
    for reach, below in STAGES:
        if spectra.look_at(reach) >= FEWEST_FREQUENCIES:
            free = [index for index in spectra.noll if index < below]
            found, misfit = spectra.descend(z_um, found, free)
    return found, misfit


def _starts(spectra: BrightSpectra, z_um: float) -> list[np.ndarray]:
    """The best of a grid of defocus and astigmatism (start, term)."""
    spectra.look_at(COARSE)
    tried: list[tuple[float, np.ndarray]] = []
    for focus in np.linspace(-3.6, 3.6, 13):
        for oblique in (-1.8, -0.9, 0.0, 0.9, 1.8):
            for upright in (-1.8, -0.9, 0.0, 0.9, 1.8):
                start = np.zeros(len(spectra.noll))
                start[:3] = focus, oblique, upright
                tried.append((spectra.at(z_um, start), start))
    tried.sort(key=lambda pair: pair[0])
    chosen: list[np.ndarray] = []
    for _, start in tried:
        if len(chosen) < TRIED and all(np.abs(start - other).max() > 1 for other in chosen):
            chosen.append(start)
    return chosen


def find_defocus(acquisition: LedArray) -> tuple[float, bool]:
    """Depth of a thin sample, um, up to ten depths of field from focus, and whether the frames tell it clearly.

    `acquisition` : frames of one colour; neither a depth nor a pupil in it is looked at.
    """
    noll = tuple(range(4, DEPTH_TERMS))
    spectra, nothing = BrightSpectra(acquisition, noll), np.zeros(len(noll))
    if len(spectra.light) < FEWEST_LEDS or spectra.look_at(COARSE) < FEWEST_FREQUENCIES:
        return 0.0, False
    field = depth_of_field_um(acquisition)
    depths = np.linspace(-DEPTHS_OF_FIELD, DEPTHS_OF_FIELD, 2 * DEPTHS_OF_FIELD * PER_DEPTH + 1) * field
    misfits = np.array([spectra.at(z, nothing) for z in depths])
    best = int(misfits.argmin())
    z = float(depths[best])
    if not (misfits[best] < CLEAR * np.median(misfits) and 0 < best < len(depths) - 1):
        return z, False
    for reach in (2 / PER_DEPTH, 0.8 / PER_DEPTH):
        spectra = BrightSpectra(acquisition, noll, z)
        spectra.look_at(FINE)
        z = _lowest(spectra, z + np.linspace(-reach, reach, 41) * field)
    rest, _ = spectra.descend(z, nothing, noll)
    return z + float(rest[0]) / defocus_in_zernike(spectra.cutoff, spectra.wavelength_um), True


def _lowest(spectra: BrightSpectra, depths: np.ndarray) -> float:
    """Depth, um, of the least misfit of `spectra` with a flat pupil over evenly spaced `depths` (z,), between them."""
    misfits = np.array([spectra.at(z, np.zeros(len(spectra.noll))) for z in depths])
    best = int(misfits.argmin())
    if not 0 < best < len(depths) - 1:
        return float(depths[best])
    before, here, after = misfits[best - 1 : best + 2]
    aside = 0.5 * (before - after) / max(before - 2 * here + after, 1e-12)
    return float(depths[best] + np.clip(aside, -1, 1) * (depths[1] - depths[0]))


def defocus_in_zernike(cutoff: float, wavelength_um: float) -> float:
    """Coefficient of Noll's polynomial 4, rad, of a sample 1 um from focus.

    `cutoff` : NA / wavelength, cycles/um; `wavelength_um` : of the light.
    """
    radius = torch.linspace(0, 1, 401, dtype=torch.float64)
    phase = 2 * math.pi * axial_frequency(radius * cutoff, torch.zeros(1, dtype=torch.float64), wavelength_um)
    weight = radius * 3**0.5 * (2 * radius**2 - 1)
    return float((phase * weight).sum() / radius.sum())
