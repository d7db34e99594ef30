"""What a user types, turned into values: one reading for the command line, sidecars and forms.

A number may carry its unit (`532 nm`), a range is MIN:MAX or MIN:MAX:STEP. Where one number is wanted a comma is a
decimal comma (`0,532`); where several may be given it stands between them, and semicolons free it (`0,5; 1,5`).
"""

from __future__ import annotations

import dataclasses
import enum
import math
import re
import types
import typing
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Protocol

from ..types import InputError

LENGTHS = {
    "um": "1", "nm": "1e-3", "µm": "1", "μm": "1", "mm": "1e3", "cm": "1e4", "m": "1e6", "Å": "1e-4",
    "A": "1e-4", "angstrom": "1e-4", "pm": "1e-6",
}  # fmt: skip
DEGREE = repr(math.pi / 180)
ANGLES = {"rad": "1", "mrad": "1e-3", "deg": DEGREE, "°": DEGREE}
TIMES = {"s": "1", "ms": "1e-3", "min": "60", "h": "3600"}
ENERGIES = {"keV": "1e3", "eV": "1"}
VOLTAGES = {"kV": "1e3", "V": "1"}
SHARES = {"": "1", "%": "1e-2"}
NUMBER = re.compile(r"([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d+)?)\s*([^\W\d_]\w*|[°%])?")
WORDS = {
    word: yes for yes, words in ((True, "true yes on y t 1"), (False, "false no off n f 0")) for word in words.split()
}
LEFT_OPEN = ("none", "automatic")
MOST = 100_000  # values of a range


class Wanted(Protocol):
    """What a value is for; options of a recipe and quantities of an acquisition are such.

    `type` is an annotation without None, `unit` that of numbers, `low` and `high` their limits, `choices` what may be
    chosen (empty: anything of the type); `optional` says that the value may be left open, which is None.
    """

    @property
    def type(self) -> object: ...
    @property
    def unit(self) -> str: ...
    @property
    def low(self) -> float | None: ...
    @property
    def high(self) -> float | None: ...
    @property
    def choices(self) -> tuple[object, ...]: ...
    @property
    def optional(self) -> bool: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plain:
    """A `Wanted` that is neither an option nor a quantity."""

    type: object = float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[object, ...] = ()
    optional: bool = False


def parse(text: str, wanted: Wanted) -> object:
    """What was typed as the type of `wanted`, numbers in its unit; None where empty or, if optional, left open.

    Parameters
    ----------
    text : as typed.
    wanted : what it is for; its limits are not looked at, see `check`.

    Raises
    ------
    InputError : in a sentence without a name, which the caller knows.
    """
    text = text.strip()
    if wanted.type is str and not wanted.optional and not wanted.choices:
        return text
    if not text:
        return None
    if wanted.choices and text in map(str, wanted.choices):
        return _choice(text, wanted.choices)
    if wanted.optional and text.lower() in LEFT_OPEN:
        return None
    return _choice(text, wanted.choices) if wanted.choices else _one(text, wanted.type, wanted.unit)


def parse_all(value: object, wanted: Wanted) -> object:
    """Text, alone or in lists, as `parse` gives it; what is no text as it is.

    Parameters
    ----------
    value : out of a file, such as `[1, "2 mm"]`.
    wanted : what each text is for.

    Raises
    ------
    InputError : see `parse`.
    """
    if isinstance(value, list):
        return [parse_all(each, wanted) for each in value]
    return parse(value, wanted) if isinstance(value, str) else value


def check(value: object, wanted: Wanted) -> None:
    """Refuse numbers, also those of a list, outside the limits of `wanted`.

    Parameters
    ----------
    value : as `parse` gives it.
    wanted : what it is for.

    Raises
    ------
    InputError : in a sentence without a name, which the caller knows.
    """
    low, high = wanted.low, wanted.high
    for number in value if isinstance(value, list | tuple) else (value,):
        if isinstance(number, bool) or not isinstance(number, int | float):
            continue
        if low is not None and number < low:
            raise InputError(f"{number:g} is too small; it must be at least {low:g}")
        if high is not None and number > high:
            hint = in_nanometres(number, wanted.unit, high)
            raise InputError(f"{number:g} is too large; it must be at most {high:g}{hint}")


def in_nanometres(value: float, unit: str, high: float) -> str:
    """A question to end a sentence with, where a length far above its limit would be right in nm; otherwise empty.

    Parameters
    ----------
    value, high : the length and the most that it may be, in `unit`.
    unit : only um are asked about.
    """
    return f": did you mean {value:g} nm?" if unit == "um" and 10 * high <= value <= 1e3 * high else ""


def unit_in(name: str) -> str:
    """The unit that a name ends in (`um` of `pixel_um` and `--pixel-um`), empty where in none."""
    last = re.split("[_-]", name)[-1]
    return last if any(last in family for family in (LENGTHS, ANGLES, TIMES)) else ""


def fitting(unit: str) -> str:
    """The units, in words, in which a value of this unit may be typed."""
    family = _family(unit)
    return ", ".join(dict.fromkeys((unit, *(name for name in family if name != "μm")))).removeprefix(", ")


def members(kind: object) -> tuple[object, ...]:
    """The alternatives of a union of types, or the one type."""
    return typing.get_args(kind) if typing.get_origin(kind) in (typing.Union, types.UnionType) else (kind,)


def _family(unit: str) -> dict[str, str]:
    return next((family for family in (LENGTHS, ANGLES, TIMES, ENERGIES, VOLTAGES, SHARES) if unit in family), {})


def _one(text: str, kind: object, unit: str) -> object:
    """`text` as the type `kind`; text where that is no type we know."""
    kinds, origin = members(kind), typing.get_origin(kind)
    if len(kinds) > 1:
        return _any_of(text, kinds, unit)
    if origin in (tuple, list):
        return _several(text, kind, unit)
    if origin is typing.Literal:
        return _choice(text, typing.get_args(kind))
    if isinstance(kind, enum.EnumMeta):
        return _choice(text, kind)
    if kind is bool:
        if text.lower() not in WORDS:
            raise InputError(f"{text!r} is neither yes nor no")
        return WORDS[text.lower()]
    if kind in (int, float):
        return _number(text, kind is int, unit)
    return Path(text) if kind is Path else text


def _any_of(text: str, kinds: tuple[object, ...], unit: str) -> object:
    """The first kind that takes the text; those for so many values, which a comma says, first, and words last."""
    separated = any(sign in text for sign in ",;:([")
    several = {kind: typing.get_origin(kind) in (tuple, list) for kind in kinds}
    errors = []
    for kind in sorted(kinds, key=lambda kind: (kind in (str, Path), several[kind] != separated)):
        try:
            return _one(text, kind, unit)
        except InputError as error:
            errors.append(error)
    raise errors[0]


def _choice(text: str, choices: Iterable[object]) -> object:
    """The choice called so, in capitals or not; a member of an enumeration by its value or its name."""
    names = {str(c.value if isinstance(c, enum.Enum) else c): c for c in choices}
    known = {c.name: c for c in names.values() if isinstance(c, enum.Enum)} | names
    known = {name.lower(): c for name, c in known.items()} | known
    for name in (text, text.lower()):
        if name in known:
            return known[name]
    raise InputError(f"{text!r} is not one of {', '.join(names)}")


def _several(text: str, kind: object, unit: str) -> object:
    """A tuple or list; one value stands for all of a tuple that has so many."""
    make, kinds = typing.cast(type, typing.get_origin(kind)), typing.get_args(kind)
    inner = kinds[:-1] if kinds[-1] is Ellipsis else kinds
    fixed = make is tuple and kinds[-1] is not Ellipsis
    bare = text.strip("()[] ")
    if ":" in bare and inner[0] is float:
        values = _range(bare, unit)
        if not fixed and len(values) == 2:
            raise InputError(f"{text!r} has no STEP; a range is MIN:MAX:STEP, such as -20:20:0.5")
        parts = [str(value) for value in (values if fixed else _steps(text, values))]
        unit = ""
    else:
        parts = [part.strip() for part in bare.split(";" if ";" in bare else ",") if part.strip()]
        parts = _with_last_unit(parts) if inner[0] in (int, float) else parts
    if fixed and len(parts) == 1:
        parts *= len(inner)
    if fixed and len(parts) != len(inner):
        raise InputError(f"{text!r} has {len(parts)} values; it takes {len(inner)}, separated by a comma")
    kinds = inner if fixed else inner * len(parts)
    return make(_one(part, kind, unit) for part, kind in zip(parts, kinds, strict=True))


def _with_last_unit(parts: list[str]) -> list[str]:
    """The unit behind the last number stands for those before it: `4, 5 mm`."""
    last = NUMBER.fullmatch(parts[-1]) if parts else None
    unit = last[2] if last else None
    return [f"{p} {unit}" if unit and (m := NUMBER.fullmatch(p)) and not m[2] else p for p in parts]


def _range(text: str, unit: str) -> list[float]:
    values = [_number(part, False, unit) for part in _with_last_unit([part.strip() for part in text.split(":")])]
    if len(values) not in (2, 3) or values[1] < values[0] or values[2:] == [0] or min(values[2:], default=1) < 0:
        raise InputError(
            f"{text!r} cannot be used; a range is MIN:MAX:STEP with MIN below MAX and STEP above 0, such as -20:20:0.5"
        )
    return values


def _steps(text: str, values: list[float]) -> list[float]:
    """MIN, MIN + STEP, ... up to MAX, which is among them where it is met."""
    low, high, step = values
    count = math.floor((high - low) / step + 1e-6) + 1
    if count > MOST:
        raise InputError(f"{text!r} is {count} values; at most {MOST} can be written, so take a larger STEP")
    return [low + step * i for i in range(count)]


def _number(text: str, whole: bool, unit: str) -> float:
    """A finite number in `unit`; an int where it must be whole."""
    found = NUMBER.fullmatch(text.strip().replace("−", "-"))
    try:
        value = Decimal(found[1].replace(",", ".") if found else text.strip())
    except InvalidOperation:
        raise InputError(f"{text!r} is not a {'whole ' if whole else ''}number") from None
    if not math.isfinite(value) or not math.isfinite(float(value)):
        raise InputError(f"{text!r} is not a finite number")
    if found and found[2]:
        value *= _factor(text, found[2], unit)
    if whole and value != value.to_integral_value():
        raise InputError(f"{text!r} is not a whole number")
    return int(value) if whole else float(value)


def _factor(text: str, typed: str, unit: str) -> Decimal:
    own = unit.removesuffix(" (y, x)")
    if typed in (own, own.split(" ")[-1]):  # px of `frame px`
        return Decimal(1)
    family = _family(own)
    if typed in family:
        return Decimal(family[typed]) / Decimal(family[own])
    rule = f"it must be in {fitting(own)}" if own else "it is a number without a unit"
    raise InputError(f"{text!r} is in {typed}; {rule}")
