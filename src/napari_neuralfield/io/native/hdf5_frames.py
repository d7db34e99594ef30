"""Frames that stay in a file until they are indexed: one by one, as a whole, or in HDF5."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import SupportsIndex

import h5py
import numpy as np

from ...data.frames import Frames
from ...types import InputError
from . import links
from .hdf5_file import opened as opened
from .hdf5_file import places
from .hdf5_storage import decoded, home

LOST = "its data {} lie in {}, which is missing; copy that file beside it"
MOST_LINKS = 20_000  # of a file that are looked at for one that leads nowhere
Some = SupportsIndex | slice | np.ndarray
Key = Some | tuple[Some, ...]  # what a stack of frames is indexed with


@functools.lru_cache(maxsize=8)
def _kept_open(path: Path, name: str, follow: bool, process: int) -> dict[int, h5py.Dataset]:
    """When the file was written -> the open dataset, of one time only: see `HDF5Array.opened`."""
    return {}


def stored(dataset: h5py.Dataset, key: Key, path: str | Path) -> np.ndarray:
    """What a `dataset` holds at `key`; damage inside the file, `path`, or a missing filter becomes an InputError."""
    try:
        return decoded(dataset, key, path)
    except OSError as error:
        reason = str(error).splitlines()[0]
        if filters := _missing_filters(dataset):
            raise InputError(
                f"{path}: dataset {dataset.name} is compressed by HDF5 filter {filters}, which is not installed here; "
                "pip install hdf5plugin, which brings those of most detectors"
            ) from None
        raise InputError(
            f"{path}: dataset {dataset.name} cannot be read ({reason}); the file is damaged, so copy or record it again"
        ) from None


def _missing_filters(dataset: h5py.Dataset) -> str:
    """Numbers and names of the filters that a dataset needs and this machine lacks; empty where none is missing."""
    plan = dataset.id.get_create_plist()
    used = [plan.get_filter(number) for number in range(plan.get_nfilters())]
    return ", ".join(
        f"{code} ({name.decode('utf-8', 'replace').split(';')[0]})" if name else str(code)
        for code, _, _, name in used if not h5py.h5z.filter_avail(code)
    )  # fmt: skip


def lost_file(path: Path) -> str:
    """What to say of a file that links of the HDF5 file `path` lead to and that is missing or may not be followed.

    Empty without one, or where `path` is no HDF5.
    """
    looked = 0

    def lost(name: str, link: object) -> str | None:
        nonlocal looked
        looked += 1
        if isinstance(link, h5py.ExternalLink):
            there = list(places(str(link.filename), path.absolute()))
            if not there:
                return LOST.format(name, link.filename)
            try:
                links.check(there[0], path)
            except links.Outside as error:
                return str(error).removeprefix(f"{path}: ")
        return "" if looked > MOST_LINKS else None

    try:
        if not path.is_file() or not h5py.is_hdf5(path):
            return ""
        with opened(path) as file:
            return file.visititems_links(lost) or ""
    except InputError as error:
        return str(error).removeprefix(f"{path}: ")
    except (OSError, RuntimeError):
        return ""


@dataclasses.dataclass(frozen=True)
class SingleFrames:
    """A (frame, y, x) stack whose frames are read one by one where they are indexed.

    Parameters
    ----------
    shape, dtype : of the stack.
    frame : gives the frame (y, x) of a number from 0; can be pickled.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    frame: Callable[[int], np.ndarray]

    def __getitem__(self, key: Key) -> np.ndarray:
        first, *rest = key if isinstance(key, tuple) else (key,)
        inside = tuple(rest) or ...
        if isinstance(first, int | np.integer):
            return self.frame(range(self.shape[0])[first])[inside]
        chosen = np.arange(self.shape[0])[first]
        if len(chosen) == 0:
            return np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *rest)]
        return np.stack([self.frame(int(index))[inside] for index in chosen])


@dataclasses.dataclass(frozen=True)
class WholeFrames:
    """A (frame, y, x) stack that a file holds in one piece, mapped or read where it is indexed.

    Parameters
    ----------
    path : of the file.
    shape, dtype : of the stack.
    stack : gives the stack in `path`, as an array that is mapped, or kept by whoever makes it; can be pickled.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    stack: Callable[[Path], np.ndarray]

    def __getitem__(self, key: Key) -> np.ndarray:
        try:
            return np.array(self.stack(self.path)[key], dtype=self.dtype)
        except (FileNotFoundError, PermissionError):
            raise InputError(f"{self.path}: the file is gone; open it again where it is now") from None


@dataclasses.dataclass(frozen=True)
class HDF5Array:
    """A dataset of any axes; each process opens the file for itself, so the object can be pickled and forked.

    Parameters
    ----------
    path, dataset : file and name of the dataset.
    shape, dtype : of the dataset.
    follow : links that lead out of the file's folder too.
    """

    path: Path
    dataset: str
    shape: tuple[int, ...]
    dtype: np.dtype
    follow: bool = False

    @classmethod
    def of(cls, dataset: h5py.Dataset, path: Path) -> HDF5Array:
        """An open `dataset` of the file `path`, or of another that a link in it leads to."""
        if dataset.name is None:
            raise InputError(
                f"{path}: a reference leads to a dataset without a name; the file is damaged, save it again"
            )
        where = home(dataset, path)
        if where != path.absolute() and dataset.name not in dataset.file:
            where = path.absolute()  # reached through a group of the other file, so its name counts from here
        return cls(where, dataset.name, dataset.shape, np.dtype(dataset.dtype), links.everywhere())

    def __getitem__(self, key: Key) -> np.ndarray:
        return stored(self.opened(), key, self.path)

    def opened(self) -> h5py.Dataset:
        """The dataset, open while it is in use: it keeps chunks in memory, each of which may hold parts of many frames.

        It is opened anew once the file was written to, as nothing of it is seen before.
        """
        kept = _kept_open(self.path, self.dataset, self.follow, os.getpid())
        try:
            written = self.path.stat().st_mtime_ns
            if written not in kept:
                kept.clear()
                with links.following(self.follow):
                    kept[written] = opened(self.path, cache_bytes=64 * 2**20)[self.dataset]
            return kept[written]
        except (OSError, KeyError):
            raise InputError(f"{self.path}: the file is gone or changed; open it again where it is now") from None


@dataclasses.dataclass(frozen=True)
class HDF5Frames:
    """A (frame, y, x) dataset.

    Parameters
    ----------
    array : the dataset.
    reversed_axes : it is stored as (frame, x, y), as MATLAB writes (y, x, frame).
    """

    array: HDF5Array
    reversed_axes: bool = False

    @classmethod
    def of(cls, dataset: h5py.Dataset, path: Path, reversed_axes: bool = False) -> HDF5Frames:
        """The frames of an open `dataset` of the file `path`, stored as (frame, x, y) where `reversed_axes`."""
        return cls(HDF5Array.of(dataset, path), reversed_axes)

    @property
    def shape(self) -> tuple[int, ...]:
        shape = self.array.shape
        return (shape[0], shape[2], shape[1]) if self.reversed_axes and len(shape) == 3 else shape

    @property
    def dtype(self) -> np.dtype:
        return self.array.dtype

    def __getitem__(self, key: Key) -> np.ndarray:
        dataset, inside = self.array.opened(), key
        first, *rest = key if isinstance(key, tuple) else (key,)
        region = [part for part in rest if isinstance(part, slice) and (part.step or 1) > 0]
        if len(region) == len(rest) <= 2:
            inside = first  # no more than that is read
        else:
            region = []
        region += [slice(None)] * (2 - len(region))
        rows, columns = (len(range(n)[part]) for n, part in zip(self.shape[1:], region, strict=True))
        read = functools.partial(self._frame, dataset, region)
        return SingleFrames((self.shape[0], rows, columns), self.dtype, read)[inside]

    def _frame(self, dataset: h5py.Dataset, region: list[slice], index: int) -> np.ndarray:
        if self.reversed_axes:
            return stored(dataset, (index, *region[::-1]), self.array.path).T
        return stored(dataset, (index, *region), self.array.path)


@dataclasses.dataclass(frozen=True)
class JoinedFrames:
    """Stacks (frame, y, x) of one frame size behind one another."""

    parts: tuple[Frames, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (sum(int(part.shape[0]) for part in self.parts), *self.parts[0].shape[1:])

    @property
    def dtype(self) -> np.dtype:
        return np.result_type(*(part.dtype for part in self.parts))

    def __getitem__(self, key: Key) -> np.ndarray:
        ends = np.cumsum([part.shape[0] for part in self.parts])
        dtype = self.dtype

        def frame(index: int) -> np.ndarray:
            part = int(np.searchsorted(ends, index, side="right"))
            return np.asarray(self.parts[part][index - int(ends[part])], dtype=dtype)

        return SingleFrames(self.shape, dtype, frame)[key]
