"""The slow phase of a tile, which its frames tell badly, and its offset, which none tells: those of the whole field."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import h5py
import numpy as np
import torch
from scipy.ndimage import gaussian_filter, map_coordinates

from ...fields.tiled import PlacedTile, TileCorrection
from .plan import WidePlan

SLOW = 12  # frame pixels: a phase that changes over more is taken from the whole
STEP = 8  # frame pixels between two values that are kept
RIM = 12  # frame pixels along a tile's border that do not count


def with_slow_phase(plan: WidePlan, tile: PlacedTile, around: Path) -> PlacedTile:
    """A tile with the slow phase and the offset of the whole field.

    Parameters
    ----------
    plan : of the run.
    tile : done, and complex.
    around : file of the whole field, from `surroundings.look_around`.
    """
    assert tile.open is not None
    y0, x0, y1, x1 = next(planned.box_px for planned in plan.tiles if planned.name == tile.name)
    with h5py.File(around) as kept:
        factor = int(kept.attrs["factor"])
        there = kept["object"][y0 * factor : y1 * factor : factor, x0 * factor : x1 * factor : factor]
    field = tile.open()
    if not field.complex_valued:
        return tile
    z, (fy, fx) = field.extent.z_um[0], field.extent.origin_um
    with torch.no_grad():
        y, x = (start + np.arange(n) * plan.pixel_um for start, n in zip((fy, fx), there.shape, strict=True))
        here = field.render([z], y, x)[0].cpu().numpy()
    product = there * np.conj(here)
    rim = min(RIM, min(product.shape) // 4)
    counted = np.zeros(product.shape)
    counted[rim:-rim, rim:-rim] = 1
    offset = float(np.angle((product * counted).sum()))
    product = product * counted * np.exp(-1j * offset)
    slow = gaussian_filter(product.real, SLOW) + 1j * gaussian_filter(product.imag, SLOW)
    grid = np.meshgrid(*(np.linspace(0, n, max(4, n // STEP + 1)) for n in slow.shape), indexing="ij")
    table = np.angle(map_coordinates(slow, grid, order=1, mode="nearest"))
    correction = TileCorrection(offset, slow_rad=tuple(tuple(round(float(v), 6) for v in row) for row in table))
    return dataclasses.replace(tile, correction=correction)
