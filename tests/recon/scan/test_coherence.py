"""Partly coherent light: how many modes it has, which are empty, and light that flickers."""

from __future__ import annotations

import numpy as np
import pytest
import scan_scene
import torch
from solved import events_of

from napari_neuralfield import build_recipe
from napari_neuralfield.compute import COMPLEX
from napari_neuralfield.forward.scan_problem import Problem, ScanState, first_state
from napari_neuralfield.recon.scan.coherence import Light, brightness, chosen
from napari_neuralfield.recon.scan.setup import problem_of
from napari_neuralfield.types import Done, Note

RNG = np.random.default_rng(0)
FLICKER = np.clip(1 + 0.1 * RNG.standard_normal(36), 0.5, 1.5)


def test_numbers_of_modes() -> None:
    assert chosen({1: 1.0, 3: 0.95}) == 1
    assert chosen({1: 1.0, 3: 0.8, 5: 0.7, 2: 0.8}) == 5
    assert chosen({1: 1.0, 3: 0.8, 5: 0.8, 2: 0.8}) == 2
    assert chosen({1: 1.0, 3: 0.8, 5: 0.8, 2: 0.9}) == 3
    assert chosen({1: 1.0, 3: 0.9, 5: 0.8}, noise=0.7) == 5
    assert chosen({1: 1.0, 3: 0.92}, noise=0.1) == 1  # as flexible modes do where the probe is not found yet


def solved(flicker: np.ndarray | float = 1.0) -> tuple[Problem, ScanState]:
    """A scan whose light is `flicker` (frame,) as bright, and its true object and probe."""
    acquisition, truth = scan_scene.far_field()
    frames = np.asarray(acquisition.frames[:]) * np.reshape(flicker, (-1, 1, 1))
    problem = problem_of(acquisition.replace(frames=frames), build_recipe("rpie"))
    state = first_state(problem)
    state.object_array = torch.as_tensor(truth, dtype=COMPLEX)
    state.probe = torch.as_tensor(np.array(acquisition.probe), dtype=COMPLEX)
    return problem, state


def looked_at(problem: Problem, state: ScanState, modes: int | None = None) -> tuple[list[str], Problem, ScanState]:
    look, notes = Light(modes).looked_at(problem, state), []
    while True:
        try:
            event = next(look)
        except StopIteration as stop:
            return notes, *stop.value
        notes += [event.text] if isinstance(event, Note) else []


def test_the_brightness_of_each_frame() -> None:
    problem, state = solved(FLICKER)
    gain, left = brightness(problem, state)
    assert np.allclose(gain, FLICKER / FLICKER.mean(), rtol=1e-3)
    assert left < 1e-3
    notes, seen, _ = looked_at(problem, state)
    assert notes[0].startswith("the frames' brightness differs by 0.0")
    state.probe *= FLICKER.mean() ** 0.5
    assert seen.error(state) < 1e-3 < problem.error(state)


def test_steady_light_is_left_alone() -> None:
    problem, state = solved()
    state.object_array = state.object_array * (1 + 0.05 * torch.randn(state.object_array.shape))
    notes, seen, _ = looked_at(problem, state)
    assert not notes
    assert seen.measured.gain is None


def test_a_flickering_scan_from_its_frames() -> None:
    """What object and probe do not explain of it is found under way, and the result holds it."""
    acquisition, _ = scan_scene.far_field()
    frames = np.asarray(acquisition.frames[:]) * FLICKER[:, None, None]
    *events, done = events_of(
        acquisition.replace(frames=frames), "rpie", passes=24, probe_search=False, correct_positions=False
    )
    assert isinstance(done, Done)
    assert any("flickers" in event.text for event in events if isinstance(event, Note))
    gains = done.result.calibration["gains"]
    assert np.corrcoef(gains, FLICKER)[0, 1] > 0.9  # measured: 0.949


@pytest.mark.parametrize("modes", [None, 2])
def test_empty_modes_go_unless_they_were_asked_for(modes: int | None) -> None:
    problem, state = solved()
    empty = 1e-3 * state.probe.abs().square().sum().sqrt() * torch.randn(1, 32, 32, dtype=COMPLEX) / 32
    state.probe = torch.cat([state.probe, empty])
    state.object_array = state.object_array * (1 + 0.05 * torch.randn(state.object_array.shape))
    notes, _, after = looked_at(problem, state, modes)
    assert len(after.probe) == (1 if modes is None else 2)
    assert any("1 of 2 modes of the probe is left out" in note for note in notes) == (modes is None)
