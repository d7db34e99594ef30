"""The table of phases from LED patterns: every method on every file, and means over files of one kind of sample."""

from __future__ import annotations

import re
from collections.abc import Callable

from .markdown import Row, grid, number

KIND = "multiplexed_led"
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
    "bright field seen again": number("bright_field_correlation", digits=3),
    "dark field seen again": number("dark_field_correlation", digits=3),
    "stored kB": number("bytes", digits=0, scale=1e-3),
}
AVERAGED = ("cpu_s", "peak_mb", "psnr_db", "ssim", "rmse_rad")


def parts(rows: list[Row]) -> list[str]:
    """Heading and table; nothing where no row is of this kind."""
    if not rows:
        return []
    every = [*rows, *means(rows)]
    return ["## Phase from LED patterns", grid([{name: text(row) for name, text in COLUMNS.items()} for row in every])]


def means(rows: list[Row]) -> list[Row]:
    """One row per method, preset and kind of sample (the file's name without its number) that several files have."""
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        sample = re.sub(r"_\d+$", "", row["file"])
        if sample != row["file"] and "psnr_db" in row:
            groups.setdefault((sample, row["method"], row["label"]), []).append(row)
    return [
        {
            "file": f"{sample}, mean of {len(found)}", "method": method, "label": label,
            **{name: sum(row[name] for row in found) / len(found) for name in AVERAGED},
        }
        for (sample, method, label), found in sorted(groups.items())
        if len(found) > 1
    ]  # fmt: skip
