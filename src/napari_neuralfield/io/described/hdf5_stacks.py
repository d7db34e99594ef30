"""Frames in HDF5: one dataset, or many behind one another, wherever links lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py

from ...types import InputError
from ..native import hdf5_tree
from ..native.hdf5_frames import HDF5Array, JoinedFrames
from ..sidecar import layout

AXES_OF_MANY = {2: "yx", 3: "nyx"}


def joined(datasets: Sequence[h5py.Dataset], axes: str, path: Path, name: str) -> JoinedFrames:
    """The frames of several datasets behind one another.

    Parameters
    ----------
    datasets : open, of one frame size.
    axes : of each; see `layout`.
    path : the file.
    name : what they are called together, for errors.

    Raises
    ------
    InputError : where they differ in size, or are no frames.
    """
    wrong = next((d for d in datasets if d.ndim != len(axes)), None)
    if wrong is not None:
        raise InputError(f"{path}: {name} holds arrays of shape {wrong.shape}; they must all be ({', '.join(axes)})")
    parts = tuple(
        layout.arranged(HDF5Array.of(d, path), {"axes": axes}, "", f"{path}: {d.name or name}") for d in datasets
    )
    sizes = {part.shape[1:] for part in parts}
    if len(sizes) > 1:
        raise InputError(
            f"{path}: what is called {name} has frames of {' and '.join(f'{y} x {x}' for y, x in sorted(sizes))} "
            "pixels; they must be of one size, so name only some of them"
        )
    return JoinedFrames(parts)


def stack(
    file: h5py.File, name: str, path: Path, given: Mapping[str, Any], kind: str, axes: str = ""
) -> tuple[layout.ArrangedFrames, list[str]]:
    """The frames of a name, and notes of where they are.

    Parameters
    ----------
    file : opened.
    name : of a dataset, or with `*` of several behind one another.
    path : the file.
    given : what its sidecar holds.
    kind : of acquisition.
    axes : how this layout keeps three axes.

    Raises
    ------
    InputError : where there are no frames.
    """
    datasets = hdf5_tree.items(file, name, path)
    if len(datasets) == 1 and (parts := hdf5_tree.cells(datasets[0])) is not None:
        datasets = parts
    if not datasets:
        raise InputError(f"{path}: {name} leads to nothing; name another one as frames")
    array: layout.Stored = HDF5Array.of(datasets[0], path)
    if len(datasets) > 1:
        array = joined(datasets, AXES_OF_MANY.get(datasets[0].ndim, ""), path, name)
    frames = layout.arranged(array, given, kind, f"{path}: {name}", axes)
    others = {HDF5Array.of(d, path).path for d in datasets} - {path.absolute()}
    sources = {s.file_name for d in datasets if d.is_virtual for s in d.virtual_sources()} - {"."}
    names = sorted({*map(str, others), *sources})
    return frames, [f"frames come from {_few(names)}, not from {path.name} itself"] if names else []


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
