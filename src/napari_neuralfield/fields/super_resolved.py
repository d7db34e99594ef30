"""The phase that a convolutional network sees in one frame, on finer pixels than the frame's, where it is asked for.

The field keeps the network's input channels and its weights. The answer is made in pieces with margins that make them
exact, and kept while there is room: looking at a part costs that part. Between its pixels it is cubic.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Self, cast

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn
from torch.nn import functional

from ..networks.pretrained import architecture
from ..networks.srcnn import SuperResolutionCnn
from ..networks.unet import UNet
from ..registry import FIELDS
from ..types import Extent
from .interpolation import cubic_grid, cubic_taps, interpolate_points, level_of, needed
from .kept.tensors import Kept
from .kept.turns import Turns
from .placement import Options, axis_of, extent_of, pixels_of, points_of

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
    turns : how the channels lie when the network sees them, the answers' mean being taken; see `turned`.
    """

    type_name = "super-resolved"
    complex_valued = False
    on_grid = True  # between its pixels there is nothing but interpolation

    channels: torch.Tensor
    correction: torch.Tensor

    def __init__(
        self,
        *,
        extent: Extent | Options,
        network: str,
        sizes: Options,
        channels: tuple[int, int, int],
        offset_rad: float = 0.0,
        corrected: bool = False,
        turns: Sequence[int] = (0,),
    ) -> None:
        super().__init__()
        self.extent = extent_of(extent)
        self.kind, self.sizes, self.offset_rad = network, dict(sizes), float(offset_rad)
        built = cast(UNet | SuperResolutionCnn, architecture(network)(**self.sizes))
        self.network = built.eval().requires_grad_(False)
        self.register_buffer("channels", torch.zeros(tuple(channels)))
        if corrected:
            self.register_buffer("correction", torch.zeros(tuple(channels[1:])))
        self.corrected, self.turns = corrected, tuple(turns)
        self._tiles, self._in_turn = Kept(KEPT_BYTES), Turns()

    @classmethod
    def of(
        cls, kind: str, network: UNet | SuperResolutionCnn, channels: torch.Tensor, pixel_um: float
    ) -> SuperResolvedField:
        """A field of a network and what it is shown.

        Parameters
        ----------
        kind : name of the network's kind, see `networks.pretrained.NETWORKS`; network : the network, with its weights.
        channels : what it is shown (channel, y, x); each pixel is a mean over fine ones.
        pixel_um : pixel of the channels, um.
        """
        count, rows, columns = (int(n) for n in channels.shape)
        factor = network.upsampling
        first = -(factor - 1) / 2 * pixel_um / factor
        extent = Extent((0.0, 0.0), (rows * factor, columns * factor), pixel_um / factor, (first, first))
        size, turns = (count, rows, columns), turns_of(channels[0])
        field = cls(extent=extent, network=kind, sizes=network.sizes, channels=size, turns=turns)
        field.network.load_state_dict(network.state_dict())
        field.channels.copy_(channels)
        return field.to(channels.device)

    def options(self) -> Options:
        return {
            "extent": self.extent.to_dict(),
            "network": self.kind,
            "sizes": self.sizes,
            "channels": list(self.channels.shape),
            "offset_rad": self.offset_rad,
            "corrected": self.corrected,
            "turns": list(self.turns),
        }

    def corrected_by(self, correction: torch.Tensor) -> SuperResolvedField:
        """The same field with a phase (y, x), rad, on the channels' pixels added to its answer."""
        field = SuperResolvedField(**{**self.options(), "corrected": True})
        field.network.load_state_dict(self.network.state_dict())
        field.channels.copy_(self.channels)
        field.correction.copy_(correction)
        field.to(self.channels.device)
        field._tiles = self._tiles.filled()
        return field

    def query(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Phase, rad, at points `y_um`, `x_um`, um; the depth `z_um` is not looked at, but its shape broadcasts."""
        _, y, x = points_of(z_um, y_um, x_um)
        at = [pixels_of(v.ravel(), self.extent, dim) for dim, v in enumerate((y, x))]
        rows, columns = (needed(a, n) for a, n in zip(at, self.extent.shape, strict=True))
        part = self.pixels(rows, columns)[0]
        return interpolate_points(part, at[0] - rows.start, at[1] - columns.start, cubic_taps).reshape(y.shape)

    def render(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Phase (z, y, x), rad, the same at all `z_um`, on axes `y_um`, `x_um`, um, averaged where they are coarse."""
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
        at = [pixels_of(axis_of(axis), self.extent, dim) for dim, axis in enumerate((y_um, x_um))]
        level = min(level_of(position) for position in at)
        if level == 0:
            rows, columns = (needed(a, n) for a, n in zip(at, self.extent.shape, strict=True))
            return cubic_grid(self.pixels(rows, columns), at[0] - rows.start, at[1] - columns.start)
        step = 2**level
        boxes = [_widened(needed(a, n), n, step) for a, n in zip(at, self.extent.shape, strict=True)]
        part = torch.cat([_pooled(self.pixels(band, boxes[1]), step) for band in self._bands(boxes[0], step)], dim=1)
        y, x = ((a - box.start + 0.5) / step - 0.5 for a, box in zip(at, boxes, strict=True))
        return cubic_grid(part, y, x)

    def _bands(self, rows: slice, step: int) -> list[slice]:
        """Rows of fine pixels in parts that end where pieces do, so that the whole is never held."""
        height = max(step, PIECE * self.network.upsampling // step * step)
        cuts = [rows.start, *range((rows.start // height + 1) * height, rows.stop, height), rows.stop]
        return [slice(a, b) for a, b in itertools.pairwise(cuts)]

    @torch.no_grad()
    def pixels(self, rows: slice, columns: slice) -> torch.Tensor:
        """The answer (output, y, x) on a box of fine pixels, `rows` and `columns`."""
        tile = TILE * self.network.upsampling
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
            factor = self.network.upsampling
            y, x = ((np.arange(s.start, s.stop) + 0.5) / factor - 0.5 for s in (rows, columns))
            near = [needed(at, n) for at, n in zip((y, x), self.correction.shape, strict=True)]
            part = self.correction[near[0], near[1]]
            out[0] += cubic_grid(part, y - near[0].start, x - near[1].start)
        return out

    def _answered(self, down: range, across: range) -> dict[tuple[int, int], torch.Tensor]:
        """Answers of tiles (output, y, x); what is missing is made in as few and as large pieces as allowed."""
        kept = {key: self._tiles.get(key) for key in itertools.product(down, across)}
        found = {key: part for key, part in kept.items() if part is not None}
        most = PIECE // TILE
        missing = [key for key in kept if key not in found]
        while missing:
            top, left = min(y for y, _ in missing), min(x for _, x in missing)
            box = [k for k in missing if top <= k[0] < top + most and left <= k[1] < left + most]
            if not box:
                top, left = missing[0]
                box = [k for k in missing if top <= k[0] < top + most and left <= k[1] < left + most]
            with self._in_turn.of(None):  # who comes second finds what the first has made
                made = {key: part for key in box if (part := self._tiles.get(key)) is not None}
                found |= made or self._piece(box)
            missing = [key for key in missing if key not in found]
        return found

    def _piece(self, keys: list[tuple[int, int]]) -> dict[tuple[int, int], torch.Tensor]:
        """Answers of the tiles `keys`, made together."""
        (y0, y1), (x0, x1) = ((min(k[i] for k in keys), max(k[i] for k in keys) + 1) for i in (0, 1))
        answer = self._answer(y0 * TILE, y1 * TILE, x0 * TILE, x1 * TILE)
        tile = TILE * self.network.upsampling
        made = {}
        for y, x in keys:
            part = answer[:, (y - y0) * tile : (y - y0 + 1) * tile, (x - x0) * tile : (x - x0 + 1) * tile].clone()
            made[y, x] = self._tiles.put((y, x), part)
        return made

    def _answer(self, y0: int, y1: int, x0: int, x1: int) -> torch.Tensor:
        """The network's answer (output, y, x) for a box of frame pixels, as it is within the whole."""
        margin, factor = self.network.margin, self.network.upsampling
        rows, columns = self.channels.shape[1:]
        multiple = self.network.multiple
        top, left = (max(0, (a - margin) // multiple * multiple) for a in (y0, x0))
        below, beside = (  # whole multiples from the far end too, where an image that lies otherwise begins
            max(0, (n - b - margin) // multiple * multiple) for n, b in ((rows, y1), (columns, x1))
        )
        box = self.channels[None, :, top : rows - below, left : columns - beside]
        answers = (
            turned(self.network(turned(box, turn).contiguous(memory_format=torch.channels_last))[0], turn, back=True)
            for turn in self.turns
        )
        found = torch.stack(list(answers)).mean(0) if len(self.turns) > 1 else next(answers)
        return found[:, (y0 - top) * factor : (y1 - top) * factor, (x0 - left) * factor : (x1 - left) * factor]

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Self:
        self._tiles.clear()
        return super()._apply(fn, recurse)


def turns_of(contrast: torch.Tensor) -> tuple[int, int]:
    """How an image (y, x) lies in its own directions, and the same upside down: of a turned image, the turned answer.

    A network that learned from upright images is not quite even-handed; all eight ways would take four times as long.
    """
    y, x = (torch.linspace(-1, 1, n, device=contrast.device, dtype=torch.float64) for n in contrast.shape)
    light = contrast.double().square()
    across = float((light.sum(0) * x**2).sum() - (light.sum(1) * y**2).sum())
    along = float((light * y[:, None] * x).sum())
    turn = (1 if across > 0 else 0) + (4 if along < 0 else 0)
    return turn, turn ^ 6


def turned(image: torch.Tensor, turn: int, back: bool = False) -> torch.Tensor:
    """An image that lies otherwise.

    Parameters
    ----------
    image : (..., y, x).
    turn : 1 exchanges the axes, then 2 reverses y and 4 x; the sum of these.
    back : undo it.
    """
    flips = [dim for bit, dim in ((2, -2), (4, -1)) if turn & bit]
    if back:
        image = image.flip(flips)
        return image.mT if turn & 1 else image
    return (image.mT if turn & 1 else image).flip(flips)


def _pooled(part: torch.Tensor, step: int) -> torch.Tensor:
    """Means over step x step pixels of (output, y, x), its last ones repeated where they do not fill a step."""
    short = [-n % step for n in part.shape[1:]]
    return functional.avg_pool2d(functional.pad(part[None], (0, short[1], 0, short[0]), mode="replicate"), step)[0]


def _widened(box: slice, n: int, step: int) -> slice:
    """A box of pixels that begins and ends at whole multiples of `step`, or at the end of `n`."""
    return slice(box.start // step * step, min(n, -(-box.stop // step) * step))
