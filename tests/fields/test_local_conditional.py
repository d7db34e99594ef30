"""A network's phase as a field: the same at points and on grids, in tiles and in one piece, turned and mirrored."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_neuralfield.fields import local_conditional
from napari_neuralfield.fields.local_conditional import LocalConditionalField
from napari_neuralfield.fields.placement import Placement
from napari_neuralfield.io import load_result, save_result
from napari_neuralfield.networks.encoder import LocalConditionalNetwork
from napari_neuralfield.types import Extent, Field, Result

ROWS, COLUMNS, PIXEL_UM = 48, 64, 1.5
Matrix = tuple[tuple[float, float], tuple[float, float]]
AS_IT_IS: Matrix = ((1.0, 0.0), (0.0, 1.0))


def channels() -> torch.Tensor:
    return torch.randn(6, ROWS, COLUMNS, generator=torch.Generator().manual_seed(1))


def field(images: torch.Tensor, placement: Placement | None = None, **sizes: Any) -> LocalConditionalField:
    """A random network's field of channels, 6 x finer."""
    torch.manual_seed(0)
    network = LocalConditionalNetwork(**{"channels": 3, "blocks": 2, "width": 8, "depth": 2} | sizes)
    for layer in network.hidden if hasattr(network, "hidden") else ():
        torch.nn.init.normal_(layer.weight, std=0.5)
    extent = Extent((0.0, 0.0), (6 * ROWS, 6 * COLUMNS), PIXEL_UM / 6)
    return LocalConditionalField.of(network, images, placement or Placement(PIXEL_UM), extent)


def axes() -> tuple[np.ndarray, np.ndarray]:
    """Places across the whole field, on pixels and between them, and a little beyond."""
    y = np.concatenate([[-0.7], np.linspace(0, PIXEL_UM * (ROWS - 1), 40), [PIXEL_UM * ROWS]])
    return y, np.concatenate([[-0.7], np.linspace(0, PIXEL_UM * (COLUMNS - 1), 50), [PIXEL_UM * COLUMNS]])


@pytest.mark.parametrize("sizes", [{}, {"outputs": 2}, {"decoder": "convolution"}])
def test_points_are_where_the_grid_is(sizes: dict[str, Any]) -> None:
    found = field(channels(), **sizes)
    assert isinstance(found, Field)
    assert not found.complex_valued
    y, x = axes()
    grid = found.render([0.0, 7.0], y, x)
    assert grid.shape == (2, y.size, x.size)
    assert torch.equal(grid[0], grid[1])
    assert grid.std() > 1e-2
    points = found.query(0.0, y[:, None], x[None, :])
    assert (points - grid[0]).abs().max() < 1e-5
    assert found.query(0.0, y[3], x[4]).shape == ()
    scale = found.log_scale(y, x)
    assert (scale is None) == (sizes.get("outputs", 1) == 1)
    assert scale is None or (scale - grid[0]).abs().max() > 1e-2


@pytest.mark.parametrize("sizes", [{}, {"dilations": (1, 2)}, {"decoder": "convolution", "unfold": False}])
def test_tiles_are_the_whole(sizes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    y, x = axes()
    whole = field(channels(), **sizes).render(0.0, y, x)
    monkeypatch.setattr(local_conditional, "TILE", 13)
    monkeypatch.setattr(local_conditional, "KEPT_BYTES", 1)  # only the newest tile is kept
    tiled = field(channels(), **sizes)
    rounding = 5e-5 if "decoder" in sizes else 1e-5  # of places on a grid 6 x finer
    assert (tiled.render(0.0, y, x) - whole).abs().max() < rounding
    assert len(tiled._tiles) == 1
    assert (tiled.query(0.0, y[:, None], x[None, :]) - whole[0]).abs().max() < rounding


def test_only_what_is_looked_at_is_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_conditional, "TILE", 16)
    found, boxes = field(channels()), []
    encode = found.network.encode
    monkeypatch.setattr(found.network, "encode", lambda images: boxes.append(images.shape[-2:]) or encode(images))
    for _ in range(2):
        found.render(0.0, PIXEL_UM * np.linspace(18, 30, 70), PIXEL_UM * np.linspace(34, 46, 70))
    assert boxes == [(16 + 2 * (local_conditional.HALO + found.network.margin),) * 2]
    found.to(torch.float32)
    assert not found._tiles  # what belongs to other weights or another device is not kept


@pytest.mark.parametrize("matrix", [((a, 0.0), (0.0, b)) for a in (1.0, -1.0) for b in (1.0, -1.0)])
@pytest.mark.parametrize("exchanged", [False, True])
def test_turned_and_mirrored_channels_lie_on_the_sample(matrix: Matrix, exchanged: bool) -> None:
    """The network is asked of turned channels; what it answers lies where the pixels of the sample were."""
    given = channels()
    turn = np.array(matrix)[::-1] if exchanged else np.array(matrix)
    back = turn.sum(0) < 0
    turned = given.flip([axis for axis, reverse in zip((-2, -1), back, strict=True) if reverse])
    turned = turned.transpose(-2, -1) if exchanged else turned
    origin = (float((ROWS - 1) * PIXEL_UM * back[0]), float((COLUMNS - 1) * PIXEL_UM * back[1]))
    rows: Matrix = tuple(tuple(float(v) for v in row) for row in turn)  # type: ignore[assignment]
    found = field(turned.contiguous(), Placement(PIXEL_UM, rows, origin))
    y, x = PIXEL_UM * np.linspace(0, ROWS - 1, 95), PIXEL_UM * np.linspace(0, COLUMNS - 1, 64)
    plane = found.render(0.0, y, x)[0]
    counts = (x.size, y.size) if exchanged else (y.size, x.size)
    along = [PIXEL_UM * np.linspace(0, n - 1, m) for n, m in zip(turned.shape[1:], counts, strict=True)]
    own = field(turned.contiguous()).render(0.0, *along)[0]
    expected = (own.T if exchanged else own).flip([int(a) for a in np.flatnonzero(back)])
    assert (plane - expected).abs().max() < 1e-5
    assert (found.query(0.0, y[:, None], x[None, :]) - plane).abs().max() < 1e-5


def test_channels_turned_by_any_angle() -> None:
    turn = np.deg2rad(17)
    matrix = ((float(np.cos(turn)), float(np.sin(turn))), (-float(np.sin(turn)), float(np.cos(turn))))
    found, plain = field(channels(), Placement(PIXEL_UM, matrix, (4.0, 9.0))), field(channels())
    y, x = np.linspace(20.0, 40.0, 9), np.linspace(30.0, 50.0, 7)
    plane = found.render(0.0, y, x)[0]
    dy, dx = np.meshgrid(y - 4.0, x - 9.0, indexing="ij")
    expected = plain.query(0.0, matrix[0][0] * dy + matrix[0][1] * dx, matrix[1][0] * dy + matrix[1][1] * dx)
    assert plane.shape == (9, 7)
    assert (plane - expected).abs().max() < 1e-5


@pytest.mark.parametrize("sizes", [{}, {"decoder": "convolution", "outputs": 2}])
def test_files_and_processes(sizes: dict[str, Any], tmp_path: Path) -> None:
    found = field(channels(), Placement(PIXEL_UM, ((0.0, -1.0), (1.0, 0.0)), (3.0, 90.0)), **sizes)
    y, x = axes()
    before = found.render(0.0, y, x)
    path = tmp_path / "cells.nfield"
    save_result(path, Result(found, {"method": "neuph"}, {}, {}, {}, "cells"))
    loaded = load_result(path).field
    assert isinstance(loaded, LocalConditionalField)
    assert loaded.options() == found.options()
    assert (loaded.render(0.0, y, x) - before).abs().max() < 1e-5
    copied = pickle.loads(pickle.dumps(found))
    assert not copied._tiles
    assert torch.equal(copied.render(0.0, y, x), before)
