"""A writer: planes as text, for a spreadsheet."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_neuralfield import Stack, writer


@writer(".csv")
def write_csv(path: Path, strips: Iterator[np.ndarray], stack: Stack) -> None:
    """A line for each pixel: where it lies, um, and its channels (amplitude and phase, or the one there is)."""
    with path.open("w", encoding="utf-8") as file:
        print("z_um", "y_um", "x_um", *stack.channels, sep=",", file=file)
        for plane, first, rows in stack.places(strips):
            for y, values in enumerate(zip(*stack.parts(rows), strict=True), start=first):
                for x, pixel in enumerate(zip(*values, strict=True)):
                    at = (stack.origin_um[0] + y * stack.pixel_um, stack.origin_um[1] + x * stack.pixel_um)
                    print(f"{stack.z_um[plane]:g}", *(f"{v:.6g}" for v in (*at, *pixel)), sep=",", file=file)
