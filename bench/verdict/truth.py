"""How far a picture is from the truth: the free factors of `score.py real`, a shift and the twin beside them."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.ndimage import gaussian_filter


@dataclasses.dataclass(frozen=True)
class Score:
    """Amplitude PSNR, dB; phase RMSE, rad; error of the complex picture over the true one's structure, without haze."""

    psnr_db: float
    phase_rad: float
    structure: float


def score(true: np.ndarray, found: np.ndarray) -> Score:
    """The better of the picture and its conjugate twin.

    Parameters
    ----------
    true, found : complex (y, x) on one grid; an eighth of it on every side is left out.
    """
    border = true.shape[0] // 8
    return min((_score(true, f, border) for f in (found, found.conj())), key=lambda s: s.structure)


def _score(true: np.ndarray, found: np.ndarray, border: int) -> Score:
    cut = (slice(border, -border),) * 2
    found = _unramped(true, found)
    found = _shifted(true, found)
    t, r = true[cut], found[cut]
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in t.shape), indexing="ij")
    basis = np.stack([np.ones_like(y), y, x, y * y, x * x, x * y]).reshape(6, -1)
    r = r * np.exp(1j * np.angle((r.conj() * t).sum()))
    for _ in range(15):
        weight, error = (np.abs(t) * np.abs(r)).ravel(), np.angle(t * r.conj()).ravel()
        terms = np.linalg.lstsq((basis * weight).T, error * weight, rcond=None)[0] @ basis
        r = r * np.exp(1j * terms).reshape(r.shape)
    r = r * (r.conj() * t).sum() / max((np.abs(r) ** 2).sum(), 1e-30)
    amplitude, right = np.abs(r), np.abs(t)
    amplitude = amplitude * (amplitude * right).sum() / max((amplitude**2).sum(), 1e-30)
    psnr = -10 * np.log10(np.mean((amplitude - right) ** 2) / np.quantile(right, 0.99) ** 2)
    phase = np.sqrt(np.mean(np.angle(r * t.conj()) ** 2))
    difference, structure = _without_haze(r - t), _without_haze(t)
    return Score(float(psnr), float(phase), float(np.linalg.norm(difference) / np.linalg.norm(structure)))


def _without_haze(picture: np.ndarray) -> np.ndarray:
    """A picture (y, x) without what is wider than a quarter of it, which single LEDs hardly show."""
    width = picture.shape[0] / 8
    smooth = gaussian_filter(picture.real, width) + 1j * gaussian_filter(picture.imag, width)
    return picture - smooth


def _unramped(true: np.ndarray, found: np.ndarray) -> np.ndarray:
    """`found` without whole turns of a phase ramp against `true`."""
    spectrum = np.abs(np.fft.fft2(true * found.conj()))
    peak = np.unravel_index(int(spectrum.argmax()), spectrum.shape)
    ramp = [np.exp(2j * np.pi * k * np.arange(n) / n) for k, n in zip(peak, true.shape, strict=True)]
    return found * ramp[0][:, None] * ramp[1][None, :]


def _shifted(true: np.ndarray, found: np.ndarray) -> np.ndarray:
    """`found` moved by a few pixels to where it fits best, fractions of a pixel too."""
    a, b = np.fft.fft2(true - true.mean()), np.fft.fft2(found - found.mean())
    cross = np.abs(np.fft.ifft2(a * b.conj()))
    peak = [int(k) for k in np.unravel_index(int(cross.argmax()), cross.shape)]
    move = [k - n if k > n // 2 else k for k, n in zip(peak, cross.shape, strict=True)]
    if max(map(abs, move)) > 8:
        return found
    fine = []
    for axis, k in enumerate(peak):
        at = [peak.copy() for _ in range(2)]
        at[0][axis], at[1][axis] = (k - 1) % cross.shape[axis], (k + 1) % cross.shape[axis]
        low, high = cross[tuple(at[0])], cross[tuple(at[1])]
        bend = low - 2 * cross[tuple(peak)] + high
        fine.append(0.5 * (low - high) / bend if bend < 0 else 0.0)
    fy, fx = (np.fft.fftfreq(n) for n in found.shape)
    turn = np.exp(-2j * np.pi * (fy[:, None] * (move[0] + fine[0]) + fx[None, :] * (move[1] + fine[1])))
    return np.fft.ifft2(np.fft.fft2(found) * turn)
