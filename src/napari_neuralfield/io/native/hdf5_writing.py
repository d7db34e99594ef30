"""HDF5 files on disks that may fill up: HDF5 itself loses that error, or the whole process, when it closes the file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from ...data.frames import Frames


class PatientFile(io.RawIOBase):
    """A file that keeps the first error of writing for later and swallows what comes after it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.error: OSError | None = None
        self._file = path.open("w+b", buffering=0)

    def write(self, data) -> int:
        view = memoryview(data).cast("B")
        done = 0
        try:
            while done < len(view) and self.error is None:
                done += self._file.write(view[done:]) or 0
        except OSError as error:
            self.error = error
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        try:
            return self._file.truncate(size)
        except OSError as error:
            self.error = self.error or error
            return size or 0

    def readinto(self, buffer) -> int:
        return self._file.readinto(buffer) or 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to `offset`, bytes from what `whence` says, as `io.IOBase.seek`."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()


@contextmanager
def hdf5_for_writing(path: Path) -> Iterator[h5py.File]:
    """A new HDF5 file; an error of writing is raised as OSError when the block ends."""
    with PatientFile(path) as target:
        with h5py.File(target, "w") as file:
            yield file
        if target.error is not None:
            raise target.error


def write_frames(group: h5py.Group, name: str, frames: Frames) -> None:
    """Write `frames` (frame, y, x) one by one to a dataset `name` of a `group`; whole numbers are compressed."""
    dtype = np.dtype(frames.dtype)
    squeeze = {"compression": "gzip", "compression_opts": 1, "shuffle": True} if dtype.kind in "ui" else {}
    dataset = group.create_dataset(name, frames.shape, dtype, chunks=(1, *frames.shape[1:]), **squeeze)
    for index in range(frames.shape[0]):
        dataset[index] = np.asarray(frames[index])
