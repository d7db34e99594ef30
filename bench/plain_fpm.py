"""Fourier ptychography as in the textbooks, in NumPy alone: what a careful person would write in an afternoon.

Sequential projection (Zheng, Horstmeyer, Yang, Nature Photonics 7, 739 (2013)) at one depth at a time, 15 passes with a
fixed share of each correction, a hard aperture at the exact directions of the LEDs, no pupil and no gain recovered. The
LEDs are taken row by row, which is kinder to it than order of NA. It shares no code with the package, so a gain over
it is a gain over the method, not over a slip of ours.
"""

from __future__ import annotations

from typing import Any

import numpy as np

PASSES, UPSAMPLING = 15, 2


def kernels(acquisition: Any, z_um: float) -> tuple[np.ndarray, np.ndarray]:
    """Pupils (led, y, x) at depth `z_um`, and the corners (led, 2) of their windows in the shifted spectrum."""
    shape = np.array(acquisition.frame_shape)
    size = shape * acquisition.pixel_um
    centre = -np.asarray(acquisition.illumination_na) / acquisition.wavelength_um  # cycles/um
    whole = np.round(centre * size)
    rest = whole / size - centre
    fy, fx = ((np.arange(n) - n // 2) / length for n, length in zip(shape, size, strict=True))
    py, px = fy[None, :, None] + rest[:, 0, None, None], fx[None, None, :] + rest[:, 1, None, None]
    inside = py**2 + px**2 <= (acquisition.objective_na / acquisition.wavelength_um) ** 2
    axial = np.sqrt(np.clip(acquisition.wavelength_um**-2 - py**2 - px**2, 0, None))
    corner = whole.astype(int) + UPSAMPLING * shape // 2 - shape // 2
    return inside * np.exp(2j * np.pi * z_um * axial), corner


def plane(acquisition: Any, amplitude: np.ndarray, z_um: float, step: float) -> np.ndarray:
    """The sample (Y, X) that explains `amplitude` (led, y, x) if it all lay at depth `z_um`."""
    rows, columns = amplitude.shape[1:]
    pupil, corner = kernels(acquisition, z_um)
    spectrum = np.zeros((UPSAMPLING * rows, UPSAMPLING * columns), complex)
    spectrum[rows * UPSAMPLING // 2, columns * UPSAMPLING // 2] = rows * columns * amplitude.mean()
    order = np.lexsort(np.round(np.asarray(acquisition.illumination_na).T[::-1], 4))  # row by row
    for _ in range(PASSES):
        for led in order:
            y, x = corner[led]
            window = spectrum[y : y + rows, x : x + columns]
            passed = window * pupil[led]
            image = np.fft.ifft2(np.fft.ifftshift(passed))
            image = amplitude[led] * image / (np.abs(image) + 1e-12)
            window += step * np.conj(pupil[led]) * (np.fft.fftshift(np.fft.fft2(image)) - passed)
    return np.fft.ifft2(np.fft.ifftshift(spectrum)) * UPSAMPLING**2


def reconstruct(acquisition: Any, depths_um: list[float], step: float) -> np.ndarray:
    """One plane for each of `depths_um`, complex64 (z, Y, X) on twice the frame's pixels."""
    amplitude = np.sqrt(np.clip(acquisition.intensity().astype(float), 0, None))
    return np.stack([plane(acquisition, amplitude, z, step) for z in depths_um]).astype(np.complex64)
