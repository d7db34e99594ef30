"""HDF5 files as other programs write them, with as little as a test needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py


def write(path: Path, held: dict[str, Any], says: str = "") -> Path:
    with h5py.File(path, "w") as file:
        for name, value in held.items():
            place, _, attribute = name.partition("@")
            if attribute:
                (file[place] if place in file else file.require_group(place or "/")).attrs[attribute] = value
            else:
                file[place] = value
    if says:
        path.with_suffix(".yaml").write_text(says)
    return path
