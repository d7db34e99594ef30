"""Half discs and arcs: what is built, and that it is recognised again."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.optics import patterns
from napari_neuralfield.simulate.led_optics import led_grid_na
from napari_neuralfield.types import InputError

NA = led_grid_na(17, 4.0, 67.5, 0.412)


def test_two_halves_are_the_whole_disc_and_three_arcs_the_whole_ring() -> None:
    built = patterns.halves_and_arcs(NA, 0.1, 45.0)
    bright = np.hypot(*NA.T) <= 0.1
    assert len(NA) == 185
    assert bright.sum() == 9
    assert built[:2].sum(0) == pytest.approx(bright.astype(float))
    assert built[2:].sum(0) == pytest.approx((~bright).astype(float))
    assert set(np.unique(built)) == {0.0, 0.5, 1.0}


def test_light_travels_towards_the_angle_x_right_and_y_down() -> None:
    down = patterns.half_disc(NA, 0.1, 90.0)
    assert (down @ NA)[0] > 0.1
    assert abs((down @ NA)[1]) < 1e-9
    left = patterns.arc(NA, 0.1, 180.0, limit_na=0.3)
    assert (left @ NA)[1] < -1
    assert np.hypot(*NA[left > 0].T).max() <= 0.3


@pytest.mark.parametrize("turn", [0.0, 17.0, 105.0, 225.0])
def test_what_is_built_is_recognised(turn: float) -> None:
    built = patterns.halves_and_arcs(NA, 0.1, turn, (turn, turn + 120, turn + 240), limit_na=0.35)
    named = patterns.describe(NA, built * 7.0, 0.1)
    assert [n.kind for n in named] == ["half", "half", "arc", "arc", "arc"]
    off = [(n.angle_deg - turn - more + 180) % 360 - 180 for n, more in zip(named, (0, 180, 0, 120, 240), strict=True)]
    assert np.abs(off[:2]).max() < 20  # nine LEDs do not tell an axis better
    assert np.abs(off[2:]).max() < 6
    assert [n.width_deg for n in named[2:]] == pytest.approx([120] * 3, abs=8)
    assert max(n.limit_na for n in named) <= 0.35


def test_four_arcs_are_recognised_too() -> None:
    named = patterns.describe(NA, patterns.halves_and_arcs(NA, 0.1, 0.0, (45, 135, 225, 315))[2:], 0.1)
    assert [n.kind for n in named] == ["arc"] * 4
    assert [n.width_deg for n in named] == pytest.approx([90] * 4, abs=6)


def test_other_patterns_have_other_names() -> None:
    bright = (np.hypot(*NA.T) <= 0.1).astype(float)
    random = np.zeros(len(NA))
    random[[20, 60, 90, 150, 180]] = 1
    named = patterns.describe(NA, np.array([bright, 1 - bright, np.ones(len(NA)), 0 * bright, random]), 0.1)
    assert [n.kind for n in named] == ["bright", "dark", "mixed", "empty", "dark"]


def test_a_pattern_without_leds_says_why() -> None:
    with pytest.raises(InputError, match=r"holds no LED within objective_na 0.01; check the NA"):
        patterns.half_disc(NA, 0.01, 0.0)
    with pytest.raises(InputError, match=r"between objective_na 0.5 and NA 0.6"):
        patterns.arc(NA, 0.5, 0.0, limit_na=0.6)
