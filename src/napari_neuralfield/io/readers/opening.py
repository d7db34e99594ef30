"""One road into the program: whatever the file, a reader that knows it, then its sidecar."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ...data.acquisition import Acquisition, Draft
from ...registry import READERS
from ...types import InputError
from ..sidecar import sidecar


def open_draft(path: str | Path) -> Draft:
    """Frames (lazy), what the file and its sidecar say, and what they leave open.

    Raises
    ------
    InputError : where the file is missing, not readable, damaged, or of no known format.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: there is no such file or folder; check the name")
    if not os.access(path, os.R_OK):
        raise InputError(f"{path}: reading it is not allowed; ask for permission or copy it")
    draft = _reader(path).read(path)
    if (beside := sidecar.find(path)) is not None:
        sidecar.apply(draft, beside)
    return draft


def open_acquisition(path: str | Path, **overrides: Any) -> Acquisition:
    """A complete, checked acquisition; `overrides` are values by name, such as wavelength_um=0.522.

    Raises
    ------
    InputError : as `open_draft`, or where a value is missing, unknown or breaks its rule.
    """
    return open_draft(path).complete(**overrides)


def _reader(path: Path) -> Any:
    known = []
    for name, entry in READERS.items():
        reader = entry()
        if reader.supports(path):
            return reader
        known.append(getattr(reader, "reads", name))
    if path.suffix.lower() == ".nfield":
        raise InputError(f"{path}: this is a finished field, not a recording; open it in the viewer or render it")
    raise InputError(f"{path}: the format is not known; what can be read is {'; '.join(known)}")
