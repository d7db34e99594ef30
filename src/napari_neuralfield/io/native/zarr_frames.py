"""Zarr on this computer, versions 2 and 3: what a folder is, its attributes, and frames that stay in their chunks."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...types import InputError
from .hdf5_frames import Key, SingleFrames
from .reading import regular

if TYPE_CHECKING:
    import zarr

FILES = {"zarr.json": "", ".zarray": "array", ".zgroup": "group"}  # what says what a folder is
KEPT = 64 * 2**20  # bytes of neighbouring frames that share chunks, kept once they are read
MOST = 2000  # folders looked into for images
MOST_FILES = 20_000  # of an array that are looked at


def node(folder: Path) -> str:
    """'array' or 'group'; empty where a folder is neither."""
    for name, kind in FILES.items():
        if (folder / name).is_file():
            return kind or str(_json(folder / name).get("node_type", ""))
    return ""


def attributes(folder: Path) -> dict[str, Any]:
    """Of a group or array."""
    if (folder / "zarr.json").is_file():
        found = _json(folder / "zarr.json").get("attributes", {})
    else:
        found = _json(folder / ".zattrs") if (folder / ".zattrs").is_file() else {}
    return found if isinstance(found, dict) else {}


def children(folder: Path) -> list[Path]:
    """Groups and arrays right inside a group, in the order of their names, numbers as numbers."""
    found = [child for child in folder.iterdir() if child.is_dir() and not child.name.startswith(".") and node(child)]
    return sorted(found, key=lambda path: (not path.name.isdigit(), path.name.zfill(12)))


def below(folder: Path, depth: int = 4) -> Iterator[Path]:
    """Groups and arrays inside a group, `depth` levels deep; the first few thousand."""
    looked, level = 0, [folder]
    for _ in range(depth):
        inside = []
        for parent in level:
            for child in children(parent) if node(parent) == "group" else []:
                looked += 1
                if looked > MOST:
                    return
                yield child
                inside.append(child)
        level = inside


def opened(folder: Path) -> zarr.Array:
    """An array for reading.

    Raises
    ------
    InputError : where it is damaged or of a kind that is not known.
    """
    import zarr

    _check_files(folder.absolute())
    try:
        return zarr.open_array(str(folder), mode="r")
    except Exception as error:
        raise InputError(
            f"{folder}: the Zarr array cannot be opened ({_reason(error)}); copy or save it again"
        ) from None


@functools.lru_cache(maxsize=8)
def _check_files(folder: Path) -> None:
    """Refuse an array in whose folder lies what is no file, such as a pipe, that would be waited for without end."""
    looked = 0
    for place, _, names in os.walk(folder):
        for name in names:
            looked += 1
            if looked > MOST_FILES:
                return
            regular(Path(place) / name)


@dataclasses.dataclass(frozen=True)
class ZarrFrames:
    """A (frame, y, x) stack out of an array; each process opens it for itself, and a frame reads its own chunks alone.

    Parameters
    ----------
    path : of the array.
    shape, dtype : of the stack.
    counting : the array's axes that count the frames, the slowest first.
    plane : its axes y and x. What is left are axes of length 1.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    counting: tuple[int, ...]
    plane: tuple[int, int]

    @classmethod
    def of(cls, array: zarr.Array, path: Path, counting: Sequence[int], plane: tuple[int, int]) -> ZarrFrames:
        """The frames of an open `array`, which lies at `path`; `counting` and `plane` as in the class."""
        count = int(np.prod([array.shape[axis] for axis in counting], dtype=int))
        shape = (count, *(int(array.shape[axis]) for axis in plane))
        return cls(path.absolute(), shape, np.dtype(array.dtype).newbyteorder("="), tuple(counting), plane)

    @property
    def cost_bytes(self) -> int:
        """What is read and unpacked for a single frame."""
        array = self._array()
        whole = (min(n, size) * -(-size // n) for n, size in zip(array.chunks, array.shape, strict=True))
        sizes = dict(enumerate(whole))
        sizes.update({axis: min(array.chunks[axis], array.shape[axis]) for axis in self.counting})
        return int(np.prod(list(sizes.values()), dtype=float)) * self.dtype.itemsize

    def __getitem__(self, key: Key) -> np.ndarray:
        first, *rest = key if isinstance(key, tuple) else (key,)
        if not all(isinstance(part, slice) and (part.step or 1) > 0 for part in rest) or len(rest) > 2:
            return SingleFrames(self.shape, self.dtype, self._frame)[key]
        region = (*rest, slice(None), slice(None))[:2]
        rows, columns = (np.empty(n, bool)[part].size for n, part in zip(self.shape[1:], region, strict=True))
        read = functools.partial(self._frame, region=region)
        return SingleFrames((self.shape[0], rows, columns), self.dtype, read)[first]

    def _frame(self, index: int, region: tuple[Any, ...] = (slice(None), slice(None))) -> np.ndarray:
        """Out of a block of neighbours where they share chunks and fit into memory."""
        array = self._array()
        sizes = tuple(array.shape[axis] for axis in self.counting)
        at = np.unravel_index(index, sizes)
        spans = [(int(i), int(i) + 1) for i in at]
        chunks = [min(array.chunks[axis], array.shape[axis]) for axis in self.counting]
        whole = region == (slice(None), slice(None))
        if whole and int(np.prod([*chunks, *self.shape[1:]], dtype=float)) * self.dtype.itemsize <= KEPT:
            spans = [
                (i // n * n, min(i // n * n + n, size)) for (i, _), n, size in zip(spans, chunks, sizes, strict=True)
            ]
        try:
            several = any(stop - start > 1 for start, stop in spans)
            stack = _block(self, tuple(spans), self._written()) if several else self._read(spans, region)
        except InputError:
            raise
        except Exception as error:
            raise InputError(
                f"{self.path}: frame {index} cannot be read ({_reason(error)}); a chunk is damaged or missing in part, "
                "so copy or record it again"
            ) from None
        return stack[tuple(int(i) - start for i, (start, _) in zip(at, spans, strict=True))]

    def _read(self, spans: Sequence[tuple[int, int]], region: tuple[Any, ...]) -> np.ndarray:
        """(counting..., y, x)."""
        array = self._array()
        chosen: list[Any] = [slice(0, 1)] * array.ndim
        for axis, span in zip(self.counting, spans, strict=True):
            chosen[axis] = slice(*span)
        chosen[self.plane[0]], chosen[self.plane[1]] = region
        kept = (*self.counting, *self.plane)
        others = [axis for axis in range(array.ndim) if axis not in kept]
        found = np.asarray(array[tuple(chosen)], dtype=self.dtype).transpose(*kept, *others)
        return found.reshape(found.shape[: len(kept)])

    def _written(self) -> int:
        """When; a folder that is gone would be read as one without chunks, all zero."""
        for name in FILES:
            try:
                return (self.path / name).stat().st_mtime_ns
            except OSError:
                continue
        raise InputError(f"{self.path}: the array is gone; open it again where it is now")

    def _array(self) -> zarr.Array:
        return _kept_open(self.path, os.getpid(), self._written())


@functools.lru_cache(maxsize=8)
def _kept_open(path: Path, process: int, written_ns: int) -> zarr.Array:
    return opened(path)


@functools.lru_cache(maxsize=2)
def _block(frames: ZarrFrames, spans: tuple[tuple[int, int], ...], written_ns: int) -> np.ndarray:
    return frames._read(spans, (slice(None), slice(None)))


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: this part of a Zarr store cannot be read ({_reason(error)}); copy it again"
        ) from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: this part of a Zarr store is no mapping; copy it again")
    return found


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0] or type(error).__name__
