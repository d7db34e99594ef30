"""Where the pixels of turned, mirrored or rescaled channels lie on the sample."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

STRAIGHT = 1e-9


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
        """Rows and columns of points."""
        y, x = (np.asarray(v) - o for v, o in zip((y_um, x_um), self.origin_um, strict=True))
        (a, b), (c, d) = self.matrix
        return (a * y + b * x) / self.pixel_um, (c * y + d * x) / self.pixel_um

    def axes(self, y_um: np.ndarray, x_um: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None, bool]:
        """Rows and columns along which a grid of the sample lies, and whether its axes are exchanged.

        None for both where the channels are turned by less than a quarter, so that no axis fits.
        """
        (a, b), (c, d) = self.matrix
        y, x = (np.asarray(v) - o for v, o in zip((y_um, x_um), self.origin_um, strict=True))
        if abs(b) < STRAIGHT and abs(c) < STRAIGHT:
            return a * y / self.pixel_um, d * x / self.pixel_um, False
        if abs(a) < STRAIGHT and abs(d) < STRAIGHT:
            return b * x / self.pixel_um, c * y / self.pixel_um, True
        return None, None, False

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Placement:
        (a, b), (c, d) = values["matrix"]
        y, x = values["origin_um"]
        return cls(float(values["pixel_um"]), ((a, b), (c, d)), (y, x))
