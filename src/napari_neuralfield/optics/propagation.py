"""Free space between planes: the angular spectrum, its limits, and images moved by fractions of a pixel.

Kernels and ramps lie on unshifted frequency grids, as `torch.fft` orders them, and are differentiable in distance,
wavelength and shift.
"""

from __future__ import annotations

import math

import torch

from ..compute import COMPLEX


def frequency_axis(n: int, pixel_um: float | torch.Tensor = 1.0, device: torch.device | str = "cpu") -> torch.Tensor:
    """Unshifted frequencies of `n` pixels of `pixel_um`, cycles/um (n,), float64, on `device`."""
    return torch.fft.fftfreq(n, dtype=torch.float64, device=device) / pixel_um


def angular_spectrum(
    shape: tuple[int, int],
    pixel_um: float,
    distance_um: float | torch.Tensor,
    wavelength_um: float | torch.Tensor,
    *,
    limited: bool = False,
    device: torch.device | str = "cpu",
) -> torch.Tensor:
    """Transfer function of free space (y, x), complex64: exp(2 pi i d (sqrt(1/wavelength^2 - |f|^2) - 1/wavelength)).

    The phase of the axial wave is left out, evanescent waves are removed. For a periodic field the plain kernel is
    exact at any distance; with open borders N pixels alias beyond N pixel_um^2 / wavelength_um.

    Parameters
    ----------
    shape : (y, x) pixels of the field.
    pixel_um : of the field.
    distance_um : along the axis, negative backwards; a scalar.
    wavelength_um : of the light; a scalar.
    limited : cut the frequencies at which the kernel is undersampled (Matsushima, Shimobaba, Opt. Express 17, 19662
        (2009), eq. 13), as open borders need.
    device : of the result.
    """
    fy = frequency_axis(shape[0], pixel_um, device)[:, None]
    fx = frequency_axis(shape[1], pixel_um, device)[None, :]
    distance = torch.as_tensor(distance_um, dtype=torch.float64, device=device)
    wavelength = torch.as_tensor(wavelength_um, dtype=torch.float64, device=device)
    lateral = fy**2 + fx**2
    axial = 1 / wavelength**2 - lateral
    travels = axial > 0
    # 1/w - sqrt(1/w^2 - f^2) without the difference of large numbers
    lag = lateral / (1 / wavelength + torch.sqrt(torch.where(travels, axial, 1.0)))
    kernel = torch.polar(travels.to(torch.float64), -2 * math.pi * distance * lag)
    if limited:
        kernel = kernel * _sampled(fy, shape[0] * pixel_um, distance, wavelength)
        kernel = kernel * _sampled(fx, shape[1] * pixel_um, distance, wavelength)
    return kernel.to(COMPLEX)


def _sampled(f: torch.Tensor, size_um: float, distance: torch.Tensor, wavelength: torch.Tensor) -> torch.Tensor:
    """True at frequencies whose kernel a field of `size_um` samples."""
    highest = 1 / (wavelength.detach() * torch.sqrt((2 * distance.detach() / size_um) ** 2 + 1))
    return f.abs() <= highest


def filtered(field: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    """`field` (..., y, x) with its spectrum times `kernel` (..., y, x)."""
    return torch.fft.ifft2(torch.fft.fft2(field) * kernel)


def shift_ramp(shift: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """What moves an image of `shape` (y, x) by `shift` (..., 2) pixels: its spectrum's factor (..., y, x), complex64.

    out(r) = image(r - shift). The Nyquist frequency of even sizes moves like its neighbours below.
    """
    fy = frequency_axis(shape[0], device=shift.device)
    fx = frequency_axis(shape[1], device=shift.device)
    angle = -2 * math.pi * shift.to(torch.float64)
    y = torch.polar(torch.ones((), dtype=torch.float64, device=shift.device), angle[..., 0, None] * fy).to(COMPLEX)
    x = torch.polar(torch.ones((), dtype=torch.float64, device=shift.device), angle[..., 1, None] * fx).to(COMPLEX)
    return y[..., :, None] * x[..., None, :]


def shifted(image: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """`image` (..., y, x) moved by `shift` (..., 2) pixels, periodic, complex."""
    return filtered(image, shift_ramp(shift, (image.shape[-2], image.shape[-1])))
