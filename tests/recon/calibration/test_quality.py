"""Quality without truth: what must follow when the truth is known after all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scene import OBJECTIVE_NA, PIXEL_UM, WAVELENGTH_UM, board, scene, thin_sample

from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.recon.calibration.quality import Quality, assess, checkerboard, ring_edges, spread
from napari_neuralfield.simulate.simulators import led_frames
from napari_neuralfield.types import InputError, Progress

NA = board(9, 0.06)  # to 0.35, beyond the objective's 0.2


def finish(acquisition: LedArray, **options: Any) -> Quality:
    events = assess(acquisition, "cpu", **options)
    while True:
        try:
            event = next(events)
            assert isinstance(event, Progress)
            assert (event.what, 0 < event.done <= event.total) == ("quality", True)
        except StopIteration as end:
            assert event.done == event.total
            return end.value


@pytest.fixture(scope="module")
def noisy() -> LedArray:
    """A sample with detail beyond the synthetic aperture; 20,000 electrons in the bright field."""
    acquisition, _ = scene((48, 48), na=NA)
    detail = thin_sample((96, 96), strength=0.9, cutoff=3.0)[None] - 1
    frames = led_frames(
        detail, np.zeros(1), NA, objective_na=OBJECTIVE_NA, wavelength_um=WAVELENGTH_UM, pixel_um=PIXEL_UM, upsampling=2
    )
    return acquisition.replace(frames=(np.random.default_rng(0).poisson(frames * 2e4) / 2e4).astype(np.float32))


@pytest.fixture(scope="module")
def right(noisy: LedArray) -> Quality:
    return finish(noisy)


def test_a_right_microscope_resolves_what_the_sample_has(noisy: LedArray, right: Quality) -> None:
    finest = WAVELENGTH_UM / (OBJECTIVE_NA + np.hypot(*NA.T).max())
    assert finest <= right.resolution_um < 1.25 * finest
    assert right.held_out_error < 0.03
    assert right.ring_error[0] < 0.01
    assert 8 <= len(right.held_out) <= 9
    assert np.isfinite(right.held_out_ring_error).all()


def test_wrong_directions_show_in_every_figure(noisy: LedArray, right: Quality) -> None:
    wrong = np.array(noisy.illumination_na)
    wrong[::2] += np.random.default_rng(1).normal(0, 0.05, wrong[::2].shape)
    found = finish(noisy.replace(illumination_na=np.clip(wrong, -1, 1)), same_as=right)
    assert found.resolution_um > 1.1 * right.resolution_um
    assert found.held_out_error > 5 * right.held_out_error
    assert (found.ring_error > 2 * right.ring_error).all()
    assert np.array_equal(found.held_out, right.held_out)
    assert np.array_equal(found.first_half, right.first_half)


def test_a_brighter_led_is_no_misfit(noisy: LedArray, right: Quality) -> None:
    gain = np.random.default_rng(2).uniform(0.7, 1.3, len(NA))
    brighter = noisy.replace(frames=(noisy.intensity() * gain[:, None, None]).astype(np.float32))
    for found in (finish(brighter), finish(brighter.replace(exposure=gain))):
        assert found.held_out_error < 1.5 * right.held_out_error
        assert found.resolution_um == pytest.approx(right.resolution_um, rel=0.05)


def test_halves_of_a_grid_are_a_checkerboard() -> None:
    steps = np.stack(np.meshgrid(np.arange(9), np.arange(9), indexing="ij"), -1).reshape(-1, 2)
    turned = NA @ np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    half = checkerboard(turned + np.random.default_rng(0).normal(0, 0.002, NA.shape))
    assert np.array_equal(half, steps.sum(1) % 2 == 0)
    ring = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    half = checkerboard(0.1 * np.stack([np.sin(ring), np.cos(ring)], 1))
    assert (half != np.roll(half, 1)).all()


def test_a_tenth_is_held_out_in_every_ring() -> None:
    radius = np.hypot(*NA.T)
    ring = np.digitize(radius, [0.1, 0.2, 0.3])
    out = spread(NA, ring, 0)
    assert np.array_equal(np.bincount(ring[out]), np.maximum(1, np.round(np.bincount(ring) / 10)))
    assert np.argmin(radius) not in out
    assert not np.array_equal(out, spread(NA, ring, 1))


def test_rings_hold_leds_and_part_bright_from_dark() -> None:
    edges = ring_edges(NA, OBJECTIVE_NA)
    assert edges == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    few = np.vstack([board(3, 0.05), [[0.21, 0.0]]])
    assert ring_edges(few, OBJECTIVE_NA) == pytest.approx([0, 0.2, 0.3])
    assert ring_edges(0.1 * board(3, 0.05), OBJECTIVE_NA) == pytest.approx([0, 0.1])


def test_too_few_leds_are_refused() -> None:
    acquisition, _ = scene(na=board(2))
    with pytest.raises(InputError, match=r"scene.acq.h5 has 4 frames; two halves can only be compared from 8 on"):
        finish(acquisition)
