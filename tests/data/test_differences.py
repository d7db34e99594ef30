"""Lossy vertical differences become intensities again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_neuralfield.data import differences
from napari_neuralfield.simulate.patterns import multiplexed


def lossy(frame: np.ndarray) -> np.ndarray:
    """What the released files hold of an intensity (y, x)."""
    step = np.zeros_like(frame)
    step[1:] = frame[1:] - frame[:-1]
    kept = step.copy()
    fallen = (step[1:] < 0) & (step[:-1] > 0)
    kept[1:][fallen] = np.minimum(step[1:] + step[:-1], 0)[fallen]
    return kept


def error(found: np.ndarray, truth: np.ndarray) -> float:
    """rms difference but for a constant, over the truth's spread."""
    return float((found - truth).std() / truth.std())


def test_cells_come_back() -> None:
    frames = multiplexed(0)[0].intensity().astype(float)
    stored = np.array([lossy(frame) for frame in frames])
    quiet = differences.quiet_pixels(stored)
    assert 0.15 < quiet.mean() < 0.8
    found = [differences.integrated(frame, quiet) for frame in stored]
    assert max(error(f, t) for f, t in zip(found, frames, strict=True)) < 0.2  # 0.07 to 0.15; a plain sum has about 1
    summed = [np.cumsum(frame, axis=0) for frame in stored]
    assert min(error(f, t) for f, t in zip(summed, frames, strict=True)) > 0.9


def test_what_is_kept_stays_as_it_is() -> None:
    frame = np.random.default_rng(0).normal(0, 1, (40, 30))
    stored = lossy(frame)
    assert (stored[2:] == 0).mean() == pytest.approx(1 / 6, abs=0.03)
    found = differences.integrated(stored, np.ones(frame.shape, bool))
    again = lossy(found)
    assert np.abs(again - stored).max() < 0.05  # 0.009 of steps of 1.4: bounds are firm, not hard


def test_a_frame_without_steps_and_one_without_losses() -> None:
    flat = np.zeros((12, 9))
    assert np.array_equal(differences.integrated(flat, np.ones((12, 9), bool)), flat)
    ramp = np.cumsum(np.ones((12, 9)), axis=0)
    found = differences.integrated(lossy(ramp), np.zeros((12, 9), bool))
    assert np.ptp(found - ramp) < 1e-6


def test_levels_bright_one_dark_zero_nothing_negative() -> None:
    frames = multiplexed(1, pixels=64)[0].intensity().astype(float)
    found = differences.intensities(np.array([lossy(frame) for frame in frames]), np.arange(5) < 2)
    quiet = differences.quiet_pixels(np.array([lossy(frame) for frame in frames]))
    assert found.dtype == np.float32
    assert found.min() == 0
    assert np.median(found[:2, quiet]) == pytest.approx(1, abs=0.02)
    assert np.abs(np.median(found[2:, quiet])) < 1e-3


def test_a_dead_part_of_a_frame_leaves_the_others_as_they_were() -> None:
    stored = np.array([lossy(frame) for frame in multiplexed(1, pixels=64)[0].intensity().astype(float)])
    alive = differences.intensities(stored, np.arange(5) < 2)
    stored[4].flat[2000:3000] = 0
    found = differences.intensities(stored, np.arange(5) < 2)
    assert max(error(found[i], alive[i]) for i in range(4)) < 0.1
    assert np.isfinite(found).all()
    assert np.isfinite(differences.intensities(np.zeros((5, 9, 9)), np.arange(5) < 0)).all()


def test_differences_are_recognised() -> None:
    frames = multiplexed(0, pixels=32)[0].intensity()
    assert differences.are_differences(np.array([lossy(frame) for frame in frames]))
    assert not differences.are_differences(frames)


def test_the_bench_comes_back(shared_bench: Path) -> None:
    from napari_neuralfield.io import open_acquisition

    frames = open_acquisition(shared_bench / "multiplexed_cells_0.acq.h5").intensity().astype(float)
    stored = np.array([lossy(frame) for frame in frames])
    quiet = differences.quiet_pixels(stored)
    errors = [error(differences.integrated(s, quiet), t) for s, t in zip(stored, frames, strict=True)]
    assert max(errors) < 0.11  # 0.05 to 0.09
