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

    @property
    def shape(self) -> tuple[int, int]:
        """(y, x) of the core."""
        return self.core[0].stop - self.core[0].start, self.core[1].stop - self.core[1].start

    @property
    def padded_shape(self) -> tuple[int, int]:
        """(y, x) of the padded box."""
        return self.padded[0].stop - self.padded[0].start, self.padded[1].stop - self.padded[1].start

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
    multiple : cores begin at multiples of this, so that what works on blocks of pixels meets whole ones.
    """

    shape: tuple[int, int]
    largest: tuple[int, int]
    margin: int = 0
    multiple: int = 1

    def __post_init__(self) -> None:
        if min(*self.shape, *self.largest, self.multiple) < 1 or self.margin < 0:
            raise ValueError(f"{self}: shape, largest and multiple must be 1 or more, margin 0 or more")

    @classmethod
    def strips(cls, shape: tuple[int, int], rows: int, margin: int = 0, multiple: int = 1) -> TilePlan:
        """Tiles as wide as the frame, of at most `rows` rows."""
        return cls(shape, (rows, shape[1]), margin, multiple)

    @property
    def counts(self) -> tuple[int, int]:
        """Tiles along (y, x)."""
        return len(self._cuts(0)) - 1, len(self._cuts(1)) - 1

    def __len__(self) -> int:
        return self.counts[0] * self.counts[1]

    def __iter__(self) -> Iterator[Tile]:
        for core_y, padded_y in self._pieces(0):
            for core_x, padded_x in self._pieces(1):
                yield Tile((core_y, core_x), (padded_y, padded_x))

    def at(self, y: int, x: int) -> Tile:
        """The tile whose core holds a pixel of the frame."""
        (core_y, padded_y), (core_x, padded_x) = (
            next(piece for piece in self._pieces(axis) if piece[0].start <= place < piece[0].stop)
            for axis, place in enumerate((y, x))
        )
        return Tile((core_y, core_x), (padded_y, padded_x))

    def _cuts(self, axis: int) -> list[int]:
        """Where cores begin, and the end of the frame."""
        if self.largest[axis] >= self.shape[axis]:
            return [0, self.shape[axis]]
        blocks = math.ceil(self.shape[axis] / self.multiple)
        most = max(1, self.largest[axis] // self.multiple)
        count = math.ceil(blocks / most)
        return [*(self.multiple * (blocks * k // count) for k in range(count)), self.shape[axis]]

    def _pieces(self, axis: int) -> list[tuple[slice, slice]]:
        cuts, n = self._cuts(axis), self.shape[axis]
        return [
            (slice(start, stop), slice(max(start - self.margin, 0), min(stop + self.margin, n)))
            for start, stop in itertools.pairwise(cuts)
        ]


def strips_of(shape: tuple[int, int], pixels: int = STRIP_PIXELS, multiple: int = 1) -> list[slice]:
    """Rows of an image (y, x) in strips of about `pixels` pixels each, from the first to the last."""
    rows = max(multiple, pixels // shape[1])
    return [tile.core[0] for tile in TilePlan.strips(shape, rows, multiple=multiple)]


def _moved(part: slice, by: int) -> slice:
    return slice(part.start + by, part.stop + by)


def _times(part: slice, factor: int) -> slice:
    return slice(part.start * factor, part.stop * factor)
