"""Continuous neural fields from raw frames of a computational microscope.

Importing this package loads neither torch nor Qt; its public names load on first use.
"""

from __future__ import annotations

import importlib
import os
from typing import Any

# Read by torch when it loads: threads that wait must sleep, not spin. On a busy machine spinning made a
# reconstruction ten times slower, and it takes the core that a viewer needs.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

__version__ = "0.1.0"

_PUBLIC = {
    "InputError": "types",
    "Extent": "types",
    "Field": "types",
    "Result": "types",
    "Progress": "types",
    "Preview": "types",
    "Note": "types",
    "Done": "types",
    "Acquisition": "data.acquisition",
    "open_acquisition": "io",
    "save_acquisition": "io",
    "load_result": "io",
    "save_result": "io",
    "reconstruct": "recon",
    "build_recipe": "recon",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_PUBLIC[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
