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


@pytest.mark.parametrize("order", ["CTZ", "ZTC", "TZC", "CZT"])
@pytest.mark.parametrize("compression", [None, "lzw"])
def test_channels_times_and_depths_in_any_order(tmp_path: Path, order: str, compression: str | None) -> None:
    """Frames run through depth first, then time, then the channels, however the planes are stored."""
    whole = np.random.default_rng(1).integers(0, 4000, (2, 3, 4, 8, 9)).astype(np.uint16)  # (c, t, z, y, x)
    stored = whole.transpose(*("CTZ".index(axis) for axis in order), 3, 4)
    z = np.broadcast_to([-1.0, 0.0, 1.0, 2.0], (2, 3, 4)).transpose(*("CTZ".index(axis) for axis in order))
    tifffile.imwrite(
        tmp_path / "cells.ome.tif", stored, ome=True, photometric="minisblack", compression=compression,
        metadata={"axes": f"{order}YX", **PIXELS, "TimeIncrement": 20.0, "Plane": {"PositionZ": z.ravel().tolist()},
                  "Channel": {"Name": ["R", "G"], "EmissionWavelength": [632.0, 525.0]}},
    )  # fmt: skip
    (tmp_path / "cells.ome.yaml").write_text(OPTICS.replace("wavelength_um: 0.53\n", ""))
    draft = open_draft(tmp_path / "cells.ome.tif")
    acquisition = open_acquisition(tmp_path / "cells.ome.tif")
    assert np.array_equal(acquisition.frames[:], whole.reshape(-1, 8, 9))
    assert acquisition.z_um.tolist() == [-1, 0, 1, 2] * 6
    assert acquisition.time_s is not None
    assert acquisition.time_s.tolist() == [*[0] * 4, *[20] * 4, *[40] * 4] * 2
    assert acquisition.channel is not None
    assert acquisition.channel.tolist() == [0] * 12 + [1] * 12
    assert acquisition.wavelengths_um == pytest.approx([0.632, 0.525])
    assert draft.frame_names[13] == "G, t 0, z 1"


def test_an_imagej_hyperstack_without_an_interval(tmp_path: Path) -> None:
    """It is still a time-lapse of stacks, and a depth for each plane of one is enough."""
    tifffile.imwrite(tmp_path / "cells.tif", FRAMES.reshape(2, 3, 8, 9), imagej=True, metadata={"axes": "TZYX"})
    (tmp_path / "cells.yaml").write_text(f"kind: through_focus\npixel_um: 0.65\nz_um: [-1, 0, 1]\n{OPTICS}")
    draft = open_draft(tmp_path / "cells.tif")
    assert any("does not say how far apart its 2 times are; they are counted" in note for note in draft.notes)
    acquisition = open_acquisition(tmp_path / "cells.tif")
    assert acquisition.z_um.tolist() == [-1, 0, 1] * 2
    assert acquisition.time_s is not None
    assert acquisition.time_s.tolist() == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("how", ["ome", "imagej"])
def test_a_missing_plane(tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "cells.ome.tif"
    shape = {"axes": "TZYX"}
    said = "ImageJ=1.53t\nimages=6\nslices=3\nframes=2\nhyperstack=true\n"
    if how == "ome":
        tifffile.imwrite(path, FRAMES.reshape(2, 3, 8, 9), ome=True, photometric="minisblack", metadata=shape)
        said = tifffile.tiffcomment(path)
    with tifffile.TiffWriter(path) as file:
        for number, frame in enumerate(FRAMES[:5]):
            file.write(frame, contiguous=False, metadata=None, description=None if number else said)
    (tmp_path / "cells.yaml").write_text("kind: through_focus\n")
    with pytest.raises(
        InputError, match=r"speaks of 6 planes \(t 2, z 3\) but holds 5; .* missing is t 1, z 2, counted"
    ):
        open_draft(path)
    assert not caplog.records  # one sentence is enough


def test_a_recording_in_several_files(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", FRAMES, ome=True, photometric="minisblack", metadata={"axes": "TYX"})
    places = "".join(
        f'<TiffData FirstT="{t}" IFD="{t % 3}" PlaneCount="1">'
        f'<UUID FileName="{"ab"[t // 3]}.ome.tif">urn:uuid:{t // 3}</UUID></TiffData>'
        for t in range(6)
    )
    said = tifffile.tiffcomment(tmp_path / "a.ome.tif")
    start, end = said.index("<TiffData"), said.index("</Pixels>")
    for name, frames in (("a", FRAMES[:3]), ("b", FRAMES[3:])):
        with tifffile.TiffWriter(tmp_path / f"{name}.ome.tif") as file:
            for number, frame in enumerate(frames):
                file.write(
                    frame,
                    contiguous=False,
                    metadata=None,
                    description=None if number else said[:start] + places + said[end:],
                )
    (tmp_path / "a.yaml").write_text("kind: led_array\n")
    assert np.array_equal(open_draft(tmp_path / "a.ome.tif").frames[:], FRAMES)
    (tmp_path / "b.ome.tif").unlink()
    with pytest.raises(InputError, match=r"a part of the recording lies in b.ome.tif, which is not in the same folder"):
        open_draft(tmp_path / "a.ome.tif")
