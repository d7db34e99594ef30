"""The networks that can be trained here, by name: what each is, its options, and the function that trains it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from ...networks.pretrained import Weights
from ...registry import NETWORKS
from ...types import InputError
from ..engine.recipe import checked, opening_line
from .material import NOTHING, Material
from .recipe import TrainRecipe
from .trainer import Stream

Train = Callable[[Any, Weights | None, Material, Callable[[], bool]], Stream]

FINE_TUNE: Mapping[str, Any] = {"minutes": 10.0, "learning_rate": 3e-4}  # defaults where finished weights go on


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """A way to train.

    Parameters
    ----------
    run : recipe, weights to go on from or None, material, and whether to stop -> events, validations and weights.
    architecture : the network's class; the sizes in its weights' header build it.
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
    architecture: type[nn.Module]
    check_start: Callable[[Any, Weights, bool], None]
    kept: tuple[str, ...]
    kind: str
    shown: str
    upsampling: int
    pixel_um: float


def network(
    name: str,
    recipe: type[TrainRecipe],
    *,
    architecture: type[nn.Module],
    kind: str,
    shown: str,
    upsampling: int,
    pixel_um: float,
    check_start: Callable[[Any, Weights, bool], None],
    kept: tuple[str, ...] = (),
    summary: str = "",
) -> Callable[[Train], Train]:
    """Decorator: register the generator function below as what trains the network `name`.

    Parameters
    ----------
    name, recipe, architecture, kind, shown, upsampling, pixel_um, check_start, kept : as in `Training`.
    summary : one sentence; the first line of the function's docstring where left out.
    """

    def register(run: Train) -> Train:
        NETWORKS.add(
            name,
            Training(
                name=name,
                summary=summary or opening_line(run),
                recipe=recipe,
                run=run,
                architecture=architecture,
                check_start=check_start,
                kept=kept,
                kind=kind,
                shown=shown,
                upsampling=upsampling,
                pixel_um=pixel_um,
            ),
            run.__module__,
        )
        return run

    return register


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
    entry: Training = NETWORKS[name]
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


def check_sizes(wanted: Mapping[str, object], start: Weights, resume: bool, names: Mapping[str, str]) -> None:
    """Whether weights can be gone on from by a training that asks for a network of these sizes.

    Parameters
    ----------
    wanted : sizes of the network by name.
    start, resume : weights to go on from, and whether they are half-finished.
    names : of the sizes that must agree, and the option that decides each.

    Raises
    ------
    InputError : where there is nothing to resume, or one of `names` differs.
    """
    if resume and "training.count" not in start.tensors:
        raise InputError(
            f"the training of these weights is finished after {start.header['steps']} steps, so there is nothing to "
            "resume; train on from them with --from"
        )
    given = start.header["sizes"]
    for name, decides in names.items():
        if wanted[name] != given.get(name):
            what = "" if name == decides else f"{name} "
            both = decides if decides in ("size", "loss") else f"{decides} and size"
            raise InputError(
                f"option {decides} asks for {what}{wanted[name]} but the weights to go on from have {given.get(name)}; "
                f"a network keeps its sizes, so leave {both} out or train a new one"
            )
