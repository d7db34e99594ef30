"""The phase that a local conditional network sees in a set of images, at any point and at any pixel density.

The field keeps the network's input channels and its weights. Latents are made where they are asked for, tile by tile
with margins that make the tiles exact, and kept while there is room: zooming in costs the visible region only.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from ..networks.encoder import LocalConditionalNetwork
from ..registry import FIELDS
from ..types import Extent
from .kept.tensors import Kept
from .placement import Options, Placement, axis_of, extent_of, points_of

TILE = 256  # pixels of the channels per axis
KEPT_BYTES = 2**28  # of encoded tiles
HALO = 2  # encoded pixels round a tile, so that its border points find their neighbours


@FIELDS.register("local-conditional")
class LocalConditionalField(nn.Module):
    """A network and the channels it was shown.

    Parameters
    ----------
    extent : `Extent` or its dict.
    sizes : of the network, see `LocalConditionalNetwork`.
    channels : (channel, y, x) shape of what the network is shown.
    placement : `Placement` of the channels' pixels on the sample, or its dict.
    cell : pixel of the native grid in pixels of the channels.
    offset_rad : added to the network's answer.
    """

    type_name = "local-conditional"
    complex_valued = False

    channels: torch.Tensor

    def __init__(
        self,
        *,
        extent: Extent | Options,
        sizes: Options,
        channels: tuple[int, int, int],
        placement: Placement | Options,
        cell: float = 1 / 6,
        offset_rad: float = 0.0,
    ) -> None:
        super().__init__()
        self.extent = extent_of(extent)
        self.placement = placement if isinstance(placement, Placement) else Placement.from_dict(placement)
        self.sizes, self.cell, self.offset_rad = dict(sizes), float(cell), float(offset_rad)
        self.network = LocalConditionalNetwork(**self.sizes).eval().requires_grad_(False)
        self.register_buffer("channels", torch.zeros(tuple(channels)))
        self._tiles = Kept(KEPT_BYTES)

    @classmethod
    def of(
        cls,
        network: LocalConditionalNetwork,
        channels: torch.Tensor,
        placement: Placement,
        extent: Extent,
        cell: float = 1 / 6,
    ) -> LocalConditionalField:
        """A field of a network and what it is shown.

        Parameters
        ----------
        network : with its weights.
        channels : what it is shown (channel, y, x).
        placement, extent, cell : as in the class.
        """
        rows, columns = (int(n) for n in channels.shape[-2:])
        field = cls(
            extent=extent, sizes=network.sizes, channels=(len(channels), rows, columns), placement=placement, cell=cell
        )
        field.network.load_state_dict(network.state_dict())
        field.channels.copy_(channels)
        return field.to(channels.device)

    def options(self) -> Options:
        return {
            "extent": self.extent.to_dict(),
            "sizes": self.sizes,
            "channels": list(self.channels.shape),
            "placement": self.placement.to_dict(),
            "cell": self.cell,
            "offset_rad": self.offset_rad,
        }

    def query(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Phase, rad, at points `y_um`, `x_um`, um; the depth `z_um` is not looked at, but its shape broadcasts."""
        _, y, x = points_of(z_um, y_um, x_um)
        return self._at(y.ravel(), x.ravel())[0].reshape(y.shape)

    def render(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Phase (z, y, x), rad, on axes `y_um`, `x_um`, um; the same at all `z_um`."""
        plane = self.outputs(y_um, x_um)[0]
        return plane.expand(np.atleast_1d(z_um).size, *plane.shape)

    def log_scale(self, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor | None:
        """Logarithm of the scale (rad) of the Laplace distribution of the error, on axes `y_um`, `x_um`: (y, x).

        None where the network does not tell it.
        """
        found = self.outputs(y_um, x_um)
        return found[1] if len(found) > 1 else None

    @torch.no_grad()
    def outputs(self, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """All that the network answers (output, y, x) on axes `y_um`, `x_um`, um."""
        y, x = axis_of(y_um), axis_of(x_um)
        rows, columns, exchanged = self.placement.axes(y, x)
        if rows is None or columns is None:
            points = np.meshgrid(y, x, indexing="ij")
            return self._at(points[0].ravel(), points[1].ravel()).reshape(-1, y.size, x.size)
        found = self._grid(rows, columns)
        return found.transpose(1, 2) if exchanged else found

    def _grid(self, rows: np.ndarray, columns: np.ndarray) -> torch.Tensor:
        """Answers (output, row, column) at places along the channels' axes, tile by tile."""
        device = self.channels.device
        out = torch.empty(self.network.outputs, rows.size, columns.size, device=device)
        for ty, at_y in _by_tile(rows, self.channels.shape[1]):
            for tx, at_x in _by_tile(columns, self.channels.shape[2]):
                tile, y0, x0 = self._tile(ty, tx)
                y, x = (torch.as_tensor(a - a0, dtype=torch.float32, device=device)
                        for a, a0 in ((rows[at_y], y0), (columns[at_x], x0)))  # fmt: skip
                part = self.network.on_grid(tile, y, x, self.cell)[0]
                out[:, torch.as_tensor(at_y, device=device)[:, None], torch.as_tensor(at_x, device=device)] = part
        out[0] += self.offset_rad
        return out

    @torch.no_grad()
    def _at(self, y_um: np.ndarray, x_um: np.ndarray) -> torch.Tensor:
        """Answers (output, point) at points of the sample."""
        device = self.channels.device
        rows, columns = self.placement.points(y_um, x_um)
        out = torch.empty(self.network.outputs, rows.size, device=device)
        across = math.ceil(self.channels.shape[2] / TILE)
        number = _tile_of(rows, self.channels.shape[1]) * across + _tile_of(columns, self.channels.shape[2])
        for which in np.unique(number):
            tile, y0, x0 = self._tile(*divmod(int(which), across))
            chosen = np.flatnonzero(number == which)
            y, x = (torch.as_tensor(a, dtype=torch.float32, device=device)
                    for a in (rows[chosen] - y0, columns[chosen] - x0))  # fmt: skip
            out[:, torch.as_tensor(chosen, device=device)] = self.network.at_points(tile, y, x, self.cell)[0]
        out[0] += self.offset_rad
        return out

    def _tile(self, ty: int, tx: int) -> tuple[torch.Tensor, int, int]:
        """An encoded tile (1, channel, y, x) with its halo, and the channels' pixel (y, x) of its corner."""
        kept = self._tiles.get((ty, tx))
        (y0, y1), (x0, x1) = (
            (max(0, t * TILE - HALO), min(n, (t + 1) * TILE + HALO))
            for t, n in zip((ty, tx), self.channels.shape[1:], strict=True)
        )
        if kept is None:
            kept = self._tiles.put((ty, tx), self._encoded(y0, y1, x0, x1))
        return kept, y0, x0

    def _encoded(self, y0: int, y1: int, x0: int, x1: int) -> torch.Tensor:
        """The encoder's answer (1, channel, y, x) on a box of pixels, exactly as it is within the whole."""
        margin = self.network.margin
        rows, columns = self.channels.shape[1:]
        top, left = max(0, y0 - margin), max(0, x0 - margin)
        box = self.channels[None, :, top : min(rows, y1 + margin), left : min(columns, x1 + margin)]
        found = self.network.encode(box.contiguous(memory_format=torch.channels_last))
        factor = found.shape[2] // box.shape[2]
        return found[:, :, (y0 - top) * factor : (y1 - top) * factor, (x0 - left) * factor : (x1 - left) * factor]

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        self._tiles.clear()
        return super()._apply(fn, recurse)


def _tile_of(at: np.ndarray, count: int) -> np.ndarray:
    return np.clip(np.floor(at / TILE), 0, math.ceil(count / TILE) - 1).astype(int)


def _by_tile(at: np.ndarray, count: int) -> list[tuple[int, np.ndarray]]:
    """Which places along an axis each tile answers."""
    number = _tile_of(at, count)
    return [(int(tile), np.flatnonzero(number == tile)) for tile in np.unique(number)]
