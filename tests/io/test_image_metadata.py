"""OME-TIFF and ImageJ stacks that say how far apart their planes are, and when they were taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_neuralfield.data.acquisition import ThroughFocus
from napari_neuralfield.io import open_draft
from napari_neuralfield.io.writers.images import save_planes
from napari_neuralfield.types import InputError

FRAMES = np.random.default_rng(0).integers(1000, 4000, (6, 8, 9)).astype(np.uint16)
PIXELS = {"PhysicalSizeX": 0.65, "PhysicalSizeY": 0.65, "PhysicalSizeXUnit": "µm"}
OPTICS = "wavelength_um: 0.53\nobjective_na: 0.4\ncondenser_na: 0.16\n"


def open_acquisition(path: Path) -> ThroughFocus:
    found = open_draft(path).complete()
    assert isinstance(found, ThroughFocus)
    return found


def ome(path: Path, axes: str = "ZYX", frames: np.ndarray = FRAMES, **metadata: Any) -> Path:
    tifffile.imwrite(path, frames, ome=True, photometric="minisblack", metadata={"axes": axes, **PIXELS, **metadata})
    return path


def test_positions_about_focus_are_the_depths(tmp_path: Path) -> None:
    z = [-5.0, -3.0, -1.0, 1.0, 3.0, 5.5]
    path = ome(tmp_path / "cells.ome.tif", Plane={"PositionZ": z, "PositionZUnit": ["µm"] * 6}, PhysicalSizeZ=2.0)
    draft = open_draft(path)
    assert draft.kind == "through_focus"
    assert draft.missing() == ["wavelength_um", "objective_na", "condenser_na"]
    (tmp_path / "cells.yaml").write_text(OPTICS)
    acquisition = open_acquisition(path)
    assert acquisition.z_um.tolist() == z
    assert acquisition.pixel_um == 0.65
    assert np.array_equal(acquisition.frames[:], FRAMES)
    (tmp_path / "cells.yaml").write_text(OPTICS + "pixel_um: 0.6\nz_um: [1, 2, 3, 4, 5, 6]\n")
    assert open_acquisition(path).z_um.tolist() == [1, 2, 3, 4, 5, 6]
    assert open_acquisition(path).pixel_um == 0.6


@pytest.mark.parametrize("stage", [None, 4210.0])
def test_a_step_alone_leaves_the_focus_open(tmp_path: Path, stage: float | None) -> None:
    nm = {"PhysicalSizeZ": 1500.0, "PhysicalSizeZUnit": "nm"}
    where = {} if stage is None else {"Plane": {"PositionZ": [stage + 1.5 * n for n in range(6)],
                                                "PositionZUnit": ["µm"] * 6}}  # fmt: skip
    path = ome(tmp_path / "cells.ome.tif", **nm, **where)
    draft = open_draft(path)
    assert draft.missing() == ["wavelength_um", "objective_na", "condenser_na", "z_um"]
    assert any("the planes are 1.5 um apart; which is in focus, give as focus_frame" in n for n in draft.notes)
    (tmp_path / "cells.yaml").write_text(OPTICS + "focus_frame: 3\n")
    assert open_acquisition(path).z_um == pytest.approx([-4.5, -3, -1.5, 0, 1.5, 3])
    (tmp_path / "cells.yaml").write_text(OPTICS + "z_start_um: 1\n")
    assert open_acquisition(path).z_um == pytest.approx([1, 2.5, 4, 5.5, 7, 8.5])
    (tmp_path / "cells.yaml").write_text(OPTICS + "z_step_um: 2\nfocus_frame: 0\n")
    assert open_acquisition(path).z_um == pytest.approx([0, 2, 4, 6, 8, 10])


@pytest.mark.parametrize("how", ["interval", "plane"])
def test_a_time_lapse(tmp_path: Path, how: str) -> None:
    times = [0.0, 31.0, 60.0, 92.0, 120.0, 151.0]
    said: dict[str, Any] = (
        {"TimeIncrement": 0.5, "TimeIncrementUnit": "min"} if how == "interval"
        else {"Plane": {"DeltaT": [t + 7 for t in times]}}
    )  # fmt: skip
    path = ome(tmp_path / "cells.ome.tif", "TYX", **said)
    with pytest.raises(InputError, match="there is no sidecar"):
        open_draft(path)
    (tmp_path / "cells.yaml").write_text("kind: through_focus\nz_um: 4\n" + OPTICS)
    acquisition = open_acquisition(path)
    assert acquisition.time_s == pytest.approx(np.arange(6) * 30.0 if how == "interval" else times)
    assert acquisition.z_um.tolist() == [4] * 6


def test_depths_at_several_times(tmp_path: Path) -> None:
    z = [-1.0, 0.0, 1.0]
    path = ome(
        tmp_path / "cells.ome.tif", "TZYX", FRAMES.reshape(2, 3, 8, 9), TimeIncrement=10.0,
        Plane={"PositionZ": z * 2, "PositionZUnit": ["µm"] * 6},
    )  # fmt: skip
    (tmp_path / "cells.yaml").write_text(OPTICS)
    acquisition = open_acquisition(path)
    assert acquisition.z_um.tolist() == z * 2
    assert acquisition.time_s is not None
    assert acquisition.time_s.tolist() == [0, 0, 0, 10, 10, 10]
    assert np.array_equal(acquisition.frames[4], FRAMES[4])


def test_optics_in_the_file(tmp_path: Path) -> None:
    path = ome(tmp_path / "cells.ome.tif", PhysicalSizeZ=2.0)
    described = tifffile.tiffcomment(path).replace("<Channel ", '<Channel EmissionWavelength="532" ')
    described = described.replace(
        "<Image ", '<Instrument ID="Instrument:0"><Objective ID="Objective:0:0" LensNA="0.45"/></Instrument><Image ', 1
    )
    tifffile.tiffcomment(path, described.encode())
    draft = open_draft(path)
    assert draft.values["objective_na"] == 0.45
    assert draft.values["wavelength_um"] == pytest.approx(0.532)
    assert any("is the EmissionWavelength of the file's channel" in note for note in draft.notes)
    assert draft.missing() == ["condenser_na", "z_um"]


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    draft = open_draft(ome(tmp_path / "cells.ome.tif", PhysicalSizeZ=2.0, PhysicalSizeY=0.7))
    assert "pixel_um" in draft.missing()
    assert any("the file's pixels are 0.7 x 0.65 um; they must be square" in note for note in draft.notes)


def test_imagej_stacks(tmp_path: Path) -> None:
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, FRAMES, imagej=True, resolution=(1 / 0.65, 1 / 0.65),
                     metadata={"axes": "ZYX", "spacing": 2.5, "unit": "um"})  # fmt: skip
    (tmp_path / "cells.yaml").write_text(OPTICS + "focus_frame: 1\n")
    acquisition = open_acquisition(path)
    assert acquisition.z_um == pytest.approx([-2.5, 0, 2.5, 5, 7.5, 10])
    assert acquisition.pixel_um == pytest.approx(0.65, rel=1e-5)
    tifffile.imwrite(path, FRAMES, imagej=True, metadata={"axes": "TYX", "finterval": 12.0})
    (tmp_path / "cells.yaml").write_text("kind: through_focus\nz_um: 4\npixel_um: 0.65\n" + OPTICS)
    lapse = open_acquisition(path)
    assert lapse.time_s is not None
    assert lapse.time_s.tolist() == [0, 12, 24, 36, 48, 60]


def test_other_kinds_and_rendered_fields_take_nothing(tmp_path: Path) -> None:
    path = ome(tmp_path / "cells.ome.tif", PhysicalSizeZ=2.0)
    (tmp_path / "cells.yaml").write_text("kind: led_array\n")
    assert open_draft(path).values == {}
    save_planes(tmp_path / "field.tif", FRAMES.astype(np.float32), np.arange(6.0), 0.65, 6)
    with pytest.raises(InputError, match="there is no sidecar"):
        open_draft(tmp_path / "field.tif")


def test_a_description_that_makes_no_sense_is_left_aside(tmp_path: Path) -> None:
    path = ome(tmp_path / "cells.ome.tif", PhysicalSizeZ=2.0)
    tifffile.tiffcomment(
        path, tifffile.tiffcomment(path).replace('PhysicalSizeZ="2.0"', 'PhysicalSizeZ="thick"').encode()
    )
    (tmp_path / "cells.yaml").write_text("kind: through_focus\n")
    draft = open_draft(path)
    assert draft.notes[0] == "what the file says of its planes cannot be read, so it is left aside"
    assert draft.frames.shape == (6, 8, 9)
