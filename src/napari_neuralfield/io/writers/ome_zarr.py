"""OME-Zarr 0.5 (OME-NGFF) written directly with zarr 3, halved along y and x per level.

Planes are (c, z, y, x), the moments of a time-lapse (t, c, y, x).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ...registry import writer
from ...types import InputError
from .shades import shades
from .stack import Stack, Strips

CHUNK = 512
SMALLEST = 256  # levels are added while the longer side is larger than this
MOST_PLANES = 32  # from which it is told how a channel is first shown


@writer(".ome.zarr")
def write_ome_zarr(path: Path, strips: Strips, stack: Stack) -> None:
    """Write `strips` to `path` as they come, where `stack` says.

    Each level is the mean over 2 x 2 pixels of the (complex) level before. Planes are filed in ascending order of their
    depth, in which alone a scale and a translation can say where they lie.

    Raises
    ------
    InputError : where the depths are not evenly spaced.
    """
    _check_depths(path, stack)
    with ThreadPoolExecutor(1) as worker:  # Ctrl-C waits for its call; zarr's threads would go on writing after it
        _write(path, strips, stack, worker)


def _write(path: Path, strips: Strips, stack: Stack, worker: ThreadPoolExecutor) -> None:
    import zarr

    count, (rows, columns) = stack.planes, stack.shape[1:]
    first = stack.index(count, len(stack.channels))
    shapes = [(rows, columns)]
    while max(shapes[-1]) > SMALLEST:
        shapes.append(tuple((n + 1) // 2 for n in shapes[-1]))  # type: ignore[arg-type]
    group = worker.submit(zarr.create_group, path, zarr_format=3).result()
    pyramid: StripWriter | None = None
    for level, shape in reversed(list(enumerate(shapes))):
        array = worker.submit(
            group.create_array,
            str(level),
            shape=(*first, *shape),
            chunks=(1, 1, min(CHUNK, shape[0]), min(CHUNK, shape[1])),
            dtype="float32",
            dimension_names=[axis["name"] for axis in _axes(stack)],
        ).result()
        pyramid = StripWriter(array, stack, pyramid, worker)
    assert pyramid is not None
    ranks = stack.ranks
    for z, _, strip in stack.places(strips):
        pyramid.add(z - z % count + int(ranks[z % count]), strip)  # of the same colour
    some, last = slice(None, None, max(1, count // MOST_PLANES)), zarr.open_array(path, path=str(len(shapes) - 1))
    smallest = [np.asarray(last[stack.index(some, c)]) for c in range(len(stack.channels))]
    worker.submit(group.attrs.update, _attributes(path, stack, len(shapes), smallest)).result()


class StripWriter:
    """One level of the pyramid and those above it: rows go in from the top, whole rows of chunks go to the disk.

    Parameters
    ----------
    array : of the level, (c, z, y, x) or (t, c, y, x).
    stack : what is written.
    above : the next coarser level, if there is one.
    worker : a thread that writes.
    """

    def __init__(self, array: Any, stack: Stack, above: StripWriter | None, worker: ThreadPoolExecutor) -> None:
        self._array, self._stack, self._above, self._worker = array, stack, above, worker
        self._begin()

    def _begin(self) -> None:
        self._waiting: list[np.ndarray] = []
        self._written = self._held = 0
        self._odd: np.ndarray | None = None

    def add(self, z: int, rows: np.ndarray) -> None:
        """The next rows (y, x) of plane `z`; the plane is complete when its last row has come."""
        self._waiting.append(rows)
        self._held += len(rows)
        last = self._written + self._held == self._array.shape[2]
        if self._held >= self._array.chunks[2] or last:
            self._write(z, last)
        if self._above is not None:
            joined = rows if self._odd is None else np.concatenate([self._odd, rows])
            even = len(joined) if last else len(joined) - len(joined) % 2
            self._odd = joined[even:].copy() if even < len(joined) else None
            if even:
                self._above.add(z, halved(joined[:even]))
        if last:
            self._begin()

    def _write(self, z: int, last: bool) -> None:
        rows = np.concatenate(self._waiting) if len(self._waiting) > 1 else self._waiting[0]
        chunk = self._array.chunks[2]
        whole = len(rows) if last else len(rows) - len(rows) % chunk
        for top in range(0, whole, chunk):
            some = rows[top : min(top + chunk, whole)]
            place = slice(self._written + top, self._written + top + len(some))
            for c, part in enumerate(self._stack.parts(some)):
                where = (*self._stack.index(*self._stack.place(z, c)), place)
                self._worker.submit(self._array.__setitem__, where, part).result()
        self._waiting = [rows[whole:].copy()] if whole < len(rows) else []
        self._written, self._held = self._written + whole, len(rows) - whole


def halved(plane: np.ndarray) -> np.ndarray:
    """Mean over 2 x 2 pixels; an odd last row or column is repeated."""
    rows, columns = plane.shape
    even = np.pad(plane, ((0, rows % 2), (0, columns % 2)), mode="edge")
    return even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2).mean(axis=(1, 3), dtype=plane.dtype)


def _check_depths(path: Path, stack: Stack) -> None:
    if stack.time_s is not None or stack.even:
        return
    depths = ", ".join(f"{z:g}" for z in stack.z_um[:8]) + (", ..." if len(stack.z_um) > 8 else "")
    raise InputError(
        f"{path.name}: the depths {depths} um are not evenly spaced, and OME-Zarr can say nothing else of depths; "
        "choose MIN:MAX:STEP, or write .tif, which says the depth of every plane, or .npy"
    )


def _attributes(path: Path, stack: Stack, levels: int, smallest: list[np.ndarray]) -> dict[str, Any]:
    name = path.name.removesuffix(".ome.zarr")
    timed = stack.time_s is not None
    steps = [stack.time_step_s, 1.0] if timed else [1.0, stack.z_step_um]
    lowest = float(stack.along.min())
    starts = [lowest, 0.0] if timed else [0.0, lowest]
    datasets = []
    for level in range(levels):
        pixel = stack.pixel_um * 2**level
        moved = (pixel - stack.pixel_um) / 2  # the centre of a coarse pixel lies between those of its fine ones
        y0, x0 = (float(origin + moved) for origin in stack.origin_um)
        datasets.append(
            {
                "path": str(level),
                "coordinateTransformations": [
                    {"type": "scale", "scale": [*steps, pixel, pixel]},
                    {"type": "translation", "translation": [*starts, y0, x0]},
                ],
            }
        )
    multiscales = [{"name": name, "axes": _axes(stack), "datasets": datasets, "type": "mean"}]
    return {
        "ome": {
            "version": "0.5",
            "multiscales": multiscales,
            "omero": {"channels": [_channel(stack, c, some) for c, some in enumerate(smallest)]},
        },
        **({"wavelengths_um": list(stack.wavelengths_um)} if stack.wavelengths_um else {}),
        "z_um": sorted(float(z) for z in stack.z_um),
        **({"time_s": sorted(float(t) for t in stack.time_s)} if stack.time_s is not None else {}),
        **({"unit": stack.unit} if stack.unit else {}),
    }


def _axes(stack: Stack) -> list[dict[str, str]]:
    space = [{"name": a, "type": "space", "unit": "micrometer"} for a in "zyx"]
    channel = {"name": "c", "type": "channel"}
    if stack.time_s is None:
        return [channel, *space]
    return [{"name": "t", "type": "time", "unit": "second"}, channel, *space[1:]]


def _channel(stack: Stack, number: int, smallest: np.ndarray) -> dict[str, Any]:
    """How a channel is first shown; an unwrapped phase may be of any size. Amplitudes of several colours add up."""
    light = stack.quantities[number % len(stack.quantities)] in ("amplitude", "intensity")
    bright = 1.0 if stack.wavelengths_um else 2.0
    low, high = (0.0, bright) if light else (-np.pi, np.pi)
    lowest, highest = (float(v) for v in np.percentile(smallest, [0.1, 99.9]))
    if low < 0 and (lowest < low or highest > high or highest - lowest < 1):
        low, high = lowest, max(highest, lowest + 1e-6)
    window = {"min": low, "max": high, "start": low, "end": high}
    found = {"label": stack.channels[number], "color": "FFFFFF", "active": True, "window": window}
    if stack.wavelengths_um:
        colour = stack.colour_of(number)
        wave = 1000 * stack.wavelengths_um[colour]
        found |= {"color": bytes(shades(stack.wavelengths_um)[colour]).hex().upper(), "emissionWavelength": wave}
        found["active"] = light or not stack.complex
    return found
