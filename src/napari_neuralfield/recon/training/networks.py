"""The networks that can be trained here, by name: what each is, its options, and the function that trains it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from ...networks.pretrained import Weights
from ...types import InputError
from ..engine.recipe import checked
from ..focus.network_inputs import UPSAMPLING
from ..patterns.network_inputs import CANONICAL
from . import neuph as train_neuph
from . import srqpi as train_srqpi
from .material import NOTHING, Material
from .recipe import TrainNeuPhRecipe, TrainRecipe, TrainSrcnnRecipe, TrainSrqpiRecipe
from .trainer import Stream

Train = Callable[[Any, Weights | None, Material, Callable[[], bool]], Stream]

FINE_TUNE: Mapping[str, Any] = {"minutes": 10.0, "learning_rate": 3e-4}  # defaults where finished weights go on


@dataclasses.dataclass(frozen=True)
class Training:
    """A way to train.

    Parameters
    ----------
    run : recipe, weights to go on from or None, material, and whether to stop -> events, validations and weights.
    check_start : recipe, weights and whether they are half-finished; raises InputError where they do not fit.
    kept : options that weights decide when they are gone on from.
    kind : of acquisition that the network takes.
    shown : name of the first channel, for pictures.
    upsampling : pixels of the phase per frame pixel and axis.
    pixel_um : of a frame, where none is known.
    """

    name: str
    summary: str
    recipe: type[TrainRecipe]
    run: Train
    check_start: Callable[[Any, Weights, bool], None]
    kept: tuple[str, ...]
    kind: str
    shown: str
    upsampling: int
    pixel_um: float


TRAININGS: dict[str, Training] = {
    "neuph": Training(
        "neuph",
        "Trains the network that makes phase of five LED patterns, on simulated scenes, measured pairs or both.",
        TrainNeuPhRecipe,
        train_neuph.train,
        train_neuph.check_start,
        ("size", "channels", "blocks", "decoder"),
        "multiplexed_led",
        "bright field, half disc",
        CANONICAL.upsampling,
        1.625,
    ),
    "srqpi": Training(
        "srqpi",
        "Trains the U-Net that makes phase on 4 times finer pixels of a single defocused frame.",
        TrainSrqpiRecipe,
        train_srqpi.train,
        train_srqpi.check_start,
        ("size", "base", "norm", "loss"),
        "through_focus",
        "frame",
        UPSAMPLING,
        2.6,
    ),
    "srcnn": Training(
        "srcnn",
        "Trains the three convolutions that the U-Net is compared with.",
        TrainSrcnnRecipe,
        train_srqpi.train,
        train_srqpi.check_start,
        ("loss",),
        "through_focus",
        "frame",
        UPSAMPLING,
        2.6,
    ),
}


def training(name: str) -> Training:
    """The training called `name`.

    Raises
    ------
    InputError : where there is none.
    """
    if name not in TRAININGS:
        raise InputError(f"network {name!r} is not known; what can be trained is {', '.join(TRAININGS)}")
    return TRAININGS[name]


def recipe_for(name: str, values: Mapping[str, Any], start: Weights | None = None, resume: bool = False) -> TrainRecipe:
    """The recipe of a training: its defaults, what the weights it goes on from decide, then `values`.

    A half-finished training that is resumed keeps its own recipe; finished weights keep the sizes of their network.

    Parameters
    ----------
    name : of the network.
    values : options by name.
    start, resume : weights to go on from, and whether they are half-finished.

    Raises
    ------
    InputError : for an unknown option, a value that breaks its rule, or weights that do not fit.
    """
    entry = training(name)
    before: dict[str, Any] = {}
    if start is not None:
        known = {k: v for k, v in start.header.get("recipe", {}).items() if k in entry.recipe.model_fields}
        before = known if resume else {**{k: known[k] for k in entry.kept if k in known}, **FINE_TUNE}
    built: TrainRecipe = checked(entry.recipe, {**before, **values, "method": name}, f"train {name}")
    if start is not None:
        entry.check_start(built, start, resume)
    return built


def material_for(recipe: TrainRecipe, read: Callable[[str, str], Any], given: Material = NOTHING) -> Material:
    """What the recipe's options name, read; what is `given` already comes first.

    Parameters
    ----------
    read : option name and what was typed for it -> what `Material` holds under that name.
    """
    found = {f.name: getattr(given, f.name) for f in dataclasses.fields(Material)}
    for name, value in found.items():
        typed = getattr(recipe, name, "")
        if typed and value in (None, ()):
            found[name] = read(name, typed)
    if found["frames"] is not None and found["like"] is None:
        found["like"] = found["frames"]
    return Material(**found)
