"""What cannot be opened is called what it is, and a folder may be called by any of its names."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from napari_neuralfield.cli.commands import main
from napari_neuralfield.data.acquisition import Acquisition
from napari_neuralfield.io import open_acquisition, open_draft, save_acquisition
from napari_neuralfield.io.native.reading import surprises
from napari_neuralfield.io.sidecar import sidecar
from napari_neuralfield.types import InputError

Make = Callable[..., Acquisition]
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:3a2c\nsize 214320552\n"
STANDS_THERE = {
    "a Git LFS pointer, not the file itself: run git lfs pull": POINTER,
    "a git-annex pointer, not the file itself: run git annex get": b"/annex/objects/SHA256E-s5--1.tif\n",
    "a web page that was saved instead of the file": b"\n<!DOCTYPE html>\n<html><head>",
    "the file is empty, cut short to nothing": b"",
    "begins with nothing but zeros: a placeholder of a cloud drive": bytes(20_000),
}


@pytest.mark.parametrize(
    "name", ["cells.tif", "cells.png", "cells.h5", "cells.mat", "cells.npz", "cells.cxi", "cells.npy"]
)
@pytest.mark.parametrize("said", STANDS_THERE)
def test_something_else_in_the_place_of_a_recording(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / name).write_bytes(STANDS_THERE[said])
    with pytest.raises(InputError, match=rf"{name}: .*{said}"):
        open_draft(tmp_path / name)


def test_a_pointer_among_the_images_of_a_folder(tmp_path: Path) -> None:
    for number in range(3):
        tifffile.imwrite(tmp_path / f"{number}.tif", np.ones((4, 4), np.uint8))
    (tmp_path / "1.tif").write_bytes(POINTER)
    (tmp_path / "acquisition.yaml").write_text("kind: led_array\n")
    with pytest.raises(InputError, match=r"1.tif: a Git LFS pointer"):
        open_draft(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes of other systems")
def test_links_and_pipes(tmp_path: Path) -> None:
    (tmp_path / "link.tif").symlink_to("nowhere.tif")
    with pytest.raises(InputError, match=r"link.tif: this link leads to nowhere.tif, which is not there"):
        open_draft(tmp_path / "link.tif")
    os.mkfifo(tmp_path / "pipe.tif")
    with pytest.raises(InputError, match=r"pipe.tif: this is a pipe, a socket or a device, not a file"):
        open_draft(tmp_path / "pipe.tif")
    with pytest.raises(InputError, match=r"no images are found; .* but it holds 2 .tif files"):
        open_draft(tmp_path)


@pytest.mark.parametrize("address", ["https://some.where/scan.ome.zarr", "s3://bucket/scan.zarr"])
def test_addresses(address: str) -> None:
    with pytest.raises(InputError, match=rf"{address}: this is an address, not a file on this computer; download it"):
        open_draft(Path(address))


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of frames with a sidecar inside, in which we are."""
    folder = tmp_path / "images"
    (folder / "below").mkdir(parents=True)
    for number in range(3):
        tifffile.imwrite(folder / f"{number}.tif", np.full((40, 40), number + 5, np.uint8))
    (folder / "acquisition.yaml").write_text(
        "kind: through_focus\nz_step_um: 1\nfocus_frame: 1\npixel_um: 1\n"
        "wavelength_um: 0.5\nobjective_na: 0.3\ncondenser_na: 0.1\n"
    )
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", [".", "./", "../images", "../images/", "below/..", "../images/./"])
def test_a_folder_by_any_of_its_names(images: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", name]) == 0
    assert "3 of 40 x 40 pixels" in capsys.readouterr().out


def test_the_folder_above(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(images / "below")
    assert open_acquisition("..").frame_count == 3


@pytest.mark.parametrize("name", ["a" * 300 + ".tif", "a/" * 3000])
def test_long_names(images: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", name]) == 2
    said = capsys.readouterr().err
    assert "shorten it" in said
    assert len(said.splitlines()) == 1


def test_frames_that_lie_in_another_file(tmp_path: Path, led_array: Make) -> None:
    """Read where it is there, by a link or as a virtual dataset; else named, and no frames of nothing but zeros."""
    acquisition = led_array()
    frames = acquisition.intensity()
    with h5py.File(tmp_path / "data_000001.h5", "w") as file:
        file["data"] = frames
    for name in ("linked", "virtual"):
        save_acquisition(tmp_path / f"{name}.acq.h5", acquisition)
        with h5py.File(tmp_path / f"{name}.acq.h5", "a") as file:
            del file["frames"]
            if name == "linked":
                file["frames"] = h5py.ExternalLink("data_000001.h5", "data")
            else:
                layout = h5py.VirtualLayout(frames.shape, frames.dtype)
                layout[...] = h5py.VirtualSource("data_000001.h5", "data", frames.shape)
                file.create_virtual_dataset("frames", layout)
        assert np.array_equal(open_acquisition(tmp_path / f"{name}.acq.h5").frames[:], frames)
    (tmp_path / "data_000001.h5").unlink()
    for name in ("linked", "virtual"):
        with pytest.raises(InputError, match=r"data_000001.h5.* (is missing; copy that file beside it|not there)"):
            open_draft(tmp_path / f"{name}.acq.h5")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: led_array\nleds:\n\tgrid: 3\n", "line 3 begins with a tab; YAML wants spaces"),
        ("kind: led_array\nz_um: [1, 2\npixel_um: 3\n", r"line 2, 'z_um: \[1, 2', is no YAML"),
        ("kind: led_array\nwavelength 0.5\npixel_um: 3\n", "line 2, 'wavelength 0.5', is no YAML"),
        ("- kind: led_array\n", "a YAML mapping .* but this is a list"),
        ("", "a YAML mapping .* but this is empty"),
        ("5: led_array\n", "a mapping of 5, which is no name"),
        ("x: " + "[" * 5000, "nested too deeply|is no YAML"),
        ("a: " + "1, " * 6_000_000, "the sidecar is 17 MB; it may have 16"),
    ],
    ids=range(8),
)
def test_mistakes_in_a_sidecar_are_named_by_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "cells.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        sidecar.load(tmp_path / "cells.yaml")


def test_a_sentence_without_its_file_is_given_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^/.*/a\.mat: too long$"), surprises(tmp_path / "a.mat"):
        raise InputError("too long")
    with pytest.raises(InputError, match=r"^.{0,5}a\.yaml: z$"), surprises(tmp_path / "a.mat"):
        raise InputError("a.yaml: z")
