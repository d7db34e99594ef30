"""The verdict on a phase from LED patterns."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.data.acquisition import MultiplexedLed
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.verdict import pattern_rules
from napari_neuralfield.simulate.led_optics import led_grid_na
from napari_neuralfield.simulate.patterns import pattern_frames
from napari_neuralfield.simulate.scenes.random_scenes import power_noise
from napari_neuralfield.types import Done, Verdict

NA, WAVELENGTH, PIXEL = 0.2, 0.5, 0.5


@pytest.fixture(scope="module")
def halves() -> MultiplexedLed:
    """Four halves of the bright-field disc, 10,000 photons a pixel."""
    rng = np.random.default_rng(0)
    phase = 0.25 * power_noise(128, 2, rng, 1.0, finest=1.5, coarsest=12)
    board = led_grid_na(11, NA / 4.5, 1.0, 1.2 * NA)
    inside = np.hypot(*board.T) <= NA
    sides = [board[:, axis] * sign > 1e-9 for axis in (1, 0) for sign in (1, -1)]
    patterns = np.array([side & inside for side in sides], float)
    light = pattern_frames(
        np.exp(1j * phase), board, patterns, objective_na=NA, wavelength_um=WAVELENGTH, pixel_um=PIXEL, upsampling=2
    )
    return MultiplexedLed(
        frames=rng.poisson(1e4 * light / light.mean()).astype(np.uint16), wavelength_um=WAVELENGTH, objective_na=NA,
        pixel_um=PIXEL, led_na=board, patterns=patterns, source="halves",
    )  # fmt: skip


def verdict(acquisition: MultiplexedLed) -> Verdict:
    *_, done = reconstruct(acquisition, build_recipe("dpc", {}))
    assert isinstance(done, Done)
    assert done.result.verdict is not None
    return done.result.verdict


def test_halves_that_agree_are_green(halves: MultiplexedLed) -> None:
    assert verdict(halves).level == "green"


@pytest.mark.parametrize(("order", "word"), [([1, 0, 2, 3], "which half is which"), ([2, 1, 0, 3], "opposite")])
def test_halves_in_another_order_are_red(halves: MultiplexedLed, order: list[int], word: str) -> None:
    found = verdict(halves.replace(frames=np.asarray(halves.frames)[order]))
    assert found.level == "red", found.figures
    assert word in found.sentence


def test_what_a_method_says_of_itself_counts_where_it_is_worse() -> None:
    figures = {"bright_field_correlation": 0.9}
    assert pattern_rules.verdict(figures).level == "green"
    assert pattern_rules.verdict(figures, ("amber", "Unlike the training.")).sentence == "Unlike the training."
    noisy = pattern_rules.verdict({"bright_field_correlation": 0.2}, ("amber", "Unlike the training."))
    assert noisy.level == "red"
    assert "0.20" in noisy.sentence


def test_noise_alone_does_not_doubt_halves_that_mirror_each_other() -> None:
    figures = {"halves": 4.0, "one_phase": 0.88, "one_phase_best": 0.88}
    assert pattern_rules.verdict(figures | {"opposite_halves": -0.97}).level == "green"
    assert pattern_rules.verdict(figures | {"opposite_halves": -0.9}).level == "amber"
