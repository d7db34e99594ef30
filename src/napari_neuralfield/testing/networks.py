"""What the training of a network keeps to."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..registry import NETWORKS
from ..types import Note, Progress
from .asking import attempt, near, require

if TYPE_CHECKING:
    from ..networks.pretrained import Weights
    from ..recon.training.networks import Training
    from ..recon.training.recipe import TrainRecipe


def check_network(name: str, **chosen: object) -> Weights:
    """A training ends with finished weights that a file keeps, stops when asked, and goes on from where it stopped.

    Parameters
    ----------
    name : of the network.
    chosen : options of the training, such as steps=2; it runs twice.

    Returns
    -------
    The finished weights, for what else is to be looked at.

    Raises
    ------
    AssertionError : in one sentence, for the first thing that is not so.
    """
    from ..recon.training.networks import recipe_for

    entry: Training = NETWORKS[name]
    what = f"training {name}"
    recipe = attempt(f"the recipe of {what}", lambda: recipe_for(name, {"device": "cpu", "steps": 2, **chosen}))
    weights = _run(what, entry, recipe, None, stop=False)
    _check_file(what, name, weights)
    half = _run(what, entry, recipe, None, stop=True)
    attempt(f"{what}: check_start for going on", lambda: entry.check_start(recipe, half, True))
    onward = _run(what, entry, recipe, half, stop=False)
    steps = onward.header["steps"]
    require(steps == recipe.steps, f"{what}: resumed, it ends after {steps} steps instead of {recipe.steps}")
    return weights


def _run(what: str, entry: Training, recipe: TrainRecipe, start: Weights | None, stop: bool) -> Weights:
    """The last weights of a training, which is stopped after its first step or goes to its end."""
    from ..recon.training.material import NOTHING
    from ..recon.training.trainer import Trained, Validation

    last = None
    stream = attempt(what, lambda: entry.run(recipe, start, NOTHING, lambda: stop))
    while (event := attempt(what, lambda: next(stream, None))) is not None:
        known = isinstance(event, Progress | Note | Validation | Trained)
        require(known, f"{what} yields {type(event).__name__}; it must be Progress, Note, Validation or Trained")
        last = event
    if not isinstance(last, Trained):
        raise AssertionError(f"{what} ends with {type(last).__name__}; Trained comes last")
    require(last.finished is not stop, f"{what}: the last weights are {'' if stop else 'not '}said to be finished")
    return last.weights


def _check_file(what: str, name: str, weights: Weights) -> None:
    from ..io.native.weights_file import save_weights
    from ..networks.pretrained import load_weights

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights.safetensors"
        attempt(f"saving the weights of {what}", lambda: save_weights(path, weights, half=False))
        back = attempt(f"loading the weights of {what}", lambda: load_weights(path, name))
    built = attempt(f"the network of {what} built from its weights", back.network)
    for key, value in weights.network().state_dict().items():
        same = near(built.state_dict()[key].to(torch.float32), value.to(torch.float32))
        require(same, f"{what}: {key} is another one after saving and loading")
