"""`reconstruct --tile-px`: the plan as text and JSON, a run, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_neuralfield import load_result, save_acquisition
from napari_neuralfield.app.wide import timed
from napari_neuralfield.cli.commands import main

QUICK = ("--method", "fpm-sequential", "--z-um", "0", "--passes", "1", "--no-recover-pupil", "--no-check-orientation")


@pytest.fixture
def file(tmp_path: Path, led_array: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("napari_neuralfield.recon.engine.judging.JUDGES", {})
    monkeypatch.setattr("napari_neuralfield.recon.engine.preparing.checks_of", lambda *_: [])
    path, whole = tmp_path / "wide.acq.h5", led_array(leds=3, size=64)
    axis = [20.0, 30.0]
    save_acquisition(path, whole.replace(led_height_mm=0.5, optical_axis_um=axis, directions_at_um=axis))
    return path


def refused(capsys: pytest.CaptureFixture[str], *tokens: object) -> str:
    assert main(["reconstruct", *map(str, tokens)]) == 2
    return capsys.readouterr().err


def test_a_plan_and_its_run(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiled = (str(file), *QUICK, "--tile-px", "40", "--overlap-px", "16")
    assert main(["reconstruct", *tiled, "--plan"]) == 0
    said = capsys.readouterr().out
    assert "4 tiles (2 x 2) of 40 pixels; they share 16 or more" in said
    assert "of memory, measured with one tile" in said
    assert main(["reconstruct", *tiled, "--plan", "--untimed", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert [tile["box_px"] for tile in plan["tiles"]] == [
        [0, 0, 40, 40],
        [0, 24, 40, 64],
        [24, 0, 64, 40],
        [24, 24, 64, 64],
    ]
    away = np.array([tile["middle_um"] for tile in plan["tiles"]]) - plan["tiles"][0]["middle_um"]
    moved = np.array([tile["directions_na"] for tile in plan["tiles"]])
    assert np.allclose(moved - moved[0], away / 500, atol=2e-3)  # near LEDs: by place over height
    assert not list(tmp_path.glob("*.nfield*"))
    assert main(["reconstruct", *tiled, "-o", str(tmp_path / "o.nfield")]) == 0
    said = capsys.readouterr().out
    assert "a folder of tiles" in said
    assert "relative amplitude error" in said
    assert len(load_result(tmp_path / "o.nfield").field.tiles) == 4  # type: ignore[attr-defined]
    assert "exists and would be replaced" in refused(capsys, *tiled, "-o", tmp_path / "o.nfield")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--workers", "2"), "option --workers does nothing without tiles"),
        (("--tile-px", "33"), "option --tile-px is 33; it must be an even number"),
        (
            ("--tile-px", "40", "--overlap-px", "30"),
            "option --overlap-px is 30; it must be from 1 to half of --tile-px 40",
        ),
        (("--tile-px", "40", "--workers", "2", "--cluster", "tcp://a:1"), "exclude each other"),
        (("--tile-px", "40", "--json"), "option --json is for --plan"),
    ],
)
def test_what_is_refused(
    file: Path, options: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentence in refused(capsys, file, *QUICK, *options, "-o", file.with_name("o.nfield"))
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_tile_larger_than_memory(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(timed.memory, "free_bytes", lambda: 10**8)
    said = refused(capsys, file, *QUICK, "--tile-px", "40", "--overlap-px", "16", "-o", file.with_name("o.nfield"))
    assert "option --tile-px is 40; such a tile takes about" in said
    assert "100 MB are free; choose smaller tiles" in said
