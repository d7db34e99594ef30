"""What frames tell of a phase: closed forms of white phase and white noise."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.recon.engine.told import mirrored_frequencies, told

SHAPE, PIXEL_UM = (96, 80), 0.5


@pytest.fixture(scope="module")
def phase() -> np.ndarray:
    """White, deviation 0.5 rad."""
    return 0.5 * np.random.default_rng(0).standard_normal(SHAPE)


def test_noise_leaves_of_white_phase_what_wiener_says(phase: np.ndarray) -> None:
    found = told(phase, np.full((192, 160), 4.0), 0.25, PIXEL_UM)
    open_power = 0.25 * 0.25 / (0.25 + 4 * 0.25)
    assert found.untold_rad == pytest.approx(np.sqrt(open_power), rel=0.02)
    assert found.share == pytest.approx(np.sqrt(open_power) / 0.5, rel=0.02)
    assert found.sentence == ""
    unexplained = np.sqrt(0.5) * np.random.default_rng(1).standard_normal((3, *SHAPE))  # counts as noise
    worse = told(phase, np.full((192, 160), 4.0), 0.25, PIXEL_UM, unexplained)
    assert worse.untold_rad == pytest.approx(np.sqrt(0.5 * 0.25 / (0.5 + 4 * 0.25)), rel=0.02)


def test_waves_that_show_in_no_frame_are_named_by_their_length(phase: np.ndarray) -> None:
    f = np.hypot(*mirrored_frequencies(SHAPE, PIXEL_UM))
    slow = f < 0.25
    found = told(phase, np.where(slow, 0.0, 1e6), 1e-4, PIXEL_UM)
    assert found.untold_rad == pytest.approx(0.5 * np.sqrt(slow.mean()), rel=0.1)
    assert found.detail_um == pytest.approx(2.0, rel=0.08)
    assert "phase that changes over more than 2" in found.sentence


def test_the_constant_is_not_asked_for() -> None:
    found = told(np.full(SHAPE, 3.0), np.zeros((192, 160)), 0.1, PIXEL_UM)
    assert found.untold_rad == pytest.approx(0, abs=1e-6)
