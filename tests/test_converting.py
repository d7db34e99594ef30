"""`neuralfield convert`: into our own file and into CXI, with a result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_neuralfield.app.cli import main
from napari_neuralfield.data.simulate import SIMULATORS
from napari_neuralfield.io import open_acquisition, save_acquisition


def test_there_and_back_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, _ = SIMULATORS["near-field"](0)
    save_acquisition(tmp_path / "a.acq.h5", before)
    assert main(["convert", str(tmp_path / "a.acq.h5"), "-o", str(tmp_path / "b.cxi")]) == 0
    assert main(["convert", str(tmp_path / "b.cxi"), "-o", str(tmp_path / "c.acq.h5")]) == 0
    assert "24 frames of kind ptychography" in capsys.readouterr().out
    after = open_acquisition(tmp_path / "c.acq.h5")
    assert np.allclose(after.positions_um, before.positions_um)
    assert np.array_equal(after.frames[3], before.frames[3])
    assert after.object_pixel_um == pytest.approx(before.object_pixel_um)


def test_what_does_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, _ = SIMULATORS["coded"](0)
    source = tmp_path / "a.acq.h5"
    save_acquisition(source, before)
    for output, more, said in (
        ("b.cxi", [], "this is coded_ptychography"),
        ("b.acq.h5", ["--result", "x.nfield"], "only a .cxi file takes a result"),
        ("b.cxi", ["--result", "x.nfield"], "x.nfield: there is no such file"),
        ("b.tif", [], "must end in .acq.h5 or .cxi"),
    ):
        assert main(["convert", str(source), "-o", str(tmp_path / output), *more]) == 2
        assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("b.*"))
