"""The field file with a toy field: round trip, header, preview, and one sentence for every bad file."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import os
import pickletools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from napari_neuralfield import planes_of_images
from napari_neuralfield.io import load_result, read_header, save_result
from napari_neuralfield.registry import FIELDS
from napari_neuralfield.types import Extent, InputError, Result, Verdict


class ToyField(torch.nn.Module):
    """A complex plane, the same at every depth, with a half-precision table nobody reads."""

    type_name = "toy"
    complex_valued = True

    def __init__(self, *, extent: dict[str, Any], width: int = 4) -> None:
        super().__init__()
        self.extent, self.width = Extent.from_dict(extent), width
        self.plane = torch.nn.Parameter(torch.zeros(self.extent.shape, dtype=torch.complex64))
        self.register_buffer("table", torch.zeros(width, dtype=torch.float16))

    def options(self) -> dict[str, Any]:
        return {"extent": self.extent.to_dict(), "width": self.width}

    def query(self, z_um: Any, y_um: Any, x_um: Any) -> torch.Tensor:
        return self.plane[:1, :1]

    def render(self, z_um: Any, y_um: Any, x_um: Any) -> torch.Tensor:
        y, x = ((np.asarray(a) / self.extent.pixel_um).round().astype(int) for a in (y_um, x_um))
        return self.plane[y][:, x].expand(len(z_um), -1, -1)


@pytest.fixture(autouse=True)
def toy_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FIELDS._entries, "toy", ToyField)


@pytest.fixture
def result() -> Result:
    field = ToyField(extent=Extent((-3.0, 5.0), (151, 300), 0.2).to_dict(), width=6)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        field.plane.copy_(torch.randn(151, 300, dtype=torch.complex64, generator=generator))
        field.table.copy_(torch.arange(6))
    return Result(
        field,
        recipe={"method": "toy", "seed": np.int64(3)},
        optics={"wavelength_um": 0.5, "illumination_na": np.eye(2)},
        calibration={"pupil": np.full((3, 5), 1 + 2j, np.complex64), "gains": np.arange(3.0), "good": np.array([True])},
        figures={"seconds": 1.5, "relative_amplitude_error": np.float32(0.25)},
        title="Blut",
        verdict=Verdict("amber", "Look twice.", {"misfit": np.float64(0.5)}),
        predicted=np.zeros((1, 2, 2)),
    )


def test_round_trip(tmp_path: Path, result: Result) -> None:
    path = tmp_path / "cells.nfield"
    save_result(path, result)
    after = load_result(path)
    assert isinstance(after.field, ToyField)
    assert after.field.extent == result.field.extent
    assert torch.equal(after.field.plane, result.field.plane)
    assert after.field.table.dtype == torch.float16
    assert torch.equal(after.field.table, result.field.table)
    assert after.recipe == {"method": "toy", "seed": 3}
    assert after.optics == {"wavelength_um": 0.5, "illumination_na": [[1.0, 0.0], [0.0, 1.0]]}
    assert after.figures == {"relative_amplitude_error": 0.25}  # how long it took is no part of the result
    assert after.title == "Blut"
    assert after.verdict == Verdict("amber", "Look twice.", {"misfit": 0.5})
    assert after.predicted is None
    assert after.calibration.keys() == result.calibration.keys()
    for name, array in result.calibration.items():
        assert after.calibration[name].dtype == array.dtype
        assert np.array_equal(after.calibration[name], array)
    assert os.listdir(tmp_path) == ["cells.nfield"]


def test_a_file_from_before_there_were_verdicts_opens(tmp_path: Path, result: Result) -> None:
    save_result(tmp_path / "old.nfield", dataclasses.replace(result, verdict=None))
    assert load_result(tmp_path / "old.nfield").verdict is None
    assert read_header(tmp_path / "old.nfield")["verdict"] == {}


def test_the_file_is_plain_safetensors(tmp_path: Path, result: Result) -> None:
    path = tmp_path / "cells.nfield"
    save_result(path, result)
    assert {"field.table", "calibration.gains"} < set(load_file(path))
    with pytest.raises(ValueError, match="opcode"):
        pickletools.dis(path.read_bytes(), out=io.StringIO())


def test_header_and_preview(tmp_path: Path, result: Result) -> None:
    save_result(tmp_path / "cells.nfield", result)
    header = read_header(tmp_path / "cells.nfield")
    assert (header["format"], header["version"], header["field_type"]) == ("neuralfield-field", "1", "toy")
    assert header["extent"]["z_um"] == [-3.0, 5.0]
    picture = Image.open(io.BytesIO(base64.b64decode(header["preview"])))
    assert picture.mode == "L"
    assert picture.size == (256, 64)  # 300 x 151 at 1/2.34, amplitude beside phase


def rewritten(path: Path, **changes: str) -> None:
    header = json.loads(path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")])["__metadata__"]
    save_file(load_file(path), path, metadata={**header, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": "2"}, r"cells.nfield: the file has version 2 but this program knows versions up to 1; update"),
        ({"format": "weights"}, r"cells.nfield: this is not a field file; a reconstruction writes one"),
        ({"field_type": "hologram"}, r"the field is of type 'hologram', which is not known here \(known: .*toy"),
        ({"field_options": '{"colour": 3}'}, r"the toy field cannot be built from the file \(.*colour"),
        ({"extent": "{"}, r"extent in the header is damaged"),
    ],
)
def test_headers_that_do_not_fit(tmp_path: Path, result: Result, changes: dict[str, str], message: str) -> None:
    path = tmp_path / "cells.nfield"
    save_result(path, result)
    rewritten(path, **changes)
    with pytest.raises(InputError, match=message):
        load_result(path)


@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_files_cut_short(tmp_path: Path, result: Result, kept: int) -> None:
    path = tmp_path / "cells.nfield"
    save_result(path, result)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"cells.nfield: .*cut short; reconstruct or copy it again"):
        load_result(path)


def test_foreign_missing_and_misnamed(tmp_path: Path, result: Result) -> None:
    (tmp_path / "letter.nfield").write_text("Dear reader, " * 100)
    with pytest.raises(InputError, match=r"letter.nfield: this is not a field file"):
        load_result(tmp_path / "letter.nfield")
    with pytest.raises(InputError, match=r"none.nfield: there is no such file"):
        load_result(tmp_path / "none.nfield")
    with pytest.raises(InputError, match=r"a field file ends in .nfield; name it so"):
        save_result(tmp_path / "cells.h5", result)


def test_a_spectrum_that_does_not_fit_its_places_is_damaged(tmp_path: Path) -> None:
    images, path = torch.randn(2, 16, 16, dtype=torch.complex64), tmp_path / "a.nfield"
    save_result(path, Result(planes_of_images(images, [0.0, 1.0], Extent((0.0, 1.0), (16, 16), 1.0))))
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(path)
    tensors["field.support"][0] ^= 8
    save_file(tensors, path, metadata=metadata)
    with pytest.raises(InputError, match=r"a\.nfield: the planes field cannot be built from the file \(\d+ places"):
        load_result(path)


def test_a_title_of_foreign_bytes_is_written(tmp_path: Path, result: Result) -> None:
    save_result(tmp_path / "a.nfield", dataclasses.replace(result, title="\udcff\udcfe cells"))
    assert load_result(tmp_path / "a.nfield").title == "?? cells"
