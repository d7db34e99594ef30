"""Many tiles are one field: the same values as one piece, and only the tiles that are looked at are opened."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch
from tiled_scene import WHOLE, Waves, one_piece, tiled, tiled_waves, tiles

from napari_neuralfield.fields.tiled import PlacedTile, TileCorrection, TiledField
from napari_neuralfield.types import Extent, InputError

DEPTHS = [-4.0, 1.3]


def worst(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max())


def test_tiles_with_their_corrections_are_the_field_in_one_piece() -> None:
    field, whole = tiled_waves(), Waves()
    for pixel in (None, 0.31, 3.0):
        y, x = WHOLE.axes(pixel)
        assert worst(field.render(DEPTHS, y, x), whole.render(DEPTHS, y, x)) <= 1e-5
    rng = np.random.default_rng(0)
    points = rng.uniform(-4, 4, 300), rng.uniform(10, 57.5, 300), rng.uniform(-7, 56.5, 300)
    assert worst(field.query(*points), whole.query(*points)) <= 1e-5


def test_only_the_tiles_under_the_view_are_opened_and_few_stay_open() -> None:
    field = tiled()
    field.render([0.0], np.arange(30.0, 33.0, 0.5), np.arange(0.0, 3.0, 0.5))
    assert [tile.name for tile in field.tiles if tile.open.times] == ["r1c0"]
    assert copy.deepcopy(field).opened == 0
    small = tiled(most_bytes=1)
    small.render([0.0], *WHOLE.axes())
    assert small.opened == 1


def test_two_phases_pass_smoothly_from_tile_to_tile() -> None:
    """Unequal values, with nothing to correct: the step is spread over the overlap."""
    field = tiled()
    off = [dataclasses.replace(t, correction=dataclasses.replace(t.correction, gain=t.correction.gain * (1 + 0.1 * n)))
           for n, t in enumerate(field.tiles)]  # fmt: skip
    y, x = WHOLE.axes()
    ratio = (TiledField(extent=WHOLE, tiles=off).render([0.0], y, x) / one_piece().render([0.0], y, x)).real[0]
    assert float(ratio[0].diff().abs().max()) < 0.1 * 1.6 / 8  # the middle half of it
    assert ratio[0, 0] == pytest.approx(1, abs=1e-4)
    assert ratio[0, -1] == pytest.approx(1.3, abs=1e-3)


def test_a_tile_left_out_is_zero_and_said() -> None:
    parts = tiles()
    parts[5] = dataclasses.replace(parts[5], open=None, left_out="it failed")
    field = TiledField(extent=WHOLE, tiles=parts)
    y, x = WHOLE.axes()
    seen, values = field.covered(y, x), field.render([0.0], y, x)[0]
    assert field.left_out == ("r1c1",)
    assert (~seen).sum() == 16 * 16  # what no neighbour reaches
    assert not values[torch.from_numpy(~seen)].any()
    assert worst(values[torch.from_numpy(seen)], one_piece().render([0.0], y, x)[0][torch.from_numpy(seen)]) <= 1e-4


class Ramp:
    """Phase alone: what lies `x` um from its first pixel is `x` rad."""

    type_name, complex_valued = "ramp-of-a-tile", False

    def __init__(self, extent: Extent) -> None:
        self.extent = extent

    def render(self, z: object, y: np.ndarray, x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x - self.extent.origin_um[1]).float().expand(1, len(y), len(x))

    def query(self, z: object, y: np.ndarray, x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x - self.extent.origin_um[1]).float()

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {}


def test_phase_alone_and_tiles_that_were_moved() -> None:
    """Each tile counts from its own first pixel, wherever it was put; the phase is added."""
    own, size = Extent((0, 0), (8, 8), 1.0, (100.0, 100.0)), Extent((0, 0), (8, 14), 1.0)
    left, right = (Extent((0, 0), (8, 8), 1.0, (0.0, at)) for at in (0.0, 6.0))
    parts = [
        PlacedTile("a", left, (0, 0, 8, 7), lambda: Ramp(own)),
        PlacedTile("b", right, (0, 7, 8, 14), lambda: Ramp(own), TileCorrection(phase_rad=6.0)),
    ]
    field = TiledField(extent=size, tiles=parts, complex_valued=False)
    assert worst(field.render([0.0], *size.axes())[0, 0], torch.arange(14.0)) <= 1e-5


def test_a_slow_phase_is_added_to_a_tile() -> None:
    """The same at points and on a grid, and after a round trip."""
    own = Extent((0, 0), (8, 8), 1.0)
    y, x = np.meshgrid(*[np.linspace(0, 8, 5)] * 2, indexing="ij")
    table = tuple(map(tuple, (0.1 * y + 0.02 * x**2).tolist()))
    change = TileCorrection.from_dict(dataclasses.asdict(TileCorrection(slow_rad=table)))
    field = TiledField(
        extent=own, complex_valued=False, tiles=[PlacedTile("a", own, (0, 0, 8, 8), lambda: Ramp(own), change)]
    )
    y, x = np.meshgrid(*own.axes(), indexing="ij")
    for values in (field.render([0.0], *own.axes())[0], field.query(0.0, y, x)):
        assert worst(values, torch.from_numpy(x + 0.1 * y + 0.02 * x**2)) <= 1e-4


def test_names_of_tiles_differ() -> None:
    parts = tiles()
    with pytest.raises(InputError, match="two tiles of a tiled field have one name"):
        TiledField(extent=WHOLE, tiles=[parts[0], parts[0]])
