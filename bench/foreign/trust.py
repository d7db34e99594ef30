"""How far the traffic light and the stated uncertainty of a phase can be believed, counted on foreign worlds.

`python -m bench.foreign.trust [--what patterns focus] [--each 13] [--first SEED] [--out FILE] [--table FILE]` prints
of each method how many answers were green, how many of those were wrong, and which share of the errors lay within the
uncertainty said beside the phase, which means to hold 68 %. `--table` only adds up the lines of an earlier `--out`.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.recommended import recommended
from napari_neuralfield.types import Done, Result

from . import focus_worlds, pattern_worlds
from .scoring import WRONG, Found, light_of
from .shapes import VALIDATION

FIRST = {"patterns": 43_000, "focus": 44_000}  # seeds of the worlds in docs; below 40,000 limits were chosen on
EACH = 13  # worlds of each kind
TRANSPORTS = ("tie-fft", None), ("tie-dct", None), ("tie-tv", None)
Row = dict[str, Any]


def of_patterns(first: int, each: int) -> Iterator[Row]:
    """Rows of `each` worlds of every kind under LED patterns, seeds from `first` on."""
    for number in range(each):
        for kind, draw in VALIDATION.items():
            acquisition, phase = pattern_worlds.world(draw, first + number)
            for preset in (None, "polished"):
                *_, last = reconstruct(acquisition, build_recipe("neuph", {}, preset=preset))
                assert isinstance(last, Done)
                name = "neuph, polished (recommended)" if preset else "neuph, alone"
                yield _row(
                    kind, first + number, name, last.result, pattern_worlds.scores(last.result, acquisition, phase)
                )


def of_focus(first: int, each: int) -> Iterator[Row]:
    """Rows of `each` worlds of every kind through focus, by turns with one plane and three; seeds from `first` on."""
    for number in range(each):
        planes = (1, 3)[number % 2]
        for kind, draw in VALIDATION.items():
            acquisition, phase = focus_worlds.world(draw, first + number, planes)
            chosen, _ = recommended(acquisition)
            asked = [("srqpi", None), *([("srqpi", "polished")] if planes == 1 else TRANSPORTS), (chosen, None)]
            for method, preset in dict.fromkeys(asked):
                *_, last = reconstruct(acquisition, build_recipe(method, {}, preset=preset))
                assert isinstance(last, Done)
                name = f"{method}{', polished' * bool(preset)}, {planes} plane{'s' * (planes > 1)}"
                name += " (recommended)" * ((method, preset) == (chosen, None))
                yield _row(
                    kind, first + number, name, last.result, focus_worlds.scores(last.result, acquisition, phase)
                )


def _row(kind: str, seed: int, name: str, result: Result, scores: dict[str, float]) -> Row:
    return {"kind": kind, "world": seed, "method": name, "light": light_of(result), **scores}


def table(rows: Iterable[Mapping[str, Any]]) -> str:
    """Counts of `rows`, by method, as a table of Markdown."""
    by: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        by[str(row["method"])].append(row)
    lines = [
        f"| method | worlds | wrong (error above {WRONG:g} of the phase) | green | of these wrong | red | "
        "of the errors within the uncertainty |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in by.items():
        wrong = [row["relative"] > WRONG for row in found]
        green, red = ([row["light"] == level for row in found] for level in ("green", "red"))
        covered = [row["covered"] for row in found if "covered" in row]
        share = f"{np.mean(covered):.0%}" if covered else ""
        both = int(np.sum(np.logical_and(green, wrong)))
        lines.append(f"| {name} | {len(found)} | {sum(wrong)} | {sum(green)} | {both} | {sum(red)} | {share} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--what", choices=list(FIRST), nargs="+", default=list(FIRST))
    parser.add_argument("--first", type=int, help="seed of the first world of each kind; those in docs where left out")
    parser.add_argument("--each", type=int, default=EACH, help="worlds of each kind")
    parser.add_argument("--out", type=Path, help="lines of JSON, one for each answer")
    parser.add_argument("--table", type=Path, nargs="+", help="only add up the lines of such files")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.table:
        print(table(json.loads(line) for path in options.table for line in path.read_text().splitlines()))
        return
    found, rows = Found(options.out), []
    for what in options.what:
        for row in {"patterns": of_patterns, "focus": of_focus}[what](options.first or FIRST[what], options.each):
            rows.append(row)
            scores = {name: value for name, value in row.items() if isinstance(value, float)}
            found.add(row["kind"], row["method"], row["light"], scores, world=row["world"])
    print(table(rows))


if __name__ == "__main__":
    main()
