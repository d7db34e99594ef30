"""Sidecars of the right name, of nearly the right name, and of another kind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_neuralfield.data.acquisition import Acquisition
from napari_neuralfield.io import open_acquisition, open_draft, save_acquisition
from napari_neuralfield.io.sidecar import finding
from napari_neuralfield.types import InputError

GIVEN = {"kind": "through_focus", "wavelength_um": 0.5, "objective_na": 0.4, "condenser_na": 0.1, "pixel_um": 0.5}
TEXT = "\n".join(f"{name}: {value}" for name, value in {**GIVEN, "z_um": 4}.items())
STACK = np.ones((2, 8, 8), np.float32)


@pytest.mark.parametrize(
    ("recording", "sidecar"),
    [
        ("cells.ome.tif", "cells.yaml"), ("cells.ome.tif", "cells.ome.yaml"), ("cells.ome.tif", "cells.ome.tif.yaml"),
        ("cells.tif", "cells.yml"), ("cells.tif", "Cells.YAML"), ("cells.tif", "cells.tif.yml"),
        ("cells.tif", "cells.json"), ("a.b.tif", "a.b.yaml"),
    ],
)  # fmt: skip
def test_names_that_are_read(tmp_path: Path, recording: str, sidecar: str) -> None:
    tifffile.imwrite(tmp_path / recording, STACK, photometric="minisblack")
    (tmp_path / sidecar).write_text(json.dumps({**GIVEN, "z_um": 4}) if sidecar.endswith("json") else TEXT)
    assert open_acquisition(tmp_path / recording).wavelength_um == 0.5


@pytest.mark.parametrize(
    "sidecar", ["acquisition.yml", "metadata.yaml", "cells.yaml", "../cells.yml", "Acquisition.yaml"]
)
def test_names_in_and_beside_a_folder(tmp_path: Path, sidecar: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cells").mkdir()
    tifffile.imwrite(tmp_path / "cells" / "a.tif", STACK[0])
    (tmp_path / "cells" / sidecar).write_text(TEXT)
    assert open_acquisition(tmp_path / "cells").wavelength_um == 0.5
    monkeypatch.chdir(tmp_path / "cells")
    for here in (".", "./", "../cells/", "../cells/../cells"):
        assert open_acquisition(here).wavelength_um == 0.5


def test_files_of_other_programs_are_no_sidecars(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "cells.tif", STACK, photometric="minisblack")
    (tmp_path / "cells.yaml").write_text(TEXT)
    (tmp_path / "cells.json").write_text('{"version": 1, "shapes": []}')
    assert not any("cells.json" in note for note in open_draft(tmp_path / "cells.tif").notes)
    (tmp_path / "cells.yaml").rename(tmp_path / "cells.yml")
    (tmp_path / "cells.tif.yaml").write_text(TEXT.replace("0.5", "0.6", 1))
    draft = open_draft(tmp_path / "cells.tif")
    assert draft.values["wavelength_um"] == 0.6
    assert "cells.yml is not read, as cells.tif.yaml is" in draft.notes


def test_nearly_the_right_name_is_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "cells.tif", STACK, photometric="minisblack")
    for name in ("cells_1.yaml", "other.yaml", "cell.yaml"):
        (tmp_path / name).write_text(TEXT)
    tifffile.imwrite(tmp_path / "cell.tif", STACK, photometric="minisblack")  # has a sidecar of its own
    with pytest.raises(
        InputError, match=r"cells_1.yaml is not read: the sidecar would have to be called cells.yaml or"
    ):
        open_draft(tmp_path / "cells.tif")
    (tmp_path / "stack").mkdir()
    tifffile.imwrite(tmp_path / "stack" / "z_1um.tif", STACK[0])
    (tmp_path / "stack" / "settings.yaml").write_text(TEXT)
    notes = open_draft(tmp_path / "stack").notes
    assert "settings.yaml is not read: the sidecar would have to be called acquisition.yaml" in notes


def test_a_sidecar_of_another_kind(tmp_path: Path, led_array) -> None:
    save_acquisition(tmp_path / "a.acq.h5", led_array())
    (tmp_path / "a.acq.h5.yaml").write_text("kind: through_focus\ncondenser_na: 0.1\n")
    with pytest.raises(
        InputError, match=r"written for kind through_focus, but a.acq.h5 holds kind led_array \(it gives il"
    ):
        open_acquisition(tmp_path / "a.acq.h5")
    (tmp_path / "a.acq.h5.yaml").write_text("condenser_na: 0.1\n")
    with pytest.raises(InputError, match="condenser_na is not a value of kind led_array but of through_focus"):
        open_acquisition(tmp_path / "a.acq.h5")


def test_a_sidecar_that_is_not_written_yet(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "cells.tif", STACK, photometric="minisblack")
    with finding.unwritten(tmp_path / "cells.yaml", {**GIVEN, "z_um": 4}):
        assert isinstance(open_acquisition(tmp_path / "cells.tif"), Acquisition)
    with pytest.raises(finding.KindMissing):
        open_draft(tmp_path / "cells.tif")
