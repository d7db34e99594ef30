"""Readers and writers."""

from __future__ import annotations

from .native.acquisition_file import save_acquisition
from .readers.opening import draft_of_array, open_acquisition, open_draft
from .results.stored import load_result, read_header, save_result
from .writers.cxi_writing import save_cxi
from .writers.images import save_planes, save_strips

__all__ = [
    "draft_of_array",
    "load_result",
    "open_acquisition",
    "open_draft",
    "read_header",
    "save_acquisition",
    "save_cxi",
    "save_planes",
    "save_result",
    "save_strips",
]
