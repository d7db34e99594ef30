"""A time-lapse through one of the methods that make phase of a single frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..data.acquisition import ThroughFocus
from ..types import Field, InputError
from .lapse_corrections import Choices, OnProgress, Wanted, drift_of, evenly_bright
from .time_lapse import TimeLapse, check_time_lapse

if TYPE_CHECKING:
    from ..recon.recipe import Recipe

METHODS = ("srqpi", "srcnn")
PhaseOf = Callable[[ThroughFocus, int], Field]


def phase_maker(recipe: Any) -> PhaseOf:
    """(acquisition, number of a frame) -> field, by the network that a recipe names; its weights are loaded now.

    Raises
    ------
    InputError : for a method that needs more than one frame, and for weights that cannot be used.
    """
    check_method(recipe.method)
    from .. import compute
    from ..recon import srcnn, srqpi

    device, module = compute.device(recipe.device), srcnn if recipe.method == "srcnn" else srqpi
    weights = module.weights_of(recipe)

    def phase_of(acquisition: ThroughFocus, number: int) -> Field:
        return srqpi.frame_field(acquisition, weights, number, device, flatten=recipe.flatten)

    return phase_of


def check_method(name: str) -> str:
    """The name, where that method makes phase of one frame; InputError else."""
    if name not in METHODS:
        raise InputError(
            f"method {name!r} does not make phase of a single frame; a time-lapse goes through {' or '.join(METHODS)}"
        )
    return name


def lapse_of(
    acquisition: ThroughFocus,
    phase_of: PhaseOf | Recipe,
    choices: Choices | None = None,
    on_progress: OnProgress = lambda done, total: None,
    wanted: Wanted = lambda: True,
) -> TimeLapse:
    """The time-lapse of an acquisition, with the corrections that are chosen.

    Parameters
    ----------
    phase_of : (acquisition, number of a frame) -> field, or the recipe that says how.
    on_progress : called with (frames read, frames in all) while corrections are measured, which reads every frame.

    Raises
    ------
    InputError : where the acquisition is not a time-lapse, the method not of single frames, or a frame is dark.
    lapse_corrections.Stopped : as soon as `wanted()` is False.
    """
    chosen, given = choices or Choices(), check_time_lapse(acquisition)
    make: PhaseOf = phase_of if callable(phase_of) else phase_maker(phase_of)
    if chosen.brightness:
        given = evenly_bright(given, on_progress, wanted)
    drift = drift_of(given, on_progress, wanted) if chosen.drift else None
    return TimeLapse(given, lambda number: make(given, number), drift_um=drift, um_per_rad=chosen.um_per_rad)
