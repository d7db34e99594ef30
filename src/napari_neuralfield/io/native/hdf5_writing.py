"""HDF5 files on disks that may fill up: HDF5 itself loses that error, or the whole process, when it closes the file."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from ...data.frames import Frames


class PatientFile(io.FileIO):
    """A file that keeps the first error of writing for later and swallows what comes after it."""

    _write = io.FileIO.write

    def __init__(self, path: Path) -> None:
        super().__init__(path, "w+")
        self.error: OSError | None = None

    def write(self, data, /) -> int:
        view = memoryview(data).cast("B")
        done = 0
        try:
            while done < len(view) and self.error is None:
                done += self._write(view[done:]) or 0
        except OSError as error:
            self.error = error
        return len(view)

    def truncate(self, size: int | None = None, /) -> int:
        try:
            return super().truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0


@contextmanager
def hdf5_for_writing(path: Path) -> Iterator[h5py.File]:
    """A new HDF5 file; an error of writing is raised as OSError when the block ends."""
    with PatientFile(path) as target:
        try:
            with h5py.File(target, "w") as file:
                yield file
        except OSError:  # of HDF5, which stumbles over what the file could not hold
            if target.error is None:
                raise
        if target.error is not None:
            raise target.error


def write_frames(
    group: h5py.Group, name: str, frames: Frames, report: Callable[[int, int], object] = lambda done, total: None
) -> None:
    """Write frames one by one; whole numbers are compressed.

    Parameters
    ----------
    group, name : where, and what the dataset is called.
    frames : (frame, y, x).
    report : called with the frames that are written and all of them; what it raises ends it.
    """
    dtype = np.dtype(frames.dtype)
    squeeze = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if dtype.kind in "ui" else {}
    dataset = group.create_dataset(name, frames.shape, dtype, chunks=(1, *frames.shape[1:]), **squeeze)
    for index in range(frames.shape[0]):
        dataset[index] = np.asarray(frames[index])
        report(index + 1, frames.shape[0])
