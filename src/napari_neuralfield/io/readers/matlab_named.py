"""MATLAB files whose variables carry the acquisition's own names, or that a sidecar's `variables` translates."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...data.acquisition import Draft
from . import named


def draft_of(file: Any) -> Draft | None:
    """The draft of an opened file with `frames` (y, x, frame) in it; None without.

    `probe` may be (y, x) or (y, x, mode).
    """
    names = named.names_in(file.path, list(file.shapes))
    if named.FRAMES not in names:
        return None
    said = _text(file.array("kind")) if "kind" in file.shapes else None
    kind = named.kind_of(file.path, names, said)
    values = named.values_of(kind, names, lambda name: _plain(file.array(name)), file.path)
    if "probe" in values and np.ndim(values["probe"]) == 3:
        values["probe"] = np.moveaxis(values["probe"], -1, 0)
    if "title" in file.shapes:
        values["title"] = _text(file.array("title"))
    return Draft(kind, file.frames(names[named.FRAMES]), values, str(file.path))


def _plain(value: np.ndarray) -> np.ndarray:
    """Text, which version 7.3 keeps as codes of letters, and complex numbers, which it keeps as pairs."""
    if value.dtype.names and set(value.dtype.names) == {"real", "imag"}:
        return value["real"] + 1j * value["imag"]
    if value.dtype == np.uint16 and value.ndim == 2 and 1 in value.shape and value.size > 1:
        return np.array(_text(value))
    return value


def _text(value: np.ndarray) -> str:
    return "".join(map(chr, value.reshape(-1))) if value.dtype.kind == "u" else "".join(map(str, value.reshape(-1)))
