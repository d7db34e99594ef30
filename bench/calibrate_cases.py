"""What there is to calibrate: recordings whose geometry is wrong, or made wrong in a way that is known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from .cases import OUT, STACK_UM, Case, Job, case_of, complete, folder, simulated

METHOD = "calibrate"
UNTOUCHED = "not calibrated"
BOARDS = (("board", 1), ("board", 2), ("texture", 1))  # our own simulator's: kind of sample, seed
TURN_DEG, SHIFT_NA, SCALE, HEIGHT = 4.0, 0.03, 0.05, 1.05
NOISE = (3, 40, 100)  # two bright-field frames, one dark
AXES = ("y reversed (upside down)", "x reversed (left and right exchanged)", "y and x exchanged")


def calibrations() -> list[Job]:
    """Every calibration to measure: the given files, our own simulator's boards, and real recordings."""
    bench, data = folder("NEURALFIELD_BENCH", "bench"), folder("NEURALFIELD_DATA", "data")
    score, found = bench / "score.py", []
    for name, more in (("fpm_miscalibrated", wrong_boards()), ("fpm_tilted", {})):
        if (file := bench / f"{name}.acq.h5").is_file():
            found += of_case(case_of(file, score), more)
    if score.is_file():
        for phantom, seed in BOARDS:
            found += of_case(case_of(board(phantom, seed), score), {})
    for name in ("bloodsmear_green", "bloodsmear_blue"):
        for file in sorted(data.rglob(f"{name}.mat")):
            if complete(file):
                wrong = {"height": HEIGHT, "yint_mm": 0.0}
                case, label = Case(file, None, None, None), f"height {HEIGHT - 1:.0%} wrong, yint 0"
                found += of_case(case, {label: wrong})
                found.append(Job(case, METHOD, f"{label}, {UNTOUCHED}", {"calibrate": False, "wrong": wrong}))
    return found


def of_case(case: Case, wrong: dict[str, dict[str, Any]]) -> list[Job]:
    """A recording untouched, calibrated as given, and calibrated from each geometry of `wrong`."""
    depths = case.grid["z_um"] if case.grid else []
    given: dict[str, Any] = {"z_um": STACK_UM} if len(depths) > 1 else {}
    untouched = {**given, "calibrate": False}
    if len(depths) == 1:
        untouched["z_um"] = depths[0]
    jobs = [Job(case, METHOD, UNTOUCHED, untouched), Job(case, METHOD, "as given", {**given, "calibrate": True})]
    return jobs + [Job(case, METHOD, k, {**given, "calibrate": True, "wrong": v}) for k, v in wrong.items()]


def wrong_boards() -> dict[str, dict[str, Any]]:
    """Name -> what is changed in the file before anything sees it."""
    found: dict[str, dict[str, Any]] = {
        f"turned {TURN_DEG:g} deg": {"turn_deg": TURN_DEG},
        f"turned {TURN_DEG:g} deg the other way": {"turn_deg": -TURN_DEG},
        f"pitch {SCALE:.0%} larger": {"scale": 1 + SCALE},
        f"pitch {SCALE:.0%} smaller": {"scale": 1 - SCALE},
    }
    for k in range(8):
        angle = math.radians(45 * k)
        found[f"shifted {SHIFT_NA:g} NA at {45 * k:03d} deg"] = {
            "shift_na": [SHIFT_NA * math.sin(angle), SHIFT_NA * math.cos(angle)]
        }
    found |= {name: {"axes": name} for name in AXES}
    return found | {f"frames {', '.join(map(str, NOISE))} of noise": {"noise": list(NOISE)}}


def board(phantom: str, seed: int) -> Path:
    """A miscalibrated board of our own simulator."""
    return simulated(f"miscalibrated-{phantom}", OUT / "data" / f"{phantom}_{seed}.acq.h5", seed)
