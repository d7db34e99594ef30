"""A training without a window or a terminal: what it needs, checked, and what it leaves on the disk."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..io.native.atomic import write_or_keep
from ..io.native.weights_file import save_weights
from ..io.readers import training_files
from ..networks.pretrained import Weights, load_weights, shipped
from ..recon.training.material import NOTHING, Material, Pair
from ..recon.training.networks import Stream, Training, material_for, recipe_for
from ..recon.training.recipe import TrainRecipe
from ..recon.training.trainer import Trained, Validation
from ..registry import NETWORKS
from ..types import Event, InputError
from .figures.training_picture import save_picture

WEIGHTS = (".safetensors",)
SHIPPED = "shipped"  # typed for the weights that come with the package


def start_from(name: str, resume: Path | str | None, start: Path | str | None) -> Weights | None:
    """The weights to go on from.

    Parameters
    ----------
    name : of the network.
    resume : the file of a half-finished training.
    start : a file of finished weights; 'shipped' for those of the package.

    Raises
    ------
    InputError : where both are given, or a file holds no such weights.
    """
    if resume is not None and start is not None:
        raise InputError(
            "options --resume and --from are both given; --resume goes on with a training that was interrupted, --from "
            "begins a new one from finished weights, so choose one"
        )
    chosen = start if resume is None else resume
    if chosen is None:
        return None
    return shipped(name) if resume is None and str(chosen) == SHIPPED else load_weights(chosen, name)


def read(kind: str, option: str, typed: str) -> Any:
    """What an option of a training names, as `recon.training.material.Material` has it.

    Parameters
    ----------
    kind : of the acquisitions that the network takes.
    option : 'pairs', 'stack', 'images', or another that names acquisitions.
    typed : its value: a file or folder.
    """
    if option == "pairs":
        return tuple(Pair(*found) for found in training_files.measured_pairs(typed, kind))
    if option == "stack":
        return tuple(training_files.stacks(typed))
    if option == "images":
        return tuple(training_files.grey_images(typed))
    return training_files.frames_of_kind(typed, option, kind)


def prepare(
    name: str,
    values: Mapping[str, object],
    resume: Path | str | None = None,
    start: Path | str | None = None,
    given: Material = NOTHING,
) -> tuple[Training, TrainRecipe, Weights | None, Material]:
    """Everything that a training needs, checked.

    Parameters
    ----------
    name : of the network.
    values : options of its recipe.
    resume, start : weights to go on from, see `start_from`.
    given : material that is at hand already.

    Raises
    ------
    InputError : for an unknown network, weights that do not fit, an option or a file that cannot be used.
    """
    entry: Training = NETWORKS[name]
    weights = start_from(name, resume, start)
    recipe = recipe_for(name, values, weights, resume=resume is not None)
    return entry, recipe, weights, material_for(recipe, functools.partial(read, entry.kind), given)


def follow(stream: Stream, target: Path, tell: Callable[[Event | Validation], None], shown: str) -> Trained | None:
    """Train by `stream`: `tell` every event, write weights to `target` whenever there are some, pictures beside them.

    The first picture of each scene is called `shown`. Returns what was written last, also where Ctrl-C ends it.

    Raises
    ------
    InputError : where a file cannot be written.
    """
    last = None
    with contextlib.suppress(KeyboardInterrupt):
        for event in stream:
            if isinstance(event, Trained):
                _keep(target, event)
                last = event
                continue
            if isinstance(event, Validation):
                save_picture(target.with_suffix(".png"), event, shown)
            tell(event)
    return last


def _keep(target: Path, event: Trained) -> None:
    what = "weights" if event.finished else "half-finished training"
    write_or_keep(target, lambda path: save_weights(path, event.weights, half=event.finished), what)
