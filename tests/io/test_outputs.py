"""What may be written and what is left: folders, links, long names, dead processes, and one name for partial work."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from scan_scene import far_field

from napari_neuralfield.io import save_acquisition, save_cxi, save_planes
from napari_neuralfield.io.native import staging
from napari_neuralfield.io.native.atomic import writing
from napari_neuralfield.io.native.outputs import free, one_file, partial_of
from napari_neuralfield.io.native.tensor_file import save_tensors
from napari_neuralfield.types import InputError

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such locks, links and pipes")


def planes(path: Path, value: float = 1.0) -> Path:
    save_planes(path, [np.full((8, 8), value, np.float32)], [0.0], 0.5, 1)
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_there_is_refused_without_overwrite(tmp_path: Path) -> None:
    there = planes(tmp_path / "o.npy")
    with pytest.raises(InputError, match=r"output .*o\.npy exists and would be replaced; add --overwrite"):
        free(there, overwrite=False)
    free(there, overwrite=True)
    free(tmp_path / "new.npy", overwrite=False)


def test_of_folders_only_a_zarr_store_is_replaced(tmp_path: Path) -> None:
    store = planes(tmp_path / "o.ome.zarr")
    planes(store, 2.0)
    assert names(tmp_path) == ["o.ome.zarr"]
    for note in ("my_notes.txt", "0/2024", "c", "labels/1/x.tif"):
        (store / note).parent.mkdir(parents=True, exist_ok=True)
        (store / note).write_text("only copy")
        for attempt in (lambda: free(store, overwrite=True), lambda: planes(store, 3.0)):
            with pytest.raises(InputError, match=rf"o\.ome\.zarr holds {note}, which is no part of a Zarr store"):
                attempt()
        assert (store / note).read_text() == "only copy"
        (store / note).unlink()
    folder = tmp_path / "photos.ome.zarr"
    folder.mkdir()
    with pytest.raises(InputError, match="is a folder that is no Zarr store"):
        planes(folder)


@posix
def test_a_link_keeps_pointing_and_a_device_is_refused(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link, target = tmp_path / "o.npy", tmp_path / "disk" / "real.npy"
    link.symlink_to(target)
    planes(link)
    assert link.is_symlink()
    assert np.load(target).shape == (1, 8, 8)
    with pytest.raises(InputError, match="exists"):
        free(link, overwrite=False)
    os.mkfifo(tmp_path / "pipe.npy")
    with pytest.raises(InputError, match="is a device or pipe"):
        planes(tmp_path / "pipe.npy")
    assert names(tmp_path) == ["disk", "o.npy", "pipe.npy"]


def test_one_file_under_several_names(tmp_path: Path) -> None:
    one = planes(tmp_path / "o.npy")
    os.link(one, tmp_path / "hard.npy")
    assert one_file(tmp_path / "hard.npy", one)
    assert one_file(tmp_path / "new.npy", tmp_path / "x" / ".." / "new.npy")
    assert not one_file(one, tmp_path / "new.npy")


def test_long_names_are_written(tmp_path: Path) -> None:
    path = planes(tmp_path / ("x" * 246 + ".npy"))
    assert names(tmp_path) == [path.name]
    with pytest.raises(InputError, match="the name is longer than this system allows; choose a shorter one"):
        planes(tmp_path / ("x" * 300 + ".npy"))


@pytest.mark.parametrize(
    ("name", "partial"),
    [
        ("o.nfield", "o.partial.nfield"),
        ("my.run.acq.h5", "my.run.partial.acq.h5"),
        ("o.OME.zarr", "o.partial.OME.zarr"),
        ("w.safetensors", "w.partial.safetensors"),
        ("ö" * 120 + ".nfield", "ö" * 120 + ".partial.nfield"),
        ("ö" * 124 + ".nfield", "ö" * 120 + ".partial.nfield"),
    ],
)
def test_partial_work_has_one_name(name: str, partial: str) -> None:
    assert partial_of(Path("there") / name) == Path("there") / partial


def killed_while(target: Path, does: str) -> None:
    """A process that dies while it writes `target`, having done something in its folder there."""
    code = (
        "import os, sys; from pathlib import Path; from napari_neuralfield.io.native import staging\n"
        f"target = Path({str(target)!r})\n"
        f"with staging.staged(target) as folder:\n    {does}\n    os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9


@posix
def test_leftovers_of_dead_processes_are_removed_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    target, other = tmp_path / "o.npy", tmp_path / "other.npy"
    killed_while(target, "(folder / 'o.npy').write_bytes(bytes(1000))")
    killed_while(other, "pass")
    (tmp_path / ".hidden").write_text("not ours")
    assert len(names(tmp_path)) == 3
    with staging.staged(target) as mine:
        assert len(names(tmp_path)) == 3  # that of the dead one is gone
        free(target, overwrite=False)
        assert mine.is_dir()
    planes(target)
    free(other, overwrite=False)
    assert names(tmp_path) == [".hidden", "o.npy"]


@posix
def test_a_store_that_was_moved_aside_comes_back(tmp_path: Path) -> None:
    store = planes(tmp_path / "o.ome.zarr", 5.0)
    killed_while(store, "staging.aside(folder).mkdir(); target.rename(staging.aside(folder) / '0')")
    assert not store.exists()
    with pytest.raises(InputError, match="exists"):
        free(store, overwrite=False)
    assert names(tmp_path) == ["o.ome.zarr"]
    with staging.staged(store) as folder:
        staging.aside(folder).mkdir()
        store.rename(staging.aside(folder) / "0")
    assert names(tmp_path) == ["o.ome.zarr"]


def test_an_error_leaves_the_older_file_and_nothing_else(tmp_path: Path) -> None:
    path = planes(tmp_path / "o.npy", 7.0)

    def interrupted() -> None:
        with writing(path) as temporary:
            assert temporary.name == path.name
            temporary.write_bytes(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert names(tmp_path) == ["o.npy"]
    assert np.load(path).max() == 7


@pytest.mark.parametrize("ending", [".npy", ".tif", ".png", ".ome.zarr"])
def test_equal_images_are_equal_bytes(tmp_path: Path, ending: str) -> None:
    found = []
    for n in range(2):
        (tmp_path / f"{n}").mkdir()
        made = planes(tmp_path / f"{n}" / f"o{ending}")
        files = [made] if made.is_file() else sorted(path for path in made.rglob("*") if path.is_file())
        found.append([(path.relative_to(tmp_path / f"{n}"), path.read_bytes()) for path in files])
    assert found[0] == found[1]


def test_equal_recordings_are_equal_bytes_whenever_they_are_written(tmp_path: Path) -> None:
    recording, _ = far_field()
    savers = {".acq.h5": save_acquisition, ".cxi": save_cxi}
    for number in range(2):
        for ending, save in savers.items():
            save(tmp_path / f"{number}{ending}", recording)
        time.sleep(1.1 if number == 0 else 0)  # HDF5 counts in seconds
    for ending in savers:
        assert (tmp_path / f"0{ending}").read_bytes() == (tmp_path / f"1{ending}").read_bytes()


def test_equal_tensors_are_equal_bytes_whatever_the_order(tmp_path: Path) -> None:
    header = {f"name {n}": str(n) for n in range(20)}
    turned = dict(reversed(header.items()))
    found = []
    for n, told in enumerate((header, turned)):
        save_tensors(tmp_path / f"{n}.safetensors", {"a": torch.arange(3.0), "b": torch.ones(1)}, told)
        found.append((tmp_path / f"{n}.safetensors").read_bytes())
    assert found[0] == found[1]
    from safetensors import safe_open

    with safe_open(tmp_path / "0.safetensors", "pt") as file:
        assert file.metadata() == header
        assert torch.equal(file.get_tensor("a"), torch.arange(3.0))
