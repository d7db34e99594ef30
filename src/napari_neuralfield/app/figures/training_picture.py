"""The picture of a validation: a frame, answer and truth of a few scenes, one scene a row."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...recon.training.trainer import Validation
from .picture import Panel, grey, save_sheet

SCENES = 4


def save_picture(path: Path, seen: Validation, shown: str) -> None:
    """Write the pictures of `seen` to `path`, .png; the first one of each scene is called `shown`.

    Raises
    ------
    InputError : where it cannot be written.
    """
    rows = []
    for first, answer, truth in seen.pictures[:SCENES]:
        low, high = np.percentile(truth, (0.3, 99.7))
        limits = (float(low) - 0.05, float(high) + 0.05)
        error = float((answer - truth).std())
        rows.append(
            [
                Panel(grey(first), shown),
                Panel(grey(answer, limits), f"network, rms error {error:.3f} rad"),
                Panel(grey(truth, limits), f"truth, {limits[0]:.2f} to {limits[1]:.2f} rad"),
            ]
        )
    last = f"mean over all scenes kept aside: error {seen.error_rad:.4f} rad, correlation {seen.correlation:.4f}"
    save_sheet(path, f"After {seen.steps} steps", rows, last)
