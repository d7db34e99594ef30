"""A reader: dumps of a camera, 16-bit pixels after one line of JSON."""

import dataclasses
import json
from pathlib import Path
from typing import ClassVar

import numpy as np

from napari_neuralfield import Draft, InputError, reader


@dataclasses.dataclass(frozen=True)
class RawFrames:
    """Frames that are read where they are indexed; no file stays open, so they can be pickled."""

    path: Path
    offset: int
    shape: tuple[int, int, int]
    dtype: ClassVar[np.dtype] = np.dtype("<u2")

    def __getitem__(self, key: object) -> np.ndarray:
        stack = np.memmap(self.path, self.dtype, mode="r", offset=self.offset, shape=self.shape)
        return np.array(stack[key])


@reader("raw16")
class Raw16Reader:
    """`NAME.raw16`: a line {"frames": n, "rows": n, "columns": n, "acquisition": {...}}, then the pixels."""

    reads = "raw camera dumps (.raw16)"
    patterns = ("*.raw16",)  # for which napari offers the reader

    def supports(self, path: Path) -> bool:
        """By the name alone: nothing is read."""
        return path.suffix.lower() == ".raw16" and path.is_file()

    def read(self, path: Path) -> Draft:
        """What the head says under the acquisition's own names, in um; what it leaves out is asked for."""
        with path.open("rb") as file:
            line = file.readline(100_000)
        try:
            head = json.loads(line)
            shape = (int(head["frames"]), int(head["rows"]), int(head["columns"]))
            values = dict(head.get("acquisition", {}))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: the first line must be JSON with frames, rows and columns ({error})") from None
        missing = len(line) + 2 * int(np.prod(shape)) - path.stat().st_size
        if missing > 0:
            raise InputError(f"{path}: the file ends {missing} bytes early; copy it again")
        return Draft(values.pop("kind", "led_array"), RawFrames(path, len(line), shape), values, str(path))
