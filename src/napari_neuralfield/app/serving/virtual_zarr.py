"""A field as an OME-Zarr 0.5 that is written nowhere: metadata and chunks are made when they are asked for.

Keys are those of a Zarr 3 store: `zarr.json`, `0/zarr.json`, `0/c/0/3/2`. Every level has the same first pixel and
twice the pixel of the level before it; a coarse level is the field itself, evaluated with coarse pixels.
"""

from __future__ import annotations

import functools
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, cast

import numpy as np

from ...fields.time_series import TimeSeries
from ...types import Field, InputError
from .. import lazy
from .arrays import CHUNK, depths_of, levels_of, require_value, step_of

NUMBER = r"(?:0|[1-9][0-9]{0,8})"
ARRAY = re.compile(rf"({NUMBER})/zarr\.json")
PIECE = re.compile(rf"({NUMBER})/c((?:/{NUMBER}){{3,4}})")
MOST_BYTES = 2**28  # of chunks that are kept
MOST_LEVELS = 32


class VirtualZarr:
    """A read-only store over a field. Several threads may ask at once.

    Parameters
    ----------
    field : any; of one of several colours the middle one is taken.
    name : of the image.
    value : phase (rad), amplitude or intensity.
    z_um : depths (z,), um; evenly over the field's range where None.
    pixel_um : of the finest level, um; native where None.
    chunk : pixels along a side of a chunk.
    most_bytes : memory for chunks that were made.

    Raises
    ------
    InputError : where the field has no such value, or a pixel that it could be shown with is none.
    """

    def __init__(
        self,
        field: Field,
        name: str,
        *,
        value: str = "phase",
        z_um: Sequence[float] | None = None,
        pixel_um: float | None = None,
        chunk: int = CHUNK,
        most_bytes: int = MOST_BYTES,
    ) -> None:
        require_value(field, value)
        if value == "complex":
            raise InputError("value is 'complex', which viewers cannot show; choose phase, amplitude or intensity")
        self.field, self.name, self.value, self.chunk = field, name, value, chunk
        self.pixel_um = float(field.extent.pixel_um if pixel_um is None else pixel_um)
        if not 0 < self.pixel_um < np.inf or max(field.extent.size_um) / self.pixel_um >= 10**9:
            raise InputError(f"pixel_um is {self.pixel_um:g}; choose one that makes 1 to 1000000000 pixels a side")
        self.depths = np.sort(depths_of(field, z_um))
        self.times = np.asarray(field.times_s) if isinstance(field, TimeSeries) else None
        self.levels = min(levels_of(field.extent, self.pixel_um, chunk), MOST_LEVELS)
        self.most_bytes = most_bytes
        self._made: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    @property
    def chunk_bytes(self) -> int:
        """Size of every chunk."""
        return 4 * self.chunk**2

    @property
    def steps(self) -> list[float]:
        """(z, y, x), um, or (t, z, y, x), s and um, of the finest level."""
        first = [] if self.times is None else [step_of(self.times)]
        return [*first, step_of(self.depths), self.pixel_um, self.pixel_um]

    @property
    def start(self) -> list[float]:
        """Centre of the first pixel of every level, in the order and units of `steps`."""
        first = [] if self.times is None else [float(self.times[0])]
        return [*first, float(self.depths[0]), *map(float, self.field.extent.origin_um)]

    def shape(self, level: int) -> tuple[int, ...]:
        """(z, y, x) or (t, z, y, x) of a `level`."""
        pixel = self.pixel_um * 2**level
        rows, columns = (max(1, round(size / pixel)) for size in self.field.extent.size_um)
        first = () if self.times is None else (len(self.times),)
        return (*first, len(self.depths), rows, columns)

    def has(self, key: str) -> str:
        """What a `key` names: 'metadata', 'chunk', or '' where there is nothing."""
        if key == "zarr.json":
            return "metadata"
        if found := ARRAY.fullmatch(key):
            return "metadata" if int(found[1]) < self.levels else ""
        return "chunk" if self._place(key) is not None else ""

    def get(self, key: str) -> bytes:
        """What stands under a `key`.

        Raises
        ------
        KeyError : where there is nothing.
        """
        kind = self.has(key)
        if not kind:
            raise KeyError(key)
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
        made = self._chunk(key) if kind == "chunk" else self._metadata(key)
        with self._lock:
            if key not in self._made:
                self._made[key] = made
                self._bytes += len(made)
            while self._bytes > self.most_bytes and self._made:
                self._bytes -= len(self._made.popitem(last=False)[1])
        return made

    @functools.cached_property
    def window(self) -> tuple[float, float]:
        """Values between which the bulk of the field lies, low < high."""
        level = self.levels - 1
        sides = [min(n, self.chunk) for n in self.shape(level)[-2:]]
        y, x = self._axes(level, (0, 0), (sides[0], sides[1]))
        middle = self.depths[len(self.depths) // 2]
        values = lazy.measure(lazy.evaluate(self._moment(0), middle, y, x), self.value)
        low, high = (float(v) for v in np.percentile(values, [0.2, 99.8]))
        return low, high if high > low else low + 1.0

    def _metadata(self, key: str) -> bytes:
        found = ARRAY.fullmatch(key)
        return json.dumps(self._group() if found is None else self._array(int(found[1]))).encode()

    def _group(self) -> dict[str, Any]:
        space = [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]
        time = [] if self.times is None else [{"name": "t", "type": "time", "unit": "second"}]
        datasets = []
        for level in range(self.levels):
            scale, start = [*self.steps[:-2], *[self.pixel_um * 2**level] * 2], self.start
            moves = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": start}]
            datasets.append({"path": str(level), "coordinateTransformations": moves})
        low, high = self.window
        window = {"min": low, "max": high, "start": low, "end": high}
        channel = {"label": self.value, "color": "FFFFFF", "active": True, "window": window}
        ome = {
            "version": "0.5",
            "multiscales": [{"name": self.name, "axes": [*time, *space], "datasets": datasets}],
            "omero": {"channels": [channel]},
        }
        return {"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome, "z_um": self.depths.tolist()}}

    def _array(self, level: int) -> dict[str, Any]:
        shape = self.shape(level)
        chunks = [*[1] * (len(shape) - 2), self.chunk, self.chunk]
        return {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(shape),
            "data_type": "float32",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": chunks}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": 0.0,
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
            "dimension_names": list("tzyx")[-len(shape) :],
            "attributes": {},
        }

    def _place(self, key: str) -> tuple[int, tuple[int, ...]] | None:
        """Level and indices of a chunk that there is."""
        found = PIECE.fullmatch(key)
        if found is None or int(found[1]) >= self.levels:
            return None
        level, at = int(found[1]), tuple(int(n) for n in found[2].split("/")[1:])
        shape = self.shape(level)
        counts = (*shape[:-2], *(-(-n // self.chunk) for n in shape[-2:]))
        return (level, at) if len(at) == len(counts) and all(a < n for a, n in zip(at, counts, strict=True)) else None

    def _chunk(self, key: str) -> bytes:
        place = self._place(key)
        assert place is not None
        level, at = place
        first = at[-2] * self.chunk, at[-1] * self.chunk
        rows, columns = (min(self.chunk, n - f) for n, f in zip(self.shape(level)[-2:], first, strict=True))
        y, x = self._axes(level, first, (rows, columns))
        field = self._moment(at[0] if self.times is not None else 0)
        values = lazy.measure(lazy.evaluate(field, self.depths[at[-3]], y, x), self.value)[0]
        whole = np.zeros((self.chunk, self.chunk), "<f4")
        whole[:rows, :columns] = values
        return whole.tobytes()

    def _axes(self, level: int, first: tuple[int, int], count: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """Pixel centres (y,) and (x,), um, of `count` pixels from the `first` on."""
        pixel = self.pixel_um * 2**level
        starts = zip(self.field.extent.origin_um, first, count, strict=True)
        y, x = (origin + pixel * (begin + np.arange(n)) for origin, begin, n in starts)
        return y, x

    def _moment(self, number: int) -> Field:
        return self.field if self.times is None else cast(TimeSeries, self.field).at(number)
