"""What imperfections cost, as a table and as pictures, and the peer beside it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from bench import effects, peer_fpm_rs, pictures

from napari_neuralfield import planes_of_images, save_acquisition, save_result
from napari_neuralfield.cli.commands import main
from napari_neuralfield.cli.simulate import _save_truth
from napari_neuralfield.simulate.real_fpm import fpm_real
from napari_neuralfield.types import Extent, Result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, chosen in (("ideal", {"without": ("all",)}), ("only_ambient", {"only": ("ambient",)})):
        acquisition, truth = fpm_real(2, pixels=32, board_radius=3.0, **chosen)
        save_acquisition(tmp_path / f"{name}.acq.h5", acquisition)
        _save_truth(tmp_path / f"{name}.truth.h5", truth)
    return tmp_path


def test_each_recording_is_reconstructed_in_each_way_and_compared_with_its_truth(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def program(*arguments: str) -> str:
        if main(arguments):
            raise RuntimeError(capsys.readouterr().err)
        return ""

    monkeypatch.setattr(effects, "program", program)
    known = "--method fpm-sequential --z-um 0 --recover-pupil false"
    ways = ["--run", known, "--run", "--method fpm-backwards"]
    monkeypatch.setattr(sys, "argv", ["effects", str(folder), *ways, "--out", str(folder / "out")])
    effects.main()
    rows = json.loads((folder / "out" / "effects.json").read_text())
    assert [row["file"] for row in rows] == ["ideal", "ideal", "only_ambient", "only_ambient"]
    assert rows[0]["amplitude_psnr_db"] > 50  # 61 dB; 33 with the ambient light
    assert rows[0]["amplitude_psnr_db"] > rows[2]["amplitude_psnr_db"] + 10
    assert "fpm-backwards" in rows[1]["failed"]
    assert f"| only_ambient | {known}" in capsys.readouterr().out


def test_a_folder_without_recordings_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"holds no NAME.acq.h5 .* `neuralfield simulate fpm-real --only rim"):
        effects.recordings(tmp_path)


def test_pictures_of_a_row_share_the_scale_of_the_truth_and_twins_look_alike() -> None:
    y, x = np.indices((64, 64)) / 64
    truth = (1 + 0.2 * np.sin(12 * x)) * np.exp(0.5j * np.sin(9 * y * x))
    twin = 3j * truth.conj() * np.exp(1j * (y**2 - x))
    rows = pictures.panels([twin, truth], ["found", "truth"], pictures.middle(truth.shape))
    for found, right in rows:
        assert found.label.startswith("found")
        assert np.abs(found.pixels.astype(int) - right.pixels).max() <= 1


def test_fields_are_drawn_on_the_pixels_of_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    images = torch.ones(1, 16, 16, dtype=torch.complex64) * torch.linspace(0.5, 1, 16)
    result = Result(planes_of_images(images, [0.0], Extent((0.0, 0.0), (16, 16), 1.5)))
    save_result(tmp_path / "one.nfield", result)
    png = tmp_path / "both.png"
    both = [f"before={tmp_path / 'one.nfield'}", str(tmp_path / "one.nfield")]
    monkeypatch.setattr(sys, "argv", ["pictures", str(png), *both, "--crop-um", "3,3,18,18"])
    pictures.main()
    assert png.stat().st_size > 1000


def test_the_peer_is_left_out_where_it_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer_fpm_rs.importlib.util, "find_spec", lambda name: None)
    monkeypatch.delenv(peer_fpm_rs.VARIABLE, raising=False)
    assert peer_fpm_rs.python() is None
    monkeypatch.setenv(peer_fpm_rs.VARIABLE, "false")  # a program that ends with status 1
    assert peer_fpm_rs.python() is None
    assert "pip install --pre fpm-rs" in peer_fpm_rs.ABSENT
