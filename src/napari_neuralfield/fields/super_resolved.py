"""The phase that a convolutional network sees in one frame, on finer pixels than the frame's, where it is asked for.

The field keeps the network's input channels and its weights. The answer is made in pieces with margins that make them
exact, and kept while there is room: looking at a part costs that part. Between its pixels it is cubic.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ..networks.pretrained import architecture
from ..registry import FIELDS
from ..types import Extent
from .grid_reading import level_of, needed, read
from .interpolation import cubic_taps, interpolate_points

TILE = 64  # frame pixels per axis that are kept together
PIECE = 512  # frame pixels per axis that the network answers at most at a time
KEPT_BYTES = 2**28  # of answers


@FIELDS.register("super-resolved")
class SuperResolvedField(nn.Module):
    """A network and the channels it was shown.

    Parameters
    ----------
    extent : `Extent` or its dict, of the fine grid.
    network : name of its kind, see `networks.pretrained.architecture`; sizes : that build it.
    channels : (channel, y, x) shape of what the network is shown.
    offset_rad : added to the network's answer.
    corrected : whether a slow correction on the channels' pixels is added too.
    """

    type_name = "super-resolved"
    complex_valued = False

    channels: torch.Tensor
    correction: torch.Tensor

    def __init__(
        self,
        *,
        extent: Extent | dict[str, Any],
        network: str,
        sizes: Mapping[str, Any],
        channels: tuple[int, int, int],
        offset_rad: float = 0.0,
        corrected: bool = False,
    ) -> None:
        super().__init__()
        self.extent = extent if isinstance(extent, Extent) else Extent.from_dict(extent)
        self.kind, self.sizes, self.offset_rad = network, dict(sizes), float(offset_rad)
        self.network: Any = architecture(network)(**self.sizes).eval().requires_grad_(False)
        self.register_buffer("channels", torch.zeros(tuple(channels)))
        if corrected:
            self.register_buffer("correction", torch.zeros(tuple(channels[1:])))
        self.corrected = corrected
        self._tiles: OrderedDict[tuple[int, int], torch.Tensor] = OrderedDict()

    @classmethod
    def of(cls, kind: str, network: Any, channels: torch.Tensor, pixel_um: float) -> SuperResolvedField:
        """A field of a network and its channels (channel, y, x), pixels of `pixel_um` that are means over fine ones."""
        count, rows, columns = (int(n) for n in channels.shape)
        factor = int(network.upsampling)
        first = -(factor - 1) / 2 * pixel_um / factor
        extent = Extent((0.0, 0.0), (rows * factor, columns * factor), pixel_um / factor, (first, first))
        field = cls(extent=extent, network=kind, sizes=network.sizes, channels=(count, rows, columns))
        field.network.load_state_dict(network.state_dict())
        field.channels.copy_(channels)
        return field.to(channels.device)

    def options(self) -> dict[str, Any]:
        return {
            "extent": self.extent.to_dict(),
            "network": self.kind,
            "sizes": self.sizes,
            "channels": list(self.channels.shape),
            "offset_rad": self.offset_rad,
            "corrected": self.corrected,
        }

    def corrected_by(self, correction: torch.Tensor) -> SuperResolvedField:
        """The same field with a phase (y, x), rad, on the channels' pixels added to its answer."""
        options = {**self.options(), "corrected": True}
        field = SuperResolvedField(**options)
        field.network.load_state_dict(self.network.state_dict())
        field.channels.copy_(self.channels)
        field.correction.copy_(correction)
        field.to(self.channels.device)
        field._tiles = OrderedDict(self._tiles)
        return field

    def query(self, z_um: Any, y_um: Any, x_um: Any) -> torch.Tensor:
        """Phase, rad, at points (um); the depth is not looked at."""
        _, y, x = np.broadcast_arrays(*(np.asarray(v, dtype=np.float64) for v in (z_um, y_um, x_um)))
        at = [self._positions(v.ravel(), dim) for dim, v in enumerate((y, x))]
        rows, columns = (needed(a, n) for a, n in zip(at, self.extent.shape, strict=True))
        part = self.pixels(rows, columns)[0]
        return interpolate_points(part, at[0] - rows.start, at[1] - columns.start, cubic_taps).reshape(y.shape)

    def render(self, z_um: Any, y_um: Any, x_um: Any) -> torch.Tensor:
        """Phase (z, y, x), rad, on the grid of three axes (um), averaged where they are coarse; the same in depth."""
        plane = self.outputs(y_um, x_um)[0]
        return plane.expand(np.atleast_1d(z_um).size, *plane.shape)

    def log_scale(self, y_um: Any, x_um: Any) -> torch.Tensor | None:
        """Logarithm of the scale (rad) of the Laplace distribution of the error, (y, x); None where it is not told."""
        found = self.outputs(y_um, x_um)
        return found[1] if len(found) > 1 else None

    @torch.no_grad()
    def outputs(self, y_um: Any, x_um: Any) -> torch.Tensor:
        """All that the network answers (output, y, x) on the grid of two axes (um)."""
        at = [self._positions(np.atleast_1d(axis), dim) for dim, axis in enumerate((y_um, x_um))]
        level = min(level_of(position) for position in at)
        if level == 0:
            rows, columns = (needed(a, n) for a, n in zip(at, self.extent.shape, strict=True))
            part = self.pixels(rows, columns)
            return read(read(part, at[0] - rows.start, -2), at[1] - columns.start, -1)
        step = 2**level
        boxes = [_widened(needed(a, n), n, step) for a, n in zip(at, self.extent.shape, strict=True)]
        part = torch.cat([_pooled(self.pixels(band, boxes[1]), step) for band in self._bands(boxes[0], step)], dim=1)
        y, x = ((a - box.start + 0.5) / step - 0.5 for a, box in zip(at, boxes, strict=True))
        return read(read(part, y, -2), x, -1)

    def _bands(self, rows: slice, step: int) -> list[slice]:
        """Rows of fine pixels in parts that end where pieces do, so that the whole is never held."""
        height = max(step, PIECE * int(self.network.upsampling) // step * step)
        cuts = [rows.start, *range((rows.start // height + 1) * height, rows.stop, height), rows.stop]
        return [slice(a, b) for a, b in itertools.pairwise(cuts)]

    def _positions(self, axis: Any, dim: int) -> np.ndarray:
        """Fractional fine pixels of coordinates in um."""
        return (np.asarray(axis, dtype=np.float64) - self.extent.origin_um[dim]) / self.extent.pixel_um

    @torch.no_grad()
    def pixels(self, rows: slice, columns: slice) -> torch.Tensor:
        """The answer (output, y, x) on a box of fine pixels."""
        tile = TILE * int(self.network.upsampling)
        wanted = [range(s.start // tile, -(-s.stop // tile)) for s in (rows, columns)]
        found = self._answered(*wanted)
        out = self.channels.new_empty(self.network.outputs, rows.stop - rows.start, columns.stop - columns.start)
        for (ty, tx), part in found.items():
            into, of = [], []
            for t, s, n in zip((ty, tx), (rows, columns), part.shape[1:], strict=True):
                low, high = max(s.start, t * tile), min(s.stop, t * tile + n)
                into.append(slice(low - s.start, high - s.start))
                of.append(slice(low - t * tile, high - t * tile))
            out[:, into[0], into[1]] = part[:, of[0], of[1]]
        out[0] += self.offset_rad
        if self.corrected:
            factor = int(self.network.upsampling)
            y, x = ((np.arange(s.start, s.stop) + 0.5) / factor - 0.5 for s in (rows, columns))
            near = [needed(at, n) for at, n in zip((y, x), self.correction.shape, strict=True)]
            part = self.correction[near[0], near[1]]
            out[0] += read(read(part, y - near[0].start, -2), x - near[1].start, -1)
        return out

    def _answered(self, down: range, across: range) -> dict[tuple[int, int], torch.Tensor]:
        """Answers of tiles (output, y, x); what is missing is made in as few and as large pieces as allowed."""
        found: dict[tuple[int, int], torch.Tensor] = {}
        for key in itertools.product(down, across):
            kept = self._tiles.get(key)
            if kept is not None:
                found[key] = kept
                with contextlib.suppress(KeyError):  # another thread may have just let it go
                    self._tiles.move_to_end(key)
        most = PIECE // TILE
        missing = [key for key in itertools.product(down, across) if key not in found]
        while missing:
            top, left = min(y for y, _ in missing), min(x for _, x in missing)
            box = [k for k in missing if top <= k[0] < top + most and left <= k[1] < left + most]
            if not box:
                top, left = missing[0]
                box = [k for k in missing if top <= k[0] < top + most and left <= k[1] < left + most]
            found |= self._piece(box)
            missing = [key for key in missing if key not in found]
        return found

    def _piece(self, keys: list[tuple[int, int]]) -> dict[tuple[int, int], torch.Tensor]:
        """Answers of the tiles `keys`, made together."""
        (y0, y1), (x0, x1) = ((min(k[i] for k in keys), max(k[i] for k in keys) + 1) for i in (0, 1))
        answer = self.answered(y0 * TILE, y1 * TILE, x0 * TILE, x1 * TILE)
        tile = TILE * int(self.network.upsampling)
        made = {}
        for y, x in keys:
            part = answer[:, (y - y0) * tile : (y - y0 + 1) * tile, (x - x0) * tile : (x - x0 + 1) * tile].clone()
            made[y, x] = self._tiles[y, x] = part
        room = max(1, KEPT_BYTES // (4 * self.network.outputs * tile**2))
        while len(self._tiles) > room:
            with contextlib.suppress(KeyError):
                self._tiles.popitem(last=False)
        return made

    def answered(self, y0: int, y1: int, x0: int, x1: int) -> torch.Tensor:
        """The network's answer (output, y, x) for a box of frame pixels, as it is within the whole."""
        margin, factor = int(self.network.margin), int(self.network.upsampling)
        rows, columns = self.channels.shape[1:]
        top, left = (max(0, (a - margin) // self.network.multiple * self.network.multiple) for a in (y0, x0))
        box = self.channels[None, :, top : min(rows, y1 + margin), left : min(columns, x1 + margin)]
        found = self.network(box.contiguous(memory_format=torch.channels_last))[0]
        return found[:, (y0 - top) * factor : (y1 - top) * factor, (x0 - left) * factor : (x1 - left) * factor]

    def _apply(self, fn: Any, recurse: bool = True) -> Any:
        self._tiles.clear()
        return super()._apply(fn, recurse)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_tiles": OrderedDict()}


def _pooled(part: torch.Tensor, step: int) -> torch.Tensor:
    """Means over step x step pixels of (output, y, x), its last ones repeated where they do not fill a step."""
    short = [-n % step for n in part.shape[1:]]
    return functional.avg_pool2d(functional.pad(part[None], (0, short[1], 0, short[0]), mode="replicate"), step)[0]


def _widened(box: slice, n: int, step: int) -> slice:
    """A box of pixels that begins and ends at whole multiples of `step`, or at the end of `n`."""
    return slice(box.start // step * step, min(n, -(-box.stop // step) * step))
