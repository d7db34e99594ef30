"""`patterns` of a sidecar by name: half discs, arcs and lists of LEDs instead of a matrix."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import pydantic

from ...optics.patterns import arc, half_disc
from ...types import InputError

WAYS = ("half", "arc", "leds")


class Pattern(pydantic.BaseModel):
    """One frame: `half` or `arc` is the direction of its light in degrees, `leds` the numbers of its LEDs."""

    model_config = pydantic.ConfigDict(extra="forbid")

    half: float | None = None
    arc: float | None = None
    leds: list[int] | None = None
    width_deg: float = pydantic.Field(120.0, gt=0, le=360)
    limit_na: float | None = pydantic.Field(None, gt=0)


def named(value: object) -> TypeGuard[list[object]]:
    """Whether `value` is a list of patterns by name."""
    return isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value)


def matrix(value: list[object], known: Mapping[str, Any], where: Path) -> np.ndarray:
    """Brightness of each LED in each frame (frame, led).

    Parameters
    ----------
    value : one entry a frame, each of which is made a `Pattern`.
    known : values of the acquisition; `led_na` and `objective_na` are needed.
    where : the sidecar.

    Raises
    ------
    InputError : for an entry that names no pattern, one without LEDs, or where NA or directions are not known.
    """
    missing = [name for name in ("led_na", "objective_na") if known.get(name) is None]
    if missing:
        needed = "leds (or led_na)" if missing[0] == "led_na" else missing[0]
        raise InputError(f"{where}: patterns are given by name, which needs {needed}; give it in the sidecar too")
    na, objective = np.asarray(known["led_na"], dtype=float), float(known["objective_na"])
    try:
        return np.array([_weights(entry, na, objective) for entry in _parsed(value)])
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _parsed(value: list[object]) -> list[tuple[int, Pattern]]:
    found = []
    for number, entry in enumerate(value):
        try:
            pattern = Pattern.model_validate(entry)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            at = ": ".join(str(part) for part in first["loc"]) or "the entry"
            if first["type"] == "extra_forbidden":
                said = f"known are {', '.join(Pattern.model_fields)}"
            else:
                said = first["msg"][0].lower() + first["msg"][1:]
            raise InputError(f"patterns, frame {number}: {at} is {first['input']!r}; {said}") from None
        given = [way for way in WAYS if getattr(pattern, way) is not None]
        if len(given) != 1:
            raise InputError(
                f"patterns, frame {number} is given by {' and '.join(given) or 'nothing'}; give exactly one of "
                f"{', '.join(WAYS)}"
            )
        found.append((number, pattern))
    return found


def _weights(entry: tuple[int, Pattern], na: np.ndarray, objective: float) -> np.ndarray:
    number, pattern = entry
    try:
        if pattern.half is not None:
            return half_disc(na, objective, pattern.half)
        if pattern.arc is not None:
            return arc(na, objective, pattern.arc, pattern.width_deg, pattern.limit_na)
    except InputError as error:
        raise InputError(f"patterns, frame {number}: {error}") from None
    leds = np.asarray(pattern.leds, dtype=int)
    if not len(leds) or leds.min() < 0 or leds.max() >= len(na):
        raise InputError(
            f"patterns, frame {number}: leds are {pattern.leds}; they must be numbers from 0 to {len(na) - 1}"
        )
    weights = np.zeros(len(na))
    weights[leds] = 1.0
    return weights
