"""A field polished in tiles: no seams, the shades of the start."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from pattern_scene import PIXEL, UPSAMPLING, board, cells, seen_through
from scipy.ndimage import gaussian_filter

from napari_neuralfield.data.acquisition import MultiplexedLed
from napari_neuralfield.data.tiles import TilePlan
from napari_neuralfield.fields.phase_map import PhaseMap
from napari_neuralfield.recon.patterns import polish_tiles
from napari_neuralfield.recon.patterns.polish_tiles import PolishedField, polish_field

SIZE, CORE, OVERLAP, MARGIN = 64, 32, 5, 12


@pytest.fixture(scope="module")
def scene() -> tuple[MultiplexedLed, np.ndarray]:
    na, patterns = board()
    phase = cells((UPSAMPLING * SIZE, UPSAMPLING * SIZE), seed=2, count=8)
    frames = seen_through(phase, na, patterns, electrons=6000)
    optics: dict[str, Any] = {"wavelength_um": 0.63, "objective_na": 0.1, "pixel_um": PIXEL}
    return MultiplexedLed(frames=frames, led_na=na, patterns=patterns, **optics), phase


def polished(acquisition: MultiplexedLed, start: np.ndarray, steps: int = 15) -> tuple[list[Any], PolishedField]:
    field: Any = PhaseMap.from_grid(torch.tensor(start, dtype=torch.float32), 0.0, PIXEL / UPSAMPLING)
    *events, found = polish_field(acquisition, field, UPSAMPLING, steps=steps, trust_brightness=True, device="cpu")
    assert isinstance(found, PolishedField)
    return events, found


def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("WHOLE", CORE), ("CORE", CORE), ("OVERLAP", OVERLAP), ("MARGIN", MARGIN)):
        monkeypatch.setattr(polish_tiles, name, value)


def test_tiles_leave_no_seams(scene: tuple[MultiplexedLed, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    acquisition, truth = scene
    start = gaussian_filter(truth, 6, mode="wrap")
    _, whole = polished(acquisition, start)
    assert (whole.tiles, whole.accepted) == (1, 1)
    assert whole.error_after < 0.5 * whole.error_before
    assert whole.phase.mean() == pytest.approx(start.mean(), abs=1e-3)
    small_tiles(monkeypatch)
    events, tiled = polished(acquisition, start)
    assert (tiled.tiles, tiled.accepted) == (4, 4)
    assert [done for done, _, _ in events] == sorted(done for done, _, _ in events)
    assert events[-1][:2] == (60, 60)
    assert tiled.error_after < 0.5 * tiled.error_before

    inner = slice(4 * UPSAMPLING, -4 * UPSAMPLING)  # the frame's border repeats in one piece only
    before, after = ((image - truth)[inner, inner].std() for image in (start, tiled.phase))
    assert after < 0.8 * before
    seam = tiled.phase.shape[0] // 2
    for axis in (0, 1):
        steps = np.abs(np.diff(tiled.phase - whole.phase, axis=axis)).mean(1 - axis)
        near = np.arange(seam - OVERLAP * UPSAMPLING - 2, seam + OVERLAP * UPSAMPLING + 2)
        far = np.setdiff1d(np.arange(8 * UPSAMPLING, len(steps) - 8 * UPSAMPLING), near)
        assert steps[near].max() < 1.2 * steps[far].max()


def test_a_start_that_is_right_keeps_its_shades(
    scene: tuple[MultiplexedLed, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slow differences between tiles, which no tile can know alone, are the start's."""
    acquisition, truth = scene
    small_tiles(monkeypatch)
    _, found = polished(acquisition, truth + 3.0, steps=3)
    coarse = [image.reshape(4, 16 * UPSAMPLING, 4, 16 * UPSAMPLING).mean((1, 3)) for image in (found.phase, truth + 3)]
    assert np.abs(coarse[0] - coarse[1]).max() < 0.05


def test_every_pixel_has_its_share() -> None:
    shape, total = (70, 50), np.zeros((140, 100))
    plan = TilePlan(shape, (30, 30), polish_tiles.MARGIN)
    for tile in plan:
        share = polish_tiles._share(tile, shape, 2)
        assert share.shape == total[tile.finer(2).padded].shape
        total[tile.finer(2).padded] += share
    assert total.min() > 0.9
    assert total.max() < 1.1
