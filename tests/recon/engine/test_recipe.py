"""What a user can choose, and what he is told when it cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from scene import scene

from napari_neuralfield.data.acquisition import Acquisition
from napari_neuralfield.recon.engine import recipe
from napari_neuralfield.registry import METHODS
from napari_neuralfield.types import Event, InputError, Note


class KnobsRecipe(recipe.Recipe):
    passes: int = recipe.option(2, "times through the data", ge=1, le=9)
    share: float | None = recipe.option(None, "how much", unit="um", gt=0, lt=1, advanced=True)
    way: Literal["up", "down"] = recipe.option("up", "where to go")
    z_um: tuple[float, float] | float | None = recipe.option(None, "depths", unit="um")


@pytest.fixture(autouse=True)
def knobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method called `knobs` that is forgotten again."""
    monkeypatch.setattr(METHODS, "_entries", dict(METHODS._entries))
    presets = {"slow": {"passes": 9, "way": "down"}}

    @recipe.method("knobs", KnobsRecipe, kinds=("through_focus",), presets=presets)
    def run(acquisition: Acquisition, chosen: KnobsRecipe) -> Iterator[Event]:
        """Turns knobs.

        And nothing else.
        """
        yield Note(f"{chosen.passes} {chosen.way}")


def test_defaults_then_preset_then_values() -> None:
    assert recipe.build("knobs").model_dump() == {
        "method": "knobs", "device": "auto", "as_given": False, "seed": 0, "passes": 2, "share": None, "way": "up",
        "z_um": None,
    }  # fmt: skip
    chosen = recipe.build("knobs", {"passes": 4, "method": "ignored"}, preset="slow")
    assert (chosen.method, chosen.passes, chosen.way) == ("knobs", 4, "down")


def test_a_recipe_is_frozen_and_survives_its_own_dump() -> None:
    chosen = recipe.build("knobs", {"z_um": (-3, 4.5), "share": "0.25"})
    assert chosen.z_um == (-3.0, 4.5)
    assert chosen.share == 0.25
    assert recipe.build("knobs", chosen.model_dump(mode="json")) == chosen
    with pytest.raises(ValueError, match="frozen"):
        chosen.passes = 3


@pytest.mark.parametrize(
    ("values", "preset", "match"),
    [
        ({"passes": 0}, None, r"^option passes of method knobs is 0; it should be greater than or equal to 1$"),
        ({"share": 1}, None, r"^option share of method knobs is 1; it should be less than 1 \(um\)$"),
        ({"share": float("nan")}, None, r"^option share of method knobs is nan; it should be a finite number \(um\)$"),
        ({"way": "left"}, None, r"^option way of method knobs is 'left'; it should be 'up' or 'down'$"),
        (
            {"pases": 3},
            None,
            r"'pases' is not one of method knobs; it has: passes, share, way, z_um, as_given, device",
        ),
        ({"seed": -1}, None, "option seed of method knobs is -1; it should be greater than or equal to 0"),
        ({}, "fast", "preset 'fast' is not one of method knobs; it has: slow"),
    ],
)
def test_what_breaks_a_rule_is_said_in_one_sentence(values: dict[str, Any], preset: str | None, match: str) -> None:
    with pytest.raises(InputError, match=match):
        recipe.build("knobs", values, preset)


def test_an_unknown_method_lists_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"method 'fmp' is not known; choose one of .*fpm-sequential.*knobs"):
        recipe.build("fmp")


def test_a_form_can_be_made_from_the_options() -> None:
    found = {option.name: option for option in recipe.options("knobs")}
    assert list(found) == ["passes", "share", "way", "z_um", "as_given", "device", "seed"]
    passes, share, way = found["passes"], found["share"], found["way"]
    assert (passes.type, passes.default, passes.low, passes.high, passes.optional) == (int, 2, 1, 9, False)
    assert (share.type, share.unit, share.low, share.high, share.optional, share.advanced) == (
        float, "um", 0, 1, True, True,
    )  # fmt: skip
    assert way.choices == ("up", "down")
    assert found["z_um"].type == tuple[float, float] | float
    assert found["seed"].advanced


class KnobsWithDrawerRecipe(KnobsRecipe):
    method: str = "knobs-with-drawer"
    drawer: str = recipe.option("left", "which drawer")
    way: Literal["up", "down"] = recipe.option("down", "where to go from here")


def test_own_options_come_first_and_inherited_ones_are_advanced() -> None:
    found = {option.name: option for option in recipe.options_of(KnobsWithDrawerRecipe)}
    assert list(found) == ["drawer", "way", "passes", "share", "z_um", "as_given", "device", "seed"]
    advanced = {"passes", "share", "z_um", "as_given", "device", "seed"}
    assert {name for name, option in found.items() if option.advanced} == advanced
    assert (found["passes"].low, found["passes"].high, found["way"].default) == (1, 9, "down")
    base = {option.name: option.advanced for option in recipe.options_of(KnobsRecipe)}
    assert not base["passes"]  # where it is at home it stays as it is


def test_values_are_checked_against_any_recipe() -> None:
    found = recipe.checked(KnobsWithDrawerRecipe, {"passes": "3", "drawer": "right"}, "the calibration")
    assert isinstance(found, KnobsWithDrawerRecipe)
    assert (found.passes, found.drawer, found.method) == (3, "right", "knobs-with-drawer")
    for values, match in (
        ({"passes": 10}, r"^option passes of the calibration is 10; it should be less than or equal to 9$"),
        ({"share": 2}, r"^option share of the calibration is 2; it should be less than 1 \(um\)$"),
        (
            {"drwr": 1},
            r"^option 'drwr' is not one of the calibration; it has: drawer, way, passes, share, z_um, as_given",
        ),
    ):
        with pytest.raises(InputError, match=match):
            recipe.checked(KnobsWithDrawerRecipe, values, "the calibration")


def test_the_docstring_opens_with_the_summary() -> None:
    assert METHODS["knobs"].summary == "Turns knobs."


@pytest.mark.parametrize("name", [n for n in METHODS if n != "knobs"])
def test_every_method_explains_every_option(name: str) -> None:
    assert METHODS[name].summary.endswith(".")
    for preset in (None, *METHODS[name].presets):
        assert recipe.build(name, preset=preset).method == name
    for option in recipe.options(name):
        assert option.help, option.name
        assert not option.name.endswith("_um") or option.unit == ("cycles/um" if "_per_um" in option.name else "um")


def test_a_recipe_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("method: knobs\nz_um: [-3, 3]\nway: down\n", encoding="utf-8")
    values = recipe.load(path)
    assert values == {"method": "knobs", "z_um": [-3, 3], "way": "down"}
    assert recipe.build("knobs", values).z_um == (-3.0, 3.0)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"- passes\n", r"r\.yaml: a recipe is a YAML mapping of option: value, this is list"),
        (b"", r"r\.yaml: a recipe is a YAML mapping of option: value, this is NoneType"),
        (b"a: [1\n", r"r\.yaml: the recipe cannot be read \(while parsing"),
        (b"\xff\xfe\xd8", r"r\.yaml: the recipe is not text in UTF-8 \(byte 0\)"),
        (None, r"r\.yaml: there is no such file; check the name"),
    ],
)
def test_a_damaged_recipe_file_is_named(tmp_path: Path, content: bytes | None, match: str) -> None:
    path = tmp_path / "r.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=match):
        recipe.load(path)


def test_a_method_that_does_not_take_the_kind_names_those_that_do() -> None:
    acquisition, _ = scene((24, 24))
    with pytest.raises(
        InputError, match=r"knobs takes through_focus but scene\.acq\.h5 is led_array; choose .*fpm-seq"
    ):
        recipe.run(acquisition, recipe.build("knobs"))


def test_a_scan_cannot_hold_out_every_frame() -> None:
    with pytest.raises(InputError, match="hold_out of method rpie is 1; it should be 0, or 2 or more"):
        recipe.build("rpie", {"hold_out": 1})
