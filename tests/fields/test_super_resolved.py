"""A network and a frame as a field: where its pixels are, what coarse ones mean, what is kept, what a file holds."""

from __future__ import annotations

import copy
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_neuralfield.fields import super_resolved
from napari_neuralfield.fields.super_resolved import SuperResolvedField, turned
from napari_neuralfield.io.native.field_file import load_result, save_result
from napari_neuralfield.networks.unet import UNet
from napari_neuralfield.types import Result

PIXEL = 2.6


@pytest.fixture
def field(monkeypatch: pytest.MonkeyPatch) -> SuperResolvedField:
    monkeypatch.setattr(super_resolved, "TILE", 16)
    monkeypatch.setattr(super_resolved, "PIECE", 32)
    torch.manual_seed(1)
    network = UNet(widths=(4, 4, 4, 4, 4), norm="none", entry="pixels", outputs=2, head=4).requires_grad_(False)
    return SuperResolvedField.of("srqpi", network.eval(), torch.randn(4, 50, 37), PIXEL)


def native(field: SuperResolvedField) -> tuple[np.ndarray, np.ndarray]:
    y, x = (
        origin + np.arange(n) * field.extent.pixel_um
        for n, origin in zip(field.extent.shape, field.extent.origin_um, strict=True)
    )
    return y, x


def test_its_pixels_lie_inside_those_of_the_frame(field: SuperResolvedField) -> None:
    extent = field.extent
    assert extent.shape == (200, 148)
    assert extent.pixel_um == pytest.approx(PIXEL / 4)
    assert extent.origin_um == pytest.approx((-1.5 * PIXEL / 4, -1.5 * PIXEL / 4))  # mean of four: the frame's pixel
    y, x = native(field)
    both = [turned(field.network(turned(field.channels[None], n))[0], n, back=True) for n in field.turns]
    whole = torch.stack(both).mean(0)
    assert torch.allclose(field.render(3.0, y, x), whole[:1], atol=1e-6)
    assert torch.allclose(field.log_scale(y, x), whole[1], atol=1e-6)
    assert field.render([0.0, 1.0], y[:3], x[:5]).shape == (2, 3, 5)


def test_coarse_pixels_are_means_of_fine_ones(field: SuperResolvedField) -> None:
    y, x = native(field)
    fine = field.render(0.0, y, x)[0]
    for step in (2, 4):
        coarse = field.render(0.0, y[0] + (np.arange(148 // step) * step + (step - 1) / 2) * PIXEL / 4,
                              x[0] + (np.arange(148 // step) * step + (step - 1) / 2) * PIXEL / 4)[0]  # fmt: skip
        means = torch.nn.functional.avg_pool2d(fine[None, :148, :148], step)[0]
        assert torch.allclose(coarse, means, atol=1e-5)


def test_coarse_pixels_made_band_by_band_are_the_same(
    field: SuperResolvedField, monkeypatch: pytest.MonkeyPatch
) -> None:
    axes = field.extent.axes(pixel_um=PIXEL / 4 * 3.1)
    whole = field.render(0.0, *axes)
    field._tiles.clear()
    monkeypatch.setattr(super_resolved, "TILE", 8)
    monkeypatch.setattr(super_resolved, "PIECE", 8)
    assert len(field._bands(slice(0, field.extent.shape[0]), 2)) > 2
    assert torch.allclose(field.render(0.0, *axes), whole, atol=1e-5)


def test_points_and_grids_agree_between_pixels(field: SuperResolvedField) -> None:
    y, x = 20.0 + 0.31 * np.arange(9), 12.0 + 0.27 * np.arange(7)
    grid = field.render(0.0, y, x)[0]
    points = field.query(0.0, y[:, None], x[None, :])
    assert torch.allclose(points, grid, atol=1e-5)
    assert field.query(0.0, 5.0, 6.0).shape == ()


def test_what_was_looked_at_is_kept_and_moving_away_forgets(
    field: SuperResolvedField, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, answered = [], field._answer
    monkeypatch.setattr(field, "_answer", lambda *box: made.append(box) or answered(*box))
    first = field.pixels(slice(0, 40), slice(0, 40))
    assert made == [(0, 16, 0, 16)]
    assert torch.equal(field.pixels(slice(10, 40), slice(0, 30)), first[:, 10:, :30])
    assert len(made) == 1
    first += 100.0  # what is handed out is a copy
    assert field.pixels(slice(0, 40), slice(0, 40)).abs().max() < 50
    field._tiles.most_bytes = 2 * 4 * 2 * 64**2  # two whole tiles, or a few of those at the border, which are smaller
    field.pixels(slice(0, 200), slice(0, 148))
    assert 2 <= len(field._tiles) <= 5
    field.float()
    assert not field._tiles  # the network may have moved


def test_two_that_look_at_once_make_it_once(field: SuperResolvedField, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    plain = SuperResolvedField._piece

    def slow(of: SuperResolvedField, keys: list[tuple[int, int]]) -> dict[tuple[int, int], torch.Tensor]:
        time.sleep(0.02)
        made.append(len(keys))
        return plain(of, keys)

    monkeypatch.setattr(SuperResolvedField, "_piece", slow)
    with ThreadPoolExecutor(2) as pool:
        one, two = pool.map(lambda _: field.pixels(slice(0, 200), slice(0, 148)), range(2))
    assert torch.equal(one, two)
    assert sum(made) == 4 * 3
    assert torch.equal(copy.deepcopy(field).pixels(slice(0, 8), slice(0, 8)), one[:, :8, :8])


def test_a_file_holds_network_frame_and_offset(field: SuperResolvedField, tmp_path: Path) -> None:
    field.offset_rad = 0.7
    save_result(tmp_path / "a.nfield", Result(field, {"method": "srqpi"}, {}, {}, {}, "cells"))
    again = load_result(tmp_path / "a.nfield").field
    assert isinstance(again, SuperResolvedField)
    assert again.extent == field.extent
    y, x = native(field)
    assert torch.allclose(again.render(0.0, y[:50], x[:50]), field.render(0.0, y[:50], x[:50]), atol=1e-6)
    field.offset_rad = 0.0
    assert float(again.query(0.0, 30.0, 30.0) - field.query(0.0, 30.0, 30.0)) == pytest.approx(0.7, abs=1e-5)
