"""Where the stage stood when a recording was made, by its own metadata: OME-TIFF and OME-Zarr."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from ...types import InputError
from ..native.zarr_frames import attributes, opened
from .image_metadata import place_in
from .ngff import datasets, grid, multiscales


def stage_place(path: Path) -> tuple[float, float] | None:
    """Place of the recording at `path`, (y, x), um; None where it does not say it."""
    try:
        return _of_zarr(path) if path.is_dir() else _of_tiff(path)
    except (InputError, OSError, ET.ParseError, ValueError, KeyError):
        return None


def _of_zarr(path: Path) -> tuple[float, float] | None:
    images = multiscales(attributes(path))
    if not images:
        return None
    first = datasets(images[0], path)[0]
    array = path / str(first["path"])
    found = grid(images[0], first, opened(array).ndim, array)
    y, x = found.along("y"), found.along("x")
    if y is None or x is None or not (y[0].factor and x[0].factor):
        return None
    return y[2] * y[0].factor, x[2] * x[0].factor


def _of_tiff(path: Path) -> tuple[float, float] | None:
    if path.suffix.lower() not in (".tif", ".tiff"):
        return None
    import tifffile

    with tifffile.TiffFile(path) as file:
        return place_in(ET.fromstring(file.ome_metadata)) if file.ome_metadata else None
