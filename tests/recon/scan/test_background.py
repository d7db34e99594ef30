"""Counts that are there in every frame are found, and told apart from the light of a sample that has none under it."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from napari_neuralfield import Note, build_recipe
from napari_neuralfield.data.acquisition import Ptychography
from napari_neuralfield.forward.scan_problem import Problem, ScanState, first_state
from napari_neuralfield.recon.scan.background import with_background
from napari_neuralfield.recon.scan.setup import problem_of, result_of
from napari_neuralfield.recon.verdict.scan_frames import compared, rebuilt
from napari_neuralfield.simulate.scans import far_field

SIDE = 48


@functools.cache
def clean() -> Ptychography:
    return far_field(pixels=SIDE, frames=50, spot=22, counts=3e4, probe="true")[0]


def opened(background: np.ndarray) -> tuple[Problem, ScanState, list[Note]]:
    """The scan on a background (y, x), what was found and said of it, and where it starts."""
    frames = np.asarray(clean().frames[:])
    frames = frames + np.random.default_rng(0).poisson(background, frames.shape)
    recipe = build_recipe("rpie", {"hold_out": 5})
    problem = problem_of(clean().replace(frames=frames.astype(np.float32)), recipe)
    state, notes = first_state(problem), []
    events = with_background(problem, state, 0)
    while True:
        try:
            event = next(events)
        except StopIteration as end:
            return end.value, state, notes
        notes += [event] if isinstance(event, Note) else []


@pytest.mark.parametrize("width", [None, 0.25])
def test_an_even_background_and_a_halo_are_found(width: float | None) -> None:
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    truth = np.full((SIDE, SIDE), 2.0) if width is None else 6 * np.exp(-(y**2 + x**2) / (2 * width**2))
    problem, state, notes = opened(truth)
    assert [note.text.startswith("there is a background of") for note in notes] == [True]
    result = result_of(problem, state, build_recipe("rpie", {}), 0.0)
    found = result.calibration["background"]
    assert abs(found.mean() / truth.mean() - 1) < 0.4
    assert width is None or np.corrcoef(found.ravel(), truth.ravel())[0, 1] > 0.8
    again, start = rebuilt(problem.acquisition, result)
    torch.testing.assert_close(again.measured.background, problem.measured.background)
    without = problem_of(problem.acquisition, build_recipe("rpie", {}))
    assert compared(again, start, result).residual.sum() < compared(without, start, result).residual.sum()


def test_none_is_found_where_there_is_none() -> None:
    problem, _, notes = opened(np.zeros((SIDE, SIDE)))
    assert problem.measured.background is None
    assert not notes
