"""OME-Zarr of every version, alone and in collections, our own exports, and plain Zarr."""

from __future__ import annotations

import json
import pickle
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaozarrs
import zarr
from zarr_scene import channel, edit, write

from napari_neuralfield.data.acquisition import ThroughFocus
from napari_neuralfield.io import open_draft
from napari_neuralfield.io.writers.images import save_planes
from napari_neuralfield.testing import check_reader
from napari_neuralfield.types import InputError

WHOLE = np.random.default_rng(0).integers(1000, 4000, (2, 3, 4, 10, 9)).astype(np.uint16)  # (t, c, z, y, x)
IN_ORDER = WHOLE.transpose(1, 0, 2, 3, 4).reshape(-1, 10, 9)  # channel slowest, then time, then depth
STACK = WHOLE[0, 0]
OPTICS = "wavelength_um: 0.53\nobjective_na: 0.4\ncondenser_na: 0.16\n"
COLOURS = [channel("R 632 nm"), channel("G 525nm"), channel("B 0.46 um")]
SMALLER = (30.0, 1.0, 2.0, 0.65, 0.65)
PLACED = (0.0, 0.0, -2.0, 0.0, 0.0)


def open_acquisition(path: Path) -> ThroughFocus:
    found = open_draft(path).complete()
    assert isinstance(found, ThroughFocus)
    return found


def stack(path: Path, **more: Any) -> Path:
    path.with_name(f"{path.name.split('.')[0]}.yaml").write_text(OPTICS)
    return write(path, STACK, "zyx", (2.0, 0.65, 0.65), (-2.0, 0.0, 0.0), **more)


@pytest.mark.parametrize("version", ["0.4", "0.5", "0.6"])
def test_times_channels_and_depths(tmp_path: Path, version: str) -> None:
    path = write(tmp_path / "cells.ome.zarr", WHOLE, "tczyx", SMALLER, PLACED, version=version, omero=COLOURS)
    if version != "0.6":
        yaozarrs.validate_ome_uri(str(path))
    if version == "0.5":
        yaozarrs.validate_zarr_store(str(path))
    (tmp_path / "cells.yaml").write_text(OPTICS)
    draft = check_reader("ome_zarr", path)
    assert draft.kind == "through_focus"
    assert draft.frame_names[:5] == tuple(
        f"R 632 nm, t {t}, z {z}" for t, z in ((0, 0), (0, 1), (0, 2), (0, 3), (1, 0))
    )
    acquisition = open_acquisition(path)
    assert acquisition.z_um.tolist() == [-2, 0, 2, 4] * 6
    assert acquisition.time_s is not None
    assert acquisition.time_s.tolist() == [*[0] * 4, *[30] * 4] * 3
    assert acquisition.channel is not None
    assert acquisition.channel.tolist() == [c for c in range(3) for _ in range(8)]
    assert acquisition.wavelengths_um == pytest.approx([0.632, 0.525, 0.46])
    assert acquisition.pixel_um == 0.65
    frames = pickle.loads(pickle.dumps(acquisition.frames))
    assert np.array_equal(frames[:], IN_ORDER)
    for key in (5, [20, 3], (5, slice(1, 3), slice(None, None, 2)), (slice(2, 4), slice(None, None, -1)), (3, 2, 1)):
        assert np.array_equal(frames[key], IN_ORDER[key])


@pytest.mark.parametrize("axes", ["zyx", "xyz", "tyx", "yxt", "cyx", "yx", "ztyx", "zcyx", "cztyx"])
@pytest.mark.parametrize("together", [1, 2])
def test_any_axes_in_any_order(tmp_path: Path, axes: str, together: int) -> None:
    sizes = {"t": 2, "c": 3, "z": 4, "y": 10, "x": 9}
    data = WHOLE.transpose(["tczyx".index(a) for a in (*(b for b in "tczyx" if b not in axes), *axes)])
    data = data.reshape(-1, *(sizes[a] for a in axes))[0].astype(">u2")
    chunks = tuple(n if a in "yx" else min(together, n) for a, n in zip(axes, data.shape, strict=True))
    path = write(tmp_path / "cells.zarr", data, axes, [0.5] * len(axes), chunks=chunks)
    depth = "focus_frame: 1\n" if "z" in axes else "z_um: 3\n"
    colours = "wavelengths_um: [0.63, 0.53, 0.46]\n" if "c" in axes else ""
    told = ["c"] * ("c" in axes and len(axes) > 3)  # channels alone, without names, may be any frames
    (tmp_path / "cells.yaml").write_text(f"kind: through_focus\n{OPTICS}{depth}{colours if told else ''}")
    acquisition = open_acquisition(path)
    wanted = data.transpose([axes.index(a) for a in "ctzyx" if a in axes]).reshape(-1, 10, 9)
    assert np.array_equal(acquisition.frames[:], wanted)
    assert acquisition.frames.dtype == np.uint16
    depths = [-0.5, 0, 0.5, 1] if "z" in axes else [3]
    assert acquisition.z_um.tolist() == depths * (len(wanted) // len(depths))
    assert (acquisition.channel is None) == (not told)


@pytest.mark.parametrize(
    ("units", "pixel"),
    [
        ({"z": "nanometer", "y": "millimeter", "x": "millimeter"}, 0.5e3),
        ({"z": "angstrom", "y": "micrometer", "x": "nanometer"}, None),
        ({"z": "meter", "y": "Micrometers", "x": "um"}, 0.5),
        ({"z": "nanometer", "y": "cubit", "x": "cubit"}, None),
        ({"z": "nanometer", "y": None, "x": None}, None),
    ],
)
def test_units(tmp_path: Path, units: dict[str, str | None], pixel: float | None) -> None:
    path = write(tmp_path / "cells.zarr", STACK, "zyx", (5.0, 0.5, 0.5), (-5.0, 0.0, 0.0), units=units)
    draft = open_draft(path)
    assert draft.values.get("pixel_um") == (None if pixel is None else pytest.approx(pixel))
    um = {"nanometer": 1e-3, "angstrom": 1e-4, "meter": 1e6}[str(units["z"])]
    assert draft.values["z_um"] == pytest.approx(np.array([-5, 0, 5, 10]) * um)
    if pixel is None:
        said = {"cubit": "the unit 'cubit', which is not known", None: "no unit", "micrometer": "0.5 x 0.0005 um"}
        assert any(said[units["y"]] in note for note in draft.notes)


def test_a_step_alone_leaves_the_focus_open(tmp_path: Path) -> None:
    path = write(tmp_path / "cells.zarr", WHOLE[:, 0], "tzyx", (0.5, 2, 0.65, 0.65), units={"t": "minute"})
    assert any("the planes are 2 um apart; which is in focus, give as focus_frame" in n for n in open_draft(path).notes)
    (tmp_path / "cells.yaml").write_text(f"{OPTICS}focus_frame: 2\n")
    acquisition = open_acquisition(path)
    assert acquisition.z_um.tolist() == [-4, -2, 0, 2] * 2
    assert acquisition.time_s is not None
    assert acquisition.time_s.tolist() == [0] * 4 + [30] * 4
    (tmp_path / "cells.yaml").write_text(f"{OPTICS}z_um: [-1, 0, 1, 2]\nframe_interval_s: 7\n")
    acquisition = open_acquisition(path)
    assert acquisition.z_um.tolist() == [-1, 0, 1, 2] * 2
    assert acquisition.time_s is not None
    assert acquisition.time_s.tolist() == [0] * 4 + [7] * 4


def test_leds_saved_as_channels_are_no_colours(tmp_path: Path) -> None:
    path = write(
        tmp_path / "leds.zarr", WHOLE[0, :, 0], "cyx", (1, 0.5, 0.5), omero=[channel(str(n)) for n in range(3)]
    )
    (tmp_path / "leds.yaml").write_text("kind: led_array\n")
    draft = open_draft(path)
    assert draft.values == {"pixel_um": 0.5}
    assert any("the file does not say their wavelengths" in note for note in draft.notes)


def test_the_largest_size_is_read_and_any_other_by_its_name(tmp_path: Path) -> None:
    path = stack(tmp_path / "cells.ome.zarr")
    edit(path, lambda image: image["datasets"].reverse())
    assert np.array_equal(open_acquisition(path).frames[:], STACK)
    half = open_draft(path / "1")
    assert np.array_equal(half.frames[:], STACK[:, ::2, ::2])
    assert half.values["pixel_um"] == 1.3
    assert "the size of the image that is read is 1" in half.notes


def test_our_own_exports(tmp_path: Path) -> None:
    """They are no recordings, which is said; with a sidecar their amplitude is taken for frames at the depths asked "
    "for."""
    z = [10.0, 5.0, 0.0, -5.0]
    planes = (STACK + 1j * STACK[::-1]).astype(np.complex64)
    save_planes(tmp_path / "field.ome.zarr", planes, z, 0.5, 4)
    save_planes(tmp_path / "height.ome.zarr", STACK.astype(np.float32), z, 0.5, 4, name="height")
    for name, what in (("field", "amplitude and phase"), ("height", "height")):
        yaozarrs.validate_zarr_store(str(tmp_path / f"{name}.ome.zarr"))
        with pytest.raises(InputError, match=rf"this is a rendered field \({what}\), not a recording"):
            open_draft(tmp_path / f"{name}.ome.zarr")
    (tmp_path / "field.yaml").write_text(f"kind: through_focus\n{OPTICS}")
    draft = open_draft(tmp_path / "field.ome.zarr")
    assert draft.notes[0].startswith("this is a rendered field (amplitude and phase), not a recording")
    assert draft.frames[:] == pytest.approx(np.abs(planes[::-1]))
    assert draft.complete().values()["z_um"].tolist() == z[::-1]


def test_collections(tmp_path: Path) -> None:
    """What bioformats2raw writes, and a plate; one image is taken, one of several must be named."""
    group = zarr.create_group(tmp_path / "slide.zarr", zarr_format=2)
    group.attrs["bioformats2raw.layout"] = 3
    write(tmp_path / "slide.zarr" / "0", WHOLE[:, :2, :3], "tczyx", SMALLER, version="0.4")
    planes = "".join(f'<Plane TheC="0" TheT="0" TheZ="{z}" PositionZ="{z - 1}"/>' for z in range(3))
    channels = "".join(f'<Channel Name="{n}" EmissionWavelength="{w}"/>' for n, w in (("R", 632), ("G", 525)))
    (tmp_path / "slide.zarr" / "OME").mkdir()
    (tmp_path / "slide.zarr" / "OME" / "METADATA.ome.xml").write_text(
        f'<OME><Image><Pixels SizeZ="3" SizeC="2" SizeT="2">{channels}{planes}</Pixels></Image></OME>'
    )
    draft = open_draft(tmp_path / "slide.zarr")
    assert draft.values["z_um"].tolist() == [-1, 0, 1] * 4
    assert draft.values["wavelengths_um"] == pytest.approx([0.632, 0.525])
    write(tmp_path / "slide.zarr" / "1", STACK, "zyx", (1, 1, 1), version="0.4")
    with pytest.raises(
        InputError, match=r"this is a collection of 2 images, 0, 1; open one of them, such as .*slide.zarr.0"
    ):
        open_draft(tmp_path / "slide.zarr")
    assert open_draft(tmp_path / "slide.zarr" / "1").frames.shape == (4, 10, 9)
    plate = zarr.create_group(tmp_path / "plate.zarr")
    plate.attrs["ome"] = {"version": "0.5", "plate": {"wells": [{"path": "A/1"}]}}
    plate.create_group("A/1")
    stack(tmp_path / "plate.zarr" / "A" / "1" / "0")
    assert np.array_equal(open_draft(tmp_path / "plate.zarr").frames[:], STACK)


def test_plain_zarr_with_a_sidecar(tmp_path: Path) -> None:
    group = zarr.create_group(tmp_path / "raw.zarr")
    group.create_array("camera/images", data=STACK)
    group.create_array("places", data=np.arange(4.0))
    said = f"kind: through_focus\n{OPTICS}pixel_um: 0.6\n"
    with pytest.raises(
        InputError, match=r"no multiscales.*holds the arrays places \(4\), camera/images \(4 x 10 x 9\)"
    ):
        open_draft(tmp_path / "raw.zarr")
    (tmp_path / "raw.zarr" / "camera" / "images.yaml").write_text(f"{said}z_um: [1, 2, 3, 4]\n")
    assert np.array_equal(open_acquisition(tmp_path / "raw.zarr" / "camera" / "images").frames[:], STACK)
    (tmp_path / "raw.zarr.yaml").write_text(f"{said}variables: {{frames: camera/images, z_um: places}}\n")
    acquisition = open_acquisition(tmp_path / "raw.zarr")
    assert acquisition.z_um.tolist() == [0, 1, 2, 3]
    assert np.array_equal(acquisition.frames[:], STACK)


TURN = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]


def turned(kind: str, numbers: object) -> list[dict[str, object]]:
    return [{"type": kind, kind: numbers, "input": {"path": "0"}, "output": {"name": "intrinsic"}}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["datasets"][0].update(coordinateTransformations=turned("rotation", TURN)),
         r"cells.ome.zarr.0: the rotation in coordinateTransformations mixes the axes z, y, x"),
        (lambda m: m["datasets"][0].update(coordinateTransformations=turned("scale", [1, 2])),
         r"scale is \[1, 2\]; it must be a number for each of 3 axes"),
        (lambda m: m["datasets"][0].update(coordinateTransformations=turned("displacements", "field")),
         r"one of type displacements; only scale and translation are known"),
        (lambda m: m["coordinateSystems"][0]["axes"][0].update(name="phi", type="angle"),
         r"axis phi is not known, of phi \(angle, 4\), y \(space, 10\), x \(space, 9\)"),
        (lambda m: m["coordinateSystems"][0]["axes"].pop(), r"the array has 3 axes but multiscales names 2 \(z, y\)"),
        (lambda m: m["datasets"][0].update(path="full"), r"names the array full, which is not in it; found 0, 1"),
        (lambda m: m.pop("datasets"), r"multiscales names no datasets"),
    ],
)  # fmt: skip
def test_metadata_that_cannot_be_followed(tmp_path: Path, change: Any, message: str) -> None:
    path = stack(tmp_path / "cells.ome.zarr", version="0.6", levels=2)
    edit(path, change)
    with pytest.raises(InputError, match=message):
        open_draft(path)


def test_a_registration_to_another_system_changes_nothing(tmp_path: Path) -> None:
    path = stack(tmp_path / "cells.ome.zarr", version="0.6")
    there = {"input": {"name": "intrinsic"}, "output": {"name": "stage"}}
    edit(path, lambda image: image.update(coordinateTransformations=[{"type": "scale", "scale": [9, 9, 9], **there}]))
    draft = open_draft(path)
    assert draft.values["pixel_um"] == 0.65
    assert any("other coordinate systems (stage)" in note for note in draft.notes)


def test_what_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    path = stack(tmp_path / "cells.ome.zarr", version="0.4")
    chunk = path / "0" / "1.0.0"
    chunk = chunk if chunk.exists() else path / "0" / "1" / "0" / "0"
    chunk.write_bytes(chunk.read_bytes()[:9])
    acquisition = open_acquisition(path)
    assert np.array_equal(acquisition.frames[2], STACK[2])
    with pytest.raises(InputError, match=r"cells.ome.zarr.0: frame 1 cannot be read .* a chunk is damaged"):
        acquisition.intensity()
    (path / ".zgroup").unlink()
    with pytest.raises(InputError, match=r"there is .zattrs but neither .zgroup nor .zarray"):
        open_draft(path)
    shutil.rmtree(path / "0")
    with pytest.raises(InputError, match=r"0: the array is gone; open it again where it is now"):
        acquisition.frames[3]
    (tmp_path / "empty.zarr").mkdir()
    (tmp_path / "empty.zarr" / "a.txt").touch()
    with pytest.raises(InputError, match=r"no zarr.json, .zgroup or .zarray in it, but a.txt; copy the whole folder"):
        open_draft(tmp_path / "empty.zarr")
    newer = stack(tmp_path / "newer.ome.zarr")
    (newer / "zarr.json").write_text('{"zarr_format": 3, ')
    with pytest.raises(InputError, match=r"zarr.json: this part of a Zarr store cannot be read"):
        open_draft(newer)


@pytest.mark.skipif(sys.platform == "win32", reason="no resource usage of a process there")
@pytest.mark.parametrize("shape", [(125, 2, 5, 2048, 2048), (1, 1, 5, 32768, 32768), (256, 1, 80, 512, 512)])
def test_ten_gigabytes_are_described_at_once(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """Of which the disk holds the description alone; 2 s of processor and 400 MB are allowed."""
    group = zarr.create_group(tmp_path / "long.ome.zarr")
    group.create_array("0", shape=shape, dtype="uint16", chunks=(1, 1, 1, 512, 512))
    axes = [{"name": a, "type": t} for a, t in (("t", "time"), ("c", "channel"))]
    axes += [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]
    moved = [{"type": "scale", "scale": [1, 1, 2, 0.3, 0.3]}, {"type": "translation", "translation": [0, 0, -4, 0, 0]}]
    image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": moved}]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
    (tmp_path / "long.yaml").write_text(OPTICS + ("wavelengths_um: [0.53, 0.6]\n" if shape[1] == 2 else ""))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = [sys.executable, "-m", "napari_neuralfield", "info", "--json", str(tmp_path / "long.ome.zarr")]
    said = json.loads(subprocess.run(run, capture_output=True, check=True, text=True).stdout)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert said["frames"]["count"] == np.prod(shape[:3])
    assert any("evenly chosen" in check["text"] for check in said["checks"])
    print(f"{seconds:.2f} s")
    assert seconds < 4.0  # 1.2 s measured; twice the 2 s allowed, for slow machines
