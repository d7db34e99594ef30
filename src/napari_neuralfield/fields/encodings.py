"""Features of every pixel from a pyramid of grids: dense multigrid, or the hash pyramid of the residual field's paper.

Level l has int(base * scale^l) cells along the longer axis and `features` numbers at each node, read bilinearly
(T. Mueller et al., ACM Trans. Graph. 41, 102 (2022)). A level that does not fit into the table is hashed: nodes share
its entries. The pixels never move, so that corners and weights are found once (`Bags`), and levels with nodes of their
own are read first along x, then along y. Of hashed levels only the entries that some pixel reads are kept: the others
never learn.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import nn
from torch.autograd.function import FunctionCtx

START = 1e-4  # features begin between -START and START
PRIME = 2654435761

Encoding = Literal["hash", "multigrid"]


def cells_of(pixels: int, levels: int, base: int, scale: float, cap: bool) -> list[int]:
    """Cells of each of at most `levels` along an axis of `pixels`: int(`base` * `scale`^level).

    With `cap` the levels end with the pixel grid itself.
    """
    cells = [int(base * scale**level) for level in range(levels)]
    if not cap:
        return cells
    coarse = [n for n in cells if n < pixels]
    return [*coarse, pixels] if len(coarse) < levels else coarse


def even_handed(values: torch.Tensor, rows: int = -2, columns: int = -1) -> torch.Tensor:
    """Random `values` as random as before, but the same turned, so that turned frames begin with the turned field.

    Parameters
    ----------
    values : of any shape.
    rows, columns : its axes y and x.
    """
    ways = [values, values.flip(rows), values.flip(columns), values.flip(rows, columns)]
    if values.shape[rows] == values.shape[columns]:
        ways += [way.transpose(rows, columns) for way in ways]
    return torch.stack(ways).sum(0) / len(ways) ** 0.5


class Bags:
    """A sparse matrix (row, column) that reads weighted sums of a table's rows; its adjoint reads too.

    Parameters
    ----------
    index : columns that each row reads (row, k), int.
    weight : (row, k).
    columns : rows of the table.
    """

    def __init__(self, index: np.ndarray, weight: np.ndarray, columns: int) -> None:
        rows, k = index.shape
        matrix = csr_array((weight.ravel(), index.ravel(), np.arange(rows + 1) * k), shape=(rows, columns))
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        self._ways = [_bags(matrix), _bags(matrix.T.tocsr())]

    def __deepcopy__(self, memo: dict[int, object]) -> Bags:
        return self

    def __call__(self, table: torch.Tensor) -> torch.Tensor:
        """Rows (row, width) read from `table` (column, width)."""
        return _Read.apply(table, self)

    def read(self, table: torch.Tensor, adjoint: bool) -> torch.Tensor:
        """The matrix times `table` (column, width): (row, width); its transpose times (row, width) where `adjoint`."""
        way = self._ways[adjoint]
        if way[0].device != table.device:
            way = self._ways[adjoint] = tuple(part.to(table.device) for part in way)
        index, starts, weight = way
        return nn.functional.embedding_bag(
            index, table, starts, mode="sum", per_sample_weights=weight.to(table.dtype), include_last_offset=True
        )


def _bags(matrix: csr_array) -> tuple[torch.Tensor, ...]:
    numbers = (matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32), matrix.data.astype(np.float32))
    return tuple(torch.from_numpy(part) for part in numbers)


class _Reading(FunctionCtx):
    bags: Bags


class _Read(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Reading, table: torch.Tensor, bags: Bags) -> torch.Tensor:
        ctx.bags = bags
        return bags.read(table.contiguous(), False)

    @staticmethod
    def backward(ctx: _Reading, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return ctx.bags.read(gradient.contiguous(), True), None


def neighbours(pixels: int, cell: float) -> tuple[np.ndarray, np.ndarray]:
    """Nodes, `cell` pixels apart, below and above each pixel of an axis (pixel, 2), and their shares (pixel, 2)."""
    place = np.arange(pixels) / cell
    low = np.floor(place + 1e-9).astype(np.int64)
    part = np.clip(place - low, 0, 1)
    return np.stack([low, low + 1], 1), np.stack([1 - part, part], 1)


@dataclasses.dataclass(frozen=True)
class Level:
    """One level over an image.

    cells : along the longer axis; nodes : (y, x); hashed : whether nodes share the entries of a table.
    """

    cells: int
    nodes: tuple[int, int]
    hashed: bool

    def axes(self, shape: tuple[int, int]) -> list[tuple[np.ndarray, np.ndarray]]:
        """`neighbours` of the pixels along y and along x."""
        return [neighbours(n, max(shape) / self.cells) for n in shape]

    def corners(self, shape: tuple[int, int], table_size: int) -> tuple[np.ndarray, np.ndarray]:
        """Entries of a hashed level's table that each pixel reads (pixel, 4), and their weights (pixel, 4).

        Parameters
        ----------
        shape : (y, x) pixels.
        table_size : entries of the table.
        """
        (y, wy), (x, wx) = self.axes(shape)
        entry = ((y[:, None, :, None] * PRIME) ^ x[None, :, None, :]) % table_size
        return entry.reshape(-1, 4), (wy[:, None, :, None] * wx[None, :, None, :]).reshape(-1, 4)


class Pyramid(nn.Module):
    """Features of all pixels of an image.

    Parameters
    ----------
    shape : (y, x) pixels.
    encoding : `hash` shares the entries of a table where a level has more nodes than `table_size`; `multigrid` never
        does, and always ends with the pixel grid.
    levels, features, base, scale : as in the module's text.
    cap : end with the pixel grid; False lets a hash pyramid have levels finer than the pixels, as published.

    Attributes
    ----------
    grids : features (x node, y node, feature) of each level with nodes of its own.
    table : features (entry, feature) of all hashed levels, in the order in which pixels read them; None without such.
    used : for each hashed level the entries of its full table that `table` keeps.
    """

    table: nn.Parameter | None

    def __init__(
        self,
        shape: tuple[int, int],
        *,
        encoding: Encoding = "multigrid",
        levels: int = 16,
        features: int = 2,
        table_size: int = 2**19,
        base: int = 16,
        scale: float = 1.5,
        cap: bool = True,
    ) -> None:
        super().__init__()
        self.shape, self.features = shape, features
        self.levels = []
        for cells in cells_of(max(shape), levels, base, scale, cap or encoding == "multigrid"):
            rows, columns = (-(-n * cells // max(shape)) + 1 for n in shape)
            self.levels.append(Level(cells, (rows, columns), encoding == "hash" and rows * columns > table_size))
        self._own = [level for level in self.levels if not level.hashed]
        self._across = [Bags(*level.axes(shape)[1], level.nodes[1]) for level in self._own]
        self._down = self._downwards() if self._own else None
        self.grids = nn.ParameterList([torch.zeros(*level.nodes[::-1], features) for level in self._own])
        self._look, self.used = self._lookups(table_size)
        size = sum(map(len, self.used))
        self.register_parameter("table", nn.Parameter(torch.zeros(size, features)) if size else None)

    @property
    def channels(self) -> int:
        return len(self.levels) * self.features

    def start(self, generator: torch.Generator) -> None:
        """Small random features, as published."""
        with torch.no_grad():
            for numbers in self.parameters():
                numbers.uniform_(-START, START, generator=generator)
            for grid in self.grids:
                grid.copy_(even_handed(grid, 1, 0))

    def _lookups(self, table_size: int) -> tuple[Bags | None, list[np.ndarray]]:
        """What pixels read of all hashed levels, rows (level, pixel); and the entries they use, level by level."""
        indices, weights, used, before = [], [], [], 0
        for level in self.levels:
            if not level.hashed:
                continue
            entry, weight = level.corners(self.shape, table_size)
            found, first, place = np.unique(entry, return_index=True, return_inverse=True)
            order = np.argsort(first)
            rank = np.empty_like(order)
            rank[order] = np.arange(len(order))
            indices.append(rank[place].reshape(-1, 4) + before)
            weights.append(weight)
            used.append(found[order])
            before += len(found)
        return (Bags(np.concatenate(indices), np.concatenate(weights), before) if used else None), used

    def _downwards(self) -> Bags:
        """Reads rows (level, y node, feature) as (level, feature, y)."""
        index, weight, before = [], [], 0
        for level in self._own:
            node, share = level.axes(self.shape)[0]
            row = node[None] * self.features + np.arange(self.features)[:, None, None] + before
            index.append(row.reshape(-1, 2))
            weight.append(np.broadcast_to(share, row.shape).reshape(-1, 2))
            before += level.nodes[0] * self.features
        return Bags(np.concatenate(index), np.concatenate(weight), before)

    def forward(self) -> torch.Tensor:
        """Features (level * feature, pixel), the pixels in the order of (y, x)."""
        parts, pixels = [], self.shape[0] * self.shape[1]
        if self._down is not None:
            reads = zip(self.grids, self._across, strict=True)
            rows = [across(grid.flatten(1)).reshape(self.shape[1], -1).T for grid, across in reads]
            parts.append(self._down(torch.cat(rows)).reshape(-1, pixels))
        if self._look is not None and self.table is not None:
            hashed = self._look(self.table).reshape(-1, pixels, self.features)
            parts.append(hashed.transpose(1, 2).flatten(0, 1))
        return torch.cat(parts) if len(parts) > 1 else parts[0]
