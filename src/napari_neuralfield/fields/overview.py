"""Coarse pictures of a field of many tiles, so that the whole is seen without opening them.

Each level holds what the tiles, corrected and joined, render at its pixel: a coarse render of a field leaves out what
its pixels cannot show, or averages, where the field's type does. On the pixels of a level the answer is that of the
tiles; between them it is a cubic, between depths a line. Coarser than the last level it is smoothed and thinned out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import torch

from ..types import Extent
from .interpolation import cubic_grid, needed, step_of
from .placement import pixels_of

FINEST = 4  # native pixels
LEAST_PX = 8  # of the smallest tile on the coarsest level
LEAST_TILES = 16  # fewer are opened at once
PLANES = 17  # depths at most
SLACK = 1 + 1e-6


@dataclasses.dataclass(frozen=True, eq=False)
class CoarsePicture:
    """One picture of the whole.

    Parameters
    ----------
    extent : of the picture, um: its pixel is larger than that of the field.
    values : (z, y, x, 2) real and imaginary parts in half precision, or phases (z, y, x), rad; may lie on disk.
    """

    extent: Extent
    values: np.ndarray

    def part(self, planes: slice, rows: slice, columns: slice) -> torch.Tensor:
        """Values (z, y, x) of some `planes`, `rows` and `columns`."""
        values = torch.from_numpy(np.array(self.values[planes, rows, columns], np.float32))
        return torch.view_as_complex(values) if values.ndim == 4 else values

    def __reduce__(self) -> tuple[Callable[..., CoarsePicture], tuple[object, ...]]:
        """A copy of one that lies on disk looks at the same file."""
        if isinstance(self.values, np.memmap):
            return mapped, (self.extent, str(self.values.filename))
        return CoarsePicture, (self.extent, self.values)


def mapped(extent: Extent, file: str) -> CoarsePicture:
    """The picture in a `file`, NAME.npy, that lies where `extent` says."""
    return CoarsePicture(extent, np.load(file, mmap_mode="r", allow_pickle=False))


@dataclasses.dataclass(frozen=True, eq=False)
class Overview:
    """Pictures of a whole, finest first.

    Parameters
    ----------
    depths_um : of the planes of each level (z,), um, increasing.
    levels : each of twice the pixel of the one before.
    """

    depths_um: tuple[float, ...]
    levels: tuple[CoarsePicture, ...]

    def render(self, z_um: np.ndarray, y_um: np.ndarray, x_um: np.ndarray) -> torch.Tensor | None:
        """Value (z, y, x) on axes `z_um`, `y_um`, `x_um`, um; None where they are finer than every level."""
        step = min(step_of(y_um), step_of(x_um)) * SLACK
        fit = [level for level in self.levels if level.extent.pixel_um <= step]
        if not fit:
            return None
        level = fit[-1]
        times = int(np.log2(step / level.extent.pixel_um)) if level is self.levels[-1] else 0
        extent = dataclasses.replace(level.extent, pixel_um=level.extent.pixel_um * 2**times)
        y, x = pixels_of(y_um, extent, 0), pixels_of(x_um, extent, 1)
        rows, columns = (slice(None) if times else needed(at, n) for at, n in zip((y, x), extent.shape, strict=True))
        planes = []
        for z in z_um:
            plane = self._plane(level, float(z), rows, columns)
            for _ in range(times):
                plane = _halved(_halved(plane, 0), 1)
            planes.append(cubic_grid(plane, y - (rows.start or 0), x - (columns.start or 0)))
        return torch.stack(planes)

    def _plane(self, level: CoarsePicture, z_um: float, rows: slice, columns: slice) -> torch.Tensor:
        place = float(np.interp(z_um, self.depths_um, np.arange(len(self.depths_um))))
        low = min(int(place), max(len(self.depths_um) - 2, 0))
        part = place - low
        planes = level.part(slice(low, low + 1 + (part > 0)), rows, columns)
        return planes[0] if part == 0 else torch.lerp(planes[0], planes[1], part)


def _halved(plane: torch.Tensor, dim: int) -> torch.Tensor:
    """Every other pixel of a plane (y, x) along `dim`, smoothed by (1 2 1) / 4 before."""
    count = plane.shape[dim]
    at = torch.arange(0, count, 2)
    before, middle, after = (plane.index_select(dim, (at + step).clamp(0, count - 1)) for step in (-1, 0, 1))
    return (before + 2 * middle + after) / 4


def level_extent(whole: Extent, pixel_um: float) -> Extent:
    """Where a level of pixels of `pixel_um`, um, lies over the `whole` field."""
    rows, columns = (max(1, round(size / pixel_um)) for size in whole.size_um)
    return dataclasses.replace(whole, shape=(rows, columns), pixel_um=pixel_um)


def levels_for(whole: Extent, tiles: Sequence[Extent]) -> list[Extent]:
    """Where the levels of an overview lie; none where there are few tiles, or small ones.

    Parameters
    ----------
    whole : the field.
    tiles : those that are there.
    """
    if len(tiles) < LEAST_TILES:
        return []
    smallest, found = min(min(tile.size_um) for tile in tiles), []
    pixel = FINEST * whole.pixel_um
    while smallest / pixel >= LEAST_PX:
        found.append(level_extent(whole, pixel))
        pixel *= 2
    return found


def depths_for(whole: Extent, planes: Sequence[float]) -> list[float]:
    """Depths of the planes of an overview, um.

    Parameters
    ----------
    whole : the field.
    planes : depths between which the tiles are linear, um; none where they are not, or differ.
    """
    low, high = whole.z_um
    if high <= low:
        return [low]
    if 1 < len(planes) <= PLANES:
        return [float(z) for z in planes]
    return [float(z) for z in np.linspace(low, high, PLANES)]
