"""Simulated frames that resemble measured ones."""

from __future__ import annotations

import numpy as np
from training_scene import led_patterns

from napari_neuralfield.recon.patterns.network_inputs import CANONICAL, inputs_of
from napari_neuralfield.recon.training.match_measured import LEAST, BoardOf, MeasuredMatch
from napari_neuralfield.recon.training.pattern_stream import TrainingStream, Variety


def test_what_looks_alike_is_shown_more_often():
    acquisition, _ = led_patterns(48)
    match, channels = MeasuredMatch(acquisition, 24), inputs_of(acquisition).channels
    assert match(channels) > 0.5
    assert LEAST <= match(0.1 * channels) < 0.1


def test_a_stream_takes_its_scenes_by_their_chance():
    stream = TrainingStream(
        CANONICAL, Variety(), size=24, patch=16, pool=8, boards=1, chance=lambda channels: float(channels[0, 0, 0] > 0)
    )
    stream.batch(1)
    assert {chance for *_, chance in stream.pool.scenes} == {0.0, 1.0}
    channels, phases = stream.batch(2)
    assert len(channels) == len(phases) == 2


def test_the_board_of_a_file_is_taken_over():
    acquisition, _ = led_patterns(32)
    turned = acquisition.replace(led_na=acquisition.led_na[:, ::-1] * np.array([1.0, -1.0]))
    for given in (acquisition, turned):
        board = BoardOf(given).exact(CANONICAL, 24)
        light = board.weight.numpy()
        np.testing.assert_allclose(light[:2].sum(1), 1, rtol=1e-5)
        na = board.shift.numpy() / (24 * CANONICAL.pixel)
        middle = light[:2] @ na
        axis = np.rad2deg(np.arctan2(*(middle[0] - middle[1])))
        assert abs((axis - CANONICAL.axis_deg + 90) % 180 - 90) < 6  # LEDs rounded to bins
