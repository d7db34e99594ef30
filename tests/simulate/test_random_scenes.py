"""Scenes for training: every kind, without seams, the same from the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.simulate.scenes.random_scenes import (
    DEFAULT_WEIGHTS,
    SCENES,
    TALLEST,
    add_wrapped,
    paste,
    random_scene,
)

SIZE, UNIT = 192, 2


@pytest.mark.parametrize("kind", SCENES)
def test_every_kind(kind: str) -> None:
    across, within = [], []
    for seed in range(4):
        phase, absorption = random_scene(SIZE, UNIT, np.random.default_rng(seed), {kind: 1.0})
        again, _ = random_scene(SIZE, UNIT, np.random.default_rng(seed), {kind: 1.0})
        assert np.array_equal(phase, again)
        assert phase.shape == absorption.shape == (SIZE, SIZE)
        assert phase.dtype == absorption.dtype == np.float32
        assert np.isfinite(phase).all()
        assert np.isfinite(absorption).all()
        assert 0.05 < phase.std() < 3
        assert np.abs(phase).max() < 2 * TALLEST
        for axis in (0, 1):
            steps = np.abs(np.roll(phase, -1, axis) - phase)
            across.append(np.take(steps, -1, axis).mean())
            within.append(np.delete(steps, -1, axis).mean())
    assert np.mean(across) < 1.3 * np.mean(within)
    other, _ = random_scene(SIZE, UNIT, np.random.default_rng(99), {kind: 1.0})
    assert not np.array_equal(phase, other)


def test_kinds_are_mixed_by_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(DEFAULT_WEIGHTS) <= set(SCENES)
    drawn: list[str] = []

    def noted(name: str) -> np.ndarray:
        drawn.append(name)
        return np.zeros((16, 16), np.float32)

    for name in SCENES:
        monkeypatch.setitem(SCENES, name, lambda *_, name=name: noted(name))
    rng = np.random.default_rng(0)
    for _ in range(40):
        random_scene(16, 2, rng, {"leaves": 3.0, "noise": 1.0})
    assert set(drawn) == {"leaves", "noise"}
    assert 0.6 < drawn.count("leaves") / 40 < 0.9


def test_patches_go_on_beyond_the_border() -> None:
    object_array, patch = np.zeros((6, 6)), np.arange(1.0, 10).reshape(3, 3)
    add_wrapped(object_array, patch, 0, 5)
    assert np.array_equal(np.roll(object_array, (1, 2), (0, 1))[:3, :3], patch)
    assert object_array.sum() == patch.sum()
    paste(object_array, np.ones((3, 3)), 2.0, 0, 5)
    assert object_array.sum() == 18
    paste(object_array, np.full((3, 3), 0.5), 0.0, 0, 5)
    assert object_array.sum() == 9
