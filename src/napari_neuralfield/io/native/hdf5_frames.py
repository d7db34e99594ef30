"""Frames that stay in an HDF5 file until they are indexed."""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ...types import InputError


@contextmanager
def opened(path: str | Path) -> Iterator[h5py.File]:
    """An HDF5 file for reading.

    Raises
    ------
    InputError : where it is missing, not readable, cut short, or not HDF5.
    """
    with _open(path) as file:
        yield file


def _open(path: str | Path, **options: Any) -> h5py.File:
    try:
        return h5py.File(path, "r", **options)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; check the name") from None
    except PermissionError:
        raise InputError(f"{path}: reading it is not allowed; ask for permission or copy it") from None
    except OSError as error:
        text = str(error).lower()
        if "truncated" in text or "eof" in text:
            raise InputError(f"{path}: the file is cut short; copy or record it again") from None
        raise InputError(f"{path}: this is not an HDF5 file or it is damaged; copy or record it again") from None


@functools.lru_cache(maxsize=4)
def _kept_open(path: Path, name: str, process: int, written_ns: int) -> h5py.Dataset:
    """An open dataset keeps chunks in memory; a chunk may hold parts of many frames."""
    return _open(path, rdcc_nbytes=64 * 2**20)[name]


def stored(dataset: h5py.Dataset, key: Any, path: str | Path) -> np.ndarray:
    """What a dataset holds at `key`; damage inside the file becomes an InputError."""
    try:
        return np.asarray(dataset[key])
    except OSError as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{path}: dataset {dataset.name} cannot be read ({reason}); the file is damaged, so copy or record it again"
        ) from None


@dataclasses.dataclass(frozen=True)
class HDF5Frames:
    """A (frame, y, x) dataset; each process opens the file for itself, so the object can be pickled and forked.

    Parameters
    ----------
    path, dataset : file and name of the dataset.
    shape, dtype : of the stack as (frame, y, x).
    reversed_axes : the dataset is stored as (frame, x, y), as MATLAB writes (y, x, frame).
    """

    path: Path
    dataset: str
    shape: tuple[int, ...]
    dtype: np.dtype
    reversed_axes: bool = False

    @classmethod
    def of(cls, dataset: h5py.Dataset, path: Path, reversed_axes: bool = False) -> HDF5Frames:
        shape = dataset.shape
        if reversed_axes and len(shape) == 3:
            shape = (shape[0], shape[2], shape[1])
        return cls(path.absolute(), dataset.name, shape, np.dtype(dataset.dtype), reversed_axes)

    def __getitem__(self, key: Any) -> np.ndarray:
        key = key if isinstance(key, tuple) else (key,)
        first, rest = key[0], key[1:]
        indices = range(self.shape[0])[first] if isinstance(first, int | np.integer | slice) else np.asarray(first)
        dataset = self._dataset()
        if isinstance(indices, int):
            return self._frame(dataset, indices)[rest or ...]
        found = [self._frame(dataset, int(i))[rest or ...] for i in np.arange(self.shape[0])[indices]]
        return np.stack(found) if found else np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *rest)]

    def _dataset(self) -> h5py.Dataset:
        try:
            return _kept_open(self.path, self.dataset, os.getpid(), self.path.stat().st_mtime_ns)
        except (OSError, KeyError):
            raise InputError(f"{self.path}: the file is gone or changed; open it again where it is now") from None

    def _frame(self, dataset: h5py.Dataset, index: int) -> np.ndarray:
        frame = stored(dataset, index, self.path)
        return frame.T if self.reversed_axes else frame
