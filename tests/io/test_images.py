"""Rendered planes read back with the libraries other programs use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
import yaozarrs
import zarr
from PIL import Image

from napari_neuralfield.io import save_planes
from napari_neuralfield.io.writers.images import save_strips
from napari_neuralfield.io.writers.ome_zarr import halved
from napari_neuralfield.types import InputError

Z_UM = [-2.0, 0.5, 3.0]
RNG = np.random.default_rng(0)
FIELD = (RNG.uniform(0.5, 1.5, (3, 31, 22)) * np.exp(1j * RNG.uniform(-3, 3, (3, 31, 22)))).astype(np.complex64)


@pytest.mark.parametrize("planes", [FIELD, FIELD.real])
def test_npy(tmp_path: Path, planes: np.ndarray) -> None:
    path = tmp_path / "cells.npy"
    save_planes(path, iter(planes), Z_UM, 0.25, 3)
    after = np.load(path)
    assert after.dtype == planes.dtype
    assert np.array_equal(after, planes)
    assert os.listdir(tmp_path) == ["cells.npy"]


@pytest.mark.parametrize("name", ["cells.tif", "cells.ome.tif"])
def test_ome_tiff(tmp_path: Path, name: str) -> None:
    save_planes(tmp_path / name, iter(FIELD), Z_UM, 0.25, 3)
    with tifffile.TiffFile(tmp_path / name) as file:
        assert file.is_ome
        after = file.asarray()
        described = file.ome_metadata
    assert after.shape == (3, 2, 31, 22)
    assert np.allclose(after[:, 0], np.abs(FIELD))
    assert np.allclose(after[:, 1], np.angle(FIELD), atol=1e-6)
    for text in ('PhysicalSizeX="0.25"', 'PhysicalSizeZ="2.5"', 'Name="phase"', 'PositionZ="-2.0"', 'SizeZ="3"'):
        assert text in described


def test_ome_tiff_of_phase_only(tmp_path: Path) -> None:
    save_planes(tmp_path / "cells.tif", iter(FIELD.real[:1]), [0.0], 0.25, 1)
    assert np.array_equal(np.squeeze(tifffile.imread(tmp_path / "cells.tif")), FIELD.real[0])


def test_ome_zarr(tmp_path: Path) -> None:
    path = tmp_path / "cells.ome.zarr"
    wide = np.tile(FIELD, (1, 9, 31))  # (3, 279, 682)
    for _ in range(2):  # the second writes over the first
        save_planes(path, iter(wide), Z_UM, 0.25, 3, origin_um=(10.0, 20.0))
    group = zarr.open_group(path, mode="r")
    image = group.attrs["ome"]["multiscales"][0]
    assert group.attrs["ome"]["version"] == "0.5"
    assert [a["name"] for a in image["axes"]] == ["c", "z", "y", "x"]
    assert [group[d["path"]].shape for d in image["datasets"]] == [(2, 3, 279, 682), (2, 3, 140, 341), (2, 3, 70, 171)]
    transforms = image["datasets"][1]["coordinateTransformations"]
    assert transforms[0]["scale"] == [1.0, 2.5, 0.5, 0.5]
    assert transforms[1]["translation"] == [0.0, -2.0, 10.125, 20.125]
    assert np.allclose(group["0"][0], np.abs(wide))
    assert np.allclose(group["1"][1, 2], np.angle(halved(wide[2])), atol=1e-6)
    assert os.listdir(tmp_path) == ["cells.ome.zarr"]


def places(path: Path) -> list[tuple[float, float, float]]:
    """(z, y, x) um of pixel (0, 0) of each plane, as a reader computes them that knows no more than OME."""
    if path.suffix == ".zarr":
        yaozarrs.validate_zarr_store(path)
        (image,) = zarr.open_group(path, mode="r").attrs["ome"]["multiscales"]
        scale, start = (list(t.values())[1] for t in image["datasets"][0]["coordinateTransformations"])
        count = zarr.open_group(path, mode="r")["0"].shape[1]
        return [(start[1] + n * scale[1], start[2], start[3]) for n in range(count)]
    with tifffile.TiffFile(path) as file:
        described = ElementTree.fromstring(file.ome_metadata)
    planes = [plane for plane in described.findall(".//{*}Plane") if plane.get("TheC") == "0"]
    return [tuple(float(plane.get(f"Position{axis}", "nan")) for axis in "ZYX") for plane in planes]


@pytest.mark.parametrize("name", ["cells.ome.zarr", "cells.ome.tif"])
@pytest.mark.parametrize("z_um", [[3.0, 0.5, -2.0], [0.5, 3.0, -2.0], [-2.0, 0.5, 3.0], [7.0], [1.0, 1.5]])
def test_every_plane_lies_where_it_was_asked_for(tmp_path: Path, name: str, z_um: list[float]) -> None:
    path, count = tmp_path / name, len(z_um)
    save_planes(path, iter(FIELD[:count]), z_um, 0.25, count, origin_um=(4.0, 6.5))
    pixels = zarr.open_group(path, mode="r")["0"][0] if name.endswith("zarr") else tifffile.imread(path)
    planes = pixels if name.endswith("zarr") else pixels.reshape(count, 2, 31, 22)[:, 0]
    found = places(path)
    assert sorted(z for z, _, _ in found) == pytest.approx(sorted(z_um))
    assert {place[1:] for place in found} == {(4.0, 6.5)}
    for (z, _, _), plane in zip(found, planes, strict=True):
        assert np.allclose(plane, np.abs(FIELD[z_um.index(pytest.approx(z))]))


def test_depths_that_ome_cannot_say_are_refused_or_said_one_by_one(tmp_path: Path) -> None:
    for z_um in ([-10.0, -5.0, 7.0], [0.0, 0.0, 5.0]):
        with pytest.raises(
            InputError, match=r"^cells\.ome\.zarr: the depths .* um are not evenly spaced, .* write \.tif"
        ):
            save_planes(tmp_path / "cells.ome.zarr", iter(FIELD), z_um, 0.25, 3)
        assert os.listdir(tmp_path) == []
    save_planes(tmp_path / "cells.tif", iter(FIELD), [-10.0, -5.0, 7.0], 0.25, 3)
    assert [z for z, _, _ in places(tmp_path / "cells.tif")] == [-10, -5, 7]
    with tifffile.TiffFile(tmp_path / "cells.tif") as file:
        assert "PhysicalSizeZ" not in file.ome_metadata


def test_times_come_in_their_order(tmp_path: Path) -> None:
    save_strips(tmp_path / "a.ome.zarr", iter(FIELD.real), [0.0], 0.25, (31, 22), time_s=[60.0, 0.0, 30.0])
    group = zarr.open_group(tmp_path / "a.ome.zarr", mode="r")
    scale, start = group.attrs["ome"]["multiscales"][0]["datasets"][0]["coordinateTransformations"]
    assert (scale["scale"][0], start["translation"][0]) == (30.0, 0.0)
    assert np.array_equal(group["0"][:, 0], FIELD.real[[1, 2, 0]])


def test_png(tmp_path: Path) -> None:
    save_planes(tmp_path / "cells.png", iter(FIELD), Z_UM, 0.25, 3)
    picture = np.asarray(Image.open(tmp_path / "cells.png"))
    assert picture.shape == (3 * 31, 2 * 22)
    phase = picture[31:62, 22:] / 255 * 2 * np.pi - np.pi
    assert np.allclose(phase, np.angle(FIELD[1]), atol=2 * np.pi / 255)


def test_planes_are_taken_one_at_a_time(tmp_path: Path) -> None:
    alive: list[int] = []

    def planes() -> Iterator[np.ndarray]:
        for index in range(40):
            alive.append(index)
            yield np.full((400, 300), index, np.complex64)

    save_planes(tmp_path / "cells.ome.zarr", planes(), np.arange(40.0), 0.5, 40)
    assert alive == list(range(40))
    assert zarr.open_group(tmp_path / "cells.ome.zarr")["0"][0, 39, 0, 0] == 39


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cells.jpg: the ending is not known; .* written as .npy, .tif, .*.png"):
        save_planes(tmp_path / "cells.jpg", iter(FIELD), Z_UM, 0.25, 3)
    with pytest.raises(InputError, match=r"2 depths are given for 3 planes"):
        save_planes(tmp_path / "cells.npy", iter(FIELD), Z_UM[:2], 0.25, 3)
    with pytest.raises(InputError, match=r"only 2 of 3 planes came"):
        save_planes(tmp_path / "cells.npy", iter(FIELD[:2]), Z_UM, 0.25, 3)
    with pytest.raises(InputError, match=r"plane 1 has shape \(30, 22\)"):
        save_planes(tmp_path / "cells.tif", [FIELD[0], FIELD[1, :30], FIELD[2]], Z_UM, 0.25, 3)
    assert os.listdir(tmp_path) == []


def test_an_interrupted_render_leaves_nothing(tmp_path: Path) -> None:
    def planes() -> Iterator[np.ndarray]:
        yield FIELD[0]
        raise RuntimeError("cancelled")

    for name in ("cells.npy", "cells.tif", "cells.ome.zarr", "cells.png"):
        with pytest.raises(RuntimeError, match="cancelled"):
            save_planes(tmp_path / name, planes(), Z_UM, 0.25, 3)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["cells.npy", "cells.tif", "cells.ome.zarr", "cells.png"])
@pytest.mark.parametrize("field", [FIELD, FIELD.real], ids=["complex", "real"])
def test_strips_make_the_same_file_as_planes(tmp_path: Path, name: str, field: np.ndarray) -> None:
    wide = np.tile(field, (1, 41, 40))[:2]  # (2, 1271, 880)
    cuts = np.split(np.arange(1271), [1, 2, 512, 513, 700, 1270])
    strips = (plane[cut] for plane in wide for cut in cuts)
    save_planes(tmp_path / name, iter(wide), Z_UM[:2], 0.25, 2)
    save_strips(tmp_path / f"strips-{name}", strips, Z_UM[:2], 0.25, (1271, 880), sample=wide[0])
    one, two = _pixels(tmp_path / name), _pixels(tmp_path / f"strips-{name}")
    assert len(one) == len(two)
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a, b)


def _pixels(path: Path) -> list[np.ndarray]:
    if path.suffix == ".npy":
        return [np.load(path)]
    if path.suffix == ".tif":
        return [tifffile.imread(path)]
    if path.suffix == ".png":
        return [np.asarray(Image.open(path))]
    group = zarr.open_group(path, mode="r")
    return [np.asarray(group[d["path"]]) for d in group.attrs["ome"]["multiscales"][0]["datasets"]]


def test_strips_that_do_not_fit_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a strip of shape \(20, 22\) came at row 20 of plane 0"):
        save_strips(tmp_path / "a.npy", iter([FIELD[0, :20], FIELD[0, :20]]), [0.0], 0.25, (31, 22))
    with pytest.raises(InputError, match="only 20 of 31 rows came"):
        save_strips(tmp_path / "a.npy", iter([FIELD[0, :20]]), [0.0], 0.25, (31, 22))


def test_an_unwrapped_phase_is_shown_over_its_range(tmp_path: Path) -> None:
    save_planes(tmp_path / "a.ome.zarr", iter([np.linspace(0, 40, 400).reshape(20, 20)]), [0.0], 0.25, 1)
    window = zarr.open_group(tmp_path / "a.ome.zarr").attrs["ome"]["omero"]["channels"][0]["window"]
    assert 0 <= window["start"] < 1
    assert 39 < window["end"] <= 40
