"""OME-Zarr 0.5 (OME-NGFF) written directly with zarr 3: (c, z, y, x), halved along y and x per level."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .images import Stack

CHUNK = 512
SMALLEST = 256  # levels are added while the longer side is larger than this


def write_ome_zarr(path: Path, planes: Iterator[np.ndarray], stack: Stack) -> None:
    """Write planes one at a time; each level is the mean over 2 x 2 pixels of the complex level before."""
    import zarr

    depth, rows, columns = stack.shape
    shapes = [(rows, columns)]
    while max(shapes[-1]) > SMALLEST:
        shapes.append(tuple((n + 1) // 2 for n in shapes[-1]))  # type: ignore[arg-type]
    group = zarr.create_group(path, zarr_format=3, attributes=_attributes(path, stack, len(shapes)))
    levels = [
        group.create_array(
            str(level),
            shape=(len(stack.channels), depth, *shape),
            chunks=(1, 1, min(CHUNK, shape[0]), min(CHUNK, shape[1])),
            dtype="float32",
            dimension_names=["c", "z", "y", "x"],
        )
        for level, shape in enumerate(shapes)
    ]
    for z, plane in enumerate(planes):
        for level in levels:
            for c, part in enumerate(stack.parts(plane)):
                level[c, z] = part
            plane = halved(plane)


def halved(plane: np.ndarray) -> np.ndarray:
    """Mean over 2 x 2 pixels; an odd last row or column is repeated."""
    rows, columns = plane.shape
    even = np.pad(plane, ((0, rows % 2), (0, columns % 2)), mode="edge")
    return even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2).mean(axis=(1, 3), dtype=plane.dtype)


def _attributes(path: Path, stack: Stack, levels: int) -> dict[str, Any]:
    name = path.name.split(".", 2)[-1].removesuffix(".ome.zarr")
    axes = [{"name": "c", "type": "channel"}, *({"name": a, "type": "space", "unit": "micrometer"} for a in "zyx")]
    datasets = []
    for level in range(levels):
        pixel = stack.pixel_um * 2**level
        moved = (pixel - stack.pixel_um) / 2  # the centre of a coarse pixel lies between those of its fine ones
        y0, x0 = (float(origin + moved) for origin in stack.origin_um)
        datasets.append(
            {
                "path": str(level),
                "coordinateTransformations": [
                    {"type": "scale", "scale": [1.0, stack.z_step_um, pixel, pixel]},
                    {"type": "translation", "translation": [0.0, float(stack.z_um[0]), y0, x0]},
                ],
            }
        )
    multiscales = [{"name": name, "axes": axes, "datasets": datasets, "type": "mean"}]
    return {
        "ome": {
            "version": "0.5",
            "multiscales": multiscales,
            "omero": {"channels": [_channel(name) for name in stack.channels]},
        },
        "z_um": [float(z) for z in stack.z_um],
    }


def _channel(name: str) -> dict[str, Any]:
    low, high = (-np.pi, np.pi) if name == "phase" else (0.0, 2.0)
    window = {"min": low, "max": high, "start": low, "end": high}
    return {"label": name, "color": "FFFFFF", "active": True, "window": window}
