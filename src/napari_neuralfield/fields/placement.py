"""Where coordinates lie on a grid of pixels, and on the pixels of turned, mirrored or rescaled channels."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..types import Extent, Options

STRAIGHT = 1e-9


def extent_of(given: Extent | Options) -> Extent:
    """An `Extent`, or the one that its dict describes."""
    return given if isinstance(given, Extent) else Extent.from_dict(given)


def axis_of(values: ArrayLike) -> np.ndarray:
    """One or more coordinates as a 1-D axis, float64."""
    return np.atleast_1d(np.asarray(values, dtype=np.float64))


def points_of(z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> tuple[np.ndarray, ...]:
    """Coordinates `z_um`, `y_um`, `x_um` of points, um, brought to one shape; float64."""
    return np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in (z_um, y_um, x_um)))


def pixels_of(coordinates: ArrayLike, extent: Extent, dim: int) -> np.ndarray:
    """Fractional native pixels of `extent` at `coordinates`, um, along its axis `dim` (0: y, 1: x)."""
    return (np.asarray(coordinates, dtype=np.float64) - extent.origin_um[dim]) / extent.pixel_um


def nodes_of(coordinates: ArrayLike, extent: Extent, dim: int, count: int) -> np.ndarray:
    """Fractional nodes at `coordinates`, um, where `count` nodes fill axis `dim` (0: y, 1: x) of `extent`."""
    return (np.asarray(coordinates, dtype=np.float64) - extent.origin_um[dim]) / extent.size_um[dim] * count


@dataclasses.dataclass(frozen=True)
class Placement:
    """channel pixel (row, column) = matrix @ ((y, x) um - origin_um) / pixel_um.

    Parameters
    ----------
    pixel_um : of the channels.
    matrix : 2 x 2, a turn or a mirror image.
    origin_um : (y, x) on the sample of channel pixel (0, 0).
    """

    pixel_um: float
    matrix: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 0.0), (0.0, 1.0))
    origin_um: tuple[float, float] = (0.0, 0.0)

    def points(self, y_um: np.ndarray, x_um: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fractional rows and columns of the channels at points `y_um`, `x_um` (point,) of the sample, um."""
        y, x = (np.asarray(v) - o for v, o in zip((y_um, x_um), self.origin_um, strict=True))
        (a, b), (c, d) = self.matrix
        return (a * y + b * x) / self.pixel_um, (c * y + d * x) / self.pixel_um

    def axes(self, y_um: np.ndarray, x_um: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None, bool]:
        """Rows and columns along which a grid of the sample lies, and whether its axes are exchanged.

        None for both where the channels are turned by less than a quarter, so that no axis fits.

        Parameters
        ----------
        y_um, x_um : axes of the grid (y,) and (x,), um of the sample.
        """
        (a, b), (c, d) = self.matrix
        y, x = (np.asarray(v) - o for v, o in zip((y_um, x_um), self.origin_um, strict=True))
        if abs(b) < STRAIGHT and abs(c) < STRAIGHT:
            return a * y / self.pixel_um, d * x / self.pixel_um, False
        if abs(a) < STRAIGHT and abs(d) < STRAIGHT:
            return b * x / self.pixel_um, c * y / self.pixel_um, True
        return None, None, False

    def to_dict(self) -> Options:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Placement:
        (a, b), (c, d) = values["matrix"]
        y, x = values["origin_um"]
        return cls(float(values["pixel_um"]), ((a, b), (c, d)), (y, x))
