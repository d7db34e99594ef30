"""NumPy archives (`.npz`, `.npz.bz2`): the acquisition's own names, or a far-field scan as tike keeps it."""

from __future__ import annotations

import bz2
import dataclasses
import functools
import io
import math
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from ...data.acquisition import Draft
from ...registry import READERS
from ...types import InputError
from ..described import named
from ..native.hdf5_frames import Key
from ..native.reading import explained, free_bytes, real_numbers
from ..sidecar import layout, sidecar

PART = 2**24  # bytes that are unpacked at a time
ENDINGS = (".npz", ".npz.bz2")
SCAN = ("data", "scan")
UNITLESS = {
    "geometry": "far_field", "object_pixel_um": 1.0, "detector_pixel_um": 1.0, "wavelength_um": 1e-3,
}  # fmt: skip


@READERS.register("numpy_archive")
class NumpyArchiveReader:
    """Arrays by name; `data` and `scan` (pixels) without any size are a far-field scan in units of its own pixel."""

    reads = "NumPy archives (.npz, .npz.bz2) with frames or with data and scan"

    def supports(self, path: Path) -> bool:
        return path.name.lower().endswith(ENDINGS)

    def read(self, path: Path) -> Draft:
        """Frames (kept once read, since the file is compressed as a whole) and the values under known names."""
        held = Archive.of(path.absolute())
        names = named.names_in(path, list(held.heads))
        if named.FRAMES not in names:
            if all(name in held.heads for name in SCAN):
                return _scan(path, held)
            raise InputError(
                f"{path}: the file holds {', '.join(sorted(held.heads)) or 'nothing'}; it must hold frames (frame, y, "
                "x), or data and scan, or name the frames in its sidecar as variables: {frames: NAME}"
            )
        name = names[named.FRAMES].name
        said = str(held.array("kind")) if "kind" in held.heads else None
        kind = named.kind_of(path, names, said)
        array = ArchiveArray(path.absolute(), name, *held.head(name))
        frames = layout.arranged(array, sidecar.beside(path), kind, f"{path}: {name}")
        values = named.values_of(kind, names, held.array, frames.shape[0], path)
        if "title" in held.heads:
            values["title"] = str(held.array("title"))
        return Draft(kind, frames, values, str(path))


@dataclasses.dataclass(frozen=True)
class Archive:
    """The members of an archive: their shapes and types from their heads, an array when it is asked for.

    Parameters
    ----------
    path : of the file.
    heads : name -> shape and type of a member; None where it is no array.
    """

    path: Path
    heads: dict[str, tuple[tuple[int, ...], np.dtype] | None]

    @classmethod
    def of(cls, path: Path) -> Archive:
        """The heads of all members are read."""
        heads: dict[str, tuple[tuple[int, ...], np.dtype] | None] = {}
        with explained(path, "this is not a NumPy archive or it is cut short"), _unzipped(path) as archive:
            for member in archive.infolist():
                with archive.open(member) as file:
                    heads[member.filename.removesuffix(".npy")] = _head(file)
        return cls(path, heads)

    def head(self, name: str) -> tuple[tuple[int, ...], np.dtype]:
        """Shape and type of the array called `name`."""
        found = self.heads.get(name)
        if found is None or found[1].hasobject:
            raise InputError(f"{self.path}: {name} is no array of numbers or text; save it again with numpy.savez")
        return found

    def array(self, name: str) -> np.ndarray:
        """The array called `name`, which must hold as much as its head says, and fit into memory."""
        shape, dtype = self.head(name)
        needed = math.prod(shape) * dtype.itemsize
        with explained(self.path, "this is not a NumPy archive or it is cut short"), _unzipped(self.path) as archive:
            held = archive.getinfo(f"{name}.npy" if f"{name}.npy" in archive.namelist() else name)
            if needed > held.file_size:
                raise InputError(
                    f"{self.path}: {name} speaks of {needed / 1e6:.4g} MB, of shape {shape}, but holds "
                    f"{held.file_size / 1e6:.4g} MB; the file is damaged, so save it again"
                )
            _fits(needed, f"{self.path}: {name}")
            with archive.open(held) as file:
                return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _head(file: IO[bytes]) -> tuple[tuple[int, ...], np.dtype] | None:
    """Shape and type of what follows in an open `.npy` file; None for anything else."""
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    except (ValueError, EOFError):
        return None
    return (tuple(shape), dtype) if all(n >= 0 for n in shape) else None


def _fits(needed: int, what: str) -> None:
    """Refuse `what` where the `needed` bytes are more than is free."""
    free = free_bytes()
    if needed > free:
        raise InputError(f"{what} needs {needed / 1e9:.3g} GB of memory, of which {free / 1e9:.3g} are free; cut it up")


@contextmanager
def _unzipped(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive, taken out of bzip2 where it is packed so."""
    if path.suffix.lower() != ".bz2":
        with zipfile.ZipFile(path) as archive:
            yield archive
        return
    with zipfile.ZipFile(io.BytesIO(_unpacked(path, path.stat().st_mtime_ns))) as archive:
        yield archive


@functools.lru_cache(maxsize=1)
def _unpacked(path: Path, written_ns: int) -> bytes:
    """What is packed in a bzip2 file, which has no index and so is kept once read."""
    whole = io.BytesIO()
    with bz2.open(path) as file:
        while part := file.read(PART):
            _fits(2 * (whole.tell() + len(part)), f"{path}: it")
            whole.write(part)
    return whole.getvalue()


@functools.lru_cache(maxsize=1)
def _kept(path: Path, name: str, written_ns: int) -> np.ndarray:
    """Frames are compressed as a whole, so they are kept once read."""
    return Archive.of(path).array(name)


@dataclasses.dataclass(frozen=True)
class ArchiveArray:
    """An array in an archive, read again where it was pickled to."""

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype

    def __getitem__(self, key: Key) -> np.ndarray:
        return np.array(_kept(self.path, self.name, self.path.stat().st_mtime_ns)[key])


def _scan(path: Path, held: Archive) -> Draft:
    """`data` (1, frame, y, x), `scan` (1, frame, 2) px of the window's corner, `probe` (..., mode, y, x)."""
    array = ArchiveArray(path.absolute(), SCAN[0], *held.head(SCAN[0]))
    frames = layout.arranged(array, sidecar.beside(path), "ptychography", f"{path}: {SCAN[0]}")
    cornered = zero_at_corner(array[:].reshape(frames.shape))
    scan = real_numbers(held.array(SCAN[1]), path, SCAN[1])
    scan = scan.reshape(scan.shape[-2:]) if scan.size == 2 * frames.shape[0] else scan
    values: dict[str, object] = {"positions_px": scan}
    frames = dataclasses.replace(frames, cornered=cornered)
    draft = Draft("ptychography", frames, values, str(path))
    draft.assume(
        "the file gives positions in pixels and no sizes: one object pixel is taken as 1 um, in the far field; give "
        "object_pixel_um, or wavelength_um, distance_um and detector_pixel_um, in a sidecar for true sizes",
        **UNITLESS,
    )
    if cornered:
        draft.notes.append("the frames have their zero frequency at the corner; it is moved to the centre")
    if "probe" in held.heads and len(held.head("probe")[0]) >= 2:
        probe = held.array("probe")
        probe = probe.reshape(-1, *probe.shape[-3:])[0] if probe.ndim > 3 else probe
        values["probe"] = probe
    return draft


def zero_at_corner(stack: np.ndarray) -> bool:
    """Whether far-field light lies at the corners of a `stack` (frame, y, x) rather than in its middle."""
    mean = stack[:: max(1, len(stack) // 32)].mean(axis=0, dtype=float)
    rows, columns = mean.shape
    middle = float(mean[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4].sum())
    turned = np.roll(mean, (rows // 2, columns // 2), axis=(0, 1))
    return float(turned[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4].sum()) > middle
