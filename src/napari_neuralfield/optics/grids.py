"""Pixel and frequency grids; the only file that shifts a spectrum.

A *centred* spectrum has its zero frequency at n // 2 and is divided by the number of pixels, so that its entries
are amplitudes of plane waves whatever the grid: `centred_spectrum` of a constant image c is c at the centre.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import scipy.fft
import torch

BORDERS = 6  # that are tried for a fast FFT


def frequencies(n: int, pixel_um: float) -> np.ndarray:
    """Centred frequencies of `n` pixels of `pixel_um`, cycles/um, float64 (n,)."""
    return (np.arange(n) - n // 2) / (n * pixel_um)


def at_frequencies(pupil: np.ndarray, pixel_um: float, shape: tuple[int, int]) -> np.ndarray:
    """`pupil` (y, x) on the frequency grid of frames of `shape` with the same `pixel_um`, by linear interpolation."""
    from scipy.interpolate import RegularGridInterpolator

    given = [frequencies(n, pixel_um) for n in pupil.shape]
    wanted = np.meshgrid(*(frequencies(n, pixel_um) for n in shape), indexing="ij")
    read = RegularGridInterpolator(given, pupil, bounds_error=False, fill_value=None)
    return read(np.stack(wanted, axis=-1))


def centred_spectrum(image: torch.Tensor) -> torch.Tensor:
    """Plane-wave amplitudes of `image` (..., y, x), zero frequency at n // 2."""
    return torch.fft.fftshift(torch.fft.fft2(image, norm="forward"), dim=(-2, -1))


def to_centre(grid: torch.Tensor) -> torch.Tensor:
    """Entries (..., y, x) in the order of `torch.fft`, with entry (0, 0) moved to n // 2: as a detector shows them."""
    return torch.fft.fftshift(grid, dim=(-2, -1))


def to_corner(grid: torch.Tensor) -> torch.Tensor:
    """Inverse of `to_centre`: the centre of a detector's frame (..., y, x) moved to entry (0, 0)."""
    return torch.fft.ifftshift(grid, dim=(-2, -1))


def image_of(spectrum: torch.Tensor) -> torch.Tensor:
    """Inverse of `centred_spectrum`: (..., y, x) complex."""
    return torch.fft.ifft2(torch.fft.ifftshift(spectrum, dim=(-2, -1)), norm="forward")


def image_on(spectrum: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """`image_of` a centred `spectrum` (y, x) on as many pixels or more, `shape`: (y, x), each entry moved only once."""
    (rows, columns), (height, width) = spectrum.shape, shape
    top, left = rows // 2, columns // 2
    out = spectrum.new_zeros(shape)
    out[: rows - top, : columns - left] = spectrum[top:, left:]
    out[: rows - top, width - left :] = spectrum[top:, :left]
    out[height - top :, : columns - left] = spectrum[:top, left:]
    out[height - top :, width - left :] = spectrum[:top, :left]
    return torch.fft.ifft2(out, norm="forward")


def fit_spectrum(spectrum: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Crop or zero-pad a centred spectrum (..., y, x) to `shape`, its zero frequency kept at n // 2."""
    out = spectrum.new_zeros((*spectrum.shape[:-2], *shape))
    source, target = [], []
    for old, new in zip(spectrum.shape[-2:], shape, strict=True):
        low = min(old // 2, new // 2)
        high = min(old - old // 2, new - new // 2)
        source.append(slice(old // 2 - low, old // 2 + high))
        target.append(slice(new // 2 - low, new // 2 + high))
    out[..., target[0], target[1]] = spectrum[..., source[0], source[1]]
    return out


def resample(image: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Band-limited copy of a periodic image (..., y, x) on `shape` pixels over the same area; pixel (0, 0) stays."""
    resampled = image_of(fit_spectrum(centred_spectrum(image), shape))
    return resampled if image.is_complex() else resampled.real


def fast_length(n: int) -> int:
    """The smallest even FFT length >= n whose prime factors are at most 5."""
    return 2 * scipy.fft.next_fast_len((n + 1) // 2, real=True)


def quick_border(sides: Iterable[int], least: int, finer: int = 1) -> int:
    """The smallest border >= `least` with which FFTs over all of `sides` are fast; `least` where none near is so.

    Parameters
    ----------
    sides : pixels without the border, which comes at both ends.
    least : pixels.
    finer : pixels of the FFT per pixel of sides and border.
    """
    for border in range(least, least + BORDERS):
        lengths = [(n + 2 * border) * finer for n in sides]
        if all(scipy.fft.next_fast_len(n) == n for n in lengths):
            return border
    return least


def binned(image: torch.Tensor, factor: int) -> torch.Tensor:
    """Means of `image` (..., y, x) over `factor` x `factor` pixels: (..., y / factor, x / factor)."""
    if factor == 1:
        return image
    *rest, rows, columns = image.shape
    return image.reshape(*rest, rows // factor, factor, columns // factor, factor).mean(dim=(-3, -1))


def spread(image: torch.Tensor, factor: int) -> torch.Tensor:
    """`image` (..., y, x), each pixel repeated on the `factor` x `factor` pixels that `binned` takes the mean of."""
    if factor == 1:
        return image
    return image.repeat_interleave(factor, dim=-2).repeat_interleave(factor, dim=-1)


def intensity(wave: torch.Tensor) -> torch.Tensor:
    """|wave|^2 (...), real, in memory order; `wave` (...) is complex.

    A fifth of the time of `(wave * wave.conj()).real`, whose product is complex and whose real part is every second
    number of it.
    """
    squares = torch.view_as_real(wave.resolve_conj()).square()
    return squares[..., 0] + squares[..., 1]


def over_modes(light: torch.Tensor) -> torch.Tensor:
    """The sum of `light` (..., mode, y, x) over its modes (..., y, x); of one mode that mode itself, not a copy."""
    return light.squeeze(-3) if light.shape[-3] == 1 else light.sum(-3)
