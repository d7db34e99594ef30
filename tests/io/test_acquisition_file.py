"""The acquisition file: round trips of every kind, and one clear sentence for every kind of bad file."""

from __future__ import annotations

import errno
import io
import os
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from napari_neuralfield.data.acquisition import KINDS, Acquisition, Draft, quantities
from napari_neuralfield.io import open_acquisition, open_draft, save_acquisition
from napari_neuralfield.io.native import atomic
from napari_neuralfield.io.native.hdf5_writing import PatientFile
from napari_neuralfield.types import InputError

SIZES = {"frame": 3, "y": 5, "x": 8, "led": 4, "mode": 2, "fy": 10, "fx": 16, "channel": 3, "term": 2, "power": 4}
COLOURS = ("channel", "wavelengths_um", "white")


def example(kind: str, colours: bool = False) -> Acquisition:
    """Odd, not square, every value given; those of several colours where asked for."""
    rng = np.random.default_rng(0)
    values: dict[str, Any] = {"title": "Zellen"}
    for name, q in quantities(kind).items():
        shape = tuple(SIZES[n] if isinstance(n, str) else n for n in q.shape)
        values[name] = q.choices[0] if q.choices else rng.uniform(0.1, 0.7, shape)  # a direction is no longer than 1
        if q.complex:
            values[name] = values[name] * np.exp(1j)
        if q.integer or name.endswith("_index"):
            values[name] = np.arange(3) if name == "channel" else np.full(shape, 2)
        if name == "pupil_field":
            values[name][:, 0] = (4, 6)  # Noll indices
    return Draft(kind, rng.integers(0, 4000, (3, 5, 8)).astype(np.uint16), values).complete()


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip_of_every_kind(tmp_path: Path, kind: str) -> None:
    before, path = example(kind, colours=True), tmp_path / "cells.acq.h5"
    save_acquisition(path, before)
    after = open_acquisition(path)
    assert after.kind == kind
    assert after.frames.dtype == np.uint16
    assert np.array_equal(after.frames[:], before.frames)
    assert after.values().keys() == before.values().keys()
    for name, value in before.values().items():
        assert np.array_equal(after.values()[name], value), name
    assert os.listdir(tmp_path) == ["cells.acq.h5"]


def test_ambient_light_and_the_height_of_the_board_are_kept(tmp_path: Path) -> None:
    before, path = example("led_array").replace(ambient=[3.0, -1.5, 2.0], led_height_mm=74), tmp_path / "a.acq.h5"
    save_acquisition(path, before.subset([2, 0]))
    after = open_acquisition(path)
    assert after.ambient.tolist() == [2.0, 3.0]
    assert after.led_height_mm == 74.0
    assert np.array_equal(after.intensity(), before.intensity([2, 0]))
    plain = before.replace(ambient=None, led_height_mm=None)
    save_acquisition(path, plain)
    assert {"ambient", "led_height_mm"}.isdisjoint(open_acquisition(path).values())


def test_frames_are_read_where_indexed_and_can_be_pickled(tmp_path: Path) -> None:
    path = tmp_path / "cells.acq.h5"
    save_acquisition(path, example("led_array"))
    frames = pickle.loads(pickle.dumps(open_acquisition(path).frames))
    whole = np.asarray(example("led_array").frames)
    for key in (1, -1, slice(0, 2), [2, 0], (1, slice(1, 3), 4), (slice(None), 0), slice(3, 3)):
        assert np.array_equal(frames[key], whole[key]), key
    with pytest.raises(IndexError):
        frames[3]


def test_a_terabyte_opens_at_once(tmp_path: Path) -> None:
    path = tmp_path / "long.acq.h5"
    save_acquisition(path, example("through_focus"))
    with h5py.File(path, "r+") as file:
        for name in ("frames", "z_um", "time_s", "exposure", "background", "pupil", *COLOURS):
            del file[name]
        file.create_dataset("frames", (30_000, 4096, 4096), "u2", chunks=(1, 4096, 4096))
        file["z_um"] = np.arange(30_000.0)
        del file.attrs["pedestal"]
    acquisition = open_acquisition(path)
    assert acquisition.frames.shape == (30_000, 4096, 4096)
    assert acquisition.intensity([29_999], (slice(0, 2), slice(0, 2))).tolist() == [[[0, 0], [0, 0]]]


def test_overrides_win(tmp_path: Path) -> None:
    path = tmp_path / "cells.acq.h5"
    save_acquisition(path, example("led_array"))
    assert open_acquisition(path, wavelength_um=0.7).wavelength_um == 0.7


def damage(path: Path, how: str) -> None:
    if how == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return
    if how == "foreign":
        path.write_bytes(b"this is a letter" * 20)
        return
    with h5py.File(path, "r+") as file:
        if how == "newer":
            file.attrs["version"] = 2
        elif how == "no version":
            del file.attrs["version"]
        elif how == "other format":
            file.attrs["format"] = "cxi"
        elif how == "kind":
            file.attrs["kind"] = "hologram"
        elif how == "no frames":
            del file["frames"]
        elif how == "no wavelength":
            del file.attrs["wavelength_um"]
            for name in COLOURS:
                del file[name]
        elif how == "one led too few":
            del file["illumination_na"]
            file["illumination_na"] = np.zeros((2, 2))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("cut", r"cells.acq.h5: the file is cut short; copy or record it again"),
        ("foreign", r"cells.acq.h5: this is not an HDF5 file"),
        ("newer", r"the file has version 2 but this program knows versions up to 1; update"),
        ("no version", r"attribute version is None; it must be a whole number"),
        ("other format", r"attribute format is 'cxi'; an acquisition file has format"),
        ("kind", r"attribute kind is 'hologram'; it must be one of led_array"),
        ("no frames", r"there is no dataset 'frames'"),
        ("no wavelength", r"wavelength_um .* is missing; give wavelength_um in um"),
        ("one led too few", r"illumination_na has 2 entries along 'frame' but the frames have 3"),
    ],
)
def test_bad_files_are_explained(tmp_path: Path, how: str, message: str) -> None:
    path = tmp_path / "cells.acq.h5"
    save_acquisition(path, example("led_array"))
    damage(path, how)
    with pytest.raises(InputError, match=message):
        open_acquisition(path)


def test_damage_inside_the_frames_is_found_when_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "cells.acq.h5"
    save_acquisition(path, example("led_array"))
    with h5py.File(path) as file:
        chunk = file["frames"].id.get_chunk_info(1)
    with path.open("r+b") as raw:
        raw.seek(chunk.byte_offset)
        raw.write(b"\xff" * chunk.size)
    frames = open_acquisition(path).frames
    assert frames[0].shape == (5, 8)
    with pytest.raises(InputError, match=r"dataset /frames cannot be read"):
        frames[1]


def test_what_is_missing_or_unknown(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing.tif: there is no such file or folder"):
        open_draft(tmp_path / "nothing.tif")
    (tmp_path / "notes.docx").write_text("x")
    with pytest.raises(InputError, match=r"format is not known; what can be read is .*acquisition files \(.acq.h5\)"):
        open_draft(tmp_path / "notes.docx")
    with pytest.raises(InputError, match=r"ends in .acq.h5; name it so"):
        save_acquisition(tmp_path / "cells.h5", example("led_array"))
    with pytest.raises(InputError, match=r"the folder .*away does not exist"):
        save_acquisition(tmp_path / "away" / "cells.acq.h5", example("led_array"))


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "the disk is full; free some space"),
        (errno.EACCES, "writing in .* is not allowed"),
        (errno.EIO, "it cannot be written"),
    ],
)
def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, message: str
) -> None:
    path = tmp_path / "cells.acq.h5"
    save_acquisition(path, example("led_array"))
    before = path.read_bytes()

    def fail(_: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(atomic.os, "fsync", fail)
    with pytest.raises(InputError, match=message):
        save_acquisition(path, example("through_focus"))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["cells.acq.h5"]


def test_a_disk_that_fills_up_while_frames_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def on_a_full_disk(self: PatientFile, data: memoryview) -> int:
        if self.tell() + len(data) > 4000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return io.FileIO.write(self, data)

    monkeypatch.setattr(PatientFile, "_write", on_a_full_disk)
    with pytest.raises(InputError, match=r"cells.acq.h5: the disk is full; free some space"):
        save_acquisition(tmp_path / "cells.acq.h5", example("led_array"))
    assert os.listdir(tmp_path) == []


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cells.acq.h5"
    save_acquisition(path, example("led_array"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match=r"reading it is not allowed; ask for permission"):
        open_draft(path)


@pytest.mark.parametrize("name", ["coded_25", "fpm_tilted", "multiplexed_natural_4", "through_focus"])
def test_simulated_recordings_survive_a_copy(shared_bench: Path, tmp_path: Path, name: str) -> None:
    before = open_acquisition(shared_bench / f"{name}.acq.h5")
    save_acquisition(tmp_path / "copy.acq.h5", before)
    after = open_acquisition(tmp_path / "copy.acq.h5")
    assert np.array_equal(after.intensity(), before.intensity())
    assert after.values().keys() == before.values().keys()


@pytest.mark.parametrize("turned", [False, True])
def test_a_part_of_the_frames_is_read_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turned: bool) -> None:
    from napari_neuralfield.io.native import hdf5_frames

    stack = np.random.default_rng(0).integers(0, 99, (2, 12, 10)).astype(np.uint16)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["frames"] = stack.transpose(0, 2, 1) if turned else stack
        frames = hdf5_frames.HDF5Frames.of(file["frames"], tmp_path / "a.h5", turned)
    asked, real = [], hdf5_frames.stored
    monkeypatch.setattr(hdf5_frames, "stored", lambda data, key, path: (asked.append(key), real(data, key, path))[1])
    assert np.array_equal(frames[1, 2:5, 3:9], stack[1, 2:5, 3:9])
    assert asked == [(1, slice(3, 9), slice(2, 5)) if turned else (1, slice(2, 5), slice(3, 9))]
    assert np.array_equal(frames[:, 2:9:2], stack[:, 2:9:2])
    assert np.array_equal(frames[[1, 0], 4], stack[[1, 0], 4])
    assert np.array_equal(frames[-1], stack[-1])
