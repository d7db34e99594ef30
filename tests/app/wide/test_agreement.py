"""Tiles that contradict each other where they overlap: the run is not green."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from napari_neuralfield import Extent, Verdict, planes_of_images
from napari_neuralfield.app.wide.agreement import agreement
from napari_neuralfield.app.wide.differences import Difference, difference
from napari_neuralfield.app.wide.telling import verdict_of
from napari_neuralfield.fields.tiled import PlacedTile, TileCorrection

AXIS = np.arange(24.0)


def pair(change: float) -> Difference:
    """Two tiles that differ by a plane, a gain and a noise of the size `change`."""
    rng = np.random.default_rng(0)
    noise = change * (rng.normal(size=(1, 24, 24)) + 1j * rng.normal(size=(1, 24, 24))) / 2**0.5
    first = 1 + 0.3 * rng.normal(size=(1, 24, 24)) + 0j
    plane = np.exp(1j * (0.4 + 0.02 * AXIS[:, None] - 0.01 * AXIS))
    found = difference((0, 1), (first, 1.2 * plane * (first + noise)), AXIS, AXIS)
    assert found is not None
    return found


def tiles(tilt: float) -> list[PlacedTile]:
    extent = Extent((0.0, 0.0), (24, 24), 1.0)
    field = planes_of_images(torch.ones(1, 24, 24, dtype=torch.complex64), [0.0], extent)
    corrections = TileCorrection(), TileCorrection(tilt_rad_per_um=(tilt, 0.0))
    return [
        PlacedTile(name, extent, (0.0, 0.0, 24.0, 24.0), partial(lambda f: f, field), correction=one)
        for name, one in zip(("a", "b"), corrections, strict=True)
    ]


@pytest.mark.parametrize("change", [0.02, 0.4])
def test_what_parts_two_tiles_beside_plane_and_gain_is_measured(change: float) -> None:
    assert pair(change).off == pytest.approx(change, rel=0.15)


@pytest.mark.parametrize(
    ("change", "tilt", "level"), [(0.02, 0.0, "green"), (0.4, 0.0, "amber"), (0.02, 2 * np.pi / 24, "amber")]
)
def test_tiles_that_contradict_are_not_green(change: float, tilt: float, level: str) -> None:
    verdicts = {name: Verdict("green", "Good.") for name in "ab"}
    found = verdict_of(verdicts, 0, agreement(tiles(tilt), [pair(change)], 24.0))
    assert found is not None
    assert found.level == level
    assert ("calibrate" in found.sentence) == (level == "amber")
