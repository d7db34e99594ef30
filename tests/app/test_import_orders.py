"""Another order of an LED board: found by the frames, and said as a sidecar says it."""

from __future__ import annotations

from pathlib import Path

import board_scene
import numpy as np
import pytest

from napari_neuralfield.app.importing.orders import as_leds, board_finding, in_words
from napari_neuralfield.data.acquisition import Draft
from napari_neuralfield.io.sidecar.leds import directions

WHERE = Path("stack.yaml")


def board(**said):
    mount = {name: said.pop(name) for name in ("flip", "rotation_deg") if name in said}
    return {"grid": {"rows": 5, "columns": 7, "pitch_mm": 4.0, **said}, "height_mm": 90.0, **mount}


@pytest.mark.parametrize(
    "true",
    [
        {"order": "serpentine", "start": "bottom_left"},
        {"order": "spiral", "start": "up", "sense": "anticlockwise"},
        {"order": "columns", "start": "top_right", "rotation_deg": 90.0},
        {"order": "raster", "start": "top_left", "flip": "x"},
    ],
)
def test_a_board_is_said_in_the_order_that_has_its_directions(true):
    na = directions(board(**true), WHERE)[0]
    found = as_leds(board(order="raster", rotation_deg=0.0), na, WHERE)
    assert np.allclose(directions(found, WHERE)[0], na)


def test_what_no_usual_order_has_is_not_said():
    na = directions(board(), WHERE)[0]
    assert as_leds(board(), np.random.default_rng(0).permutation(na), WHERE) is None


def finding_for(order, given, seed=0):
    frames = board_scene.board_frames(seed=seed, **order)
    leds = {"grid": {"rows": 7, "columns": 7, "pitch_mm": 4.0, **given}, "height_mm": 90.0}
    draft = Draft("led_array", frames, {**board_scene.OPTICS, "illumination_na": directions(leds, WHERE)[0]})
    return board_finding(draft.complete(), frames.mean((1, 2)), leds, WHERE)


def test_a_wrong_order_is_named_and_the_right_one_is_good():
    spiral = {"order": "spiral", "start": "down"}
    found = finding_for(spiral, {"order": "raster"})
    assert not found.good
    assert "a spiral from the middle" in found.text
    assert found.leds["grid"]["order"] == "spiral"
    assert in_words(found.leds, found.leds).startswith("a spiral from the middle, first step ")
    assert finding_for(spiral, spiral).good
