"""What object and probe of a scan look like: patterns that come from the scan, and light where none should be."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from ...forward.scan_problem import Problem, ScanState, object_of
from ...optics.grids import intensity
from ..scan.exit_waves import ExitWaves
from .artefacts import grid, vortices

LIT = 0.3  # of the light of a bright place
CUTOFF = 0.25  # cycles per pixel: of the random picture whose vortices are the measure
SPECKLE, OPAQUE = 2.0, 0.25  # px of a neighbourhood, wider than the dark of a vortex; of the light of bright places
LATTICE = 0.35  # share of the scattering of N points in step
EDGE = 1 / 16  # of a probe's side
AROUND = 4.0  # px of a neighbourhood, against which fine structure is taken
WIDE = 2000  # px of a probe that are lit, below which its structure resembles anything somewhere
COVERED = 0.8  # of a probe's light that must lie on the seen object
OBLIQUE = 64  # steps of the frequencies at which positions are looked at, along a side


def plausible(problem: Problem, state: ScanState) -> dict[str, float]:
    """Figures of the picture and the probe of `state`, the answer to `problem`."""
    scan, frames = problem.scan, problem.train.tolist()
    light = ExitWaves(problem, state).illumination(frames).cpu().numpy()
    bright = intensity(state.probe.detach()).sum(0).cpu().numpy()
    place = state.position.cpu().numpy()
    picture = object_of(state, scan).detach().cpu().numpy()
    lit = light > LIT * np.quantile(light, 0.95)
    flat = np.median(np.abs(picture[lit])) * _phase(picture[lit])
    shown, clear = np.where(lit, picture, flat), lit & passes_light(picture, lit)
    figures = {
        "overlap": overlap(place, bright, scan.geometry == "far_field"),
        "phase_vortices": vortices(np.where(clear, picture, flat), 1.0, CUTOFF) / max(float(clear.mean()), 1e-3),
        "modulus_range": float(
            np.quantile(np.abs(picture[lit]), 0.995) / max(np.quantile(np.abs(picture[lit]), 0.9), 1e-30)
        ),
        "object_ramp": _ramp(np.where(lit, picture, 0)),
    }
    if scan.geometry == "far_field":
        figures["probe_at_edge"] = _at_edge(bright)
        lattice = lattice_of(place)
        if len(lattice):
            figures["grid_at_scan_step"] = grid(shown, 1.0, lattice)
    elif scan.geometry == "near_field":
        figures["probe_like_object"] = in_common(state.probe.detach().cpu().numpy()[0], picture, lit)
    if len(state.probe) > 1:
        shares = intensity(state.probe.detach()).sum((1, 2))
        figures["first_mode"] = float(shares.max() / shares.sum())
        figures["least_mode"] = float(shares.min() / shares.sum())
    return figures


def passes_light(picture: np.ndarray, lit: np.ndarray) -> np.ndarray:
    """Where a picture is not opaque over several pixels: the phase of no light is only noise.

    Parameters
    ----------
    picture : complex (y, x). lit : where frames light it (y, x), bool.
    """
    around = gaussian_filter(np.abs(picture) ** 2, SPECKLE)
    return around > OPAQUE * np.quantile(around[lit], 0.9)


def overlap(place: np.ndarray, bright: np.ndarray, spot: bool) -> float:
    """Share of its width that the light of a frame has in common with that of its nearest neighbours.

    Parameters
    ----------
    place : positions (frame, 2), px. bright : of the probe (y, x). spot : of the light of a spot, else of the window.
    """
    if len(place) < 3:
        return 0.0
    width = 2 * float(np.sqrt(bright.sum() ** 2 / (bright**2).sum() / np.pi)) if spot else float(min(bright.shape))
    step = cKDTree(place).query(place, k=3)[0][:, 1:].mean(1)
    return 1 - float(np.median(step)) / width


def lattice_of(place: np.ndarray) -> np.ndarray:
    """Frequencies (n, 2), cycles per pixel, of the lattice on which positions lie; none where they lie on none.

    `place` holds positions (frame, 2), px.
    """
    if len(place) < 9:
        return np.zeros((0, 2))
    step = float(np.median(cKDTree(place).query(place, k=2)[0][:, 1]))
    if not step > 1:
        return np.zeros((0, 2))
    f = np.linspace(-1.25, 1.25, 2 * OBLIQUE + 1) / step
    along = [np.exp(2j * np.pi * f[:, None] * place[None, :, axis]) for axis in (0, 1)]
    power_at = np.abs(along[0] @ along[1].T) ** 2 / len(place) ** 2
    far = np.hypot(f[:, None], f[None, :]) > 0.5 / step
    peaks = np.argwhere((power_at > LATTICE) & far)
    return f[peaks] if len(peaks) else np.zeros((0, 2))


def in_common(probe: np.ndarray, picture: np.ndarray, seen: np.ndarray) -> float:
    """How much fine structure of a wide probe lies in the object too, |correlation| where they resemble most.

    Frames that hardly move leave open what belongs to which. About 0.1 where they are two things, 0 for a small probe.

    Parameters
    ----------
    probe : complex (y, x). picture : complex (y, x), at least as large. seen : where frames light it (y, x), bool.
    """
    light = gaussian_filter(np.abs(probe) ** 2, 2.0)
    lit = light > LIT * np.quantile(light, 0.95)
    if lit.sum() < WIDE:
        return 0.0
    shape = tuple(n + m for n, m in zip(picture.shape, probe.shape, strict=True))
    a, b = (relative(values, where) for values, where in ((probe, lit), (picture, seen)))

    def moved(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.fft.ifft2(np.fft.fft2(first, shape).conj() * np.fft.fft2(second, shape))

    alike = np.abs(moved(a, b))
    most = np.sqrt(np.maximum((moved(lit * 1.0, np.abs(b) ** 2) * moved(np.abs(a) ** 2, seen * 1.0)).real, 1e-12))
    covered = moved(lit * 1.0, seen * 1.0).real > COVERED * lit.sum()
    return float(np.where(covered, alike / most, 0).max())


def relative(field: np.ndarray, where: np.ndarray) -> np.ndarray:
    """By how much a complex `field` (y, x) differs from what is around it, in shares of that; 0 but `where` (bool)."""
    weight, inside = gaussian_filter(where.astype(float), AROUND), np.where(where, field, 0)
    around = (gaussian_filter(inside.real, AROUND) + 1j * gaussian_filter(inside.imag, AROUND)) / np.maximum(
        weight, 1e-3
    )
    known = where & (np.abs(around) > 0.1 * np.median(np.abs(inside[where])))
    change = np.where(known, field / np.where(known, around, 1) - 1, 0)
    return np.where(np.abs(change) < 2, change, 0)


def _phase(values: np.ndarray) -> complex:
    total = values.sum()
    return complex(total / max(abs(total), 1e-30))


def _ramp(picture: np.ndarray) -> float:
    """How steep the phase of a picture is on the whole, cycles per pixel."""
    spectrum = np.abs(np.fft.fft2(picture))
    y, x = np.unravel_index(int(spectrum.argmax()), spectrum.shape)
    return float(np.hypot(np.fft.fftfreq(picture.shape[0])[y], np.fft.fftfreq(picture.shape[1])[x]))


def _at_edge(bright: np.ndarray) -> float:
    """Light of a pixel in the outermost sixteenth of a window over that of one in the whole, `bright` (y, x)."""
    rows, columns = (max(1, int(EDGE * n)) for n in bright.shape)
    inner = bright[rows:-rows, columns:-columns]
    outer = (bright.sum() - inner.sum()) / (bright.size - inner.size)
    return float(outer / max(bright.mean(), 1e-30))
