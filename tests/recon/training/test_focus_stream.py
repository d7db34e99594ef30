"""Scenes for the single-frame networks: what is seen belongs to the phase behind it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from napari_neuralfield.forward.brightfield import BrightField
from napari_neuralfield.recon.focus.network_inputs import CONTRAST_UNIT, UPSAMPLING, Defocus, transfer
from napari_neuralfield.recon.training.focus_stream import DefocusStream, DefocusVariety, image

QUIET = DefocusVariety(noise=(1e-6, 1e-6), uneven=0.0, haze_rad=0.0)
SIDE = 32


def lumps(size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    """A weak phase without symmetry."""
    axis = 2 * np.pi * np.arange(size) / size
    y, x = rng.uniform(0, 6, 2)
    return 0.04 * (np.cos(3 * axis[:, None] + y) * np.sin(axis + x) + np.sin(2 * axis[:, None] + 3 * axis + 1)).astype(
        np.float32
    )


def test_a_frame_is_the_image_of_its_phase_by_any_microscope_of_that_fresnel_number() -> None:
    scene = DefocusStream(QUIET, size=SIDE, patch=SIDE, draw=lambda *a: 10 * lumps(*a), seed=2).scene()
    defocus, phase = scene.defocus, scene.phase.float()
    wavelength, pixel = 0.53, 2.6  # another than the stream's own
    microscope = BrightField(
        wavelength, defocus.objective * wavelength / pixel, defocus.condenser * wavelength / pixel, pixel / UPSAMPLING,
        UPSAMPLING, 8,
    )  # fmt: skip
    z_um = torch.tensor([defocus.fresnel * pixel**2 / wavelength])
    again = microscope.images(torch.polar(torch.ones_like(phase), phase), z_um)[0]
    assert scene.frame.std() > 0.01
    assert (again - scene.frame).std() < 0.02 * scene.frame.std()


def test_noise_is_as_much_as_was_asked_for() -> None:
    flat = dataclasses.replace(QUIET, noise=(0.004, 0.006))
    stream, frame = DefocusStream(flat, size=64, patch=32, pool=1), torch.ones(64, 64)
    found = [float((stream.noisy(frame) - frame).std()) for _ in range(20)]
    assert 0.0037 < min(found) < max(found) < 0.0063
    assert max(found) > 1.2 * min(found)


def test_optics_are_drawn_from_the_ranges() -> None:
    rng = np.random.default_rng(0)
    variety = DefocusVariety(fresnel=(0.1, 0.5), below=0.25, coherence=(0.0, 0.4), objective=(1.5, 2.0))
    drawn = [variety.draw(rng) for _ in range(400)]
    assert np.mean([d.fresnel < 0 for d in drawn]) == pytest.approx(0.25, abs=0.07)
    assert all(0.1 <= abs(d.fresnel) <= 0.5 and 1.5 <= d.objective <= 2 for d in drawn)
    assert all(0 <= d.condenser <= 0.4 * d.objective for d in drawn)
    assert 0.2 < np.mean([d.condenser == 0 for d in drawn]) < 0.3


def test_turned_patches_keep_frame_and_phase_together() -> None:
    """A weak sample's contrast is its phase through the transfer, whichever way a patch is turned."""
    variety = dataclasses.replace(QUIET, fresnel=(0.4, 0.4), below=0.0, coherence=(0.0, 0.0))
    stream = DefocusStream(variety, size=SIDE, patch=SIDE, pool=8, draw=lumps, seed=1)
    channels, phases = stream.batch(12)
    assert channels.shape == (12, 4, SIDE, SIDE)
    assert phases.shape == (12, SIDE * UPSAMPLING, SIDE * UPSAMPLING)
    response = transfer(Defocus(0.4, 0.0, 2.0), (SIDE, SIDE))
    for given, phase in zip(channels, phases, strict=True):
        fine = torch.fft.fft2(phase.reshape(SIDE, UPSAMPLING, SIDE, UPSAMPLING).mean((1, 3)))
        shown = torch.fft.ifft2(fine * response).real
        both = torch.stack([shown.flatten(), CONTRAST_UNIT * given[0].flatten()])
        assert torch.corrcoef(both)[0, 1] > 0.98
    assert len({round(float(p[0, 0]), 5) for p in phases}) > 4


def test_the_same_seed_makes_the_same_patches_and_scenes_are_replaced() -> None:
    one, two = (DefocusStream(QUIET, size=SIDE, patch=16, pool=8, per_scene=2, draw=lumps, seed=7) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(one.batch(4), two.batch(4), strict=True))
    before = list(one.pool.scenes)
    one.batch(16)
    one.batch(16)
    assert len(one.pool.scenes) == 8
    assert sum(any(scene is old for old in before) for scene in one.pool.scenes) == 0


def test_more_points_of_the_condenser_change_little() -> None:
    phase = torch.from_numpy(20 * lumps(SIDE * UPSAMPLING, UPSAMPLING, np.random.default_rng(3)))
    for fresnel in (0.2, -1.0):
        defocus = Defocus(fresnel, 0.8, 1.96)
        few, many = image(phase, defocus), image(phase, defocus, points=150)
        assert (few - many).std() < 0.05 * (many - 1).std()
