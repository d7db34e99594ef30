"""Pupil functions at arbitrary spatial frequencies.

Frequencies `fy, fx` are in cycles/um, of any shapes that broadcast against each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

TINY = 1e-20  # keeps the gradient of a square root finite (zero) where its argument vanishes


def aperture(fy: torch.Tensor, fx: torch.Tensor, cutoff: float | torch.Tensor, edge: float = 0.0) -> torch.Tensor:
    """1 inside |f| <= `cutoff`, 0 outside, real.

    Parameters
    ----------
    fy, fx : frequencies, cycles/um.
    cutoff : NA / wavelength, cycles/um.
    edge : width of a soft edge, cycles/um; with it the aperture is differentiable in the frequencies.
    """
    radius = torch.sqrt((fy**2 + fx**2).clamp(min=TINY))
    if edge <= 0:
        return (radius <= cutoff).to(radius.dtype)
    return torch.sigmoid((cutoff - radius) * (4.0 / edge))


def axial_frequency(fy: torch.Tensor, fx: torch.Tensor, wavelength_um: float | torch.Tensor) -> torch.Tensor:
    """sqrt(1 / wavelength^2 - |f|^2), cycles/um; 0 where the wave is evanescent.

    Parameters
    ----------
    fy, fx : frequencies, cycles/um.
    wavelength_um : of the light; a scalar.
    """
    return torch.sqrt(torch.clamp(1.0 / wavelength_um**2 - fy**2 - fx**2, min=TINY))


def defocus(fy: torch.Tensor, fx: torch.Tensor, wavelength_um: float, z_um: torch.Tensor | float) -> torch.Tensor:
    """exp(2 pi i z (sqrt(1 / wavelength^2 - |f|^2) - 1 / wavelength)): a sample at depth z, less its mean phase.

    Parameters
    ----------
    fy, fx : frequencies, cycles/um.
    wavelength_um : of the light.
    z_um : depth of the sample, um; broadcasts against the frequencies.
    """
    return torch.polar(
        torch.ones((), dtype=fy.dtype, device=fy.device),
        2 * math.pi * z_um * (axial_frequency(fy, fx, wavelength_um) - 1.0 / wavelength_um),
    )


def noll_to_nm(index: int) -> tuple[int, int]:
    """Radial order n and signed azimuthal order m of Noll's Zernike index (from 1); negative m is the sine term.

    R. J. Noll, J. Opt. Soc. Am. 66, 207 (1976), table I.
    """
    n = 0
    while (n + 1) * (n + 2) // 2 < index:
        n += 1
    position = index - n * (n + 1) // 2
    m = 2 * (position // 2) if n % 2 == 0 else 2 * ((position - 1) // 2) + 1
    return n, m if index % 2 == 0 else -m


def zernike(index: int, fy: torch.Tensor, fx: torch.Tensor, cutoff: float) -> torch.Tensor:
    """Noll's Zernike polynomial `index`, of unit variance on the aperture |f| <= `cutoff`, and its continuation.

    Parameters
    ----------
    fy, fx, cutoff : cycles/um.
    """
    return zernikes((index,), fy, fx, cutoff)[0]


def zernikes(
    indices: Sequence[int], fy: torch.Tensor, fx: torch.Tensor, cutoff: float | torch.Tensor
) -> list[torch.Tensor]:
    """Zernike polynomials of Noll's `indices` at `fy, fx` on the aperture |f| <= `cutoff`, as `zernike`.

    Written in fx and fy without angle or root, so that they are smooth everywhere: rho^m cos(m t) is the real part of
    (fx + i fy)^m, and what is left of the radial part is a polynomial in rho^2.
    """
    y, x = torch.broadcast_tensors(fy / cutoff, fx / cutoff)
    square = x * x + y * y
    turns = [(torch.ones_like(x), torch.zeros_like(x)), (x, y)]  # (fx + i fy)^m, real and imaginary
    found = []
    for index in indices:
        n, m = noll_to_nm(index)
        while len(turns) <= abs(m):
            real, imaginary = turns[-1]
            turns.append((real * x - imaginary * y, real * y + imaginary * x))
        scale = math.sqrt(n + 1) * (math.sqrt(2) if m else 1.0)
        terms = [scale * _radial(n, abs(m), k) for k in range((n - abs(m)) // 2 + 1)]
        radial: torch.Tensor | float = terms[0]
        for term in terms[1:]:
            radial = radial * square + term
        found.append(turns[abs(m)][0 if m >= 0 else 1] * radial)
    return found


def zernike_powers(index: int) -> torch.Tensor:
    """Coefficients (a, b) of (fy / cutoff)^a (fx / cutoff)^b in Noll's Zernike polynomial `index`, double precision.

    On a grid of rows and columns, powers of fy, this table and powers of fx are two small matrix products.
    """
    n, m = noll_to_nm(index)
    turns = torch.zeros((n + 1, n + 1), dtype=torch.float64)  # rho^m cos(m t) or rho^m sin(m t)
    for k in range(m < 0, abs(m) + 1, 2):
        turns[k, abs(m) - k] = math.comb(abs(m), k) * (-1) ** (k // 2)
    found = torch.zeros_like(turns)
    half = (n - abs(m)) // 2
    for k in range(half + 1):
        for j in range(half - k + 1):  # rho^2 to the power half - k
            shifted = turns.roll((2 * j, 2 * (half - k - j)), (0, 1))
            found += _radial(n, abs(m), k) * math.comb(half - k, j) * shifted
    return found * math.sqrt(n + 1) * (math.sqrt(2) if m else 1.0)


def _radial(n: int, m: int, k: int) -> float:
    """Coefficient of rho^(n - 2 k) in the radial polynomial R_n^m."""
    below = math.factorial(k) * math.factorial((n + m) // 2 - k) * math.factorial((n - m) // 2 - k)
    return (-1) ** k * math.factorial(n - k) / below


def wavefront(
    noll: Sequence[int],
    coefficients: torch.Tensor,
    fy: torch.Tensor,
    fx: torch.Tensor,
    cutoff: float | torch.Tensor,
) -> torch.Tensor:
    """Phase, rad, of Zernike terms, differentiable in coefficients and frequencies.

    Parameters
    ----------
    noll : Noll indices (term,).
    coefficients : rad, of unit-variance polynomials (term,).
    fy, fx, cutoff : frequencies, and the edge of the aperture, cycles/um.
    """
    total = torch.zeros((), dtype=fy.dtype, device=fy.device) * (fy + fx)
    for polynomial, coefficient in zip(zernikes(noll, fy, fx, cutoff), coefficients, strict=True):
        total = total + coefficient * polynomial
    return total
