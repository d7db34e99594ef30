"""Places are found again where they were planted, and the whole is the sample; what does not go together is said."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from bench.stitching import errors_px, picture_error, stitched, world

from napari_neuralfield.app.batch.record import Record, Row
from napari_neuralfield.app.stitching.layout import layout
from napari_neuralfield.app.stitching.neighbours import Overlap, texture
from napari_neuralfield.app.stitching.positions import stage_positions
from napari_neuralfield.cli.commands import main
from napari_neuralfield.io import load_result
from napari_neuralfield.types import Extent

from ...zarr_scene import write


def test_planted_places_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The stage is off by pixels; measured: 0.03 px rms, and a picture off by its noise of 3 %."""
    planted = world(tmp_path, 1, grid=(2, 3))
    shutil.copytree(tmp_path, tmp_path / "scan")
    command = ["stitch", str(tmp_path / "scan"), "--positions", str(tmp_path / "stage.csv"), "-o"]
    assert main([*command, str(tmp_path / "slide.nfield")]) == 0
    said = capsys.readouterr().out
    assert "6 fields, 11 overlaps: the stage is off by" in said
    result = load_result(tmp_path / "slide.nfield")
    assert np.sqrt((errors_px(result, planted) ** 2).mean()) < 0.1
    assert picture_error(result, planted) < 0.05
    assert result.figures["stage_error_um"] > 0.5
    assert any("turned by" in note for note in result.notes)
    assert main([*command, str(tmp_path / "slide.nfield")]) == 2  # it is there already


def test_a_field_without_neighbours_lies_where_the_stage_says(tmp_path: Path) -> None:
    planted = world(tmp_path, 2, grid=(2, 2))
    lines = planted.table.read_text().splitlines()
    planted.table.write_text("\n".join([*lines[:-1], "f003.nfield,500,500"]) + "\n")
    result = stitched(planted)
    assert result.figures["stage_turn_rad"] == pytest.approx(planted.turn_rad, abs=0.1)
    place = result.field.tiles[3].extent.origin_um
    assert np.linalg.norm(np.subtract(place, (500, 500))) < 100
    assert result.field.covered(np.array([place[0] + 10]), np.array([place[1] + 10])).all()


def test_mirrored_axes_of_a_stage_are_found(tmp_path: Path) -> None:
    planted = world(tmp_path, 4, grid=(2, 2))
    rows = [line.split(",") for line in planted.table.read_text().splitlines()[1:]]
    lines = [f"{name},{x},-{y}" for name, y, x in rows]
    planted.table.write_text("\n".join(["file,y_um,x_um", *lines]) + "\n")
    assert errors_px(stitched(planted), planted).max() < 0.3


def test_places_of_the_recordings(tmp_path: Path) -> None:
    """What a batch writes down leads to the stage's positions in OME-TIFF and OME-Zarr."""
    tiff, group = tmp_path / "a.ome.tif", tmp_path / "b.ome.zarr"
    said = {"axes": "YX", "PhysicalSizeX": 1, "PhysicalSizeY": 1, "Plane": {"PositionX": [2.0], "PositionY": [1.0]}}
    units = {"PositionXUnit": ["mm"], "PositionYUnit": ["mm"]}
    tifffile.imwrite(tiff, np.zeros((8, 8), np.uint16), metadata={**said, "Plane": {**said["Plane"], **units}})
    write(group, np.zeros((1, 8, 8), np.uint16), "cyx", (1, 0.5, 0.5), (0, 1000, 2300), levels=1)
    record = Record(tmp_path)
    for source in (tiff, group):
        record.add(Row(source.name[0], str(source), "done"))
    extents = [Extent((0, 0), (8, 8), 1.0)] * 2
    files = [tmp_path / "a.nfield", tmp_path / "b.nfield"]
    assert stage_positions(None, files, extents).tolist() == [[1000, 2000], [1000, 2300]]


def test_one_wrong_overlap_among_others_counts_little() -> None:
    """The closed form: three right steps around a square, and one that is 50 pixels off."""
    true = np.array([[0, 0], [0, 100], [100, 0], [100, 100.0]])
    pairs = [(0, 1), (0, 2), (1, 3), (2, 3), (0, 3)]
    overlaps = [Overlap(i, j, true[j] - true[i], 0.9, 1000) for i, j in pairs]
    overlaps[2] = dataclasses.replace(overlaps[2], step_um=overlaps[2].step_um + 50)
    found = layout(true + np.array([[3, 0], [0, -2], [-1, 1], [0, 0]]), overlaps, 1.0)
    assert np.abs(found.places_um - found.places_um[0] - true).max() < 0.1
    assert found.wrong.tolist() == [False, False, True, False, False]


def test_texture_knows_no_offset_tilt_or_gain() -> None:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :50] / 50
    values = np.exp(2j * np.sin(9 * x) * np.cos(7 * y)) * (1 + 0.2 * rng.random(y.shape))
    other = 3 * values * np.exp(1j * (2.5 + 4 * y - 3 * x))
    assert np.allclose(texture(values), texture(other), atol=1e-9)


def test_what_does_not_go_together(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    planted = world(tmp_path, 3, grid=(1, 2), side=48)
    files = [str(file) for file in planted.files]
    table = tmp_path / "t.csv"
    for text, said in {
        "file,y_um,x_um\nf000,0,0\n": "there is no row for f001.nfield",
        "y_um,x_um\n0,0\n": "there are 1 positions for 2 fields",
        "file,y_px,x_px\nf000,0,0\nf001,0,9\n": "the positions are in pixels",
    }.items():
        table.write_text(text)
        assert main(["stitch", *files, "--positions", str(table), "-o", str(tmp_path / "o.nfield")]) == 2
        assert said in capsys.readouterr().err
    for tokens, said in {
        (*files,): "does not say where it lies on the slide; name a table",
        (files[0],): "1 field is named; name two or more",
        (files[0], files[0]): "a field is named twice",
        (str(tmp_path / "no*.nfield"),): "no file fits this pattern",
    }.items():
        assert main(["stitch", *tokens, "-o", str(tmp_path / "o.nfield")]) == 2
        assert said in capsys.readouterr().err
