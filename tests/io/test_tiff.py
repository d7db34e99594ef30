"""Folders and stacks of images with a sidecar."""

from __future__ import annotations

import pickle
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_neuralfield.io import open_acquisition, open_draft
from napari_neuralfield.io.sidecar.tables import read_image
from napari_neuralfield.types import InputError

STACK = np.random.default_rng(0).integers(0, 4000, (11, 5, 8)).astype(np.uint16)
SIDECAR = """
kind: through_focus
wavelength_um: 0.5
objective_na: 0.2
condenser_na: 0.05
pixel_um: 0.6
z_um: [{}]
"""


def sidecar(path: Path, count: int = 11, more: str = "") -> None:
    path.write_text(SIDECAR.format(", ".join(map(str, range(count)))) + more)


def folder(path: Path, ending: str = "tif") -> Path:
    path.mkdir()
    for index, frame in enumerate(STACK):
        if ending == "png":
            Image.fromarray(frame).save(path / f"frame{index}.png")
        else:
            tifffile.imwrite(path / f"frame{index}.tif", frame)
    return path


@pytest.mark.parametrize("ending", ["tif", "png"])
@pytest.mark.parametrize("inside", [True, False])
def test_a_folder_in_the_order_of_its_numbers(tmp_path: Path, ending: str, inside: bool) -> None:
    images = folder(tmp_path / "cells", ending)
    sidecar(images / "acquisition.yaml" if inside else tmp_path / "cells.yaml")
    acquisition = pickle.loads(pickle.dumps(open_acquisition(images)))
    assert acquisition.frames.dtype == np.uint16
    assert np.array_equal(acquisition.frames[:], STACK)
    assert np.array_equal(acquisition.frames[[10, 2], 1:3], STACK[[10, 2], 1:3])


def test_files_may_be_chosen(tmp_path: Path) -> None:
    images = folder(tmp_path / "cells")
    sidecar(images / "acquisition.yaml", 2, "files: [frame7.tif, frame1.tif]")
    assert np.array_equal(open_acquisition(images).frames[:], STACK[[7, 1]])
    sidecar(images / "acquisition.yaml", 2, "files: frame1*.tif")
    assert np.array_equal(open_acquisition(images).frames[:], STACK[[1, 10]])


@pytest.mark.parametrize("how", ["plain", "big endian", "compressed", "ome", "imagej"])
def test_stacks(tmp_path: Path, how: str) -> None:
    path = tmp_path / ("cells.ome.tif" if how == "ome" else "cells.tif")
    options: dict = {
        "plain": {},
        "big endian": {"byteorder": ">"},
        "compressed": {"compression": "zlib"},
        "ome": {"ome": True, "metadata": {"axes": "ZYX"}},
        "imagej": {"imagej": True, "metadata": {"axes": "ZYX"}},
    }[how]
    tifffile.imwrite(path, STACK, photometric="minisblack", **options)
    sidecar(tmp_path / "cells.yaml")
    acquisition = pickle.loads(pickle.dumps(open_acquisition(path)))
    assert acquisition.frames.dtype == np.dtype(np.uint16)
    assert np.array_equal(acquisition.intensity([3, 0]), STACK[[3, 0]])
    assert np.array_equal(acquisition.frames[4, 1:3, ::2], STACK[4, 1:3, ::2])


def test_a_large_stack_opens_at_once(tmp_path: Path) -> None:
    path = tmp_path / "long.tif"
    mapped = tifffile.memmap(path, shape=(20, 8192, 8192), dtype=np.uint16, photometric="minisblack", bigtiff=True)
    mapped[19, 5, 6] = 42
    del mapped  # 2.7 GB, of which the disk holds a page
    sidecar(tmp_path / "long.yaml", 20)
    start = time.perf_counter()
    acquisition = open_acquisition(path)
    assert acquisition.frames[19, 5, 6] == 42
    assert time.perf_counter() - start < 2.0


def test_without_a_sidecar_nothing_is_guessed(tmp_path: Path) -> None:
    images = folder(tmp_path / "cells")
    with pytest.raises(InputError, match=r"there is no sidecar.*write .*acquisition.yaml or .*cells.yaml with kind"):
        open_draft(images)
    sidecar(images / "acquisition.yaml")
    (images / "acquisition.yaml").write_text("wavelength_um: 0.5")
    with pytest.raises(InputError, match=r"acquisition.yaml: kind is missing; it must be one of led_array"):
        open_draft(images)


def test_frames_that_do_not_belong_together(tmp_path: Path) -> None:
    images = folder(tmp_path / "cells")
    sidecar(images / "acquisition.yaml")
    tifffile.imwrite(images / "frame3.tif", STACK[3, :, :7])
    with pytest.raises(InputError, match=r"frame3.tif: the frame is 5 x 7 of uint16 but frame0.tif is 5 x 8 of uint16"):
        open_draft(images)
    tifffile.imwrite(images / "frame3.tif", STACK[:2], photometric="minisblack")
    with pytest.raises(InputError, match=r"frame3.tif: the file holds 2 pages; in a folder each file is one frame"):
        open_draft(images)


def test_three_frames_that_a_program_marked_as_colours_are_frames(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).random((3, 6, 8), np.float32)
    tifffile.imwrite(tmp_path / "stack.tif", frames, photometric="rgb", planarconfig="separate")
    sidecar(tmp_path / "stack.yaml", 3)
    draft = open_draft(tmp_path / "stack.tif")
    assert np.array_equal(draft.frames[:], frames)
    assert np.array_equal(draft.frames[1], frames[1])


@pytest.mark.parametrize("ending", ["tif", "png"])
def test_damaged_images(tmp_path: Path, ending: str) -> None:
    images = folder(tmp_path / "cells", ending)
    sidecar(images / "acquisition.yaml")
    broken = images / f"frame4.{ending}"
    broken.write_bytes(broken.read_bytes()[:40])
    with pytest.raises(InputError, match=rf"frame4.{ending}: .*(cut short|damaged)"):
        open_acquisition(images).intensity()


def test_a_stack_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, STACK, photometric="minisblack", metadata=None, contiguous=True)
    sidecar(tmp_path / "cells.yaml")
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(InputError, match=r"cells.tif: .*cut short"):
        open_acquisition(path).intensity()


def test_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "cells").mkdir()
    sidecar(tmp_path / "cells.yaml")
    with pytest.raises(InputError, match=r"cells: no images are found; the folder must hold .tif, .tiff, .png"):
        open_draft(tmp_path / "cells")


@pytest.mark.parametrize("compression", ["lzw", "zstd", "deflate", "jpeg"])
@pytest.mark.parametrize("kind", ["stack", "folder"])
def test_compressed_images(tmp_path: Path, compression: str, kind: str) -> None:
    path = tmp_path / ("cells.tif" if kind == "stack" else "cells")
    frames = (STACK // 16).astype(np.uint8)
    if kind == "stack":
        tifffile.imwrite(path, frames, photometric="minisblack", compression=compression)
    else:
        path.mkdir()
        for number, frame in enumerate(frames):
            tifffile.imwrite(path / f"{number}.tif", frame, photometric="minisblack", compression=compression)
    sidecar(tmp_path / "cells.yaml")
    acquisition = pickle.loads(pickle.dumps(open_acquisition(path)))
    assert np.abs(acquisition.frames[:].astype(int) - frames).max() <= (40 if compression == "jpeg" else 0)


def test_a_missing_codec_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "cells.tif", STACK, photometric="minisblack", compression="lzw")
    sidecar(tmp_path / "cells.yaml")

    def without(*args: object, **kwargs: object) -> None:
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setattr(tifffile.TiffPage, "asarray", without)
    needed = r"the pixels are compressed \(LZW\), which needs the package imagecodecs: pip install"
    with pytest.raises(InputError, match=needed):
        open_acquisition(tmp_path / "cells.tif").intensity()
    with pytest.raises(InputError, match=needed):
        read_image(tmp_path / "cells.tif")


def test_frames_bear_the_names_of_their_images(tmp_path: Path) -> None:
    images = folder(tmp_path / "cells")
    sidecar(images / "acquisition.yaml")
    assert open_draft(images).frame_names[9:] == ("frame9.tif", "frame10.tif")
