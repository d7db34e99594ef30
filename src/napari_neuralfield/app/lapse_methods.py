"""A time-lapse through one of the methods that make phase of a single frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from ..data.acquisition import ThroughFocus
from ..types import Field, InputError
from .lapse_corrections import Choices, Drift, OnProgress, Wanted, drift_of, evenly_bright
from .time_lapse import TimeLapse, check_time_lapse

if TYPE_CHECKING:
    from ..data.acquisition import Acquisition
    from ..recon.engine.recipe import Recipe
    from ..recon.focus.srqpi import SingleFrameRecipe

METHODS = ("srqpi", "srcnn")
PhaseOf = Callable[[ThroughFocus, int], Field]


def phase_maker(recipe: SingleFrameRecipe) -> PhaseOf:
    """(acquisition, number of a frame) -> field, by the network that a recipe names; its weights are loaded now.

    Raises
    ------
    InputError : for a method that needs more than one frame, and for weights that cannot be used.
    """
    check_method(recipe.method)
    from .. import compute
    from ..recon.focus import srqpi

    device, weights = compute.device(recipe.device), srqpi.weights_of(recipe)

    def phase_of(acquisition: ThroughFocus, number: int) -> Field:
        return srqpi.frame_field(acquisition, weights, number, device, flatten=recipe.flatten)

    return phase_of


def check_method(name: str) -> None:
    """InputError where that method does not make phase of one frame."""
    if name not in METHODS:
        raise InputError(
            f"method {name!r} does not make phase of a single frame; a time-lapse goes through {' or '.join(METHODS)}"
        )


def over_time(acquisition: Acquisition, recipe: Recipe) -> bool:
    """Whether this `recipe` makes phase of every frame of this `acquisition`, and the frames are a time-lapse."""
    one = getattr(recipe, "frame", None) is not None or getattr(recipe, "polish", False)
    timed = isinstance(acquisition, ThroughFocus) and acquisition.time_s is not None and acquisition.frame_count > 1
    return recipe.method in METHODS and timed and not one


class LapseMaker:
    """Time-lapses of one acquisition under different choices; what was measured and made once is kept.

    Parameters
    ----------
    acquisition : a time-lapse.
    phase_of : (acquisition, number of a frame) -> field, or the recipe that says how.

    `drift` is what was found of it; None before it was wanted.

    Raises
    ------
    InputError : where the acquisition is not a time-lapse.
    """

    def __init__(self, acquisition: ThroughFocus, phase_of: PhaseOf | Recipe) -> None:
        self._given, self._how = check_time_lapse(acquisition), phase_of
        self._phase_of: PhaseOf | None = phase_of if callable(phase_of) else None
        self.drift: Drift | None = None
        self._made: dict[bool, TimeLapse] = {}  # by whether the brightness is even

    def lapse(
        self, choices: Choices, on_progress: OnProgress = lambda done, total: None, wanted: Wanted = lambda: True
    ) -> TimeLapse:
        """The time-lapse under these choices.

        Parameters
        ----------
        choices : what is done to the frames.
        on_progress : called with (frames read, frames in all) while corrections are measured, which reads every frame.
        wanted : asked after each frame read.

        Raises
        ------
        InputError : where the method does not make phase of single frames, its weights cannot be used, or a frame
            is dark.
        lapse_corrections.Unwanted : as soon as `wanted()` is False.
        """
        make = self._phase_of = self._phase_of or phase_maker(cast("SingleFrameRecipe", self._how))
        if choices.brightness not in self._made:
            given = evenly_bright(self._given, on_progress, wanted) if choices.brightness else self._given
            self._made[choices.brightness] = TimeLapse(given, lambda number: make(given, number))
        if choices.drift and self.drift is None:
            self.drift = drift_of(self._given, on_progress, wanted)
        moves = self.drift.moves_um if choices.drift and self.drift is not None else None
        return self._made[choices.brightness].other(moves, choices.um_per_rad)
