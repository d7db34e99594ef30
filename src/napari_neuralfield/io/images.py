"""Rendered planes as files other programs open: .npy, OME-TIFF, OME-Zarr and PNG, written plane by plane."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..types import InputError
from .atomic import writing
from .ome_zarr import write_ome_zarr

Writer = Callable[[Path, Iterator[np.ndarray], "Stack"], None]


class Stack:
    """What a writer must know before the first plane comes: shape, type, and where the planes lie.

    `channels` are what is written of each plane: amplitude and phase of a complex one, else the plane itself.
    """

    def __init__(
        self, first: np.ndarray, z_um: np.ndarray, pixel_um: float, origin_um: tuple[float, float], name: str
    ) -> None:
        self.complex = np.iscomplexobj(first)
        self.dtype = np.dtype(np.complex64 if self.complex else np.float32)
        self.shape: tuple[int, int, int] = (len(z_um), first.shape[0], first.shape[1])
        self.z_um, self.pixel_um, self.origin_um = z_um, pixel_um, origin_um
        self.channels = ("amplitude", "phase") if self.complex else (name,)

    @property
    def z_step_um(self) -> float:
        """Mean distance of the planes, um; 1 where there is only one."""
        return float(np.ptp(self.z_um) / (len(self.z_um) - 1)) if len(self.z_um) > 1 else 1.0

    def parts(self, plane: np.ndarray) -> list[np.ndarray]:
        """A plane as its channels, float32."""
        parts = (np.abs(plane), np.angle(plane)) if self.complex else (plane,)
        return [np.asarray(part, dtype=np.float32) for part in parts]


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
    target, depths = Path(path), np.asarray(z_um, dtype=float).reshape(-1)
    writer = next((w for ending, w in WRITERS.items() if target.name.lower().endswith(ending)), None)
    if writer is None:
        raise InputError(f"{target}: the ending is not known; images are written as {', '.join(WRITERS)}")
    if count < 1 or len(depths) != count:
        raise InputError(f"{target}: {len(depths)} depths are given for {count} planes; give one depth per plane")
    source = iter(planes)
    first = np.asarray(next(source))
    stack = Stack(first, depths, float(pixel_um), origin_um, name)
    with writing(target) as temporary:
        writer(temporary, _counted(itertools.chain([first], source), stack, target), stack)


def _counted(planes: Iterator[np.ndarray], stack: Stack, target: Path) -> Iterator[np.ndarray]:
    found = 0
    for plane in planes:
        plane = np.asarray(plane)
        if found == stack.shape[0] or plane.shape != stack.shape[1:]:
            raise InputError(f"{target}: plane {found} has shape {plane.shape}; {stack.shape} (z, y, x) was announced")
        found += 1
        yield plane.astype(stack.dtype, copy=False)
    if found != stack.shape[0]:
        raise InputError(f"{target}: only {found} of {stack.shape[0]} planes came; render again")


def write_npy(path: Path, planes: Iterator[np.ndarray], stack: Stack) -> None:
    """(z, y, x), complex64 or float32. Not through a memory map, which a full disk kills the process in."""
    description = {"descr": np.lib.format.dtype_to_descr(stack.dtype), "fortran_order": False, "shape": stack.shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, description)
        for plane in planes:
            file.write(np.ascontiguousarray(plane).data)


def write_tiff(path: Path, planes: Iterator[np.ndarray], stack: Stack) -> None:
    """OME-TIFF with pixel sizes, channels amplitude and phase as float32, axes (z, c, y, x)."""
    import tifffile

    pages = (part for plane in planes for part in stack.parts(plane))
    depth, rows, columns = stack.shape
    shape = (depth, len(stack.channels), rows, columns)
    metadata: dict[str, Any] = {
        "axes": "ZCYX",
        "Channel": {"Name": list(stack.channels)},
        "PhysicalSizeX": stack.pixel_um,
        "PhysicalSizeY": stack.pixel_um,
        "PhysicalSizeZ": stack.z_step_um,
        **{f"PhysicalSize{axis}Unit": "µm" for axis in "XYZ"},
        "Plane": {
            "PositionZ": np.repeat(stack.z_um, len(stack.channels)).tolist(),
            "PositionZUnit": ["µm"] * (depth * len(stack.channels)),
        },
    }
    large = int(np.prod(shape)) * 4 > 3 * 2**30
    with tifffile.TiffWriter(path, ome=True, bigtiff=large) as file:
        file.write(pages, shape=shape, dtype=np.float32, photometric="minisblack", metadata=metadata)


def write_png(path: Path, planes: Iterator[np.ndarray], stack: Stack) -> None:
    """One row per plane, 8 bit: amplitude beside phase; black is the lowest value of the first plane (phase: -pi)."""
    from PIL import Image

    limits: list[tuple[float, float]] = []
    rows = []
    for plane in planes:
        parts = stack.parts(plane)
        if not limits:
            limits = [_limits(part, stack.complex and n == 1) for n, part in enumerate(parts)]
        scaled = [(p - low) / (high - low) for p, (low, high) in zip(parts, limits, strict=True)]
        rows.append(np.concatenate([(255 * np.clip(s, 0, 1)).astype(np.uint8) for s in scaled], axis=1))
    Image.fromarray(np.concatenate(rows)).save(path, "PNG")


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
