"""The tables of scans: every method on every file, a step of the published preset, and pty-chi."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .markdown import Row, grid, number

SCANS: dict[str, Callable[[Row], str]] = {
    "file": lambda row: row["file"],
    "method": lambda row: row["method"],
    "preset": lambda row: row["label"].removeprefix(", ") or "default",
    "CPU s": number("cpu_s"),
    "peak MB": number("peak_mb", digits=0),
    "relative error": number("relative_error", digits=4),
    "fine error": number("fine_error", digits=4),
    "positions px, given": number("positions_given_px", digits=3),
    "positions px": number("positions_px", digits=4),
    "held out": number("held_out_error", digits=4),
    "data misfit": number("relative_amplitude_error", digits=4),
    "distance off %": number("to_detector_um_error", digits=4, scale=100),
    "wavelength off %": number("wavelength_um_error", digits=4, scale=100),
}
STEPS: dict[str, Callable[[Row], str]] = {
    "what": lambda row: row["preset"],
    "ms": number("step_ms", digits=1),
    "times faster": number("times", digits=1),
    "pyramid ms": number("pyramid_ms", digits=1),
    "head ms": number("head_ms", digits=1),
    "frame ms": number("frame_ms", digits=1),
}
PEERS: dict[str, Callable[[Row], str]] = {
    "work on": lambda row: row["split"],
    "who": lambda row: row["who"],
    "method": lambda row: row["method"] + (f", {row['batch']} at once" if row["batch"] else ""),
    "CPU s": number("cpu_s", digits=1),
    "data misfit": number("error", digits=4),
    "held out": number("held_out_error", digits=4),
}


def parts(rows: list[Row], others: dict[str, Any]) -> list[str]:
    """Headings and tables of what there is."""
    known = [row for row in rows if "relative_error" in row or "fine_error" in row]
    found = []
    for heading, columns, chosen in (
        ("## Scans against the truth", SCANS, known),
        ("## Real scans", SCANS, [row for row in rows if row not in known]),
        ("## One step of a residual field", STEPS, others.get("residual_step", [])),
        ("## Beside pty-chi, the same frames and passes", PEERS, others.get("scan_peers", [])),
    ):
        if chosen:
            found += [heading, grid([{name: text(row) for name, text in columns.items()} for row in chosen])]
    return found
