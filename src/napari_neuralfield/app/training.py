"""A training without a window or a terminal: what it needs, checked, and what it leaves on the disk."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..io.native.atomic import write_or_keep
from ..io.native.outputs import AGAIN, free, one_file, partial_of
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


def check_target(target: Path, resume: Path | str | None, overwrite: bool, remedy: str = AGAIN) -> None:
    """Refuse weights, or a picture beside them, that are there already, and an older half that would be begun anew.

    Parameters
    ----------
    target : the weights to write.
    resume : the half-finished training that is gone on with, if any.
    overwrite : whether all these may be replaced.
    remedy : for the sentence.

    Raises
    ------
    InputError : naming the file.
    """
    free(target, overwrite, remedy)
    free(target.with_suffix(".png"), overwrite, remedy)
    half = partial_of(target)
    if half.exists() and not overwrite and (resume is None or not one_file(half, Path(resume))):
        raise InputError(f"{half} holds an interrupted training of this output; go on with it, or {remedy}")


def follow(stream: Stream, target: Path, tell: Callable[[Event | Validation], None], shown: str) -> Trained | None:
    """Train by `stream`: `tell` every event, write weights and a picture beside them whenever there are some.

    They are at `target` when the training is finished, until then beside it (`partial_of`). The first picture of each
    scene is called `shown`. Returns what was written last, also where Ctrl-C ends it.

    Raises
    ------
    InputError : where a file cannot be written.
    """
    last = seen = None
    with contextlib.suppress(KeyboardInterrupt):
        for event in stream:
            if isinstance(event, Trained):
                _keep(target if event.finished else partial_of(target), event, seen, shown)
                last = event
                continue
            if isinstance(event, Validation):
                seen = event
            tell(event)
    if last is not None and last.finished:
        for left in (partial_of(target), partial_of(target).with_suffix(".png")):
            left.unlink(missing_ok=True)
    return last


def _keep(place: Path, event: Trained, seen: Validation | None, shown: str) -> None:
    what = "weights" if event.finished else "half-finished training"
    write_or_keep(place, lambda path: save_weights(path, event.weights, half=event.finished), what)
    if seen is not None:
        save_picture(place.with_suffix(".png"), seen, shown)
