"""Many fields side by side as one: each tile answers for its place, and overlaps pass smoothly from one to the next.

The value is sum_t w_t c_t f_t / sum_t w_t over the tiles t that reach a point. The weight w_t is 1 inside a tile and
falls as a smoothstep across the middle of its overlaps, to 0 before its edge, where tiles are worst; c_t = gain
exp(i (phase + tilt . r)) brings the tiles' phases and brightness together. Only tiles that reach what is asked for are
opened.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.interpolate import RectBivariateSpline

from ..registry import FIELDS
from ..types import Extent, Field, InputError, Options, Verdict
from .kept.open_fields import OpenFields
from .overview import Overview
from .placement import axis_of, extent_of, points_of

NOTHING = 1e-30  # less than any weight
RIM = 0.25  # of an overlap, at either end, where one tile alone answers
LEAST_WEIGHT = 1e-9  # at the very edge of a tile, so that one that is alone there answers
BoxUm = tuple[float, float, float, float]  # y0, x0, y1, x1, um, half open as a region


@dataclasses.dataclass(frozen=True)
class TileCorrection:
    """What a tile's values are multiplied by: gain * exp(i (phase + tilt . r)), r from the middle of its core.

    Parameters
    ----------
    phase_rad : added to the phase at the middle of the core.
    tilt_rad_per_um : (y, x) slope that is added to the phase.
    gain : of the amplitude; a phase-only tile has none.
    slow_rad : slow phase that is added, on an even grid (y, x) from corner to corner of the tile; empty: none.
    """

    phase_rad: float = 0.0
    tilt_rad_per_um: tuple[float, float] = (0.0, 0.0)
    gain: float = 1.0
    slow_rad: tuple[tuple[float, ...], ...] = ()

    @classmethod
    def from_dict(cls, values: Options) -> TileCorrection:
        y, x = values["tilt_rad_per_um"]
        slow = tuple(tuple(map(float, row)) for row in values.get("slow_rad", ()))
        return cls(float(values["phase_rad"]), (float(y), float(x)), float(values["gain"]), slow)


@dataclasses.dataclass(frozen=True)
class PlacedTile:
    """A tile and its place.

    Parameters
    ----------
    name : of its own among all tiles.
    extent : where it lies, its overlaps included; its field is asked as far from its own first pixel.
    core_um : (y0, x0, y1, x1), half open: what it answers for alone but for the overlaps.
    open : gives its field; None for a tile that is left out, where the whole is 0 unless a neighbour reaches.
    correction : of its values.
    verdict : on its field alone.
    left_out : why it is left out.
    """

    name: str
    extent: Extent
    core_um: BoxUm
    open: Callable[[], Field] | None
    correction: TileCorrection = TileCorrection()
    verdict: Verdict | None = None
    left_out: str = ""

    def reach(self, axis_um: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
        """Which of `axis_um` (n,), um, along `dim` (0: y, 1: x) it reaches (n,), and the weights of those."""
        low, size = self.extent.origin_um[dim], self.extent.size_um[dim]
        place = axis_um + self.extent.pixel_um / 2 - low  # from the edge of its first pixel, um
        slack = 1e-6 * self.extent.pixel_um
        inside = (place >= -slack) & (place <= size + slack)
        weight = np.ones(int(inside.sum()))
        margins = self.core_um[dim] - low, low + size - self.core_um[dim + 2]
        for distance, margin in zip((place[inside], size - place[inside]), margins, strict=True):
            if margin > slack:
                part = np.clip((distance / (2 * margin) - RIM) / (1 - 2 * RIM), 0, 1)
                weight *= part * part * (3 - 2 * part)
        return inside, np.maximum(weight, LEAST_WEIGHT)


@FIELDS.register("tiled")
class TiledField:
    """One field of many tiles.

    Where no tile reaches, because it is left out, the value is 0: `left_out` names such tiles and `covered` says
    which points have an answer.

    Parameters
    ----------
    extent : `Extent` or its dict, of the whole.
    tiles : each with its place, or as `options` describes it.
    complex_valued : False where the tiles hold phase alone.
    most_bytes : memory for open tiles.
    overview : what is seen where coarse pixels are asked for; None: the tiles themselves.
    """

    type_name = "tiled"

    def __init__(
        self,
        *,
        extent: Extent | Options,
        tiles: Sequence[PlacedTile | Options],
        complex_valued: bool = True,
        most_bytes: int | None = None,
        overview: Overview | None = None,
    ) -> None:
        self.extent, self.complex_valued = extent_of(extent), complex_valued
        self.tiles = tuple(tile if isinstance(tile, PlacedTile) else _described(tile) for tile in tiles)
        if len({tile.name for tile in self.tiles}) < len(self.tiles):
            raise InputError("two tiles of a tiled field have one name; give each a name of its own")
        self.overview = overview
        self._open = OpenFields() if most_bytes is None else OpenFields(most_bytes)
        self._boxes = np.array(
            [
                (*t.extent.origin_um, *(o + s for o, s in zip(t.extent.origin_um, t.extent.size_um, strict=True)))
                for t in self.tiles
            ]
        ).reshape(-1, 4)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Names of the tiles that are missing."""
        return tuple(tile.name for tile in self.tiles if tile.open is None)

    @property
    def opened(self) -> int:
        """How many tiles are open now."""
        return len(self._open)

    def covered(self, y_um: ArrayLike, x_um: ArrayLike) -> np.ndarray:
        """Whether a tile answers, on the grid of axes `y_um` (y,) and `x_um` (x,), um: (y, x), bool."""
        y, x = self._within(axis_of(y_um), axis_of(x_um))
        seen = np.zeros((y.size, x.size), bool)
        for tile in self._reached(y, x):
            seen |= tile.reach(y, 0)[0][:, None] & tile.reach(x, 1)[0]
        return seen

    @torch.no_grad()
    def render(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Value (z, y, x) on axes `z_um`, `y_um`, `x_um`, um."""
        z, y, x = axis_of(z_um), axis_of(y_um), axis_of(x_um)
        near_y, near_x = self._within(y, x)
        if self.overview is not None and (seen := self.overview.render(z, near_y, near_x)) is not None:
            return seen
        parts = [(tile, tile.reach(near_y, 0), tile.reach(near_x, 1)) for tile in self._reached(near_y, near_x)]
        parts = [part for part in parts if part[1][0].any() and part[2][0].any()]
        if len(parts) == 1 and all(inside.all() for inside, _ in parts[0][1:]):
            return self._values(parts[0][0], "render", z, y[:, None], x)
        out = torch.zeros((z.size, y.size, x.size), dtype=self._number)
        total = torch.zeros((y.size, x.size))
        for tile, (in_y, along_y), (in_x, along_x) in parts:
            weight = torch.from_numpy(np.outer(along_y, along_x)).float()
            values = self._values(tile, "render", z, y[in_y][:, None], x[in_x])
            rows, columns = _places(in_y, in_x)
            out[:, rows, columns] += values.mul_(weight)
            total[rows, columns] += weight
        return out.div_(total.clamp_min_(NOTHING))

    @torch.no_grad()
    def query(self, z_um: ArrayLike, y_um: ArrayLike, x_um: ArrayLike) -> torch.Tensor:
        """Value at points `z_um`, `y_um`, `x_um`, um, whose shapes broadcast."""
        z, y, x = points_of(z_um, y_um, x_um)
        shape, (z, y, x) = z.shape, (np.ravel(a) for a in (z, y, x))
        near_y, near_x = self._within(y, x)
        out, total = torch.zeros(z.size, dtype=self._number), torch.zeros(z.size)
        for tile in self._reached(near_y, near_x):
            inside = tile.reach(near_y, 0)[0] & tile.reach(near_x, 1)[0]
            if not inside.any():
                continue
            weight = torch.from_numpy(tile.reach(near_y[inside], 0)[1] * tile.reach(near_x[inside], 1)[1]).float()
            points = torch.from_numpy(np.flatnonzero(inside))
            out[points] += self._values(tile, "query", z[inside], y[inside], x[inside]).mul_(weight)
            total[points] += weight
        return out.div_(total.clamp_min_(NOTHING)).reshape(shape)

    def options(self) -> Options:
        """What builds an equal empty field: places, corrections, types and options of the tiles, opened in turn."""
        return {
            "extent": self.extent.to_dict(),
            "complex_valued": self.complex_valued,
            "tiles": [described(tile) | _kind(tile) for tile in self.tiles],
        }

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Tensors of all tiles, the number of the tile before their names."""
        every = ((n, tile.open()) for n, tile in enumerate(self.tiles) if tile.open is not None)
        return {f"{n}.{name}": tensor for n, field in every for name, tensor in field.state_dict().items()}

    def load_state_dict(self, state_dict: Mapping[str, torch.Tensor]) -> None:
        """Take the tensors that `state_dict` gave; the tiles stay in memory from then on."""
        tiles = []
        for n, tile in enumerate(self.tiles):
            if tile.open is not None:
                field, start = tile.open(), f"{n}."
                field.load_state_dict({k[len(start) :]: v for k, v in state_dict.items() if k.startswith(start)})
                tile = dataclasses.replace(tile, open=partial(_itself, field))
            tiles.append(tile)
        self.tiles, self.overview = tuple(tiles), None
        self._open.clear()

    def parameters(self) -> Iterator[torch.Tensor]:
        """None: the tiles are trained one by one, before they are put together."""
        return iter(())

    @property
    def _number(self) -> torch.dtype:
        return torch.complex64 if self.complex_valued else torch.float32

    def _values(self, tile: PlacedTile, ask: str, z: np.ndarray, y: np.ndarray, x: np.ndarray) -> torch.Tensor:
        """What a tile answers to `query` points, or to `render` of y (y, 1) and x (x,): corrected, a new tensor."""
        assert tile.open is not None
        field = self._open.get(tile.name, tile.open)
        (fy, fx), (ty, tx) = field.extent.origin_um, tile.extent.origin_um
        at = y + (fy - ty), x + (fx - tx)
        values = field.query(z, *at) if ask == "query" else field.render(z, at[0].ravel(), at[1])
        self._open.used(tile.name)
        return _corrected(values.cpu().to(self._number), tile, y, x)

    def _within(self, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The points of the whole nearest to coordinates y, x: beyond its border the tile at the border answers."""
        half = self.extent.pixel_um / 2
        (y0, x0), (rows, columns) = self.extent.origin_um, self.extent.size_um
        return np.clip(y, y0 - half, y0 + rows - half), np.clip(x, x0 - half, x0 + columns - half)

    def _reached(self, y: np.ndarray, x: np.ndarray) -> Iterator[PlacedTile]:
        """Tiles that are there and that the bounding box of coordinates y, x meets."""
        if not (y.size and x.size):
            return
        low, high = (np.array([ends(y), ends(x)]) for ends in (np.min, np.max))
        pixel = self.extent.pixel_um
        meets = (self._boxes[:, :2] <= high + pixel).all(1) & (self._boxes[:, 2:] >= low - pixel).all(1)
        yield from (self.tiles[n] for n in np.flatnonzero(meets) if self.tiles[n].open is not None)


def described(tile: PlacedTile) -> Options:
    """A `tile` but for its field, JSON-ready."""
    values: Options = {
        "name": tile.name,
        "extent": tile.extent.to_dict(),
        "core_um": list(tile.core_um),
        "correction": dataclasses.asdict(tile.correction),
    }
    if tile.verdict is not None:
        values["verdict"] = dataclasses.asdict(tile.verdict)
    return values | ({"left_out": tile.left_out or "not reconstructed"} if tile.open is None else {})


def placed(values: Mapping[str, object], open_field: Callable[[], Field] | None) -> PlacedTile:
    """The tile that `described` gave these `values` for, with the way to its field, `open_field`."""
    given: Options = dict(values)
    y0, x0, y1, x1 = (float(v) for v in given["core_um"])
    return PlacedTile(
        name=str(given["name"]),
        extent=Extent.from_dict(given["extent"]),
        core_um=(y0, x0, y1, x1),
        open=open_field,
        correction=TileCorrection.from_dict(given["correction"]),
        verdict=Verdict(**given["verdict"]) if given.get("verdict") else None,
        left_out=str(given.get("left_out", "")),
    )


def _kind(tile: PlacedTile) -> Options:
    if tile.open is None:
        return {}
    field = tile.open()
    return {"type": field.type_name, "options": field.options()}


def _described(values: Options) -> PlacedTile:
    if "type" not in values:
        return placed(values, None)
    field: Field = FIELDS[values["type"]](**values["options"])
    return placed(values, partial(_itself, field))


def _itself(field: Field) -> Field:
    return field


def _places(in_y: np.ndarray, in_x: np.ndarray) -> tuple[slice | torch.Tensor, slice | torch.Tensor]:
    """Where rows and columns are inside, for an index: slices where they follow each other."""
    rows, columns = np.flatnonzero(in_y), np.flatnonzero(in_x)
    if np.ptp(rows) + 1 == rows.size and np.ptp(columns) + 1 == columns.size:
        return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return torch.from_numpy(rows)[:, None], torch.from_numpy(columns)


def slow_phase(tile: PlacedTile, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The slow phase, rad, that is added to a `tile` at coordinates `y`, `x` of the whole, um, which broadcast."""
    table = np.array(tile.correction.slow_rad)
    ends = zip(tile.extent.origin_um, tile.extent.size_um, table.shape, strict=True)
    spline = RectBivariateSpline(*(np.linspace(low, low + size, n) for low, size, n in ends), table)
    if y.ndim == 2:
        return np.asarray(spline(y.ravel(), x))
    return np.asarray(spline(y, x, grid=False))


def _corrected(values: torch.Tensor, tile: PlacedTile, y: np.ndarray, x: np.ndarray) -> torch.Tensor:
    """Values of a tile at coordinates y, x of the whole, which broadcast, with its correction."""
    change, (y0, x0, y1, x1) = tile.correction, tile.core_um
    tilt_y, tilt_x = change.tilt_rad_per_um
    if change.slow_rad:
        slow = torch.from_numpy(slow_phase(tile, y, x))
        values = values * torch.exp(1j * slow).to(values.dtype) if values.is_complex() else values + slow.float()
    if not values.is_complex():
        phase = change.phase_rad + tilt_y * (y - (y0 + y1) / 2) + tilt_x * (x - (x0 + x1) / 2)
        return values + torch.from_numpy(np.asarray(phase)).float()
    along_y = change.gain * np.exp(1j * (change.phase_rad + tilt_y * (y - (y0 + y1) / 2)))
    along_x = np.exp(1j * tilt_x * (x - (x0 + x1) / 2))
    along = torch.from_numpy(along_y).to(values.dtype), torch.from_numpy(along_x).to(values.dtype)
    return (values * along[0]).mul_(along[1])
