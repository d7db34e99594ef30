"""The tiles that are done as one field, and what their overlaps say."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch

from ...fields.kept.open_fields import OpenFields
from ...fields.tiled import PlacedTile, TileCorrection, TiledField, slow_phase
from ...io.results.tiled_folder import open_tile, tile_file
from ...types import Extent, Field, InputError, Options
from .differences import Difference, difference
from .plan import PlannedTile, WidePlan
from .reconcile import corrections

DEPTHS = (0.25, 0.5, 0.75)  # of the range, where overlaps are looked at
LEAST_PX = 4  # along the shorter side of an overlap that tells anything
TRUSTED = 0.6  # of the width of an overlap, its middle: a tile's own border is the worst of it
KEPT_OPEN = 64  # tiles at a time


def placed_tiles(plan: WidePlan, folder: Path, left_out: Mapping[str, str]) -> list[PlacedTile]:
    """Every tile of a plan that is done or given up, not corrected yet.

    Parameters
    ----------
    plan : of the run.
    folder : its tiles lie there.
    left_out : why a tile is, by name.
    """
    return [found for tile in plan.tiles if (found := _placed(plan, tile, folder, left_out)) is not None]


def _placed(plan: WidePlan, tile: PlannedTile, folder: Path, left_out: Mapping[str, str]) -> PlacedTile | None:
    pixel, origin = plan.pixel_um, np.array(plan.origin_um)
    ends = np.array(tile.core_px).reshape(2, 2) * pixel + origin
    core = float(ends[0, 0]), float(ends[0, 1]), float(ends[1, 0]), float(ends[1, 1])
    if tile.name in left_out:
        y0, x0, y1, x1 = tile.box_px
        place = float(y0 * pixel + origin[0]), float(x0 * pixel + origin[1])
        extent = Extent((0.0, 0.0), (y1 - y0, x1 - x0), pixel, place)
        return PlacedTile(tile.name, extent, core, None, left_out=left_out[tile.name])
    file = tile_file(folder, tile.name)
    found = header_of(file)
    if found is None:
        return None
    return PlacedTile(tile.name, Extent.from_dict(found["extent"]), core, partial(open_tile, file))


@functools.lru_cache(maxsize=4096)
def _header(file: Path, written_ns: int) -> Options:
    from ...io import read_header

    return {n: v for n, v in read_header(file).items() if n != "preview"}


def header_of(file: Path) -> Options | None:
    """What the file of a tile says; None where there is none, or it is not whole."""
    try:
        return _header(file, file.stat().st_mtime_ns)
    except (OSError, InputError):
        return None


def mosaic(plan: WidePlan, folder: Path, tiles: Sequence[PlacedTile]) -> TiledField:
    """One field of the `tiles` of a `plan`, whose files lie in the `folder`."""
    there = [tile for tile in tiles if tile.open is not None]
    ranges = np.array([tile.extent.z_um for tile in there])
    flat = bool((ranges[:, 0] == ranges[:, 1]).all())
    z_um = (float(np.median(ranges)),) * 2 if flat else (float(ranges[:, 0].min()), float(ranges[:, 1].max()))
    fine = min(tile.extent.pixel_um for tile in there)
    rows, columns = (round(n * plan.pixel_um / fine) for n in plan.shape_px)
    first = header_of(tile_file(folder, there[0].name)) or {}
    return TiledField(
        extent=Extent(z_um, (rows, columns), fine, plan.origin_um),
        tiles=tiles,
        complex_valued=first.get("values") == "complex",
    )


def overlaps(plan: WidePlan, tiles: Sequence[PlacedTile]) -> list[Overlaps]:
    """The pairs of `tiles` of a `plan` that share enough, in pieces of work: a row of tiles against all others."""
    there = [n for n, tile in enumerate(tiles) if tile.open is not None]
    boxes = np.array([_box(tiles[n]) for n in there])
    pairs: dict[float, list[tuple[int, int]]] = {}
    for k, i in enumerate(there):
        low, high = np.maximum(boxes[k, :2], boxes[k:, :2]), np.minimum(boxes[k, 2:], boxes[k:, 2:])
        shared = np.floor((high - low) / plan.pixel_um + 1e-6).astype(int)
        others = [there[k + int(j)] for j in np.flatnonzero((shared >= LEAST_PX).all(1)) if j]
        pairs.setdefault(float(boxes[k, 0]), []).extend((i, j) for j in others)
    size = plan.tile_px * plan.pixel_um
    return [
        Overlaps(tuple(row), {n: tiles[n] for n in sorted({*sum(row, ())})}, plan.pixel_um, size)
        for row in pairs.values()
        if row
    ]


@dataclasses.dataclass(frozen=True)
class Overlaps:
    """Pairs of tiles to be looked at.

    Parameters
    ----------
    pairs : numbers of the tiles.
    tiles : by number.
    pixel_um : of the frames, on which they are looked at, um.
    tile_um : side of a tile, um.
    """

    pairs: tuple[tuple[int, int], ...]
    tiles: Mapping[int, PlacedTile]
    pixel_um: float
    tile_um: float


def looked_at(some: Overlaps) -> list[Difference]:
    """What `some` pairs say, in the middle of what they share; of every tile no more depths than are compared."""
    from ...compute import one_thread

    kept, found = OpenFields(most=KEPT_OPEN), []
    with one_thread():
        for i, j in some.pairs:
            one, other = some.tiles[i], some.tiles[j]
            (low_y, low_x, high_y, high_x), theirs = _box(one), _box(other)
            low, high = np.maximum((low_y, low_x), theirs[:2]), np.minimum((high_y, high_x), theirs[2:])
            y, x = (_axis(low[d], high[d], some) for d in (0, 1))
            values = _values(kept, one, y, x), _values(kept, other, y, x)
            said = difference((i, j), values, y, x)
            if said is not None:
                found.append(said)
    return found


def reconciled(
    tiles: Sequence[PlacedTile], differences: Sequence[Difference], gains_alone: bool = False
) -> list[PlacedTile]:
    """The tiles with the phases, tilts and gains that make them one.

    Parameters
    ----------
    tiles, differences : and what their overlaps tell.
    gains_alone : the tiles have the phase of the whole field: every step from tile to tile would add to an error that
        the whole does not have.
    """
    there = [n for n, tile in enumerate(tiles) if tile.open is not None]
    at = {n: k for k, n in enumerate(there)}
    moved = [dataclasses.replace(d, first=at[d.first], second=at[d.second]) for d in differences]
    found = dict(zip(there, corrections(moved, np.array([_middle(tiles[n].core_um) for n in there])), strict=True))
    for n, change in found.items():
        own = tiles[n].correction
        found[n] = dataclasses.replace(own if gains_alone else change, gain=change.gain, slow_rad=own.slow_rad)
    return [dataclasses.replace(tile, correction=found.get(n, TileCorrection())) for n, tile in enumerate(tiles)]


def _middle(core_um: Sequence[float]) -> tuple[float, float]:
    return (core_um[0] + core_um[2]) / 2, (core_um[1] + core_um[3]) / 2


def _box(tile: PlacedTile) -> tuple[float, float, float, float]:
    (y, x), (height, width) = tile.extent.origin_um, tile.extent.size_um
    return y, x, y + height, x + width


def _axis(low: float, high: float, some: Overlaps) -> np.ndarray:
    """Coordinates of the frames' pixels of an overlap; where that is narrow, of its middle."""
    narrow = high - low < some.tile_um / 2
    rim = (1 - TRUSTED) / 2 * (high - low) if narrow else 0.0
    first, last = (low + rim) / some.pixel_um, (high - rim) / some.pixel_um
    return some.pixel_um * np.arange(np.ceil(first - 1e-6), max(np.floor(last - 1e-6), np.ceil(first - 1e-6) + 2))


def _values(kept: OpenFields, tile: PlacedTile, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    assert tile.open is not None
    field: Field = kept.get(tile.name, tile.open)
    low, high = tile.extent.z_um
    depths = [low] if low == high else [low + part * (high - low) for part in DEPTHS]
    with torch.no_grad():
        values = field.render(np.array(depths), y, x).detach().cpu().numpy()
    kept.used(tile.name)
    if not tile.correction.slow_rad:
        return np.asarray(values)
    slow = slow_phase(tile, y[:, None], x)
    return np.asarray(values * np.exp(1j * slow).astype(values.dtype) if np.iscomplexobj(values) else values + slow)
