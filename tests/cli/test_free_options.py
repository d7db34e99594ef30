"""Options that belong to a method: which of them stand alone, and which would do nothing."""

from __future__ import annotations

import pytest

from napari_neuralfield.cli import free_options
from napari_neuralfield.cli.commands import OWN
from napari_neuralfield.recon.engine.recipe import build
from napari_neuralfield.registry import METHODS
from napari_neuralfield.types import InputError


@pytest.mark.parametrize(
    ("typed", "joined"),
    [
        ("f.h5 --method fpm-inr --polish 50", "f.h5 --method fpm-inr --polish=50"),
        ("--method=fpm-inr --polish 50 f.h5", "--method=fpm-inr --polish=50 f.h5"),
        ("f.h5 --method neuph --polish", "f.h5 --method neuph --polish=true"),
        ("--polish f.h5 -o o.nfield", "--polish=true f.h5 -o o.nfield"),
        ("f.h5 --polish 50", "f.h5 --polish=50"),
        ("f.h5 --calibrate --learn-pupil none", "f.h5 --calibrate=true --learn-pupil=none"),
        ("f.h5 --learn-pupil --learn-background frame", "f.h5 --learn-pupil=true --learn-background=frame"),
        ("--method residual-field --learn-pupil f.h5", "--method residual-field --learn-pupil=true f.h5"),
    ],
)
def test_switches_are_those_of_the_chosen_method(typed: str, joined: str) -> None:
    assert free_options.joined(["reconstruct", *typed.split()], OWN) == ["reconstruct", *joined.split()]


@pytest.mark.parametrize(
    ("method", "preset", "values", "said"),
    [
        ("fpm-inr", "published", {"steps": 10}, r"option steps of method fpm-inr is 10 but .*--epochs shortens"),
        ("fpm-inr", None, {"epochs": 2}, r"it counts with --preset published"),
        ("fpm-inr", "physics", {"polish": 5}, r"option polish"),
        ("fpm-inr", None, {"learn_pupil": "none"}, r"it counts with --calibrate"),
        ("residual-field", None, {"table_log2": 12}, r"it counts with --encoding hash"),
        ("srqpi", None, {"polish_steps": 9}, r"it counts with --polish"),
        ("defocus-field", None, {"field": "planes", "edges": 1.0}, r"--field pixels or hash"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(method: str, preset: str, values: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        build(method, values, preset)


def test_what_every_method_and_preset_gives_itself_is_taken() -> None:
    for name, entry in METHODS.items():
        for preset in (None, *entry.presets):
            built = build(name, preset=preset)
            again = build(name, built.model_dump(), preset)
            assert again == built
    assert build("fpm-inr", {"epochs": 2}, "published").epochs == 2
    assert build("fpm-inr", {"calibrate": True, "learn_pupil": "none"}).learn_pupil == "none"
