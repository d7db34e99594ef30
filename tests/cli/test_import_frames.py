"""`neuralfield import`: answers and options become an acquisition and a sidecar that opens by itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import yaml

from napari_neuralfield.cli import commands as cli
from napari_neuralfield.io import open_acquisition
from napari_neuralfield.optics.illumination import direction_cosines, grid_positions, lit_order, place

Typed = Callable[..., Iterator[str]]
BOARD = ["--rows", "3", "--columns", "3", "--pitch-mm", "4", "--height-mm", "8 cm", "--rotation-deg", "-3"]
OPTICS = ["--kind", "led_array", "--wavelength-um", "522 nm", "--objective-na", "0,1", "--pixel-um", "1.7"]


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    frames = np.random.default_rng(0).integers(1, 4000, (8, 16, 16)).astype(np.uint16)
    tifffile.imwrite("cells.tif", frames, photometric="minisblack")
    return Path("cells.tif")


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Answers for a terminal; returns the questions that were asked."""

    def give(*answers: str | BaseException) -> list[str]:
        rest, asked = list(answers), []

        def answer(question: str = "") -> str:
            asked.append(question)
            found = rest.pop(0) if rest else EOFError()
            if isinstance(found, BaseException):
                raise found
            return found

        monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
        monkeypatch.setattr("builtins.input", answer)
        return asked

    return give


def run(*words: object) -> int:
    return cli.main(["import", *map(str, words)])


def test_by_options(stack: Path, capsys: Any) -> None:
    options = [*OPTICS, *BOARD, "--order", "spiral", "--start", "up", "--missing", "0/0", "--title", "blood"]
    assert run(stack, "-o", "cells.acq.h5", *options) == 0
    said = capsys.readouterr().out
    assert "  frame" in said
    assert "8 frames of kind led_array are in cells.acq.h5" in said
    order = lit_order(3, 3, "spiral", start="up")
    order = order[(order != 0).any(axis=1)]
    wanted = direction_cosines(place(grid_positions(3, 3, 4.0, order), -3.0), 80.0)
    for path in ("cells.acq.h5", "cells.tif"):
        found = open_acquisition(path)
        assert (found.wavelength_um, found.objective_na, found.title) == (0.522, 0.1, "blood")
        assert np.allclose(found.illumination_na, wanted)


def test_in_a_terminal(stack: Path, typed: Any, capsys: Any) -> None:
    asked = typed(
        "telescope", "led_array", "522", "522 nm", "0,1", "", "1.7",
        "grid", "3", "3", "0,4 cm", "raster", "", "none", "80", "",  # nine LEDs for eight frames: asked again
        "grid", "3", "3", "4", "raster", "bottom_left", "8", "80", "",
        "objective_na", "0.2", "yes",
    )  # fmt: skip
    assert run(stack, "-o", "cells.acq.h5") == 0
    said = capsys.readouterr().out
    assert "did you mean 522 nm?" in said
    assert "illumination_na has 9 entries along 'frame' but the frames have 8" in said
    assert "please give a value" in said
    assert "pixel at the sample: camera pixel divided by the magnification (in um, above 0): " in asked
    found = open_acquisition("cells.acq.h5")
    assert found.objective_na == 0.2
    assert np.allclose(
        found.illumination_na, direction_cosines(grid_positions(3, 3, 4.0)[[6, 7, 8, 3, 4, 5, 0, 1]], 80)
    )
    assert yaml.safe_load(Path("cells.yaml").read_text())["leds"] == {
        "grid": {"rows": 3, "columns": 3, "pitch_mm": 4.0, "order": "raster", "start": "bottom_left", "missing": [8]},
        "height_mm": 80.0,
    }


@pytest.mark.parametrize("end", [KeyboardInterrupt(), EOFError()])
def test_breaking_off_leaves_nothing_behind(stack: Path, typed: Any, capsys: Any, end: BaseException) -> None:
    typed("led_array", "0.5", end)
    assert run(stack, "-o", "cells.acq.h5") == 130
    assert "neuralfield: broken off; nothing was written" in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["cells.tif"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give --kind as one of led_array"),
        (["--kind", "hologram"], "option --kind is hologram; it must be one of"),
        (OPTICS[:4], "objective_na, pixel_um, illumination_na are not known, and there is no terminal to ask in; give "
         "--objective-na, --pixel-um, --rows, --columns, --pitch-mm, --height-mm and --order (or --leds BOARD.csv)"),
        ([*OPTICS, "--wavelenght-um", "1"], "option --wavelenght-um is not known for kind led_array; known are --wav"),
        ([*OPTICS, "--condenser-na", "1"], "option --condenser-na is not known for kind led_array"),
        ([*OPTICS, *BOARD], "illumination_na has 9 entries along 'frame' but the frames have 8"),
        ([*OPTICS, *BOARD, "--counts", "8"], "option --rows does not go with a board of rings"),
        ([*OPTICS, *BOARD, "--missing", "a"], "--missing is a; it must be numbers from 0, or row/column"),
        ([*OPTICS[:-2], "--pixel-um", "-1"], "--pixel-um is '-1': -1 is too small; it must be at least 0"),
        ([*OPTICS, "--exposure", "exp.csv"], "exp.csv: the table cannot be read: there is no such file"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(stack: Path, capsys: Any, options: list[str], message: str) -> None:
    assert run(stack, "-o", "cells.acq.h5", *options) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]
    assert [path.name for path in Path().iterdir()] == ["cells.tif"]


def test_several_files_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("set").mkdir()
    for name in "abc":
        tifffile.imwrite(f"set/{name}.tif", np.full((32, 32), ord(name), np.float32))
    Path("log.csv").write_text("file,z_um\nc.tif,3\na.tif,-3\nb.tif,9\n")
    options = ["--kind", "through_focus", "--wavelength-um", "0.5", "--objective-na", "0.4", "--condenser-na", "0.1"]
    more = [*options, "--pixel-um", "0.5", "--z-um"]
    assert run("set/c.tif", "set/a.tif", "-o", "x.acq.h5", *more, "log.csv") == 0
    assert "opens with --follow-links, as log.csv lies outside" in capsys.readouterr().out
    found = open_acquisition("set", follow_links=True)
    assert (found.z_um.tolist(), found.frames[:, 0, 0].tolist()) == ([3, -3], [ord("c"), ord("a")])
    before = Path("set/acquisition.yaml").read_text()
    assert run("set", "-o", "y.acq.h5", "--follow-links", "--title", "two of three", "--z-um", "-1,1") == 0
    assert "was there before and stays as it is; it lacks, or says otherwise:" in capsys.readouterr().out
    assert Path("set/acquisition.yaml").read_text() == before
    assert (open_acquisition("y.acq.h5").title, open_acquisition("y.acq.h5").z_um.tolist()) == ("two of three", [-1, 1])
    assert run("set/b.tif", "set/a.tif", "-o", "z.acq.h5") == 2
    assert "files is ['c.tif', 'a.tif'] but other files are named" in capsys.readouterr().err


def test_patterns_and_depths_from_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: Any) -> None:
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("dpc.tif", np.ones((3, 32, 32), np.float32), photometric="minisblack")
    patterns = ["--patterns", "half 90; arc 0; leds 12,13", "--rows", "5", "--columns", "5", "--pitch-mm", "4"]
    optics = ["--kind", "multiplexed_led", *OPTICS[2:], "--height-mm", "80"]
    assert run("dpc.tif", "-o", "dpc.acq.h5", *optics, *patterns) == 0
    assert np.flatnonzero(open_acquisition("dpc.tif").patterns[2]).tolist() == [12, 13]
    Path("z").mkdir()
    for z in (-4, 0, 4):
        tifffile.imwrite(f"z/z={z}.tif", np.full((32, 32), 5.0 + z, np.float32))
    asked = typed("0.5", "0.4", "0.1", "0.5", "", "yes")
    assert run("z", "-o", "z.acq.h5", "--kind", "through_focus") == 0
    assert asked[4].endswith("[-4, 0, 4]: ")
    assert open_acquisition("z").z_um.tolist() == [-4, 0, 4]
