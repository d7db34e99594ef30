"""Slow phase that is learnt beside an object's samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scene import OBJECTIVE_NA, PIXEL_UM, UPSAMPLING, WAVELENGTH_UM, board, scene

from napari_neuralfield.recon.refine.microscope import grid_of
from napari_neuralfield.recon.refine.rounds import Start, bend_of_light
from napari_neuralfield.recon.refine.slow_phase import SlowPhase, bend_of, sphere
from napari_neuralfield.simulate.simulators import led_frames

CPU = torch.device("cpu")


def test_cosines_are_a_phase() -> None:
    """Their weights are of a wave of modulus 1 that is even about the edges."""
    slow = SlowPhase((64, 96), CPU)
    slow.found[1, 0] = 0.5
    phase = torch.angle(slow.wave(slow.found))
    assert float(phase[0, 0]) == pytest.approx(0.25 * np.cos(np.pi / 128), rel=1e-4)  # half of a weight, see `share`
    assert torch.allclose(phase, -phase.flip(0), atol=1e-6)


def test_a_finer_grid_of_the_same_area_takes_the_phase_up() -> None:
    """LEDs that turn out to lie farther out need a larger grid, which has room for more cosines."""
    coarse, fine = SlowPhase((64, 64), CPU), SlowPhase((128, 96), CPU)
    coarse.found[2, 1] = 0.4
    fine.take_up(coarse.found)
    assert fine.found.shape != coarse.found.shape
    assert torch.allclose(fine.wave(fine.found)[0, 0].angle(), coarse.wave(coarse.found)[0, 0].angle(), atol=1e-3)
    coarse.take_up(fine.found)
    assert float(coarse.found[2, 1]) == pytest.approx(0.4)


def test_a_sphere_is_the_path_from_an_led_overhead() -> None:
    """It rises from the middle of the frame as that path gets longer."""
    acquisition = scene((64, 64))[0]
    grid = grid_of(acquisition, CPU)
    height = 3000.0
    phase = sphere(grid, acquisition.pixel_um, np.pi / acquisition.wavelength_um / height)
    factor = grid.object_shape[0] / grid.plan.image_shape[0]
    middle, edge = (round((grid.offset[0] + part) * factor) for part in (32, 64))
    away = (edge - middle) / factor * acquisition.pixel_um
    path = np.hypot(away, height) - height
    assert float(phase[edge, middle]) == pytest.approx(2 * np.pi * path / acquisition.wavelength_um, rel=0.03)


def test_the_bend_that_fits_best_is_found_and_none_where_a_plane_wave_does() -> None:
    """Downhill from a plane wave, and between the trials by a parabola."""
    corner, true = 100.0, 4.3e-4
    assert bend_of(lambda bend: 1 + (bend - true) ** 2 * 1e7, corner) == pytest.approx(true, rel=0.01)
    assert bend_of(lambda bend: 1 + (bend - 1e-6) ** 2 * 1e7, corner) == 0.0
    assert bend_of(lambda bend: 1 / (1 + bend * 1e4) if bend > 0 else 1.0, corner) == 0.0  # no end of it is seen


def test_light_of_near_leds_is_seen_to_be_bent() -> None:
    """Frames of an object under a spherical wave tell how much it is bent, of a plane one that it is not."""
    na, size, true = board(9, 0.045, (0.003, -0.005)), 144, 2e-3  # some LEDs lie at the rim
    given, sample = scene((size, size), na=na, strength=0.8)
    given = given.replace(frames=np.asarray(given.frames)[:, 24:-24, 24:-24])  # borders do not repeat
    start = Start(z_um=0.0, gains=np.ones(given.frame_count))
    assert bend_of_light(given, start, CPU) == 0.0
    away = (np.arange(2 * size) - size) * PIXEL_UM / UPSAMPLING
    bent = sample * np.exp(1j * true * (away[:, None] ** 2 + away**2))
    frames = led_frames(
        bent[None] - 1, np.zeros(1), na, objective_na=OBJECTIVE_NA, wavelength_um=WAVELENGTH_UM,
        pixel_um=PIXEL_UM, upsampling=UPSAMPLING,
    )  # fmt: skip
    assert bend_of_light(given.replace(frames=frames[:, 24:-24, 24:-24]), start, CPU) == pytest.approx(true, rel=0.4)
