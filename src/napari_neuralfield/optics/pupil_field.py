"""A pupil that changes smoothly over the field: every Zernike coefficient a polynomial of low order in y and x.

Third-order theory lets defocus and astigmatism grow with the square of the distance from the optical axis (field
curvature), coma with the distance: order 2 holds them all, wherever the axis lies.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

UM_PER_MM = 1000.0
BEYOND = 1.15  # of the pupil's radius: how far outside the rim its phase goes on
DEFOCUS = 4  # Noll index


def powers(order: int) -> list[tuple[int, int]]:
    """Powers of (y, x) of the monomials up to an order, by growing order: (0, 0), (1, 0), (0, 1), (2, 0), ..."""
    return [(total - j, j) for total in range(order + 1) for j in range(total + 1)]


def order_of(count: int) -> int:
    """The order whose monomials are `count` in number."""
    return round((math.sqrt(8 * count + 1) - 3) / 2)


@dataclasses.dataclass(frozen=True, eq=False)
class PupilField:
    """Zernike coefficients over the field.

    Parameters
    ----------
    noll : Noll indices (term,).
    coefficients : of the monomials of `powers` in mm of the field (term, monomial), rad of unit-variance polynomials.
    """

    noll: tuple[int, ...]
    coefficients: np.ndarray

    @property
    def order(self) -> int:
        return order_of(self.coefficients.shape[1])

    @property
    def table(self) -> np.ndarray:
        """Noll index and coefficients of each term in a row (term, 1 + monomial): what files hold."""
        return np.column_stack([np.array(self.noll, dtype=float), self.coefficients])

    @classmethod
    def of_table(cls, table: np.ndarray) -> PupilField:
        return cls(tuple(int(n) for n in table[:, 0]), np.asarray(table[:, 1:], dtype=float))

    @classmethod
    def fit(
        cls,
        noll: Sequence[int],
        places_um: np.ndarray,
        coefficients: np.ndarray,
        weight: np.ndarray | None = None,
        order: int = 2,
    ) -> PupilField:
        """The smooth field nearest to coefficients found at several places, of no more order than these tell.

        Parameters
        ----------
        noll : Noll indices (term,).
        places_um : (y, x) of each place (place, 2), um.
        coefficients : found there (place, term), rad.
        weight : of each place (place,); equal where None.
        order : of the polynomials at most.
        """
        places = np.asarray(places_um, dtype=float) / UM_PER_MM
        counted = np.sqrt(np.ones(len(places)) if weight is None else np.asarray(weight, dtype=float))[:, None]
        centre, size = places.mean(0), max(float(np.abs(places - places.mean(0)).max()), 1e-9)
        scaled = (places - centre) / size  # else the monomials differ by orders of magnitude
        order = order_told(scaled, order)
        basis = monomials(scaled, order)
        found = np.linalg.lstsq(basis * counted, np.asarray(coefficients) * counted, rcond=None)[0]
        per_mm = found.T / np.array([size ** (i + j) for i, j in powers(order)])
        return cls(tuple(noll), per_mm).moved(-UM_PER_MM * centre)

    def at(self, y_um: float | np.ndarray, x_um: float | np.ndarray) -> np.ndarray:
        """Zernike coefficients (..., term), rad, at places of the field.

        Parameters
        ----------
        y_um, x_um : the places, um, of any shapes that broadcast.
        """
        place = np.stack(np.broadcast_arrays(y_um, x_um), axis=-1).astype(float) / UM_PER_MM
        values: np.ndarray = monomials(place.reshape(-1, 2), self.order) @ self.coefficients.T
        return values.reshape(*place.shape[:-1], len(self.noll))

    def moved(self, origin_um: np.ndarray | Sequence[float]) -> PupilField:
        """The same field in places counted from `origin_um` (y, x): exact, by the binomial theorem."""
        y, x = (float(v) / UM_PER_MM for v in origin_um)
        known = powers(self.order)
        turn = np.zeros((len(known), len(known)))
        for column, (i, j) in enumerate(known):
            for row, (k, m) in enumerate(known):
                if k <= i and m <= j:
                    turn[row, column] = math.comb(i, k) * math.comb(j, m) * y ** (i - k) * x ** (j - m)
        return PupilField(self.noll, self.coefficients @ turn.T)

    def pupil(
        self, place_um: Sequence[float] | np.ndarray, shape: tuple[int, int], pixel_um: float, cutoff: float
    ) -> np.ndarray:
        """The pupil (y, x), complex64, of modulus 1, of a region's frequency grid, zero frequency at n // 2.

        Parameters
        ----------
        place_um : (y, x) of the region's middle, um.
        shape, pixel_um : of the region's frames.
        cutoff : NA / wavelength, cycles/um.
        """
        import torch  # here, because opening a file does not need it

        from .grids import frequencies
        from .pupil import wavefront

        y, x = np.meshgrid(*(frequencies(n, pixel_um) for n in shape), indexing="ij")
        shrink = np.minimum(1.0, BEYOND * cutoff / np.maximum(np.hypot(y, x), 1e-12))
        found = torch.from_numpy(self.at(float(place_um[0]), float(place_um[1])))
        phase = wavefront(self.noll, found, torch.from_numpy(y * shrink), torch.from_numpy(x * shrink), cutoff)
        return np.exp(1j * phase.numpy()).astype(np.complex64)


def order_told(places: np.ndarray, most: int) -> int:
    """The highest order, no more than `most`, whose monomials the places (place, 2) tell apart."""
    while most and np.linalg.matrix_rank(monomials(places, most), tol=1e-3) < len(powers(most)):
        most -= 1
    return most


def monomials(places: np.ndarray, order: int) -> np.ndarray:
    """Those of `powers` at places (place, 2) of any unit: (place, monomial)."""
    return np.stack([places[:, 0] ** i * places[:, 1] ** j for i, j in powers(order)], axis=1)


def defocus_coefficient(z_um: float | np.ndarray, objective_na: float, wavelength_um: float) -> float | np.ndarray:
    """Noll coefficient 4, rad, of a sample at depth `z_um`, least squares over the pupil (of `optics.pupil.defocus`).

    Parameters
    ----------
    z_um : depth, um.
    objective_na, wavelength_um : of objective and light.
    """
    square = (np.arange(512) + 0.5) / 512  # rho^2, evenly over the pupil's area
    polynomial = math.sqrt(3) * (2 * square - 1)
    axial = np.sqrt(1 - objective_na**2 * square) / wavelength_um
    return z_um * float(2 * math.pi * (axial * polynomial).mean())
