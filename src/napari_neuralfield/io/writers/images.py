"""Rendered planes as files other programs open, written as their rows come; a file beside this one for each format."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ...registry import WRITERS
from ...types import InputError
from ..native.atomic import writing
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
    path : ends in .npy, .tif, .tiff, .ome.zarr, .png or what a plug-in writes.
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
    wavelengths_um: Sequence[float] = (),
) -> None:
    """Write planes as `save_planes` does, from strips of their rows; memory holds some strips (PNG: the picture).

    Parameters
    ----------
    path : ends in what one of `WRITERS` writes.
    strips : rows (y, x) from the first to the last, one plane after the other; none holds rows of two planes.
    pixel_um : pixel, um.
    shape : (y, x) of a plane.
    origin_um : (y, x) of the centre of pixel (0, 0), um.
    name : what the values of real planes are.
    sample : some of the values, from which a PNG takes its black and white; the first strip where None.
    time_s : when each plane was taken, s: they are a time-lapse (t, y, x) at the one depth in `z_um`.
    unit : of the values of real planes, named beside them where the format can.
    wavelengths_um : of colours (channel,), um: after all planes of the first come those of the next.

    Raises
    ------
    InputError : for another ending, strips that do not make up the planes, or a file that cannot be written.
    """
    target, depths = Path(path), np.asarray(z_um, dtype=float).reshape(-1)
    writer, source = writer_of(target), iter(strips)
    first = np.asarray(next(source))
    times = None if time_s is None else np.asarray(time_s, dtype=float).reshape(-1)
    whole = (len(depths if times is None else times) * max(1, len(wavelengths_um)), *shape)
    some = np.nan_to_num(first if sample is None else sample)  # what is not finite is refused as it comes
    stack = Stack(
        some,
        whole,
        z_um=depths,
        pixel_um=float(pixel_um),
        origin_um=origin_um,
        name=name,
        time_s=times,
        unit=unit,
        wavelengths_um=wavelengths_um,
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
        if not np.isfinite(strip).all():
            row = done % rows + int(np.argmin(np.isfinite(strip).all(axis=1)))
            raise InputError(
                f"{target}: nothing is written, for plane {done // rows} holds values that are NaN or infinite in row "
                f"{row}; the field is damaged or ran away, so reconstruct it again"
            )
        done += len(strip)
        yield strip.astype(stack.dtype, copy=False)
    if done != depth * rows:
        raise InputError(f"{target}: only {done} of {depth * rows} rows came; render again")
