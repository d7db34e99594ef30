"""Good files of every format, made by the project itself, and ways to break each of them."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import scipy.io
import tifffile
import zarr
from PIL import Image

from napari_neuralfield.cli.commands import main
from napari_neuralfield.data.acquisition import Acquisition
from napari_neuralfield.io import open_acquisition, save_acquisition, save_cxi

Rng = np.random.Generator
Change = Callable[[Path, Rng], str]  # breaks a file or folder; says how
NUMBERS: tuple[object, ...] = (
    np.nan, np.inf, -np.inf, 0.0, -1.0, 1e300, 1e-300, 1e30, 1e12, 1e-12, 2**62, "red", "", b"\xff\xfe", True, 1 + 2j,
    np.zeros(0), np.ones(5), np.ones((2, 2)), np.array([[["x"]]], "S3"),
)  # fmt: skip
TYPES = ("S3", "c16", "?", ">f8", "i1", "f2", "u8", [("a", "f4"), ("b", "i2")])
SHAPES: tuple[tuple[int, ...], ...] = (
    (10**12, 8, 8),
    (3, 10**6, 10**6),
    (0, 8, 8),
    (3, 0, 8),
    (3, 1, 1),
    (1, 3, 10**5),
)
ODD = (
    ".nan", ".inf", "-1", "0", "1e300", "red", "''", "null", "true", "[1, 2]", "[[1, 2], [3]]", "{a: 1}", "9" * 500,
    "2020-01-01", "/etc/passwd", "/dev/zero", "../x", ".", "nope.tif", "[" * 2000 + "]" * 2000, "&a [*a]", "!!set 1",
)  # fmt: skip
DOCUMENTS = (
    "- a\n",
    "hello\n",
    "\tkind: x\n",
    "---\na: 1\n---\nb: 2\n",
    "1: 2\n",
    "a\0b: 1\n",
    "{",
    "? : :",
    "# only\n",
)
KEYS = (
    "kind", "wavelength_um", "objective_na", "pixel_um", "leds", "z_um", "background", "flat", "exposure", "title",
    "files", "variables", "axes", "positions_um", "pupil", "patterns", "unknown",
)  # fmt: skip
CHEAP = {
    "led_array": ["--method", "fpm-sequential", "--z-um", "0", "--passes", "1"],
    "multiplexed_led": ["--method", "dpc"],
    "ptychography": ["--method", "rpie", "--passes", "1"],
    "coded_ptychography": ["--method", "rpie", "--passes", "1"],
    "through_focus": ["--method", "tie-fft"],
}


@dataclasses.dataclass(frozen=True)
class Case:
    """A file or folder of `good_files`, and what is done to a copy of it."""

    name: str
    change: Change


def good_files(folder: Path) -> None:
    """Small recordings and fields of every format in `folder`, each with its sidecar."""
    led = _simulated(folder, "led", "tilted-slide", 9, 24)
    _simulated(folder, "five", "multiplexed-cells", None, 32)
    far = _simulated(folder, "far", "far-field", 6, None)
    focus = _simulated(folder, "focus", "through-focus", None, 24)
    frames = np.asarray(led.frames[:], np.float32)
    na = json.dumps(np.round(led.illumination_na, 6).tolist())
    optics = f"kind: led_array\nwavelength_um: 0.522\nobjective_na: 0.25\npixel_um: 0.345\nleds:\n  na: {na}\n"
    lens = "wavelength_um: 0.53\nobjective_na: 0.4\ncondenser_na: 0.16\npixel_um: 2.6\n"
    depths = f"kind: through_focus\n{lens}z_um: [-4, 0, 4]\n"
    values = {"wavelength_um": 0.522, "objective_na": 0.25, "pixel_um": 0.345, "illumination_na": led.illumination_na}
    save_cxi(folder / "scan.cxi", far)
    scipy.io.savemat(folder / "five.mat", {"frames": np.moveaxis(frames, 0, -1), **values})
    np.savez(folder / "own.npz", frames=frames, unused=np.zeros(9), **values)
    np.save(folder / "plain.npy", frames)
    tifffile.imwrite(folder / "stack.tif", frames, photometric="minisblack")
    tifffile.imwrite(folder / "packed.tif", frames, photometric="minisblack", compression="zlib")
    with h5py.File(folder / "master.h5", "w") as file:
        file["entry/data/data_000001"] = frames
    with h5py.File(folder / "lab.hdf5", "w") as file:
        file["ptychogram"], file["encoder"] = np.asarray(far.frames[:]), far.positions_um * 1e-6
        file["wavelength"], file["zo"], file["dxd"] = 1.5e-10, 2.0, 55e-6
    for name in ("plain", "stack", "packed", "master"):
        (folder / f"{name}.yaml").write_text(optics)
    array = zarr.create_array(str(folder / "chunks.zarr"), shape=frames.shape, chunks=(2, 24, 24), dtype="f4")
    array[...] = frames
    (folder / "chunks.yaml").write_text(optics)
    (folder / "pictures").mkdir()
    for number, frame in enumerate(np.asarray(focus.frames[:])):
        Image.fromarray(np.uint16(1000 * frame / frame.max())).save(folder / "pictures" / f"{number}.png")
    (folder / "pictures" / "acquisition.yaml").write_text(depths)
    if main(["reconstruct", str(folder / "five.acq.h5"), "--method", "dpc", "-o", str(folder / "field.nfield")]):
        raise RuntimeError("the good field cannot be made")


def _simulated(folder: Path, name: str, kind: str, frames: int | None, pixels: int | None) -> Acquisition:
    whole = folder / "whole.acq.h5"
    if main(["simulate", kind, "-o", str(whole)]):
        raise RuntimeError(f"{kind} cannot be simulated")
    found = open_acquisition(whole)
    found = found if frames is None else found.subset(range(frames))
    found = found if pixels is None else found.crop(slice(0, pixels), slice(0, pixels))
    found = found.replace(frames=np.asarray(found.frames[:]))
    save_acquisition(folder / f"{name}.acq.h5", found)
    whole.unlink()
    return found


def cases(rng: Rng, count: int) -> Iterator[Case]:
    """`count` cases: every way of every format in turn, in random order."""
    every: list[Case] = []
    while len(every) < count:
        every += [Case(name, change) for name, changes in WAYS.items() for change in changes]
    for at in rng.permutation(len(every))[:count]:
        yield every[at]


# bytes, and what stands in the place of a file


def cut(path: Path, rng: Rng) -> str:
    keep = int(path.stat().st_size * rng.random())
    os.truncate(path, keep)
    return f"cut to {keep} bytes"


def flipped(path: Path, rng: Rng) -> str:
    """Bits near the beginning, or anywhere."""
    held = bytearray(path.read_bytes())
    end = len(held) if rng.random() < 0.5 else min(len(held), 2048)
    for at in rng.integers(0, end, 16):
        held[at] ^= 1 << int(rng.integers(8))
    path.write_bytes(bytes(held))
    return f"16 bits of the first {end} bytes flipped"


def zeroed(path: Path, rng: Rng) -> str:
    held = bytearray(path.read_bytes())
    at = int(rng.integers(len(held)))
    held[at : at + 2048] = bytes(len(held[at : at + 2048]))
    path.write_bytes(bytes(held))
    return f"zeros from byte {at}"


def replaced(path: Path, rng: Rng) -> str:
    """By nothing, noise, a folder, a pipe, a device, or a link to itself."""
    how = str(rng.choice(["nothing", "noise", "folder", "pipe", "device", "loop"]))
    path.unlink()
    if how in ("nothing", "noise"):
        path.write_bytes(b"" if how == "nothing" else rng.bytes(3000))
    elif how == "folder":
        path.mkdir()
    elif how == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero" if how == "device" else path.name)
    return f"replaced by {how}"


# HDF5


def _names(file: h5py.File) -> list[str]:
    found = [f"@{name}" for name in file.attrs]
    file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return found


def _put(file: h5py.File, name: str, value: object) -> None:
    holder, key = (file.attrs, name[1:]) if name.startswith("@") else (file, name)
    del holder[key]
    if value is not None:
        holder[key] = value


def hdf5_value(path: Path, rng: Rng) -> str:
    with h5py.File(path, "r+") as file:
        name, value = str(rng.choice(_names(file))), [*NUMBERS, None][int(rng.integers(len(NUMBERS) + 1))]
        _put(file, name, value)
        return f"{name} is {str(value)[:30]!r}"


def _largest(file: h5py.File) -> h5py.Dataset:
    return max((file[name] for name in _names(file) if not name.startswith("@")), key=lambda d: d.size)


def hdf5_frames(path: Path, rng: Rng) -> str:
    """Frames of another type or shape, with odd values, or that lie elsewhere."""
    with h5py.File(path, "r+") as file:
        dataset = _largest(file)
        name, held, way = dataset.name, dataset[()], int(rng.integers(6))
        if way == 0:
            held.flat[int(rng.integers(held.size))] = np.asarray(rng.choice([1e9, 0, -1])).astype(held.dtype)
            dataset[...] = held
            return "one odd pixel"
        if way == 1:
            dataset[...] = np.full(held.shape, float(rng.choice([0, 7, 1e4]))).astype(held.dtype)
            return "all pixels equal"
        del file[name]
        if way == 2:
            kind = TYPES[int(rng.integers(len(TYPES)))]
            file[name] = np.zeros(held.shape, kind) if isinstance(kind, list) else held.astype(kind)
            return f"frames of type {kind}"
        if way == 3:
            shape = SHAPES[int(rng.integers(len(SHAPES)))]
            chunks = None if 0 in shape else tuple(min(64, n) for n in shape)
            file.create_dataset(name, shape, "f4", chunks=chunks)
            return f"frames claim {shape}"
        if way == 4:
            turned = (held[0], held[None], held.ravel(), held[..., :-1, :3], held.T)
            file[name] = turned[int(rng.integers(len(turned)))]
            return f"frames of shape {file[name].shape}"
        links = (
            h5py.SoftLink(name), h5py.SoftLink("/nowhere"), h5py.ExternalLink("/etc/passwd", "/x"),
            h5py.ExternalLink("/dev/zero", "/x"), h5py.ExternalLink("missing.h5", "/x"), None,
        )  # fmt: skip
        link = links[int(rng.integers(len(links)))]
        if link is None:
            file.create_dataset(name, held.shape, "u1", external=[("/etc/passwd", 0, held.size)])
        else:
            file[name] = link
        return f"frames are {link}"


# sidecars


def sidecar_of(path: Path) -> Path:
    return (
        path / "acquisition.yaml"
        if path.is_dir() and path.suffix != ".zarr"
        else path.with_name(f"{path.name.split('.')[0]}.yaml")
    )


def sidecar_key(path: Path, rng: Rng) -> str:
    beside, key, value = sidecar_of(path), str(rng.choice(KEYS)), ODD[int(rng.integers(len(ODD)))]
    lines = beside.read_text().splitlines() if beside.exists() else []
    kept = [line for line in lines if not line.startswith(f"{key}:") and not (key == "leds" and line.startswith(" "))]
    beside.write_text("\n".join([*kept, f"{key}: {value}"]) + "\n")
    return f"{key}: {value[:30]}"


def sidecar_whole(path: Path, rng: Rng) -> str:
    beside = sidecar_of(path)
    if rng.random() < 0.4:
        beside.touch()
        return f"sidecar {replaced(beside, rng)}"
    text = DOCUMENTS[int(rng.integers(len(DOCUMENTS)))]
    beside.write_text(text)
    return f"sidecar {text[:20]!r}"


# archives, fields, Zarr, folders


def member(path: Path, rng: Rng) -> str:
    """One member of a .npz that is no array, or claims more than it holds."""
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    name = str(rng.choice([*held, "frames.npy"]))
    head = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000, 1000)}".ljust(117).encode() + b"\n"
    claims = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(400)
    odd = io.BytesIO()
    np.save(odd, np.asarray(rng.choice(np.array([3.0, np.nan]))))
    held[name] = [b"hello", claims, odd.getvalue(), held[name][: len(held[name]) // 2]][int(rng.integers(4))]
    with zipfile.ZipFile(path, "w") as archive:
        for each, content in held.items():
            archive.writestr(each, content)
    return f"member {name} changed"


def field_header(path: Path, rng: Rng) -> str:
    held = path.read_bytes()
    size = struct.unpack("<Q", held[:8])[0]
    head = json.loads(held[8 : 8 + size])
    said = head["__metadata__"]
    name = str(rng.choice(sorted(said)))
    odd = ("", "null", "[]", "{}", "x", "1e999", '{"shape": []}', '{"z_um": null, "shape": [1e9, 1e9]}', None)
    value = odd[int(rng.integers(len(odd)))]
    said.pop(name)
    if value is not None:
        said[name] = value
    new = json.dumps(head).encode()
    path.write_bytes(struct.pack("<Q", len(new)) + new + held[8 + size :])
    return f"header {name} is {value!r}"


def chunk(path: Path, rng: Rng) -> str:
    """A file inside of a Zarr store."""
    files = sorted(p for p in path.rglob("*") if p.is_file())
    one = files[int(rng.integers(len(files)))]
    change = [cut, flipped, replaced][int(rng.integers(3))]
    return f"{one.relative_to(path)} {change(one, rng)}"


def picture(path: Path, rng: Rng) -> str:
    """One of the pictures of a folder."""
    one = path / f"{int(rng.integers(3))}.png"
    how = int(rng.integers(4))
    if how == 0:
        Image.fromarray(np.zeros((5, 7), np.uint8)).save(one)
    elif how == 1:
        Image.fromarray(np.zeros((24, 24, 3), np.uint8)).save(one)
    else:
        return f"{one.name} {(cut, replaced)[how - 2](one, rng)}"
    return f"{one.name} differs"


BYTES = (cut, flipped, zeroed, replaced)
HDF5 = (*BYTES, hdf5_value, hdf5_value, hdf5_value, hdf5_frames, hdf5_frames)
SIDECAR = (sidecar_key, sidecar_key, sidecar_whole)
WAYS: dict[str, tuple[Change, ...]] = {
    **dict.fromkeys(("led.acq.h5", "five.acq.h5", "far.acq.h5", "focus.acq.h5", "scan.cxi", "lab.hdf5"), HDF5),
    "master.h5": (*HDF5, *SIDECAR),
    "five.mat": BYTES,
    "own.npz": (*BYTES, member, member),
    "plain.npy": (*BYTES, *SIDECAR),
    "stack.tif": (*BYTES, flipped, *SIDECAR),
    "packed.tif": (*BYTES, flipped, sidecar_key),
    "field.nfield": (*BYTES, field_header, field_header, field_header),
    "chunks.zarr": (chunk, chunk, *SIDECAR),
    "pictures": (picture, picture, *SIDECAR),
}


def copied(case: Case, good: Path, box: Path) -> Path:
    """A copy of the case's file, and of its sidecar, in the folder `box`."""
    box.mkdir()
    path, source = box / case.name, good / case.name
    (shutil.copytree if source.is_dir() else shutil.copy)(source, path)
    beside = sidecar_of(source)
    if beside.exists() and not source.joinpath("acquisition.yaml").exists():
        shutil.copy(beside, box / beside.name)
    return path
