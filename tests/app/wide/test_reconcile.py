"""Planted offsets, tilts and gains of tiles are found back from their overlaps; a false overlap does no harm."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.app.wide.differences import Difference, difference
from napari_neuralfield.app.wide.reconcile import corrections

SIDE, STEP, PIXEL = 40, 32, 0.8  # pixels of a tile, from tile to tile, and um of one


def world(rng: np.random.Generator, grid: int) -> np.ndarray:
    """A smooth complex field of `grid` x `grid` tiles."""
    n = STEP * grid + SIDE - STEP
    noise = np.fft.fft2(rng.normal(size=(2, n, n)))
    f = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.fftfreq(n))
    phase, light = np.fft.ifft2(noise * np.exp(-((f / 0.04) ** 2))).real
    return (1 + 0.3 * light / light.std() / 3) * np.exp(2j * phase / phase.std())


def planted(seed: int, grid: int = 4, noise: float = 0.02) -> tuple[list[Difference], np.ndarray, np.ndarray]:
    """Differences of tiles that were given random corrections; middles (tile, 2); what would undo them (tile, 4)."""
    rng = np.random.default_rng(seed)
    whole, tiles, centres = world(rng, grid), [], []
    truth = np.column_stack(
        [rng.uniform(-3, 3, grid**2), *rng.normal(0, 0.02, (2, grid**2)), rng.normal(0, 0.1, grid**2)]
    )
    for (row, column), (phase, tilt_y, tilt_x, gain) in zip(np.ndindex(grid, grid), truth, strict=True):
        y, x = (PIXEL * (STEP * k + np.arange(SIDE)) for k in (row, column))
        centre = np.array([y.mean(), x.mean()])
        plane = phase + tilt_y * (y - centre[0])[:, None] + tilt_x * (x - centre[1])
        part = whole[STEP * row : STEP * row + SIDE, STEP * column : STEP * column + SIDE]
        grain = rng.normal(0, noise, (2, SIDE, SIDE))
        tiles.append((y, x, part * np.exp(-gain - 1j * plane) + grain[0] + 1j * grain[1]))
        centres.append(centre)
    found = []
    for i, (yi, xi, one) in enumerate(tiles):
        for j, (yj, xj, other) in enumerate(tiles[i + 1 :], i + 1):
            (y, ky, ly), (x, kx, lx) = (
                np.intersect1d(*np.round(ab, 9), return_indices=True) for ab in ((yi, yj), (xi, xj))
            )
            if len(y) and len(x):
                found.append(difference((i, j), (one[np.ix_(ky, kx)][None], other[np.ix_(ly, lx)][None]), y, x))
    return [d for d in found if d is not None], np.array(centres), truth


def errors(differences: list[Difference], centres: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Of (phase, tilt y, tilt x, log gain), rms, but for what all tiles share."""
    found = np.array([(c.phase_rad, *c.tilt_rad_per_um, np.log(c.gain)) for c in corrections(differences, centres)])
    off = found - truth
    shared = off[:, 1:3].mean(0)
    off[:, 1:3] -= shared
    off[:, 0] -= centres @ shared
    off[:, 0] = np.angle(np.exp(1j * (off[:, 0] - np.angle(np.exp(1j * off[:, 0]).sum()))))
    off[:, 3] -= off[:, 3].mean()
    return np.sqrt((off**2).mean(0))


def test_what_was_planted_is_found_back_exactly_without_noise() -> None:
    assert errors(*planted(0, noise=0.0)).max() < 1e-3


@pytest.mark.parametrize("seed", range(5))
def test_what_was_planted_is_found_back_under_noise(seed: int) -> None:
    phase, tilt_y, tilt_x, gain = errors(*planted(seed))
    assert phase < 0.03
    assert max(tilt_y, tilt_x) < 1e-3
    assert gain < 0.01


def test_an_overlap_that_lies_does_no_harm() -> None:
    differences, centres, truth = planted(3)
    lie = differences[7]
    object.__setattr__(lie, "plane", lie.plane + np.array([1.0, 0.05, 0.0]))
    assert errors(differences, centres, truth)[0] < 0.05


def test_phases_without_light_keep_their_offsets() -> None:
    """Phase alone: 2 pi more is more, and there is no gain."""
    y = x = np.arange(8.0)
    one = difference((0, 1), (np.full((1, 8, 8), 7.0), np.zeros((1, 8, 8))), y, x)
    assert one is not None
    first, second = corrections([one], np.array([[3.5, 0.0], [3.5, 7.0]]))
    assert second.phase_rad - first.phase_rad == pytest.approx(7.0)
    assert (first.gain, second.gain) == (1.0, 1.0)


def test_a_tile_without_neighbours_stays_as_it_is() -> None:
    (alone,) = corrections([], np.zeros((1, 2)))
    assert (alone.phase_rad, alone.tilt_rad_per_um, alone.gain) == (0.0, (0.0, 0.0), 1.0)
