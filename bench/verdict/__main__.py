"""How often the verdict is right, over random microscopes with known truth.

    python -m bench.verdict                                  200 microscopes by fpm-sequential, kept and counted
    python -m bench.verdict --method fpm-auto                another method
    python -m bench.verdict --method dpc                     phase from half discs
    python -m bench.verdict --method scans                   100 scans, each by the method that is recommended for it
    python -m bench.verdict --method scans --part 0/2        every second of them, beside another process with 1/2;
                                                             begun again, it goes on where it was stopped
    python -m bench.verdict --options '{"calibrate": true}'  other options of the method
    python -m bench.verdict --only-count                     the answers kept, judged again by the rules as they are now
    python -m bench.verdict --limits                         and what each limit does when it is moved (for tuning)

Every second microscope is sound, the others have one fault each (`worlds.FAULTS`). An answer is wrong where the error
of the complex picture, after the free factors of `score.py real` and without haze, is above WRONG of the structure of
the true one; of a sound microscope, where noise and slow convergence are all that is wrong, above POOR. For half discs
it is sqrt(1 - r^2) of the phase's correlation r with the truth. A scan is wrong above SCAN_WRONG, where what is slow is
left out and a flat picture has 1. Tune on seeds below 2000, count on others. What was counted is kept.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from types import ModuleType

import torch

from napari_neuralfield.recon.verdict import led_rules, pattern_rules, scan_rules

from .count import PATTERNS, SCANS, gathered, lines

WRONG, POOR, SCAN_WRONG = 0.4, 0.6, 0.5
FACTORS = (0.7, 0.85, 1.0, 1.15, 1.4)  # on each limit
OUT = Path(__file__).parents[1] / "out" / "verdict"


def is_wrong(line: dict) -> bool:
    """Whether the answer of a `line` is wrong, by its truth."""
    if "kind" in line:
        return float(line["error"]) > SCAN_WRONG
    return float(line["error"]) > (WRONG if line["fault"] else POOR)


def level_of(line: dict, rules: ModuleType) -> str:
    """The verdict of a `line` by the `rules` as they are now; as it was where nothing could be checked."""
    return str(rules.verdict(line["figures"]).level if line["figures"] else line["level"])


def counted(found: list[dict], rules: ModuleType) -> Counter:
    """How many answers are (wrong, level), by the `rules` as they are now."""
    return Counter((is_wrong(line), level_of(line, rules)) for line in found)


def shares(count: Counter) -> str:
    """Wrong answers that are green, and right ones that are not."""
    wrong, right = (sum(n for (w, _), n in count.items() if w is kind) for kind in (True, False))
    silent, alarmed = count[True, "green"], right - count[False, "green"]
    every = max(wrong + right, 1)
    return (
        f"wrong and green {silent} of {wrong} wrong ({silent / every:.1%} of all {every}), "
        f"right and not green {alarmed} of {right} ({alarmed / max(right, 1):.1%})"
    )


def table(found: list[dict], rules: ModuleType) -> str:
    """Counts by fault, a Markdown table."""
    levels = ("green", "amber", "red")
    rows = ["| fault | right: green | amber | red | wrong: green | amber | red |", "|---|" + "---:|" * 6]
    for fault in sorted({line["fault"] for line in found}):
        count = counted([line for line in found if line["fault"] == fault], rules)
        numbers = [str(count[wrong, level] or "") for wrong in (False, True) for level in levels]
        rows.append("| " + " | ".join([fault or "none", *numbers]) + " |")
    return "\n".join([*rows, "", shares(counted(found, rules))])


def moved_limits(found: list[dict], rules: ModuleType) -> str:
    """The shares with each limit multiplied by FACTORS, one at a time."""
    rows = []
    for name, limits in vars(rules).items():
        if not name.isupper() or not isinstance(limits, tuple) or not all(isinstance(v, float) for v in limits):
            continue
        for factor in FACTORS:
            setattr(rules, name, tuple(factor * v for v in limits))
            rows.append(f"{name:12} x {factor:4}  {shares(counted(found, rules))}")
        setattr(rules, name, limits)
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="fpm-sequential")
    parser.add_argument("--options", type=json.loads, default=None, help="of the method, JSON")
    parser.add_argument("--seeds", default=None, help="FIRST,END; 2000,2200 where not given, 2000,2100 of scans")
    parser.add_argument("--part", default="0/1", metavar="K/N", help="every N-th of the seeds, from the K-th on")
    parser.add_argument("--only-count", action="store_true")
    parser.add_argument("--limits", action="store_true")
    parser.add_argument("--out", type=Path, default=None, help="file of the answers, JSON lines")
    given = parser.parse_args()
    torch.set_num_threads(1)
    usual = {"z_um": 0.0, "check_orientation": False, "passes": 20} if given.method == "fpm-sequential" else {}
    path = given.out or OUT / f"{given.method}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    scans = given.method == SCANS
    first, end = map(int, (given.seeds or ("2000,2100" if scans else "2000,2200")).split(","))
    if not (given.only_count or given.limits):
        part, parts = map(int, given.part.split("/"))
        seeds = range(first + part, end, parts)
        gathered(path, seeds, given.method, {**usual, **(given.options or {})}, scans=scans)
    known = [line for line in lines(path) if first <= int(line["seed"]) < end]
    found = [line for line in known if "failed" not in line]
    rules = scan_rules if scans else pattern_rules if given.method in PATTERNS else led_rules
    print(table(found, rules))
    print(f"{len(known) - len(found)} of {len(known)} microscopes were refused or failed")
    if given.limits:
        print(moved_limits(found, rules))


if __name__ == "__main__":
    main()
