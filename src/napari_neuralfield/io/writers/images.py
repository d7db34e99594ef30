"""Rendered planes as files other programs open: .npy, OME-TIFF, OME-Zarr and PNG, written as their rows come."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...types import InputError
from ..native.atomic import writing
from .ome_zarr import write_ome_zarr
from .stack import Stack, Strips

Writer = Callable[[Path, Strips, Stack], None]


def save_planes(
    path: str | Path,
    planes: Iterable[np.ndarray],
    z_um: Sequence[float] | np.ndarray,
    pixel_um: float,
    count: int,
    *,
    origin_um: tuple[float, float] = (0.0, 0.0),
    name: str = "phase",
) -> None:
    """Write planes in the format that the name ends in; memory holds one plane (PNG: the picture).

    Parameters
    ----------
    path : ends in .npy, .tif, .tiff, .ome.zarr or .png.
    planes : `count` arrays (y, x), complex or real, all alike.
    z_um : depth of each plane, um.
    pixel_um : pixel, um.
    origin_um : (y, x) of the centre of pixel (0, 0), um.
    name : what the values of real planes are.

    Raises
    ------
    InputError : for another ending, planes that do not agree with `count`, or a file that cannot be written.
    """
    target = Path(path)
    if count < 1 or len(z_um) != count:
        writer_of(target)
        raise InputError(f"{target}: {len(z_um)} depths are given for {count} planes; give one depth per plane")
    source = iter(planes)
    first = np.asarray(next(source))
    shape = (first.shape[0], first.shape[1])
    counted = _counted(itertools.chain([first], source), (count, *shape), target)
    save_strips(target, counted, z_um, pixel_um, shape, origin_um=origin_um, name=name)


def save_strips(
    path: str | Path,
    strips: Iterable[np.ndarray],
    z_um: Sequence[float] | np.ndarray,
    pixel_um: float,
    shape: tuple[int, int],
    *,
    origin_um: tuple[float, float] = (0.0, 0.0),
    name: str = "phase",
    sample: np.ndarray | None = None,
    time_s: Sequence[float] | np.ndarray | None = None,
    unit: str = "",
) -> None:
    """Write planes as `save_planes` does, from strips of their rows; memory holds some strips (PNG: the picture).

    Parameters
    ----------
    path, z_um, pixel_um, origin_um, name : as in `save_planes`.
    strips : rows (y, x) from the first to the last, one plane after the other; none holds rows of two planes.
    shape : (y, x) of a plane.
    sample : some of the values, from which a PNG takes its black and white; the first strip where None.
    time_s : when each plane was taken, s: they are a time-lapse (t, y, x) at the one depth in `z_um`.
    unit : of the values of real planes, named beside them where the format can.

    Raises
    ------
    InputError : for another ending, strips that do not make up the planes, or a file that cannot be written.
    """
    target, depths = Path(path), np.asarray(z_um, dtype=float).reshape(-1)
    writer, source = writer_of(target), iter(strips)
    first = np.asarray(next(source))
    times = None if time_s is None else np.asarray(time_s, dtype=float).reshape(-1)
    whole = (len(depths if times is None else times), *shape)
    some = first if sample is None else sample
    stack = Stack(
        some,
        whole,
        z_um=depths,
        pixel_um=float(pixel_um),
        origin_um=origin_um,
        name=name,
        time_s=times,
        unit=unit,
    )
    with writing(target) as temporary:
        writer(temporary, _fitting(itertools.chain([first], source), stack, target), stack)


def writer_of(target: Path) -> Writer:
    """What writes a file of this name.

    Raises
    ------
    InputError : for an ending that is not known.
    """
    found = next((w for ending, w in WRITERS.items() if target.name.lower().endswith(ending)), None)
    if found is None:
        raise InputError(f"{target}: the ending is not known; images are written as {', '.join(WRITERS)}")
    return found


def _counted(planes: Iterator[np.ndarray], shape: tuple[int, int, int], target: Path) -> Strips:
    found = 0
    for plane in planes:
        plane = np.asarray(plane)
        if found == shape[0] or plane.shape != shape[1:]:
            raise InputError(f"{target}: plane {found} has shape {plane.shape}; {shape} (z, y, x) was announced")
        found += 1
        yield plane
    if found != shape[0]:
        raise InputError(f"{target}: only {found} of {shape[0]} planes came; render again")


def _fitting(strips: Strips, stack: Stack, target: Path) -> Strips:
    """The strips in the stack's type, as long as they make up its planes."""
    depth, rows, columns = stack.shape
    done = 0
    for strip in strips:
        strip = np.asarray(strip)
        left = rows - done % rows if done < depth * rows else 0
        if strip.ndim != 2 or strip.shape[1] != columns or not 0 < len(strip) <= left:
            raise InputError(
                f"{target}: a strip of shape {strip.shape} came at row {done % rows} of plane {done // rows}; "
                f"{stack.shape} (z, y, x) was announced"
            )
        done += len(strip)
        yield strip.astype(stack.dtype, copy=False)
    if done != depth * rows:
        raise InputError(f"{target}: only {done} of {depth * rows} rows came; render again")


def write_npy(path: Path, strips: Strips, stack: Stack) -> None:
    """(z, y, x), complex64 or float32. Not through a memory map, which a full disk kills the process in."""
    description = {"descr": np.lib.format.dtype_to_descr(stack.dtype), "fortran_order": False, "shape": stack.shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, description)
        for rows in strips:
            file.write(np.ascontiguousarray(rows).data)


def write_tiff(path: Path, strips: Strips, stack: Stack) -> None:
    """OME-TIFF with pixel sizes, channels amplitude and phase as float32, axes (z, c, y, x) or (t, c, y, x)."""
    import tifffile

    depth, height, columns = stack.shape
    channels = len(stack.channels)
    shape = (depth, channels, height, columns)
    metadata: dict[str, Any] = {
        "Channel": {"Name": list(stack.channels)},
        "PhysicalSizeX": stack.pixel_um,
        "PhysicalSizeY": stack.pixel_um,
        **{f"PhysicalSize{axis}Unit": "µm" for axis in "XY"},
        **_along(stack, channels),
        **({"MapAnnotation": {"unit": stack.unit}} if stack.unit else {}),
    }
    large = int(np.prod(shape)) * 4 > 3 * 2**30
    with tifffile.TiffWriter(path, ome=True, bigtiff=large, byteorder="<") as file:
        room = file.write(shape=shape, dtype=np.float32, photometric="minisblack", metadata=metadata, returnoffset=True)
    assert room is not None  # pages without compression lie one after the other
    with path.open("rb+") as image:
        for z, y, rows in stack.places(strips):
            for c, part in enumerate(stack.parts(rows)):
                image.seek(room[0] + 4 * columns * ((z * channels + c) * height + y))
                image.write(np.ascontiguousarray(part, dtype="<f4").data)


def _along(stack: Stack, channels: int) -> dict[str, Any]:
    """What an OME-TIFF says about its first axis: depths or moments."""
    if stack.time_s is not None:
        times = np.repeat(stack.time_s, channels)
        return {
            "axes": "TCYX",
            "TimeIncrement": stack.time_step_s,
            "TimeIncrementUnit": "s",
            "Plane": {"DeltaT": times.tolist(), "DeltaTUnit": ["s"] * len(times)},
        }
    depths = np.repeat(stack.z_um, channels)
    return {
        "axes": "ZCYX",
        "PhysicalSizeZ": stack.z_step_um,
        "PhysicalSizeZUnit": "µm",
        "Plane": {"PositionZ": depths.tolist(), "PositionZUnit": ["µm"] * len(depths)},
    }


def write_png(path: Path, strips: Strips, stack: Stack) -> None:
    """One row per plane, 8 bit: amplitude beside phase; black is the lowest value of the first plane (phase: -pi)."""
    from PIL import Image

    depth, height, columns = stack.shape
    limits = [_limits(part, stack.complex and n == 1) for n, part in enumerate(stack.parts(stack.sample))]
    picture = np.empty((depth * height, len(limits) * columns), dtype=np.uint8)
    for z, y, rows in stack.places(strips):
        top = z * height + y
        for c, (part, (low, high)) in enumerate(zip(stack.parts(rows), limits, strict=True)):
            scaled = 255 * np.clip((part - low) / (high - low), 0, 1)
            picture[top : top + len(rows), c * columns : (c + 1) * columns] = scaled
    Image.fromarray(picture).save(path, "PNG")


def _limits(part: np.ndarray, is_angle: bool) -> tuple[float, float]:
    if is_angle:
        return -np.pi, np.pi
    low, high = (float(v) for v in np.percentile(part, [0.1, 99.9]))
    return low, max(high, low + 1e-6)


WRITERS: dict[str, Writer] = {
    ".npy": write_npy,
    ".tif": write_tiff,
    ".tiff": write_tiff,
    ".ome.zarr": write_ome_zarr,
    ".png": write_png,
}
