"""A phase on a grid: exact at its pixels, smooth between them, in two bytes where that is enough."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_neuralfield.fields.phase_map import PhaseMap
from napari_neuralfield.io import load_result, save_result
from napari_neuralfield.types import Field, InputError, Result

PIXEL_UM, ORIGIN_UM = 0.5, (3.0, -2.0)


def scene(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A smooth phase of many turns at coordinates in um."""
    return 9 * np.sin(y[:, None] / 4) + 0.6 * x[None] + 2 * np.cos(x[None] / 5 + y[:, None] / 7)


def field(planes: int = 1) -> tuple[PhaseMap, np.ndarray]:
    y, x = (ORIGIN_UM[0] + PIXEL_UM * np.arange(41), ORIGIN_UM[1] + PIXEL_UM * np.arange(52))
    stack = np.stack([(k + 1) * scene(y, x) for k in range(planes)])
    return PhaseMap.from_grid(torch.tensor(stack), list(range(planes)), PIXEL_UM, ORIGIN_UM), stack


def test_pixels_come_back_in_two_bytes() -> None:
    found, stack = field(2)
    assert isinstance(found, Field)
    assert not found.complex_valued
    assert found.phase.dtype == torch.int16
    values = found.render([0.0, 1.0], *found.extent.axes())
    assert values.dtype == torch.float32
    assert np.abs(values.numpy() - stack).max() < 1e-3
    assert np.abs(found.render([0.25], *found.extent.axes()).numpy() - 1.25 * stack[:1]).max() < 1e-3
    assert np.abs(found.render([-5.0], *found.extent.axes()).numpy() - stack[:1]).max() < 1e-3


def test_a_phase_too_long_for_two_bytes_is_kept_in_four() -> None:
    ramp = torch.linspace(0, 500, 3000).reshape(30, 100)
    found = PhaseMap.from_grid(ramp, 0.0, 1.0)
    assert found.phase.dtype == torch.float32
    assert torch.equal(found.render([0.0], *found.extent.axes())[0], ramp)


def test_between_pixels_and_points() -> None:
    found, _ = field()
    y, x = (ORIGIN_UM[axis] + np.linspace(1.0, 15.0, 90 + axis) for axis in (0, 1))
    values = found.render([0.0], y, x)[0].numpy()
    assert np.abs(values - scene(y, x)).max() < 2e-3
    points = found.query(0.0, y[:, None], x[None, :]).numpy()
    assert np.abs(points - values).max() < 1e-5
    middle = found.query(0.0, y[3], x[4])
    assert middle.shape == ()
    assert abs(float(middle) - values[3, 4]) < 1e-5


def test_rows_rendered_apart_are_the_same_rows() -> None:
    found, _ = field()
    y, x = found.extent.axes(PIXEL_UM / 6)
    whole = found.render([0.0], y, x)
    strips = torch.cat([found.render([0.0], part, x) for part in np.array_split(y, 7)], dim=1)
    assert torch.equal(whole, strips)


def test_the_border_is_held() -> None:
    found, stack = field()
    y = ORIGIN_UM[0] + PIXEL_UM * np.array([-30.0, -0.4, 40.4, 90.0])
    values = found.render([0.0], y, [ORIGIN_UM[1]])[0, :, 0].numpy()
    assert np.abs(values - stack[0, [0, 0, -1, -1], 0]).max() < 1e-3


def test_coarse_pixels_are_means() -> None:
    noise = torch.randn(64, 48, generator=torch.Generator().manual_seed(0))
    found = PhaseMap.from_grid(noise, 0.0, 1.0)
    y, x = (1.5 + 4 * np.arange(n // 4) for n in (64, 48))
    blocks = noise.reshape(16, 4, 12, 4).mean((1, 3))
    assert (found.render([0.0], y, x)[0] - blocks).abs().max() < 1e-3
    assert found.render([0.0], *found.extent.axes(2.0)).std() < 0.7  # of 1: what falls between is not left out


def test_a_file_gives_it_back(tmp_path: Path) -> None:
    found, _ = field(2)
    path = tmp_path / "phase.nfield"
    save_result(path, Result(found, title="a phase"))
    again = load_result(path).field
    assert isinstance(again, PhaseMap)
    axes = found.extent.axes(0.3)
    assert torch.equal(again.render([0.3], *axes), found.render([0.3], *axes))


def test_mistakes_are_named() -> None:
    with pytest.raises(InputError, match="for 1 planes of phase"):
        PhaseMap.from_grid(torch.zeros(4, 4), [0.0, 1.0], 1.0)
    with pytest.raises(InputError, match="increasing order"):
        PhaseMap.from_grid(torch.zeros(2, 4, 4), [1.0, 0.0], 1.0)
    with pytest.raises(InputError, match="not finite"):
        PhaseMap.from_grid(torch.full((4, 4), torch.nan), 0.0, 1.0)
