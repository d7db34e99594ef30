"""Durations and extents as one says them."""

from __future__ import annotations

from ...types import Extent


def time_text(seconds: float) -> str:
    """A duration as one says it."""
    if seconds < 1:
        return "less than 1 s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def extent_text(extent: Extent) -> str:
    rows, columns = extent.shape
    low, high = extent.z_um
    depth = f"z {low:g} to {high:g} µm" if high > low else "a single plane"
    return f"{rows} × {columns} pixels of {extent.pixel_um:.4g} µm, {depth}"
