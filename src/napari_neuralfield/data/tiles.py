"""Cutting a large frame into tiles or strips, each with a margin of what lies round it: geometry only."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator

Box = tuple[slice, slice]  # (y, x), pixels
STRIP_PIXELS = 2**22  # of an image that is made strip by strip: some tens of megabytes at a time


@dataclasses.dataclass(frozen=True)
class Tile:
    """One tile of a frame.

    Parameters
    ----------
    core : the pixels this tile answers for; the cores of a plan cover the frame once.
    padded : the core and its margin, as far as the frame reaches.
    """

    core: Box
    padded: Box

    @property
    def inside(self) -> Box:
        """Where the core lies in the padded box."""
        (cy, cx), (py, px) = self.core, self.padded
        return _moved(cy, -py.start), _moved(cx, -px.start)

    def finer(self, factor: int) -> Tile:
        """The same tile of an image with `factor` pixels for every pixel of the frame along each axis."""
        core, padded = ((_times(y, factor), _times(x, factor)) for y, x in (self.core, self.padded))
        return Tile(core, padded)


@dataclasses.dataclass(frozen=True)
class TilePlan:
    """Tiles of nearly equal size, row by row.

    Parameters
    ----------
    shape : (y, x) of the frame.
    largest : (y, x) of a core at most.
    margin : pixels round every core.
    """

    shape: tuple[int, int]
    largest: tuple[int, int]
    margin: int = 0

    def __post_init__(self) -> None:
        if min(*self.shape, *self.largest) < 1 or self.margin < 0:
            raise ValueError(f"{self}: shape and largest must be 1 or more, margin 0 or more")

    def __len__(self) -> int:
        return len(self._pieces(0)) * len(self._pieces(1))

    def __iter__(self) -> Iterator[Tile]:
        for (core_y, padded_y), (core_x, padded_x) in itertools.product(self._pieces(0), self._pieces(1)):
            yield Tile((core_y, core_x), (padded_y, padded_x))

    def _pieces(self, axis: int) -> list[tuple[slice, slice]]:
        """Cores along an axis, each with its padded part."""
        n = self.shape[axis]
        count = math.ceil(n / self.largest[axis])
        return [
            (slice(start, stop), slice(max(start - self.margin, 0), min(stop + self.margin, n)))
            for start, stop in itertools.pairwise(n * k // count for k in range(count + 1))
        ]


def even_tiles(shape: tuple[int, int], side: int, overlap: int) -> list[list[Tile]]:
    """Rows of tiles that are all of one size, spread evenly; neighbours share `overlap` pixels or more.

    Parameters
    ----------
    shape : (y, x) of the frame.
    side : pixels along a side of a tile, even; a shorter frame has one tile along that side.
    overlap : pixels that neighbours share at least, less than `side`.
    """
    rows, columns = (_even_pieces(n, side, overlap) for n in shape)
    return [[Tile((y[0], x[0]), (y[1], x[1])) for x in columns] for y in rows]


def _even_pieces(n: int, side: int, overlap: int) -> list[tuple[slice, slice]]:
    """Cores along an axis, each with its padded part; they meet in the middle of what two of these share."""
    if n <= side:
        return [(slice(0, n), slice(0, n))]
    count = 1 + math.ceil((n - side) / (side - overlap))
    starts = [(n - side) * k // (count - 1) for k in range(count)]
    meet = [0, *((start + side + after) // 2 for start, after in itertools.pairwise(starts)), n]
    return [
        (slice(*ends), slice(start, start + side)) for ends, start in zip(itertools.pairwise(meet), starts, strict=True)
    ]


def strips_of(shape: tuple[int, int], pixels: int = STRIP_PIXELS) -> list[slice]:
    """Rows of an image of `shape` (y, x) in strips of about `pixels` pixels each, from the first to the last."""
    rows = max(1, pixels // shape[1])
    return [tile.core[0] for tile in TilePlan(shape, (rows, shape[1]))]


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)


def _times(part: slice, factor: int) -> slice:
    return slice(part.start * factor, part.stop * factor)
