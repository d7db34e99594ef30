"""Stacks through focus as people have them: images with their depth in the name, and what a sidecar adds."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_neuralfield.cli import commands as cli
from napari_neuralfield.data.acquisition import ThroughFocus
from napari_neuralfield.io import open_draft
from napari_neuralfield.io.described.depth_names import depth_um
from napari_neuralfield.types import InputError

OPTICS = "wavelength_um: 0.532\npixel_um: 0.16\nobjective_na: 0.5\ncondenser_na: 0\n"
FRAMES = np.random.default_rng(0).integers(1000, 4000, (5, 8, 9)).astype(np.uint16)
NAMES = ["z_-10um", "z_-20um", "z_0um", "z_10um", "z_20um"]


@pytest.mark.parametrize(
    ("name", "um"),
    [
        ("on_axis_z_-10um.png", -10), ("z+4.0um.tif", 4), ("z_3p5um.tif", 3.5), ("cell-z-2,5um_t003.png", -2.5),
        ("Z004nm.tif", 0.004), ("dz0.5mm.tif", 500), ("z=-3µm.tif", -3), ("z_m3um.ome.tif", -3),
        ("depth 12 microns.png", 12),
        ("defocus_minus4um.tif", -4), ("z−7um.png", -7), ("a_z_-0um.png", 0),
        ("reference.png", None), ("z004.tif", None), ("buzz3um.tif", None), ("z_3umbra.tif", None), ("t3um.tif", None),
    ],
)  # fmt: skip
def test_depths_in_names(name: str, um: float | None) -> None:
    assert depth_um(name) == um


def open_acquisition(path: Path) -> ThroughFocus:
    found = open_draft(path).complete()
    assert isinstance(found, ThroughFocus)
    return found


def folder(path: Path, names: list[str] = NAMES, more: str = "") -> Path:
    """Images with their depth in the name, and one without a sample."""
    path.mkdir()
    for name, frame in zip(names, FRAMES, strict=True):
        Image.fromarray(frame).save(path / f"cell_{name}.png")
    Image.fromarray(np.full((8, 9), 2000, np.uint16)).save(path / "reference.png")
    (path / "acquisition.yaml").write_text(OPTICS + more)
    return path


def test_frames_come_in_the_order_of_their_depth(tmp_path: Path) -> None:
    draft = open_draft(folder(tmp_path / "cells"))
    acquisition = pickle.loads(pickle.dumps(draft.complete()))
    assert acquisition.kind == "through_focus"
    assert acquisition.z_um.tolist() == [-20, -10, 0, 10, 20]
    assert np.array_equal(acquisition.frames[:], FRAMES[[1, 0, 2, 3, 4]])
    assert "depths from the names of the images, -20, -10, 0, 10, 20 um" in draft.notes
    assert any(note.startswith("reference.png tells no depth and is left out; an image") for note in draft.notes)


def test_without_a_sidecar_the_rest_is_asked_for(tmp_path: Path) -> None:
    cells = folder(tmp_path / "cells")
    (cells / "acquisition.yaml").unlink()
    draft = open_draft(cells)
    assert draft.missing() == ["wavelength_um", "objective_na", "condenser_na", "pixel_um"]
    with pytest.raises(InputError, match=r"cells: wavelength_um .* is missing .*condenser_na"):
        draft.complete()


def test_other_kinds_take_no_depth_from_names(tmp_path: Path) -> None:
    cells = folder(tmp_path / "cells")
    (cells / "acquisition.yaml").write_text("kind: led_array\n")
    draft = open_draft(cells)
    assert draft.kind == "led_array"
    assert draft.frames.shape[0] == 6
    assert "z_um" not in draft.values


def test_a_sidecar_that_disagrees_with_the_names(tmp_path: Path) -> None:
    cells = folder(tmp_path / "cells", more="z_um: [-20, -10, 0, 10, 20]\n")
    assert open_acquisition(cells).z_um.tolist() == [-20, -10, 0, 10, 20]
    (cells / "acquisition.yaml").write_text(OPTICS + "z_um: [20, 10, 0, -10, -20]\n")
    with pytest.raises(
        InputError, match=r"acquisition.yaml: z_um is \[20, .* say -20, -10, 0, 10, 20 um; leave z_um out"
    ):
        open_draft(cells)
    (cells / "acquisition.yaml").write_text(OPTICS + "files: [cell_z_20um.png, cell_z_0um.png]\nz_um: [2, 0]\n")
    named = open_acquisition(cells)
    assert named.z_um.tolist() == [2, 0]
    assert np.array_equal(named.frames[:], FRAMES[[4, 2]])
    (cells / "acquisition.yaml").write_text(OPTICS + "files: [cell_z_20um.png, cell_z_0um.png]\n")
    assert open_acquisition(cells).z_um.tolist() == [20, 0]


def test_numbers_without_a_unit_are_no_depths(tmp_path: Path) -> None:
    cells = folder(tmp_path / "cells", [f"z{n:03}" for n in range(5)], "kind: through_focus\nflat: reference.png\n")
    draft = open_draft(cells)
    assert draft.missing() == ["z_um"]
    assert any(note.startswith("cell_z000.png names a plane without a unit; um in the names") for note in draft.notes)
    for more, z in (
        ("z_step_um: 2\nfocus_frame: 2\n", [-4, -2, 0, 2, 4]),
        ("z_step_um: -0.5\nz_start_um: 1\n", [1, 0.5, 0, -0.5, -1]),
        ("z_um: 4\n", [4, 4, 4, 4, 4]),
        ("z_step_um: 2\n", None),
    ):
        (cells / "acquisition.yaml").write_text(OPTICS + "kind: through_focus\nflat: reference.png\n" + more)
        draft = open_draft(cells)
        assert draft.missing() == (["z_um"] if z is None else [])
        assert z is None or draft.complete().z_um.tolist() == z


def test_a_flat_image_divides_the_frames(tmp_path: Path) -> None:
    cells = folder(tmp_path / "cells", more="flat: reference.png\n")
    flat = np.linspace(1000, 3000, 72).reshape(8, 9).astype(np.uint16)
    Image.fromarray(flat).save(cells / "reference.png")
    draft = open_draft(cells)
    assert [n for n in draft.notes if "reference.png" in n] == [
        "every frame is divided by reference.png, brought to mean 1"
    ]
    acquisition = pickle.loads(pickle.dumps(draft.complete()))
    assert acquisition.intensity()[0] == pytest.approx(FRAMES[1] / (flat / flat.mean()), rel=1e-5)
    assert acquisition.frames[[3, 1], 2:4, ::2] == pytest.approx(acquisition.frames[:][[3, 1], 2:4, ::2])
    Image.fromarray(np.full((8, 9), 100, np.uint16)).save(cells / "dark.png")
    (cells / "acquisition.yaml").write_text(OPTICS + "flat: reference.png\nbackground: dark.png\n")
    both = open_acquisition(cells)
    light = flat.astype(float) - 100
    assert both.background is None
    assert both.intensity()[0] == pytest.approx((FRAMES[1] - 100.0) / (light / light.mean()), rel=1e-5)


def test_flat_images_that_cannot_be(tmp_path: Path) -> None:
    cells = folder(tmp_path / "cells", more="flat: reference.png\n")
    Image.fromarray(np.zeros((8, 9), np.uint16)).save(cells / "reference.png")
    with pytest.raises(InputError, match=r"reference.png: 72 pixels of the flat image are below 2 % of its mean"):
        open_draft(cells)
    Image.fromarray(np.ones((8, 7), np.uint16)).save(cells / "reference.png")
    with pytest.raises(InputError, match=r"reference.png: the flat image has 8 x 7 pixels but a frame 8 x 9"):
        open_draft(cells)
    (cells / "acquisition.yaml").write_text(OPTICS + "flat: other.png\n")
    with pytest.raises(InputError, match=r"other.png: there is no such file"):
        open_draft(cells)


def test_a_time_lapse_in_one_file(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "cells.tif", FRAMES, photometric="minisblack")
    sidecar = tmp_path / "cells.yaml"
    sidecar.write_text("kind: through_focus\n" + OPTICS + "z_um: 4\nframe_interval_s: 30\n")
    acquisition = open_acquisition(tmp_path / "cells.tif")
    assert acquisition.z_um.tolist() == [4] * 5
    assert acquisition.time_s.tolist() == [0, 30, 60, 90, 120]
    assert not isinstance(acquisition.frames, np.ndarray)
    sidecar.write_text("kind: through_focus\n" + OPTICS + "z_um: 4\ntime_s: [0, 1, 2, 3, 5]\n")
    assert open_acquisition(tmp_path / "cells.tif").time_s.tolist() == [0, 1, 2, 3, 5]
    sidecar.write_text("kind: through_focus\n" + OPTICS + "z_um: 4\nframe_interval_s: half a minute\n")
    with pytest.raises(InputError, match=r"cells.yaml: frame_interval_s is 'half a minute'; it must be a number"):
        open_draft(tmp_path / "cells.tif")


def test_a_time_lapse_in_a_folder_keeps_its_order(tmp_path: Path) -> None:
    cells = folder(
        tmp_path / "cells", [f"t{n:02}_z4um" for n in range(5)], "frame_interval_s: 2\nflat: reference.png\n"
    )
    acquisition = open_acquisition(cells)
    assert acquisition.z_um.tolist() == [4] * 5
    assert acquisition.intensity() == pytest.approx(FRAMES.astype(float))


def test_the_name_of_a_file_tells_the_depth_of_all_its_frames(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "cells_z-3um.tif", FRAMES, photometric="minisblack")
    (tmp_path / "cells_z-3um.yaml").write_text("kind: through_focus\n" + OPTICS)
    assert open_acquisition(tmp_path / "cells_z-3um.tif").z_um.tolist() == [-3] * 5


def test_a_stack_of_a_coherent_microscope(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = tmp_path / "dhm"
    shutil.copytree(shared_data / "through_focus_dhm", cells, copy_function=shutil.copyfile)
    cells.chmod(0o755)
    (cells / "acquisition.yaml").write_text(OPTICS + "flat: reference.png\n")
    assert cli.main(["info", str(cells)]) == 0
    said = capsys.readouterr().out
    assert "depths_um           -20,-10,0,10,20" in said
    assert "note: every frame is divided by reference.png" in said
    warned = [line for line in said.splitlines() if line.startswith("warning")]
    assert len(warned) == 2  # the camera did saturate, and the laser was not steady
    assert "35 pixels (0.00036 %) in 4 evenly chosen of 5 frames hold the very highest value" in warned[0]
    assert "The frames' mean brightness differs by up to 9.8 %" in warned[1]
    assert cli.main(["info", str(cells), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["facts"]["depths_um"] == [-20, -10, 0, 10, 20]
    assert cli.main(["convert", str(cells), "-o", str(tmp_path / "dhm.acq.h5")]) == 0
    converted = open_acquisition(tmp_path / "dhm.acq.h5")
    assert converted.z_um.tolist() == [-20, -10, 0, 10, 20]
    assert np.array_equal(converted.frames[3, :50, :50], open_acquisition(cells).frames[3, :50, :50])
