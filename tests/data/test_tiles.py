"""Tiles: cores cover a frame once, margins are as wide as asked wherever the frame allows."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_neuralfield.data.tiles import TilePlan, strips_of

PLANS = [
    TilePlan((100, 100), (100, 100), 16),
    TilePlan((101, 257), (40, 64), 9),
    TilePlan((97, 30), (16, 30), 5),
    TilePlan((5, 3), (2, 1), 10),
    TilePlan((2160, 2560), (256, 2560), 16),
]


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_cores_cover_the_frame_once(plan: TilePlan) -> None:
    seen = np.zeros(plan.shape, int)
    for tile in plan:
        seen[tile.core] += 1
        assert all(0 < n <= most for n, most in zip(seen[tile.core].shape, plan.largest, strict=True))
    assert (seen == 1).all()
    assert len(list(plan)) == len(plan)


@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_the_core_is_found_in_its_padded_box(plan: TilePlan) -> None:
    frame = np.arange(np.prod(plan.shape)).reshape(plan.shape)
    for tile in plan:
        assert np.array_equal(frame[tile.padded][tile.inside], frame[tile.core])
        for core, padded, n in zip(tile.core, tile.padded, plan.shape, strict=True):
            assert padded.start == max(0, core.start - plan.margin)
            assert padded.stop == min(n, core.stop + plan.margin)


def test_a_filter_over_tiles_is_the_filter_over_the_frame() -> None:
    frame = np.random.default_rng(0).standard_normal((50, 70))
    kernel = np.ones(7)

    def smooth(image: np.ndarray) -> np.ndarray:
        for axis in (0, 1):
            image = np.apply_along_axis(np.convolve, axis, image, kernel, "same")
        return image

    whole, found = smooth(frame), np.zeros_like(frame)
    for tile in TilePlan(frame.shape, (20, 16), margin=3):
        found[tile.core] = smooth(frame[tile.padded])[tile.inside]
    assert np.array_equal(found, whole) or np.abs(found - whole).max() < 1e-12


def test_sizes_are_nearly_equal_and_finer_tiles_scale() -> None:
    plan = TilePlan((100, 64), (33, 64), 4)
    assert [tile.core for tile in plan] == [(slice(25 * k, 25 * k + 25), slice(0, 64)) for k in range(4)]
    tile = list(plan)[1]
    assert tile.finer(6).core == (slice(150, 300), slice(0, 384))
    assert tile.finer(6).inside == (slice(24, 174), slice(0, 384))


def test_strips_are_of_about_the_pixels_asked() -> None:
    rows = strips_of((12960, 15360), 2**23)
    assert (rows[0].start, rows[-1].stop) == (0, 12960)
    assert all(a.stop == b.start for a, b in itertools.pairwise(rows))
    assert max(r.stop - r.start for r in rows) * 15360 <= 2**23
    assert strips_of((3, 10**9)) == [slice(0, 1), slice(1, 2), slice(2, 3)]


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="margin 0 or more"):
        TilePlan((10, 10), (5, 5), -1)
