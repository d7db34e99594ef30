"""What is typed, turned into values."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from napari_neuralfield.app import arguments
from napari_neuralfield.recon.engine.recipe import OptionInfo
from napari_neuralfield.types import Extent, InputError

OWN = ("--method", "-o")
STACK = Extent(z_um=(-20.0, 20.0), shape=(8, 6), pixel_um=0.5, origin_um=(1.0, 0.0))
PLANE = Extent(z_um=(3.0, 3.0), shape=(8, 6), pixel_um=0.5)


def info(name: str, type_: object, *, optional: bool = False) -> OptionInfo:
    return OptionInfo(name, type_, None, "", "", False, None, None, (), optional)


def test_a_value_may_begin_with_a_minus_sign() -> None:
    tokens = ["f.acq.h5", "--z-um", "-20,20", "-o", "o.nfield", "--method", "--odd"]
    joined = ["f.acq.h5", "--z-um=-20,20", "-o", "o.nfield", "--method", "--odd"]
    assert arguments.join_options(tokens, OWN, {}) == joined


@pytest.mark.parametrize(
    ("typed", "joined"),
    [
        (["--recover-pupil", "f.h5"], ["--recover-pupil=true", "f.h5"]),
        (["--no-recover-pupil", "f.h5"], ["--recover-pupil=false", "f.h5"]),
        (["--recover-pupil", "no", "f.h5"], ["--recover-pupil=no", "f.h5"]),
        (["--recover-pupil=false"], ["--recover-pupil=false"]),
        (["--recover-pupil"], ["--recover-pupil=true"]),
    ],
)
def test_a_switch_stands_alone_or_has_a_word(typed: list[str], joined: list[str]) -> None:
    assert arguments.join_options(typed, OWN, {"recover_pupil": ()}) == joined


@pytest.mark.parametrize("typed", [["--passes"], ["--passes", "--z-um", "3"]])
def test_an_option_without_value_is_named(typed: list[str]) -> None:
    with pytest.raises(InputError, match="option --passes has no value"):
        arguments.join_options(typed, OWN, {"recover_pupil": ()})


def test_values_are_split_as_the_option_asks() -> None:
    pair = info("z_um", tuple[float, float], optional=True)
    assert arguments.option_value(pair, "-20, 20") == (-20.0, 20.0)
    assert arguments.option_value(pair, "3") == (3.0, 3.0)
    assert arguments.option_value(pair, "none") is None
    assert arguments.option_value(info("frames", tuple[int, ...]), "1,2,3") == (1, 2, 3)
    either = info("z_um", tuple[float, float] | float, optional=True)
    assert arguments.option_value(either, "-2") == -2.0
    assert arguments.option_value(either, "-2,2") == (-2.0, 2.0)
    assert arguments.option_value(info("passes", int), "5") == 5
    with_unit = OptionInfo("z_um", float, None, "", "um", False, None, None, (), False)
    assert arguments.option_value(with_unit, "4 mm") == 4000.0
    with pytest.raises(InputError, match=r"option --z-um: '4 s' is in s; it must be in um, nm"):
        arguments.option_value(with_unit, "4 s")
    with pytest.raises(InputError, match=r"option --z-um: '1,2,3' has 3 values; it takes 2"):
        arguments.option_value(pair, "1,2,3")


def test_depths_lie_inside_the_field() -> None:
    assert arguments.depths("0,1.5", STACK) == [0.0, 1.5]
    assert arguments.depths("-20:20:10", STACK) == [-20.0, -10.0, 0.0, 10.0, 20.0]
    assert len(arguments.depths("-0.3:0.3:0.1", STACK)) == 7
    assert arguments.depths(None, PLANE) == [3.0]
    assert arguments.depths("-7", PLANE) == [-7.0]
    for text, rule in [
        ("21", "option --z-um is 21; the field spans -20 to 20 um"),
        ("1,x", "option --z-um is 1,x; it must be numbers separated by commas"),
        ("nan", "must be numbers"),
        ("0:5", "option --z-um is 0:5; .* a range is MIN:MAX:STEP"),
        ("0:5:0", "a range is MIN:MAX:STEP"),
        ("0:5:1e-9", "at most 100000 can be written"),
    ]:
        with pytest.raises(InputError, match=rule):
            arguments.depths(text, STACK)
    with pytest.raises(InputError, match="option --z-um is missing; the field spans -20 to 20 um"):
        arguments.depths(None, STACK)


def test_a_region_lies_inside_the_field() -> None:
    assert arguments.region(None, STACK) is None
    assert arguments.region("1,0,5,3", STACK) == (1.0, 0.0, 5.0, 3.0)
    for text, rule in [
        ("0,0,5,3", "it leaves the field, which spans 1,0,5,3 um"),
        ("3,0,2,3", "Y0 below Y1"),
        ("1,2,3", "it must be 4 numbers"),
    ]:
        with pytest.raises(InputError, match=rule):
            arguments.region(text, STACK)


def test_numbers_are_finite() -> None:
    assert (
        arguments.numbers("--pixel-um", "0.1", count=1) == arguments.numbers("--pixel-um", "100 nm", count=1) == [0.1]
    )
    assert arguments.numbers("--height", "1,33; 1,38", count=2) == [1.33, 1.38]
    with pytest.raises(
        InputError, match="option --pixel-um is 2 s; it must be a number: '2 s' is in s; it must be in um"
    ):
        arguments.numbers("--pixel-um", "2 s", count=1)
    with pytest.raises(InputError, match=f"option --pixel-um is {math.inf}"):
        arguments.numbers("--pixel-um", "inf")


def test_an_output_is_checked_before_the_work(tmp_path: Path) -> None:
    good = tmp_path / "out.nfield"
    assert arguments.output(good, (".nfield",)) == good
    with pytest.raises(InputError, match=r"must end in \.nfield; write -o out\.nfield"):
        arguments.output(tmp_path / "out.h5", (".nfield",))
    with pytest.raises(InputError, match=r"the folder .*missing does not exist"):
        arguments.output(tmp_path / "missing" / "out.nfield", (".nfield",))
    (tmp_path / "folder.nfield").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        arguments.output(tmp_path / "folder.nfield", (".nfield",))
