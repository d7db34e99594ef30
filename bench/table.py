"""The table: what was measured, as Markdown to read and as JSON to compare with the next time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import focus_table, pattern_table, scan_table
from .markdown import Row, grid, number

COLUMNS: dict[str, Callable[[Row], str]] = {
    "file": lambda row: row["file"],
    "method": lambda row: row["method"],
    "preset": lambda row: row["label"] or "default",
    "CPU s": number("cpu_s"),
    "process CPU s": number("process_cpu_s", digits=1),
    "peak MB": number("peak_mb", digits=0),
    "PSNR dB": number("amplitude_psnr_db", "psnr_db"),
    "phase RMSE rad": number("phase_rmse_rad", "rmse_rad", digits=4),
    "relative error": number("relative_error", digits=4),
    "data misfit": number("relative_amplitude_error", digits=4),
    "stored kB": number("bytes", digits=0, scale=1e-3),
}

CALIBRATED: dict[str, Callable[[Row], str]] = {
    "file": lambda row: row["file"],
    "start": lambda row: row["label"],
    "calibrate s": number("calibrate_s"),
    "reconstruct s": number("cpu_s"),
    "PSNR dB": number("amplitude_psnr_db"),
    "data misfit": number("relative_amplitude_error", digits=4),
    "LEDs 1e-3 NA": number("direction_rms_na", digits=3, scale=1e3),
    "bright LEDs": number("direction_bright_rms_na", digits=3, scale=1e3),
    "gains %": number("gain_rms", scale=100),
    "Zernike rad": number("zernike_rad", digits=3),
    "other rad": number("zernike_other_rad", digits=3),
    "z error um": number("z_error_um", digits=3),
    "ambient %": number("background_error", digits=1, scale=100),
    "turn deg": number("turn_deg"),
    "height mm": number("height_mm"),
    "shift y mm": number("shift_y_mm", digits=3),
    "shift x mm": number("shift_x_mm", digits=3),
    "z um": number("z_um"),
    "half-bit um, off": number("resolution_off_um", digits=3),
    "half-bit um": number("resolution_um", digits=3),
    "held out, off": number("held_out_off", digits=4),
    "held out": number("held_out", digits=4),
    "outlier frames": lambda row: ", ".join(map(str, row.get("outlier_frames", []))),
    "axes found": lambda row: axes(row),
}


def write(out: Path) -> str:
    """Write table.md and table.json of everything kept in `out`; returns the Markdown."""
    rows = [json.loads(file.read_text(encoding="utf-8")) for file in sorted((out / "jobs").glob("*.found.json"))]
    rows.sort(key=lambda row: (row["file"], row["method"], row["label"]))
    others = {
        name: json.loads((out / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("import", "sizes", "slider", "residual_step", "scan_peers")
        if (out / f"{name}.json").is_file()
    }
    calibrated = [row for row in rows if row["method"] == "calibrate"]
    patterns = [row for row in rows if row.get("kind") == pattern_table.KIND]
    focused = [row for row in rows if row.get("kind") == focus_table.KIND]
    scanned = [row for row in rows if row.get("runner") == "scans"]
    methods = [row for row in rows if row not in (*calibrated, *patterns, *focused, *scanned)]
    table = grid([{k: text(row) for k, text in COLUMNS.items()} for row in methods if "watched" not in row["label"]])
    parts = [table, *gains(methods), *curves(methods), *pattern_table.parts(patterns), *focus_table.parts(focused)]
    parts += [*calibrations(calibrated), *scan_table.parts(scanned, others), *package(others)]
    text = "\n\n".join(part for part in parts if part) + "\n"
    (out / "table.md").write_text(text, encoding="utf-8")
    (out / "table.json").write_text(json.dumps({"rows": rows, **others}, indent=1), encoding="utf-8")
    return text


def gains(rows: list[Row]) -> list[str]:
    """Our default against the plain reference, file by file."""
    found = {(row["file"], row["method"], row["label"]): row.get("amplitude_psnr_db") for row in rows}
    plains = sorted({label for _, method, label in found if method == "plain-numpy"})
    cells = []
    for file in sorted({file for file, method, _ in found if method == "plain-numpy"}):
        ours = found.get((file, "fpm-sequential", ""))
        cell = {"file": file, "fpm-sequential": "" if ours is None else f"{ours:.2f}"}
        for label in plains:
            theirs = found.get((file, "plain-numpy", label))
            cell[f"plain, {label}"] = "" if theirs is None else f"{theirs:.2f}"
            cell[f"gain over {label}"] = "" if theirs is None or ours is None else f"{ours - theirs:+.2f}"
        cells.append(cell)
    return ["## Amplitude PSNR over the plain reference, dB", grid(cells)] if cells else []


def curves(rows: list[Row]) -> list[str]:
    """How good a fit is on the way: previews of a run, CPU seconds from its start."""
    parts = []
    for row in (row for row in rows if row.get("curve")):
        steps = [*row["curve"], {**row, "cpu_s": row["cpu_s"]}]
        cells = [
            {
                "CPU s": f"{step['cpu_s']:.2f}",
                "PSNR dB": number("amplitude_psnr_db", "psnr_db")(step),
                "phase RMSE rad": number("phase_rmse_rad", "rmse_rad", digits=4)(step),
            }
            for step in steps
        ]
        label = row["label"].split(",")[0] or "default"
        parts += [f"## Quality on the way: {row['method']}, {label}, {row['file']}", grid(cells)]
    return parts


def calibrations(rows: list[Row]) -> list[str]:
    """What calibration found: of microscopes that are known, how far off; of real ones, what it says of them."""
    parts = []
    rows = sorted(rows, key=lambda row: (row["file"], "calibrate_s" in row))
    known = [row for row in rows if "amplitude_psnr_db" in row]
    real = [row for row in rows if "amplitude_psnr_db" not in row]
    for heading, chosen, hidden in (
        ("## Calibration against the truth", known, ("turn deg", "z um", "height mm", "shift y mm", "shift x mm")),
        ("## Calibration of real microscopes", real, ()),
    ):
        columns = {name: text for name, text in CALIBRATED.items() if name not in hidden}
        if chosen:
            parts += [heading, grid([{name: text(row) for name, text in columns.items()} for row in chosen])]
    return parts


def axes(row: Row) -> str:
    """The orientation that was found where it is not the file's, and whether it is the truth's twin."""
    name = row.get("orientation", "as given")
    return ("" if name == "as given" else name) + (", twin" if row.get("twin") else "")


def package(others: dict[str, Any]) -> list[str]:
    parts = []
    if "import" in others:
        cells = [{"what": f"import {name}", "CPU s": f"{seconds:.3f}"} for name, seconds in others["import"].items()]
        parts += ["## Imports", grid(cells)]
    if "sizes" in others:
        cells = [{"what": name, "MB": f"{size / 1e6:,.1f}"} for name, size in others["sizes"].items()]
        parts += ["## A field of 2048 x 2048, Q 32, 5 nodes, on disk (planes: 161 complex ones)", grid(cells)]
    if "slider" in others:
        parts += ["## Depth slider", f"```json\n{json.dumps(others['slider'], indent=1)}\n```"]
    return parts
