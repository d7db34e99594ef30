"""Readers and writers. Importing this package registers the readers."""

from __future__ import annotations

from . import matlab, tiff
from .field_file import load_result, read_header, save_result
from .images import save_planes
from .native import save_acquisition
from .opening import open_acquisition, open_draft

__all__ = [
    "load_result",
    "matlab",
    "open_acquisition",
    "open_draft",
    "read_header",
    "save_acquisition",
    "save_planes",
    "save_result",
    "tiff",
]
