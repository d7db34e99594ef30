"""Positions of coded frames from the frames alone: the specimen's shadow moves, the coded surface's stays.

Each frame is divided by the mean frame, which leaves the moving shadow; its displacement against the running average
of all others, moved back, is the peak of their correlation, read between pixels.
"""

from __future__ import annotations

import numpy as np

from ..data.acquisition import CodedPtychography

FINEST = 0.2  # cycles per sensor pixel: finer shadows change with the surface
REACH = 0.25  # of the frame: the largest displacement looked for
PASSES = 4


def positions_from_frames(acquisition: CodedPtychography) -> np.ndarray:
    """Displacement of the specimen in each frame (frame, 2), um, of mean 0.

    Good to a fraction of a sensor pixel where the specimen scatters little; the reconstruction refines it.
    """
    spectra = _shadows(acquisition.intensity())
    shape = spectra.shape[-2:]
    fy, fx = np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1])[None, :]
    filtered = np.exp(-(fy**2 + fx**2) / FINEST**2)
    near = (np.abs(fy) <= REACH) & (np.abs(fx) <= REACH)  # fftfreq numbers pixels as it does frequencies
    found = np.zeros((len(spectra), 2))

    def back(number: int) -> np.ndarray:
        return spectra[number] * np.exp(2j * np.pi * (fy * found[number, 0] + fx * found[number, 1]))

    total = spectra[0].copy()
    for turn in range(PASSES):
        for number in range(len(spectra)):
            others = total - back(number) if turn else total
            if turn or number:
                found[number] = _peak(spectra[number] * others.conj() * filtered, near)
                total = others + back(number)
    return (found - found.mean(axis=0)) * acquisition.sensor_pixel_um


def _shadows(frames: np.ndarray) -> np.ndarray:
    """Spectra of what moves (frame, y, x): amplitudes over the mean frame's, faded towards the borders."""
    ratio = np.sqrt(np.clip(frames / np.clip(frames.mean(axis=0), 1e-12, None), 0, None)).astype(float)
    ratio -= ratio.mean(axis=(1, 2), keepdims=True)
    fade = [np.sqrt(np.hanning(n)) for n in frames.shape[1:]]
    return np.fft.fft2(ratio * fade[0][:, None] * fade[1][None, :])


def _peak(cross: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Where the correlation with spectrum `cross` (y, x) is largest, px (2,), to a twentieth of a pixel."""
    correlation = np.where(near, np.fft.ifft2(cross).real, -np.inf)
    at = np.unravel_index(correlation.argmax(), cross.shape)
    place = np.array([np.fft.fftfreq(n)[k] * n for n, k in zip(cross.shape, at, strict=True)])
    fy, fx = (np.fft.fftfreq(n) for n in cross.shape)
    for step in (0.25, 0.05):
        y, x = place[:, None] + step * np.arange(-5, 6)
        values = np.exp(2j * np.pi * y[:, None] * fy) @ cross @ np.exp(2j * np.pi * fx[:, None] * x)
        best = np.unravel_index(values.real.argmax(), values.shape)
        place = np.array([y[best[0]], x[best[1]]])
    return place
