"""`neuralfield convert`: into our own file and into CXI, with a result."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from napari_neuralfield.cli.commands import main
from napari_neuralfield.cli.convert import with_found
from napari_neuralfield.io import open_acquisition, save_acquisition
from napari_neuralfield.registry import SIMULATORS
from napari_neuralfield.types import InputError, Result


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


def test_what_a_result_found_goes_into_the_acquisition(tmp_path: Path) -> None:
    before, _ = SIMULATORS["coded"](0)
    found = {"positions_um": np.asarray(before.positions_um) + 1, "coded_surface": 2 * np.asarray(before.coded_surface)}
    after = with_found(before, Result(None, calibration=found), "x.nfield")  # type: ignore[arg-type]
    np.testing.assert_allclose(after.positions_um, found["positions_um"])
    np.testing.assert_allclose(after.coded_surface, found["coded_surface"])
    with pytest.raises(InputError, match=r"x\.nfield: this field was made of 3 frames"):
        with_found(before, Result(None, calibration={"positions_um": np.zeros((3, 2))}), "x.nfield")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="holds no positions, probe or coded surface"):
        with_found(before, Result(None), "x.nfield")  # type: ignore[arg-type]


def test_a_surface_found_before_serves_a_later_sample(tmp_path: Path) -> None:
    known, _ = SIMULATORS["coded"](0)
    save_acquisition(tmp_path / "known.acq.h5", known)
    save_acquisition(tmp_path / "later.acq.h5", dataclasses.replace(known, coded_surface=None))
    sidecar = tmp_path / "later.acq.h5.yaml"
    sidecar.write_text("kind: coded_ptychography\ncoded_surface: known.acq.h5\n", encoding="utf-8")
    np.testing.assert_allclose(open_acquisition(tmp_path / "later.acq.h5").coded_surface, known.coded_surface)
    sidecar.write_text("kind: coded_ptychography\ncoded_surface: none.acq.h5\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"none\.acq\.h5: there is no such file"):
        open_acquisition(tmp_path / "later.acq.h5")


def test_what_does_not_fit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before, _ = SIMULATORS["coded"](0)
    source = tmp_path / "a.acq.h5"
    save_acquisition(source, before)
    for output, more, said in (
        ("b.cxi", [], "this is coded_ptychography"),
        ("b.acq.h5", ["--result", "x.nfield"], "x.nfield: there is no such file"),
        ("b.cxi", ["--result", "x.nfield"], "x.nfield: there is no such file"),
        ("b.tif", [], "must end in .acq.h5 or .cxi"),
    ):
        assert main(["convert", str(source), "-o", str(tmp_path / output), *more]) == 2
        assert said in capsys.readouterr().err
    assert not list(tmp_path.glob("b.*"))
