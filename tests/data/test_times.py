"""Frames of one time are found among those of all, whatever says when they were taken."""

from __future__ import annotations

import numpy as np
import pytest

from napari_neuralfield.data.acquisition import ThroughFocus
from napari_neuralfield.data.times import lacking, of_stacks, starts_s, times
from napari_neuralfield.types import InputError


def recording(z_um, time_s, objective_na: float = 0.4) -> ThroughFocus:
    time = None if time_s is None else np.asarray(time_s, float)
    return ThroughFocus(
        frames=np.ones((len(z_um), 4, 4), np.float32), wavelength_um=0.53, objective_na=objective_na, condenser_na=0.1,
        pixel_um=1.0, z_um=np.asarray(z_um, float), time_s=time, source="cells.tif",
    )  # fmt: skip


def groups(*given, **optics) -> list[list[int]]:
    return [numbers.tolist() for numbers in times(recording(*given, **optics))]


STACK = [-4.0, 0.0, 4.0]
THREE = [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


@pytest.mark.parametrize(
    "time_s",
    [
        np.repeat([0, 30, 60], 3),  # one time of all planes
        [0.0, 0.2, 0.41, 30, 30.2, 30.4, 60, 60.19, 60.4],  # of every plane, with a pause
        np.arange(9) * 0.5,  # without one
        [0, 0, 1, 1, 1, 2, 2, 3, 3],  # whole seconds
    ],
)
def test_a_time_holds_every_depth_once(time_s):
    assert groups(STACK * 3, time_s) == THREE
    assert groups(STACK[::-1] * 3, time_s) == THREE
    jitter = np.random.default_rng(0).uniform(-0.1, 0.1, 9)
    assert groups(np.array(STACK * 3) + jitter, time_s) == THREE


def test_the_order_of_the_frames_does_not_matter_where_times_are_told():
    assert groups(np.repeat(STACK, 3), np.tile([0, 30, 60], 3)) == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]


def test_a_stage_that_goes_to_and_fro_begins_a_time_at_each_turn():
    assert groups([0, 4, 8, 8, 4, 0], np.arange(6.0)) == [[0, 1, 2], [3, 4, 5]]


def test_one_stack_is_one_time():
    assert groups(STACK, None) == [[0, 1, 2]]
    assert groups(STACK, [0.0, 0.3, 0.6]) == [[0, 1, 2]]  # as cameras say it of every plane
    assert groups([0.0, 4.0, -4.0], [0.0, 0.3, 0.6]) == [[0, 1, 2]]
    assert not of_stacks(times(recording(STACK, [0.0, 0.3, 0.6])))


def test_frames_of_a_time_lapse_are_times_though_the_focus_drifts():
    alone = [[n] for n in range(6)]
    assert groups([4.0] * 6, np.arange(6.0)) == alone
    assert groups([4.0, 4.1, 3.9, 4.05, 4.02, 3.95], np.arange(6.0)) == alone
    assert groups([4.0, 4.1, 4.0, 4.0, 4.1, 4.0], np.arange(6.0)) == alone


@pytest.mark.parametrize("time_s", [[0, 0, 0, 30, 30, 60, 60, 60], np.arange(8.0)])
@pytest.mark.parametrize("gone", [3, 4, 5])
def test_a_missing_plane_is_named(time_s, gone):
    given = recording(np.delete(STACK * 3, gone), time_s)
    found = times(given)
    assert [len(numbers) for numbers in found] == [3, 2, 3]
    assert lacking(given, found) == {1: [STACK[gone - 3]]}
    assert starts_s(given, found).tolist() == [time_s[0], time_s[3], time_s[5]]


def test_what_has_no_order_is_said():
    rng = np.random.default_rng(1)
    z = rng.choice([-8.0, -4.0, 0.0, 4.0, 8.0], 14)
    with pytest.raises(InputError, match=r"cells\.tif: its 14 frames lie at \d depths and 14 times in no order that"):
        groups(z, np.arange(14.0))


def test_each_colour_has_depths_of_its_own():
    given = recording(STACK * 4, np.tile(np.repeat([0.0, 30.0], 3), 2))
    given = given.replace(channel=np.repeat([0, 1], 6), wavelengths_um=np.array([0.45, 0.53]))
    assert [n.tolist() for n in times(given)] == [[0, 1, 2, 6, 7, 8], [3, 4, 5, 9, 10, 11]]
    assert not lacking(given, times(given))
