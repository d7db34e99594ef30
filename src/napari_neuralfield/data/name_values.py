"""Values that names of images tell with their unit: `exp10ms`, `t0010s`, `x1.5um_y-2um`.

Only what every name tells counts. A time without a word (`_200us`) is an exposure where the same few come again and
again, and a time of recording where it is padded with zeros and never comes twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from .typed_values import LENGTHS

TIMES_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0}
AMOUNT = r"(?P<number>\d+(?:[.,p]\d+)?)"
TIME_UNIT = rf"[ _]*(?P<unit>{'|'.join(sorted(TIMES_S, key=len, reverse=True))})(?![a-z0-9])"
LENGTH_UNIT = rf"[ _]*(?P<unit>{'|'.join(sorted(LENGTHS, key=len, reverse=True))})(?![a-z0-9])"
SIGN = r"(?P<sign>[+\-−]|minus|plus)?[ ]*"
EXPOSURE = re.compile(rf"(?<![a-z])(?:exp(?:osure)?|t_?exp)[ _=-]*{AMOUNT}{TIME_UNIT}", re.IGNORECASE)
TIME = re.compile(rf"(?<![a-z])(?:t|time)[ _=]*{AMOUNT}{TIME_UNIT}", re.IGNORECASE)
BARE = re.compile(rf"(?<![a-z0-9.,]){AMOUNT}{TIME_UNIT}", re.IGNORECASE)
PLACES = {axis: re.compile(rf"(?<![a-z]){axis}[ _=]*{SIGN}{AMOUNT}{LENGTH_UNIT}", re.IGNORECASE) for axis in "yx"}


def exposures_s(names: Sequence[str]) -> np.ndarray | None:
    """Exposure (frame,) in s of each image; None where the names do not tell it, or tell one for all."""
    found = _every(EXPOSURE, names, TIMES_S)
    if found is None and not any(TIME.search(name) for name in names):
        bare = _every(BARE, names, TIMES_S)
        found = bare if bare is not None and 2 * len(set(bare)) <= len(bare) else None
    return found if found is not None and len(set(found)) > 1 else None


def times_s(names: Sequence[str]) -> np.ndarray | None:
    """When each image was taken (frame,), s; None where the names do not tell it."""
    found = _every(TIME, names, TIMES_S)
    if found is not None or any(EXPOSURE.search(name) for name in names):
        return found
    bare = [BARE.search(name) for name in names]
    digits = {len(match["number"]) if match else 0 for match in bare}
    padded = len(digits) == 1 and any(match is not None and match["number"][0] == "0" for match in bare)
    found = _every(BARE, names, TIMES_S)
    return found if found is not None and padded and len(set(found)) == len(found) > 1 else None


def positions_um(names: Sequence[str]) -> np.ndarray | None:
    """Positions (frame, 2) as (y, x), um; None where the names do not tell both."""
    factors = {name.lower(): float(factor) for name, factor in LENGTHS.items()}
    y, x = (_every(PLACES[axis], names, factors) for axis in "yx")
    return None if y is None or x is None else np.stack([y, x], axis=-1)


def _every(pattern: re.Pattern[str], names: Sequence[str], units: dict[str, float]) -> np.ndarray | None:
    """What the pattern finds in each name, in the unit of 1; None where it misses one."""
    found = [pattern.search(name) for name in names]
    if not names or not all(found):
        return None
    return np.array([_value(match, units) for match in found if match])


def _value(match: re.Match[str], units: dict[str, float]) -> float:
    number = float(re.sub("[,p]", ".", match["number"].lower()))
    sign = -1 if (match.groupdict().get("sign") or "+").lower() in ("-", "−", "minus") else 1
    return sign * number * units[match["unit"].lower()] + 0.0
