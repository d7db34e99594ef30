"""The demo, once for real; its window, without one."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_neuralfield import io
from napari_neuralfield.app.figures import picture
from napari_neuralfield.cli import demo


def test_the_whole_road(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = demo.run(tmp_path / "new" / "folder", window=False)
    said = capsys.readouterr().out
    assert sorted(p.name for p in made.parent.iterdir()) == [
        "demo.png",
        "neural.nfield",
        "planes.nfield",
        "slide.acq.h5",
    ]
    sheet = np.asarray(Image.open(made))
    assert sheet.shape[2] == 3
    assert sheet.std() > 40  # pictures, not an empty sheet
    scores = [float(s) for s in re.findall(r"amplitude PSNR in focus ([\d.]+) dB", said)]
    assert len(scores) == 2
    assert min(scores) > 37  # measured 39.4 and 38.9
    assert max(float(s) for s in re.findall(r"phase RMSE ([\d.]+) rad", said)) < 0.035  # measured 0.025 and 0.027
    assert said.count("processor time") == 2
    assert said.endswith(f"no window was asked for; look at the field with: napari {made.parent}/neural.nfield\n")
    assert io.open_acquisition(made.parent / "slide.acq.h5").frame_count == 69
    assert io.load_result(made.parent / "neural.nfield").recipe["method"] == "fpm-inr"


@pytest.mark.parametrize(
    ("missing", "display", "match"),
    [("napari", ":1", "napari is not installed"), ("Qt", ":1", "PyQt6 is not installed"), ("", "", "no display")],
)
def test_what_keeps_a_window_from_opening(
    monkeypatch: pytest.MonkeyPatch, missing: str, display: str, match: str
) -> None:
    def find(name: str) -> object:
        return None if name == missing or (missing == "Qt" and name in demo.BINDINGS) else object()

    monkeypatch.setattr(demo.importlib.util, "find_spec", find)
    monkeypatch.setattr(demo.sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert match in demo.obstacle()


class Program:
    """Stands for napari: ends at once, or not within the time."""

    status: int | None = 1

    def __init__(self, command: list[str], **where: object) -> None:
        assert command[1:3] == ["-m", "napari"]

    def wait(self, seconds: float) -> int:
        if self.status is None:
            raise subprocess.TimeoutExpired("napari", seconds)
        return self.status


@pytest.mark.parametrize(
    ("status", "says"), [(1, "napari ended at once with status 1; look at the field"), (None, "napari is open with")]
)
def test_a_viewer_that_cannot_open_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int | None, says: str
) -> None:
    monkeypatch.setattr(demo, "obstacle", lambda: "")
    monkeypatch.setattr(Program, "status", status)
    monkeypatch.setattr(demo.subprocess, "Popen", Program)
    assert demo.show(Path("a.nfield"), None) is (status is None)
    said = capsys.readouterr().out
    assert said.startswith(says)
    assert said.count("\n") == 1


def test_greys_and_colours() -> None:
    ramp = np.linspace(-1, 3, 101).reshape(1, -1)
    assert picture.grey(ramp, (0.0, 2.0))[0, [0, 25, 50, 75, 100]].tolist() == [0, 0, 127, 255, 255]
    white = np.full((1, 3), 255, np.uint8)
    colours = picture.two_colours(np.array([[-5.0, 0.0, 5.0]]), white, (-5.0, 5.0))[0]
    assert [tuple(c) for c in colours.tolist()] == [picture.COOL, picture.MIDDLE, picture.WARM]
    assert picture.two_colours(np.zeros((1, 3)), 0 * white, (-5.0, 5.0)).max() == 0
