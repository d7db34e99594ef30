"""Half discs that must be opposite: pairs, axes and signs, with absorption and in noise."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.checks import findings as checks
from napari_neuralfield.data.acquisition import Draft, MultiplexedLed
from napari_neuralfield.optics.patterns import half_disc
from napari_neuralfield.simulate.led_optics import led_grid_na
from napari_neuralfield.simulate.patterns import pattern_frames
from napari_neuralfield.simulate.scenes.random_scenes import random_scene

OPTICS = {"objective_na": 0.25, "wavelength_um": 0.53, "pixel_um": 0.8}
ANGLES = (0, 180, 90, 270)
LEDS = led_grid_na(13, 4.0, 90.0, 0.27)


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    rng = np.random.default_rng(1)
    phase, absorbed = random_scene(96 * 3, 3, rng)
    light = pattern_frames(np.exp(1j * phase - absorbed), LEDS, halves(ANGLES), upsampling=3, **OPTICS)
    return rng.poisson(light / light.mean() * 5000).astype(np.float32)


def halves(angles: tuple[float, ...]) -> np.ndarray:
    return np.array([half_disc(LEDS, 0.25, angle) for angle in angles])


def said(frames: np.ndarray, angles: tuple[float, ...]) -> checks.Check | None:
    values = {**OPTICS, "led_na": LEDS, "patterns": halves(angles)}
    acquisition = Draft("multiplexed_led", frames, values, "dpc.tif").complete()
    assert isinstance(acquisition, MultiplexedLed)
    return {c.name: c for c in checks.check(acquisition)}.get("halves")


def test_right_patterns_are_left_alone(frames: np.ndarray) -> None:
    found = said(frames, ANGLES)
    assert found is not None
    assert found.level == "ok"


def test_wrong_pairs_are_named_with_the_order_that_fits(frames: np.ndarray) -> None:
    found = said(frames, (0, 90, 180, 270))
    assert found is not None
    assert found.level == "warning"
    assert "those that do are 0 with 1 and 2 with 3" in found.text
    assert "patterns: [{half: " in found.text


@pytest.mark.parametrize("given", [(90, 270, 0, 180), (0, 180, 270, 90), (45, 225, 135, 315)])
def test_pairs_along_other_axes_or_of_the_other_sign_are_seen(frames: np.ndarray, given: tuple[float, ...]) -> None:
    found = said(frames, given)
    assert found is not None
    assert found.level == "warning"
    assert "along other axes" in found.text


def test_noise_says_nothing() -> None:
    noise = np.random.default_rng(0).poisson(1000, (4, 96, 96)).astype(np.float32)
    assert said(noise, (0, 90, 180, 270)) is None
