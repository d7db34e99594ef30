"""Before every run and after it: what was found is said first, and a result must be finite."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from napari_neuralfield.data.acquisition import Acquisition
from napari_neuralfield.data.selection import USED
from napari_neuralfield.fields.planes import planes_of_images
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.engine.preparing import prepared_run
from napari_neuralfield.types import Done, Event, Extent, InputError, Note, Result

Make = Callable[..., Acquisition]


def dropped(acquisition: Acquisition) -> Acquisition:
    frames = np.array(acquisition.frames)
    frames[4] = 0
    return acquisition.replace(frames=frames)


def test_a_dropped_frame_is_said_left_out_and_remembered(led_array: Make) -> None:
    events = list(reconstruct(dropped(led_array()), build_recipe("fpm-sequential", {"z_um": 0.0})))
    notes = [event for event in events if isinstance(event, Note)]
    assert notes[0].level == "warning"
    assert "frame 4, 0, which says nothing of the sample: it is left out" in notes[0].text
    assert isinstance(events[-1], Done)
    assert events[-1].result.calibration[USED].tolist() == [0, 1, 2, 3, 5, 6, 7, 8]


def test_frames_can_be_taken_as_given(led_array: Make) -> None:
    seen: list[int] = []

    def method(acquisition: Acquisition, recipe: object) -> Iterator[Event]:
        seen.append(acquisition.frame_count)
        yield Note("done")

    for as_given in (True, False):
        list(prepared_run(dropped(led_array()), None, "toy", as_given=as_given, method=method))
    assert seen == [9, 8]


def test_nothing_is_looked_at_before_the_first_event_is_asked_for(led_array: Make) -> None:
    def method(acquisition: Acquisition, recipe: object) -> Iterator[Event]:
        raise AssertionError("not asked for")

    prepared_run(led_array(), None, "toy", as_given=False, method=method).close()


def test_a_result_that_is_not_finite_is_refused(led_array: Make) -> None:
    def method(acquisition: Acquisition, recipe: object) -> Iterator[Event]:
        images = torch.full((1, 8, 8), torch.nan, dtype=torch.complex64)
        yield Done(Result(planes_of_images(images, [0.0], Extent((0.0, 0.0), (8, 8), 1.0))))

    with pytest.raises(InputError, match=r"result of method toy is not finite \(\d+ of its numbers"):
        list(prepared_run(led_array(), None, "toy", as_given=False, method=method))
