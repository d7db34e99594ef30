"""Patterns of a sidecar by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_neuralfield.io import open_acquisition
from napari_neuralfield.simulate.patterns import multiplexed
from napari_neuralfield.types import InputError

HEAD = """
kind: multiplexed_led
wavelength_um: 0.63
objective_na: 0.1
pixel_um: 1.625
"""
LEDS = """
leds:
  grid: {rows: 17, columns: 17, pitch_mm: 4.0}
  height_mm: 67.5
"""
PATTERNS = """
patterns:
  - half: 45
  - half: 225
  - {arc: 0, limit_na: 0.41}
  - {arc: 120, limit_na: 0.41}
  - {arc: 240, limit_na: 0.41}
"""


def folder(path: Path, text: str, count: int = 5) -> Path:
    path.mkdir(exist_ok=True)
    for index in range(count):
        tifffile.imwrite(path / f"pattern{index}.tif", np.full((6, 7), index, np.uint16))
    (path / "acquisition.yaml").write_text(text)
    return path


def test_a_folder_with_one_image_per_pattern(tmp_path: Path) -> None:
    """The order of the keys does not matter; the matrix is that of the simulator."""
    wanted, _ = multiplexed(0, pixels=32)
    for text in (HEAD + LEDS + PATTERNS, PATTERNS + LEDS + HEAD):
        acquisition = open_acquisition(folder(tmp_path / "cells", text))
        assert acquisition.patterns.shape == (5, 289)
        lit = acquisition.patterns.any(axis=0)
        near = np.linalg.norm(acquisition.led_na[lit][:, None] - wanted.led_na[None], axis=-1)
        assert near.min(axis=1).max() < 1e-12
        assert np.array_equal(acquisition.patterns[:, lit], wanted.patterns[:, near.argmin(axis=1)])


def test_lists_of_leds_and_matrices(tmp_path: Path) -> None:
    leds = "leds: {na: [[0, 0], [0, 0.05], [0.2, 0]]}"
    listed = open_acquisition(folder(tmp_path / "a", f"{HEAD}{leds}\npatterns: [{{leds: [0, 2]}}, {{leds: [1]}}]", 2))
    assert listed.patterns.tolist() == [[1, 0, 1], [0, 1, 0]]
    matrix = open_acquisition(folder(tmp_path / "b", f"{HEAD}{leds}\npatterns: [[1, 0, 0.5], [0, 1, 0]]", 2))
    assert matrix.patterns.tolist() == [[1, 0, 0.5], [0, 1, 0]]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + PATTERNS, r"patterns are given by name, which needs leds \(or led_na\)"),
        (HEAD.replace("objective_na: 0.1", "") + LEDS + PATTERNS, r"which needs objective_na; give it"),
        (HEAD + LEDS + "patterns: [{half: 45, arc: 0}]", r"frame 0 is given by half and arc; give exactly one"),
        (HEAD + LEDS + "patterns: [{half: 45}, {disc: 3}]", r"frame 1: disc is 3; known are half, arc, leds"),
        (HEAD + LEDS + "patterns: [{half: left}]", r"frame 0: half is 'left'; input should be a valid number"),
        (HEAD + LEDS + "patterns: [{leds: [400]}]", r"frame 0: leds are \[400\]; .* from 0 to 288"),
        (HEAD + LEDS + "patterns: [{arc: 0, limit_na: 0.1}]", r"frame 0: an arc of 120 degrees .* holds no LED"),
        (HEAD + LEDS + "patterns: [{half: 45}]", r"patterns has 1 entries along 'frame' but the frames have 5"),
    ],
)
def test_patterns_that_make_no_sense(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        open_acquisition(folder(tmp_path / "cells", text))
