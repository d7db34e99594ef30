"""Which value goes with which frame: one row a frame, as `info`, `import` and the docks show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..data.acquisition import Draft
from ..data.derived import IN_PIXELS
from ..data.plain import plain
from ..optics.patterns import describe

Row = dict[str, Any]  # column -> what JSON knows
LINES = 12  # of a long recording that are shown
PAIRS = {"illumination_na": "NA (y, x)", "positions_um": "position (y, x) um", IN_PIXELS: "position (y, x) px"}
TITLES = {
    "frame": "frame",
    "name": "name",
    "z_um": "z um",
    "time_s": "time s",
    "exposure": "exposure",
    "channel": "colour",
    "wavelength_um": "wavelength um",
    **PAIRS,
    "pattern": "LEDs that are lit",
    "mean": "mean",
}
NUMBERS = ("z_um", "time_s", "exposure", "channel")
MOST_LEDS = 8  # numbers of LEDs written out for a pattern


def frame_table(draft: Draft, means: Mapping[int, float] | None = None) -> list[Row]:
    """One row a frame, of the values that are known of it; the columns are the keys of TITLES.

    Parameters
    ----------
    draft : also an incomplete one.
    means : mean brightness of frames that were looked at, by their number.
    """
    count = int(draft.frames.shape[0])
    known = draft.derived()
    columns: dict[str, list[Any]] = {"frame": list(range(count))}
    if len(draft.frame_names) == count:
        columns["name"] = list(draft.frame_names)
    for name in (*NUMBERS, *PAIRS):
        values = _numbers(known.get(name))
        if values is not None and values.shape == ((count, 2) if name in PAIRS else (count,)):
            columns[name] = values.tolist()
    colours = _numbers(known.get("wavelengths_um"))
    if colours is not None and "channel" in columns and all(0 <= c < len(colours) for c in columns["channel"]):
        columns["wavelength_um"] = [float(colours[int(c)]) for c in columns["channel"]]
    patterns = _numbers(known.get("patterns"))
    if patterns is not None and patterns.ndim == 2 and len(patterns) == count:
        columns["pattern"] = _words(patterns, known)
    if means:
        columns["mean"] = [means.get(number) for number in range(count)]
    ordered = [name for name in TITLES if name in columns]
    return [{name: plain(columns[name][number]) for name in ordered} for number in range(count)]


def as_lines(table: list[Row], most: int = LINES) -> list[str]:
    """The table in text: titles, then first and last rows where there are more than `most`; [] of mere numbers.

    Parameters
    ----------
    table : of `frame_table`.
    most : rows.
    """
    names = list(table[0]) if table else []
    if len(names) < 2:
        return []
    ahead = most - most // 3
    shown = table if len(table) <= most else [*table[:ahead], {}, *table[-(most - ahead) :]]
    cells = [[TITLES[name] for name in names]]
    cells += [[_cell(name, row.get(name)) for name in names] if row else ["..."] + [""] * (len(names) - 1)
              for row in shown]  # fmt: skip
    widths = [max(len(line[at]) for line in cells) for at in range(len(names))]
    signs = ["<" if name in ("name", "pattern") else ">" for name in names]
    texts = [[f"{c:{sign}{w}}" for c, sign, w in zip(line, signs, widths, strict=True)] for line in cells]
    return [f"  {'  '.join(text)}".rstrip() for text in texts]


def _words(patterns: np.ndarray, known: Mapping[str, Any]) -> list[str]:
    """What each pattern is, and the numbers of its LEDs where they are few."""
    na = _numbers(known.get("led_na"))
    named = [""] * len(patterns)
    if na is not None and na.shape == (patterns.shape[1], 2) and known.get("objective_na") is not None:
        named = [name.words for name in describe(na, patterns, float(known["objective_na"]))]
    found = []
    for words, weights in zip(named, patterns, strict=True):
        lit = np.flatnonzero(weights > 0)
        leds = f"LED {', '.join(map(str, lit))}" if 0 < len(lit) <= MOST_LEDS else f"{len(lit)} LEDs"
        found.append(f"{words} ({leds})" if words and len(lit) else words or leds)
    return found


def _numbers(value: object) -> np.ndarray | None:
    """An array of numbers; None of what is none, which the checks of values name."""
    if value is None:
        return None
    try:
        return np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        return None


def _cell(name: str, value: object) -> str:
    if value is None:
        return ""
    if name in PAIRS and isinstance(value, list):
        return ", ".join(f"{number + 0.0:.4g}" for number in value)
    if name in ("frame", "channel"):
        return f"{value:g}"
    return f"{value:.5g}" if isinstance(value, float) else str(value)
