"""Readers and writers. Importing this package registers the readers."""

from __future__ import annotations

from . import cxi, lcnf, matlab, numpy_archive, ptylab, tiff
from .cxi_writing import save_cxi
from .field_file import load_result, read_header, save_result
from .images import save_planes, save_strips
from .native import save_acquisition
from .opening import open_acquisition, open_draft

__all__ = [
    "cxi",
    "lcnf",
    "load_result",
    "matlab",
    "numpy_archive",
    "open_acquisition",
    "open_draft",
    "ptylab",
    "read_header",
    "save_acquisition",
    "save_cxi",
    "save_planes",
    "save_result",
    "save_strips",
    "tiff",
]
