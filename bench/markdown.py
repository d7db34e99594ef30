"""Rows of measurements as a Markdown table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Row = dict[str, Any]
WORDS = (
    "verdict",
    "failed",
    "file",
    "method",
    "preset",
    "what",
    "start",
    "outlier frames",
    "axes found",
    "who",
    "work on",
)  # columns of text


def number(*names: str, digits: int = 2, scale: float = 1.0) -> Callable[[Row], str]:
    """The first of `names` that a row holds, times `scale`."""

    def text(row: Row) -> str:
        value = next((row[name] for name in names if row.get(name) is not None), None)
        return "" if value is None else f"{value * scale:,.{digits}f}"

    return text


def grid(cells: list[dict[str, str]]) -> str:
    """A Markdown table; a column that is empty throughout is left out, numbers stand to the right."""
    names = [name for name in (cells[0] if cells else {}) if any(cell[name] for cell in cells)]
    if not names:
        return ""
    widths = {name: max(len(name), *(len(cell[name]) for cell in cells)) for name in names}
    words = [name for name in names if name in WORDS]

    def line(values: dict[str, str]) -> str:
        texts = (values[n].ljust(widths[n]) if n in words else values[n].rjust(widths[n]) for n in names)
        return f"| {' | '.join(texts)} |"

    rule = {n: "-" * widths[n] if n in words else "-" * (widths[n] - 1) + ":" for n in names}
    return "\n".join([line({n: n for n in names}), line(rule), *map(line, cells)])
