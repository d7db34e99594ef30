"""The commands take a folder of tiles as they take a field file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiled_scene import WHOLE, one_piece, tiled

from napari_neuralfield.cli.commands import main
from napari_neuralfield.io import save_result
from napari_neuralfield.types import Result


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("commands") / "slide.nfield"
    save_result(path, Result(tiled(), title="slide"))
    return path


def test_info_tells_of_the_tiles(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "12, 12 green" in said
    assert "96 x 128 pixels of 0.5 um" in said
    assert main(["info", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tiles"][5]["name"] == "r1c1"
    assert found["bytes"] > 100_000


def test_render_has_no_seams(folder: Path, tmp_path: Path) -> None:
    assert main(["render", str(folder), "--z-um", "0", "-o", str(tmp_path / "plane.npy")]) == 0
    plane = np.load(tmp_path / "plane.npy")[0]
    assert np.abs(plane - one_piece().render([0.0], *WHOLE.axes())[0].numpy()).max() < 1e-4


def test_half_a_folder_is_refused(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "half.nfield" / "tiles").mkdir(parents=True)
    assert main(["render", str(tmp_path / "half.nfield"), "--z-um", "0", "-o", str(tmp_path / "plane.npy")]) == 2
    assert "the folder has no index.json" in capsys.readouterr().err
