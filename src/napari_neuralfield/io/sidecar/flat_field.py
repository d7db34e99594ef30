"""Frames divided by an image of the empty field, as they are read."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from ...data.acquisition import Draft
from ...data.frames import Frames
from ...types import InputError
from ..native import links
from .tables import read_image

DARKEST = 0.02  # of the flat's mean; below it a pixel says nothing of the light there


@dataclasses.dataclass(frozen=True, eq=False)
class FlatFielded:
    """(measured - dark) / flat of a lazy stack, float32; `flat` (y, x) has mean 1."""

    measured: Frames
    flat: np.ndarray
    dark: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.measured.shape)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    def __getitem__(self, key: object) -> np.ndarray:
        rest = key[1:] if isinstance(key, tuple) else ()
        found = np.asarray(self.measured[key], dtype=np.float32)
        if self.dark is not None:
            found = found - self.dark[rest or ...]
        return np.asarray(found / self.flat[rest or ...], dtype=np.float32)


def divide(draft: Draft, name: str, sidecar: Path) -> None:
    """Divide the frames of a draft by an image; a dark frame is taken off both before.

    Parameters
    ----------
    draft : changed in place; its `background` is the dark frame.
    name : file of the image (y, x), beside the sidecar.
    sidecar : the file that names it.

    Raises
    ------
    InputError : where the image cannot be read, has another size than the frames, or is dark somewhere.
    """
    file = links.named(name, sidecar)
    flat = read_image(file).astype(np.float32)
    size = tuple(int(n) for n in draft.frames.shape[1:])
    if flat.shape != size:
        raise InputError(
            f"{file}: the flat image has {flat.shape[0]} x {flat.shape[1]} pixels but a frame {size[0]} x {size[1]}; "
            "both must come from the same camera, with the same binning and region"
        )
    dark = draft.values.get("background")
    if dark is not None:
        dark = np.asarray(dark, dtype=np.float32)
        if dark.shape != size:
            return  # the check of the background says what is wrong with it
        flat = flat - dark
        del draft.values["background"]
    mean = float(flat.mean())
    dim = int((~(flat > DARKEST * mean)).sum())
    if dim or not np.isfinite(mean):
        raise InputError(
            f"{file}: {dim} pixels of the flat image are below {100 * DARKEST:.0f} % of its mean, so frames cannot be "
            "divided by it; give an image of the empty field, neither vignetted to black nor with dead pixels"
        )
    draft.frames = FlatFielded(draft.frames, flat / mean, dark)
    off = ", the dark frame taken off both" if dark is not None else ""
    draft.notes.append(f"every frame is divided by {file.name}, brought to mean 1{off}")
