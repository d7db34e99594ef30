"""What became of every recording as a table: CSV, and Parquet where pyarrow is there. Failures come first."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from ...io.native.atomic import writing
from ...types import LEVELS
from .record import Row

CSV, PARQUET = "table.csv", "table.parquet"
WORST_FIRST = ("failed", *reversed(LEVELS), "")
Value = str | float | int | None


def sorted_rows(rows: Sequence[Row]) -> list[Row]:
    """The `rows` without a result first, then by verdict from red to green, then by name."""
    return sorted(rows, key=lambda row: (WORST_FIRST.index(standing(row)), row.name))


def standing(row: Row) -> str:
    """failed, red, amber, green, or empty where a `row` was not judged."""
    return "failed" if row.status == "failed" else row.verdict if row.verdict in LEVELS else ""


def columns(rows: Sequence[Row]) -> dict[str, list[Value]]:
    """The table by columns, the `rows` in their order; None where a figure is not known."""
    first = "relative_amplitude_error"
    figures = sorted({name for row in rows for name in row.figures}, key=lambda name: (name != first, name))
    return {
        "name": [row.name for row in rows],
        "status": [row.status for row in rows],
        "verdict": [row.verdict for row in rows],
        "problem": [row.problem for row in rows],
        **{name: [row.figures.get(name) for row in rows] for name in figures},
        "seconds": [round(row.seconds, 2) for row in rows],
        "kind": [row.kind for row in rows],
        "method": [row.method for row in rows],
        "frames": [row.frames for row in rows],
        "output": [f"{row.name}.nfield" if row.status == "done" else "" for row in rows],
        "input": [row.source for row in rows],
        "verdict_sentence": [row.sentence for row in rows],
        "notes": ["\n".join(row.notes) for row in rows],
        "finished": [row.finished for row in rows],
    }


def write_csv(folder: Path, rows: Sequence[Row]) -> None:
    """Write the table of `rows` into a `folder`, whole or not at all.

    Raises
    ------
    InputError : where it cannot be written.
    """
    found = columns(sorted_rows(rows))
    with writing(folder / CSV) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(found)
        table.writerows(zip(*found.values(), strict=True))


def write_parquet(folder: Path, rows: Sequence[Row]) -> bool:
    """Write the table of `rows` into a `folder`; whether pyarrow, which it takes, is there.

    Raises
    ------
    InputError : where it cannot be written.
    """
    if importlib.util.find_spec("pyarrow") is None:
        return False
    import pyarrow
    import pyarrow.parquet

    with writing(folder / PARQUET) as temporary:
        pyarrow.parquet.write_table(pyarrow.table(columns(sorted_rows(rows))), temporary)
    return True
