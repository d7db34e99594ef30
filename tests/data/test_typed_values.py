"""What is typed becomes a value of the wanted type and unit, or one sentence."""

from __future__ import annotations

import enum
import math
from pathlib import Path
from typing import Any, Literal

import pytest

from napari_neuralfield.data.typed_values import Plain, check, parse, unit_in
from napari_neuralfield.types import InputError

Range = tuple[float, float] | float
Pair, Many = tuple[float, float], tuple[float, ...]


class Light(enum.Enum):
    RED = "red light"
    BLUE = "blue light"


@pytest.mark.parametrize(
    ("text", "kind", "unit", "value"),
    [
        ("", float, "", None), (" 1e-3 ", float, "", 1e-3), ("7", int, "", 7), ("1e3", int, "", 1000),
        ("a b", str, "", "a b"), ("−3", float, "", -3.0), (".5", float, "", 0.5),
        ("532 nm", float, "um", 0.532), ("561nm", float, "um", 0.561), ("0,532", float, "um", 0.532),
        ("0.532 um", float, "um", 0.532), ("0.532 µm", float, "um", 0.532), ("4 mm", float, "um", 4000.0),
        ("5320 Å", float, "um", 0.532), ("6 cm", float, "mm", 60.0), ("0.1 m", float, "mm", 100.0),
        ("90 deg", float, "rad", math.pi / 2), ("5 mrad", float, "rad", 0.005), ("180°", float, "rad", math.pi),
        ("250 ms", float, "s", 0.25), ("1 h", float, "min", 60.0), ("0.1 NA", float, "NA", 0.1),
        ("64 px", int, "frame px", 64), ("5 %", float, "", 0.05),
        ("-5:5", Range, "um", (-5.0, 5.0)), ("1,5", Range, "um", (1.0, 5.0)), ("3", Range, "um", 3.0),
        ("0,5; 1,5", Range, "um", (0.5, 1.5)), ("-4, 4 mm", Range, "um", (-4000.0, 4000.0)),
        ("(-20, 20)", Pair, "", (-20.0, 20.0)), ("3", Pair, "", (3.0, 3.0)),
        ("-1:1:0.5", Many, "", (-1, -0.5, 0, 0.5, 1)),
        ("1;2;3", tuple[int, ...], "", (1, 2, 3)), ("[1, 2]", list[int], "", [1, 2]),
        ("a, b", list[str], "", ["a", "b"]),
        ("yes", bool, "", True), ("Off", bool, "", False), ("x/y.npy", Path, "", Path("x/y.npy")),
        ("tie", Literal["ctf", "tie"], "", "tie"), ("BLUE", Light, "", Light.BLUE), ("red light", Light, "", Light.RED),
    ],
)  # fmt: skip
def test_what_is_typed_becomes_a_value(text: str, kind: Any, unit: str, value: object) -> None:
    found = parse(text, Plain(type=kind, unit=unit))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "kind", "unit", "rule"),
    [
        ("x", float, "", "'x' is not a number"), ("nan", float, "", "not a finite number"),
        ("1.5", int, "", "not a whole number"), ("1,2,3", float, "", "'1,2,3' is not a number"),
        ("1, 2, 3", Pair, "", "has 3 values; it takes 2"), ("1, 2, 3", Range, "", "has 3 values; it takes 2"),
        ("5 s", float, "um", "'5 s' is in s; it must be in um, nm, µm, mm, cm, m, Å"),
        ("5 mm", float, "rad", "it must be in rad, mrad, deg, °"), ("5 mm", float, "", "it is a number without a unit"),
        ("5:1", Range, "", "MIN below MAX"), ("0:5", Many, "", "a range is MIN:MAX:STEP"),
        ("0:5:0", Many, "", "STEP above 0"), ("0:5:1e-9", Many, "", "at most 100000"),
        ("maybe", bool, "", "'maybe' is neither yes nor no"), ("green", Light, "", "not one of red light, blue light"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_words(text: str, kind: Any, unit: str, rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        parse(text, Plain(type=kind, unit=unit))


def test_a_value_may_be_left_open_and_a_choice_comes_first() -> None:
    for text in ("", "none", "Automatic"):
        assert parse(text, Plain(optional=True)) is None
    assert parse("none", Plain(type=Literal["none", "batch"], choices=("none", "batch"), optional=True)) == "none"
    assert parse("none", Plain(type=str)) == "none"


def test_limits_hold_for_every_number() -> None:
    wanted = Plain(unit="um", low=0.0, high=2.0)
    check((0.0, 2.0), wanted)
    with pytest.raises(InputError, match="-1 is too small; it must be at least 0"):
        check((1.0, -1.0), wanted)
    with pytest.raises(InputError, match=r"^532 is too large; it must be at most 2: did you mean 532 nm\?$"):
        check(532.0, wanted)
    with pytest.raises(InputError, match=r"at most 2$"):
        check(5e6, wanted)
    with pytest.raises(InputError, match=r"at most 2$"):
        check(3.0, wanted)


def test_a_name_says_its_unit() -> None:
    assert [unit_in(n) for n in ("pixel_um", "--z-um", "frame_interval_s", "passes", "um")] == [
        "um",
        "um",
        "s",
        "",
        "um",
    ]
