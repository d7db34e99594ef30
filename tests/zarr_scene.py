"""OME-Zarr as other programs write it, version by version."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import zarr

TYPES = {"t": "time", "c": "channel"}
UNITS = {"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"}


def write(
    path: Path,
    data: np.ndarray,
    axes: str,
    scale: Sequence[float],
    translation: Sequence[float] | None = None,
    *,
    version: str = "0.5",
    units: dict[str, str | None] | None = None,
    omero: list[dict[str, Any]] | None = None,
    levels: int = 2,
    chunks: tuple[int, ...] | None = None,
) -> Path:
    """An image `data` of `axes` such as 'tczyx' in `levels` sizes, metadata as of `version`."""
    listed = []
    for name in axes:
        unit = {**UNITS, **(units or {})}.get(name)
        listed.append({"name": name, "type": TYPES.get(name, "space"), **({"unit": unit} if unit else {})})
    group = zarr.create_group(path, zarr_format=2 if version == "0.4" else 3)
    datasets = []
    for level in range(levels):
        step = 2**level
        part = data[tuple(slice(None, None, step if axis in "yx" else None) for axis in axes)]
        array = group.create_array(
            str(level), shape=part.shape, dtype=part.dtype, chunks=chunks or (*[1] * (part.ndim - 2), *part.shape[-2:]),
            **({} if version == "0.4" else {"dimension_names": list(axes)}),
        )  # fmt: skip
        array[...] = part
        steps = [s * (step if axis in "yx" else 1) for axis, s in zip(axes, scale, strict=True)]
        moved: list[dict[str, Any]] = [{"type": "scale", "scale": steps}]
        moved += [{"type": "translation", "translation": list(translation)}] if translation else []
        if version == "0.6":
            ends = {"input": {"path": str(level)}, "output": {"name": "intrinsic"}}
            moved = [{"type": "sequence", "transformations": moved, **ends}]
        datasets.append({"path": str(level), "coordinateTransformations": moved})
    image: dict[str, Any] = {"name": "cells", "datasets": datasets}
    image |= {"coordinateSystems": [{"name": "intrinsic", "axes": listed}]} if version == "0.6" else {"axes": listed}
    shown = {} if omero is None else {"omero": {"channels": omero}}
    if version == "0.4":
        group.attrs.update({"multiscales": [{**image, "version": "0.4"}], **shown})
    else:
        group.attrs.update({"ome": {"version": version, "multiscales": [image], **shown}})
    return path


def channel(label: str, **more: Any) -> dict[str, Any]:
    """As OMERO shows it."""
    return {"label": label, "color": "FFFFFF", "window": {"min": 0, "max": 9, "start": 0, "end": 9}, **more}


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the first image's multiscales in place."""
    file = path / ("zarr.json" if (path / "zarr.json").exists() else ".zattrs")
    content = json.loads(file.read_text())
    inside = content["attributes"]["ome"] if "attributes" in content else content
    change(inside["multiscales"][0])
    file.write_text(json.dumps(content))
