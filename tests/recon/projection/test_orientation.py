"""A board mounted otherwise than the file says is found on simulated slides, and a right one is left in peace."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scene import board, scene

from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.optics.illumination import ORIENTATIONS, orient
from napari_neuralfield.recon.projection.orientation import orientation_errors, orientation_notes

CPU = torch.device("cpu")
NAMES = [name for name, _ in ORIENTATIONS]


@pytest.fixture(scope="module")
def slide() -> LedArray:
    """A thin sample 8 um from focus, known; noise-free."""
    return scene((64, 64), 8.0, board(5), sample_z_um=8.0)[0]


def notes(acquisition: LedArray) -> list[str]:
    return [note.text for note in orientation_notes(acquisition, CPU)]


def test_the_eight_orientations_are_those_of_a_square() -> None:
    matrices = [matrix for _, matrix in ORIENTATIONS]
    assert len({m.tobytes() for m in matrices}) == 8
    for k, m in enumerate(matrices):
        assert np.array_equal(np.abs(m).sum(0), [1, 1])
        assert np.array_equal(m, matrices[k ^ 1] * -1)  # pairs differ by half a turn
    assert np.array_equal(orient(np.array([[1.0, 2.0]]), matrices[NAMES.index("y and x exchanged")]), [[2.0, 1.0]])


def test_nothing_is_said_of_a_board_that_lies_as_it_should(slide: LedArray) -> None:
    assert notes(slide) == []
    errors = orientation_errors(slide)
    assert list(errors) == NAMES
    assert min(errors, key=lambda name: errors[name]) == "as given"


@pytest.mark.parametrize("number", range(2, 8))
def test_a_board_mounted_otherwise_is_named(slide: LedArray, number: int) -> None:
    turned = slide.replace(illumination_na=orient(np.asarray(slide.illumination_na), ORIENTATIONS[number][1]))
    back = next(name for name, m in ORIENTATIONS if np.array_equal(m @ ORIENTATIONS[number][1], np.eye(2)))
    (text,) = notes(turned)
    assert f"with the LED directions {back} the error" in text
    assert text.endswith("correct illumination_na and run again")


def test_half_a_turn_gives_the_same_frames_where_the_depth_is_not_known(slide: LedArray) -> None:
    acquisition = scene((64, 64), 0.0, board(5))[0]
    errors = list(orientation_errors(acquisition).values())
    assert errors[::2] == pytest.approx(errors[1::2], rel=1e-3)
    turned = acquisition.replace(illumination_na=-np.asarray(acquisition.illumination_na))
    assert notes(turned) == []


def test_few_frames_say_nothing(slide: LedArray) -> None:
    assert notes(slide.subset([0, 1, 2, 3])) == []


def test_a_measured_pupil_is_used_on_the_whole_frame(slide: LedArray) -> None:
    with_pupil = slide.replace(pupil=np.ones((64, 64), complex))
    assert orientation_errors(with_pupil) == pytest.approx(orientation_errors(slide), rel=1e-5)
