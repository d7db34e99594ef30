"""The table of phases from defocused frames: every method on every file, and means over files of one kind of sample."""

from __future__ import annotations

from collections.abc import Callable

from .markdown import Row, grid, number
from .pattern_table import means

KIND = "through_focus"
COLUMNS: dict[str, Callable[[Row], str]] = {
    "file": lambda row: row["file"],
    "method": lambda row: row["method"],
    "preset": lambda row: row["label"] or "default",
    "CPU s": number("cpu_s"),
    "peak MB": number("peak_mb", digits=0),
    "PSNR dB": number("psnr_db"),
    "SSIM": number("ssim", digits=3),
    "phase RMSE rad": number("rmse_rad", digits=4),
    "data misfit": number("relative_amplitude_error", digits=4),
    "misfit over noise": number("misfit_over_noise", digits=1),
    "stored kB": number("bytes", digits=0, scale=1e-3),
}


def parts(rows: list[Row]) -> list[str]:
    """Heading and table; nothing where no row is of this kind."""
    if not rows:
        return []
    cells = [{name: text(row) for name, text in COLUMNS.items()} for row in (*rows, *means(rows))]
    return ["## Phase from defocused frames", grid(cells)]
