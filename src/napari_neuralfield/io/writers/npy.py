"""NumPy's own format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...registry import writer
from .stack import Stack, Strips


@writer(".npy")
def write_npy(path: Path, strips: Strips, stack: Stack) -> None:
    """Write `strips` to `path` as the stack (z, y, x), of several colours (channel, z, y, x); complex64 or float32.

    Not through a memory map, which a full disk kills the process in.
    """
    colours = len(stack.wavelengths_um)
    shape = (colours, stack.planes, *stack.shape[1:]) if colours else stack.shape
    description = {"descr": np.lib.format.dtype_to_descr(stack.dtype), "fortran_order": False, "shape": shape}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, description)
        for rows in strips:
            file.write(np.ascontiguousarray(rows).data)
