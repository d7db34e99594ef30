"""Gains that no LED has become those of the LEDs around; what an LED really gives stays."""

from __future__ import annotations

import numpy as np
import pytest
from scene import board

from napari_neuralfield.optics.board import BoardPose
from napari_neuralfield.recon.calibration.plausible import (
    gain_sentences,
    impossible,
    judged,
    light_ratio,
    light_sentence,
    microscope_sentences,
)

OBJECTIVE_NA = 0.1
NA = board(9) / np.abs(board(9)).max() * 0.15
RADIUS = np.hypot(*NA.T) / OBJECTIVE_NA
USUAL = np.where(RADIUS < 1, 1.0, 0.01)


def test_a_gain_that_its_frame_does_not_show_is_replaced_and_a_dim_led_is_not() -> None:
    gain, light = np.ones(81), USUAL.copy()
    far = np.flatnonzero(np.abs(RADIUS - 1) > 0.1)
    odd, dim = far[0], far[-1]
    gain[odd], gain[dim], light[dim] = 7.7, 0.1, 0.1 * light[dim]
    found = judged(gain, np.ones(81), light, na=NA, objective_na=OBJECTIVE_NA)
    assert found.odd.tolist() == [odd]
    assert found.dim.tolist() == [dim]
    assert found.gain[odd] == pytest.approx(1)
    assert found.gain[dim] == pytest.approx(0.1)
    said = dict(gain_sentences(found, gain, np.zeros(0, int)))
    assert list(said.values()) == [True, False]
    first, second = said
    assert first == (
        f"the light of LED {odd} came out as 7.7 times that of the LEDs around, which is not plausible, so that of the "
        "LEDs around is taken"
    )
    assert second == f"LED {dim} gives far less light than the LEDs around; dead or blocked?"


def test_leds_at_the_rim_have_the_light_of_the_others() -> None:
    na = NA.copy()
    na[0], na[1] = (0.0, 0.0995), (0.1005, 0.0)
    gain = np.ones(81)
    gain[:2] = 0.4
    found = judged(gain, np.ones(81), USUAL, na=na, objective_na=OBJECTIVE_NA)
    assert found.gain == pytest.approx(np.ones(81))
    ((text, warning),) = gain_sentences(found, gain, np.zeros(0, int))
    assert text.startswith("LEDs 0 and 1 lie at the rim of the pupil, which cuts their light")
    assert not warning


def test_longer_exposures_are_no_odd_gains() -> None:
    exposure = np.where(RADIUS > 1.2, 8.0, 1.0)
    found = judged(exposure * 1.1, exposure, USUAL * exposure, na=NA, objective_na=OBJECTIVE_NA)
    assert len(found.odd) == len(found.dim) == len(found.at_the_rim) == 0
    assert light_sentence(light_ratio(exposure, exposure, NA, OBJECTIVE_NA)) == ""
    ratio = light_ratio(np.ones(81), np.where(RADIUS > 1, 8.0, 1.0), NA, OBJECTIVE_NA)
    assert ratio == 8
    assert not impossible(ratio)
    assert "came out 8 times as bright as the dark-field LEDs nearest to them" in light_sentence(ratio)
    assert impossible(1e-3)
    assert "nothing of it is taken; check the exposures, the order of the frames" in light_sentence(1e-3)


def test_a_board_or_pupil_far_off_is_said() -> None:
    assert not list(microscope_sentences(np.array([0.5, -0.4]), BoardPose(0.3, (0.02, 0.0), 1.05), OBJECTIVE_NA))
    said = list(microscope_sentences(np.array([4.0]), BoardPose(0.0, (0.08, 0.0), 1.4), OBJECTIVE_NA))
    assert ["4 rad rms" in said[0], "0.080 NA off" in said[1], "1.40 times as large" in said[2]] == [True] * 3
