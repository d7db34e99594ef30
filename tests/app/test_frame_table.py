"""Which value goes with which frame, as rows and as text."""

from __future__ import annotations

import numpy as np

from napari_neuralfield.app.frame_table import LINES, as_lines, frame_table
from napari_neuralfield.data.acquisition import Draft
from napari_neuralfield.optics.illumination import direction_cosines, grid_positions


def draft(kind: str, count: int, values: dict, names: tuple[str, ...] = ()) -> Draft:
    return Draft(kind, np.zeros((count, 4, 4), np.float32), values, frame_names=names)


def test_one_row_a_frame() -> None:
    found = frame_table(draft("through_focus", 2, {"z_um": [-4, 0], "exposure": [1, 2]}, ("a.png", "b.png")), {1: 7.5})
    assert found == [
        {"frame": 0, "name": "a.png", "z_um": -4, "exposure": 1, "mean": None},
        {"frame": 1, "name": "b.png", "z_um": 0, "exposure": 2, "mean": 7.5},
    ]
    assert as_lines(found) == [
        "  frame  name   z um  exposure  mean",
        "      0  a.png    -4         1",
        "      1  b.png     0         2   7.5",
    ]


def test_depths_that_follow_and_colours() -> None:
    stack = draft("through_focus", 3, {"z_step_um": 2.0, "focus_frame": 1.0, "wavelengths_um": [0.5, 0.6]})
    stack.values["channel"] = [1, 0, 1]
    found = frame_table(stack)
    assert [(row["z_um"], row["wavelength_um"]) for row in found] == [(-2, 0.6), (0, 0.5), (2, 0.6)]


def test_patterns_in_words() -> None:
    na = direction_cosines(grid_positions(5, 5, 4.0), 80.0)
    patterns = np.zeros((3, 25))
    patterns[0, 12] = 1
    patterns[1, na[:, 1] > 0] = 1
    values = {"led_na": na, "patterns": patterns, "objective_na": 0.2}
    words = [row["pattern"] for row in frame_table(draft("multiplexed_led", 3, values))]
    assert words == ["bright field (LED 12)", "a bright-field half towards 0 deg (10 LEDs)", "without LEDs"]
    del values["objective_na"]
    assert frame_table(draft("multiplexed_led", 3, values))[0]["pattern"] == "LED 12"


def test_long_recordings_show_first_and_last() -> None:
    values = {"positions_um": np.arange(200.0).reshape(100, 2)}
    lines = as_lines(frame_table(draft("ptychography", 100, values)))
    assert len(lines) == LINES + 2
    assert lines[9].strip() == "..."
    assert (lines[1].split(), lines[-1].split()) == (["0", "0,", "1"], ["99", "198,", "199"])


def test_nothing_to_show_is_nothing() -> None:
    assert as_lines(frame_table(draft("ptychography", 3, {"positions_um": "none", "exposure": [1, 2]}))) == []
