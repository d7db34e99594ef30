"""What a fit compares: the noise that frames show, where they are full, and which pixels say nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scene import scene

from napari_neuralfield.data.repairs import Repaired
from napari_neuralfield.recon.refine.counts import counts_of, end_of_scale, with_noise

PER_ELECTRON, READ = 0.4, 3.0  # counts


def noisy() -> tuple[np.ndarray, np.ndarray]:
    """Frames of 5 to 2000 counts (led, y, x), and the light that they were drawn from."""
    rng = np.random.default_rng(0)
    light = np.geomspace(5, 2000, 40)[:, None, None] * rng.uniform(0.5, 1.5, (40, 32, 32))
    counts = rng.poisson(light / PER_ELECTRON) * PER_ELECTRON + rng.normal(0, READ, light.shape)
    return counts.astype(np.float32), light


def test_noise_of_photons_and_of_reading_is_told_apart() -> None:
    frames, light = noisy()
    na = np.random.default_rng(1).uniform(-0.3, 0.3, (40, 2))
    given, _ = scene((32, 32), na=na)
    counts = counts_of(given.replace(frames=frames), torch.device("cpu"))
    found = with_noise(counts, torch.as_tensor(light / counts.scale, dtype=torch.float32))
    assert found.variance * counts.scale == pytest.approx(PER_ELECTRON / 4, rel=0.15)
    assert found.offset * counts.scale == pytest.approx(0.375 * PER_ELECTRON + READ**2 / PER_ELECTRON, rel=0.25)
    roots = torch.sqrt(torch.as_tensor(light / counts.scale) + found.offset)
    spread = (found.roots - roots).square().mean(dim=(1, 2)) / found.variance  # the same however bright
    assert spread[[0, 20, -1]].tolist() == pytest.approx([1, 1, 1], rel=0.2)


def test_full_pixels_and_filled_ones_do_not_count() -> None:
    given, _ = scene((32, 32))
    frames = np.round(1000 * np.asarray(given.frames[:]) / given.frames[:].max()).astype(np.uint16)
    hot = np.zeros((32, 32), bool)
    hot[3, 4] = True
    clipped = np.minimum(frames, 600)
    acquisition = given.replace(frames=Repaired(clipped, hot)).subset([2, 0, 1])
    counts = counts_of(acquisition, torch.device("cpu"))
    assert not counts.good[:, 3, 4].any()
    assert torch.equal(counts.good, torch.as_tensor((clipped[[2, 0, 1]] < 600) & ~hot))
    assert end_of_scale(given.replace(frames=frames)) == np.inf  # its brightest pixel is one


def test_an_exposure_is_not_divided_out() -> None:
    given, _ = scene((32, 32))
    exposure = np.where(np.arange(given.frame_count) % 2, 8.0, 2.0)
    longer = given.replace(frames=np.asarray(given.frames[:]) * exposure[:, None, None], exposure=exposure)
    counts = counts_of(longer, torch.device("cpu"))
    assert counts.exposure.tolist() == pytest.approx((exposure / 2).tolist())
    assert torch.allclose(
        counts.light[1] / counts.light[0], torch.as_tensor(longer.frames[1] / longer.frames[0]).float()
    )
    assert dataclasses.replace(counts, offset=0.0).roots.square().allclose(counts.light.clamp(min=0), atol=1e-6)
