"""Whether tiles say the same where they overlap: if not, some are wrong, however well each explains its frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ...fields.tiled import PlacedTile
from .differences import Difference


def agreement(
    tiles: Sequence[PlacedTile], differences: Sequence[Difference], tile_um: float
) -> tuple[dict[str, float], str]:
    """How far tiles are apart, and the name of the one that is farthest from its neighbours.

    Parameters
    ----------
    tiles : reconciled.
    differences : of their overlaps.
    tile_um : side of a tile, um.

    Returns
    -------
    `overlaps_off`: the worst tile's difference from its neighbours, the median over them, but for a plane of phase and
    a gain. `tilt_turns`: the steepest plane of phase that a tile needed, turns over a tile.
    """
    by_tile: Mapping[int, list[float]] = {n: [] for d in differences for n in (d.first, d.second)}
    for d in differences:
        for n in (d.first, d.second):
            by_tile[n].append(d.off)
    if not by_tile:
        return {}, ""
    usual = {n: float(np.median(values)) for n, values in by_tile.items()}
    worst = max(usual, key=lambda n: usual[n])
    steepest = max(float(np.hypot(*tile.correction.tilt_rad_per_um)) for tile in tiles)
    return {"overlaps_off": usual[worst], "tilt_turns": steepest * tile_um / (2 * np.pi)}, tiles[worst].name
