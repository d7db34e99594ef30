"""Images as sums of cosines: transforms, slopes, and Poisson's equation with no flow through the border.

The cosines are those of an image continued by its mirror images, so their slope across the border is 0 (C. Zuo, Q.
Chen, A. Asundi, Opt. Express 22, 9220 (2014)). Slopes are sums of sines at the same pixels; both transforms are
orthonormal, so `outflow` is the negative adjoint of `slopes`, and `outflow(slopes(.))` is what `poisson` undoes.
"""

from __future__ import annotations

import numpy as np
import scipy.fft

AXES = (-2, -1)


def cosines(image: np.ndarray) -> np.ndarray:
    """Spectrum (..., y, x) of an image and its mirror images, of equal norm."""
    return np.asarray(scipy.fft.dctn(image, axes=AXES, norm="ortho"))


def from_cosines(spectrum: np.ndarray, factor: int = 1) -> np.ndarray:
    """Image (..., Y, X) of a `spectrum` of `cosines`, on `factor` times finer pixels of the same area."""
    if factor > 1:
        rows, columns = spectrum.shape[-2:]
        finer = np.zeros((*spectrum.shape[:-2], rows * factor, columns * factor), spectrum.dtype)
        finer[..., :rows, :columns] = factor * spectrum
        spectrum = finer
    return np.asarray(scipy.fft.idctn(spectrum, axes=AXES, norm="ortho"))


def cosine_frequencies(shape: tuple[int, int], pixel_um: float) -> np.ndarray:
    """Size of the frequencies of `cosines` (y, x), cycles/um, of an image of `shape` with pixels of `pixel_um`."""
    fy, fx = (np.arange(n) / (2 * n * pixel_um) for n in shape)
    return np.hypot(fy[:, None], fx[None, :])


def slopes(spectrum: np.ndarray) -> np.ndarray:
    """Slopes along y and x (2, y, x), per pixel, of the image of a `spectrum` of `cosines` (y, x)."""
    found = []
    for axis, across in (AXES, AXES[::-1]):
        sines = np.roll(-_waves(spectrum, axis) * spectrum, -1, axis)  # of cos(k n) the slope is -k sin(k n)
        along = scipy.fft.idst(sines, axis=axis, norm="ortho")
        found.append(scipy.fft.idct(along, axis=across, norm="ortho"))
    return np.stack(found)


def outflow(flow: np.ndarray) -> np.ndarray:
    """Spectrum of `cosines` (y, x) of the divergence, per pixel, of a `flow` along y and x (2, y, x)."""
    total = np.zeros(flow.shape[1:], flow.dtype)
    for part, (axis, across) in zip(flow, (AXES, AXES[::-1]), strict=True):
        sines = scipy.fft.dst(scipy.fft.dct(part, axis=across, norm="ortho"), axis=axis, norm="ortho")
        total += _waves(total, axis) * np.roll(sines, 1, axis)
    return total


def poisson(source: np.ndarray) -> np.ndarray:
    """Spectrum (y, x), mean 0, whose Laplacian, per square pixel, has the spectrum `source` (y, x) but for its mean."""
    y, x = _waves(source, -2), _waves(source, -1)
    laplace = -(y**2 + x**2)
    laplace[0, 0] = -np.inf
    return np.asarray(source / laplace)


def _waves(spectrum: np.ndarray, axis: int) -> np.ndarray:
    """Wave numbers along an axis of a spectrum (y, x), radians per pixel, in its precision: (y, 1) or (1, x)."""
    n = spectrum.shape[axis]
    waves = (np.pi / n * np.arange(n)).astype(spectrum.dtype)
    return waves[:, None] if axis == -2 else waves[None, :]
