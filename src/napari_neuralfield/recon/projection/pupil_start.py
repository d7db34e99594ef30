"""Where to start: the sample's depth, however far from focus, and a strong aberration, from the bright-field frames."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from ... import compute
from ...data.acquisition import LedArray
from ...data.geometry import depth_of_field_um
from ...forward import fourier
from ...forward.led_grid import flat_spectra
from ...optics.pupil import defocus
from .bright_spectra import SIDE, BrightSpectra
from .smooth_pupil import SmoothPupil
from .solver import Solver, no_aberration

FEWEST_LEDS, FEWEST_FREQUENCIES = 4, 20  # with fewer the frames are not asked
DEPTHS_OF_FIELD, PER_DEPTH = 10, 8  # how far a depth is looked for on either side, and trials in each
COARSE, FINE = 0.5, 1.6  # frequencies looked at first and then, in units of NA / wavelength
STAGES = ((0.3, 11), (0.6, 16), (FINE, 22))  # frequencies below, Noll indices below
CLEAR = 0.9  # of the median misfit over all depths: what lies below is a depth
BETTER = 0.97  # of the misfit of a flat pupil: what lies below is an aberration
LEFT = 0.3  # misfit below which one descent is enough
TRIED = 5  # starts from which a second search goes downhill
REFINED_LEDS, REFINED_PASSES = 60, 12


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
    if misfit > LEFT:
        for start in _starts(spectra, z_um):
            other, value = _descent(spectra, z_um, start)
            if value < misfit:
                best, misfit = other, value
    return PupilStart(noll, best, flat, misfit)


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
    spectra = BrightSpectra(acquisition, (4,))
    if len(spectra.light) < FEWEST_LEDS or spectra.look_at(COARSE) < FEWEST_FREQUENCIES:
        return 0.0, False
    field, none = depth_of_field_um(acquisition), np.zeros(1)
    depths = np.linspace(-DEPTHS_OF_FIELD, DEPTHS_OF_FIELD, 2 * DEPTHS_OF_FIELD * PER_DEPTH + 1) * field
    misfits = np.array([spectra.at(z, none) for z in depths])
    best = int(misfits.argmin())
    clear = bool(misfits[best] < CLEAR * np.median(misfits) and 0 < best < len(depths) - 1)
    if not clear:
        return float(depths[best]), False
    spectra.look_at(FINE)
    near = depths[best] + np.linspace(-2, 2, 41) * field / PER_DEPTH
    z = float(near[np.argmin([spectra.at(z, none) for z in near])])
    return _refined(acquisition, z), True


def _refined(acquisition: LedArray, z_um: float) -> float:
    """The depth, um, near `z_um`, at which projections over bright and dark frames agree best."""
    whole = acquisition if acquisition.pupil is None else acquisition.replace(pupil=None)
    region = [slice(max(0, (n - SIDE) // 2), (n + SIDE) // 2) for n in whole.frame_shape]
    nearest = np.argsort(np.hypot(*np.asarray(whole.illumination_na).T), kind="stable")
    step = max(1, len(nearest) // REFINED_LEDS)
    small = whole.subset(np.sort(nearest[::step])).crop(region[0], region[1])
    plan, place = fourier.windows(small), compute.device("cpu")
    measured = fourier.measure(small, plan, place)
    for _ in range(2):
        solver = Solver(plan, measured, np.array([z_um]), flat_spectra(plan, 1, place), no_aberration(plan, place))
        solver.take(SmoothPupil(plan, place, (4,)))
        solver.run((1.0,))
        solver.run((1.0,) * REFINED_PASSES, True, True)
        assert solver.smooth is not None
        z_um += float(solver.smooth.coefficients[0]) / _defocus_in_zernike(plan, small.wavelength_um)
    return z_um


def _defocus_in_zernike(plan: fourier.Windows, wavelength_um: float) -> float:
    """Coefficient of Noll's polynomial 4, rad, of a sample 1 um from focus."""
    radius = torch.linspace(0, 1, 401, dtype=torch.float64)
    phase = torch.angle(defocus(radius * plan.cutoff, torch.zeros(1), wavelength_um, 0.01)) / 0.01
    polynomial = 3**0.5 * (2 * radius**2 - 1)
    return float((phase * polynomial * radius).sum() / radius.sum())
