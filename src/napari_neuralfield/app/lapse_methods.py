"""A time-lapse through one of the methods that make phase of frames out of focus, each time by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from ..data.acquisition import ThroughFocus
from ..data.times import of_stacks, times
from ..registry import METHODS
from ..types import Done, Field, InputError, Note
from .lapse_corrections import Choices, Drift, OnProgress, Wanted, drift_of, evenly_bright
from .time_lapse import TimeLapse, check_time_lapse

if TYPE_CHECKING:
    from ..data.acquisition import Acquisition
    from ..recon.engine.recipe import Recipe
    from ..recon.focus.single_frame import SingleFrameRecipe

SINGLE = ("srqpi", "srcnn")  # methods that need one frame of each time, and compute what is looked at
OWN_TIME = ("frame", "frames", "time")  # options that choose of a recording what is one picture
PhaseOf = Callable[[ThroughFocus, int], Field]


def phase_maker(recipe: Recipe) -> PhaseOf:
    """(acquisition, number of a time) -> field, by the method of a recipe; weights are loaded now.

    Raises
    ------
    InputError : for a method of another kind, and for weights that cannot be used.
    """
    check_method(recipe.method)
    if recipe.method in SINGLE:
        return _by_network(cast("SingleFrameRecipe", recipe))
    return ByMethod(recipe)


def _by_network(recipe: SingleFrameRecipe) -> PhaseOf:
    from .. import compute
    from ..recon.focus import network_inputs, srqpi

    device, weights = compute.device(recipe.device), srqpi.weights_of(recipe)

    def phase_of(acquisition: ThroughFocus, number: int) -> Field:
        frames = times(acquisition)[number]
        best = network_inputs.best_frame(acquisition.subset(frames)) if len(frames) > 1 else 0
        return srqpi.frame_field(acquisition, weights, int(frames[best]), device, flatten=recipe.flatten)

    return phase_of


class ByMethod:
    """(acquisition, number of a time) -> field, by a method that takes the whole stack; `warnings` are kept by time."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.warnings: list[tuple[int, str]] = []

    def __call__(self, acquisition: ThroughFocus, number: int) -> Field:
        """The field of one time.

        Parameters
        ----------
        acquisition : of all times.
        number : of the time.
        """
        from ..recon.engine.recipe import run

        stack = acquisition.subset(times(acquisition)[number]).replace(time_s=None)
        try:
            for event in run(stack, self.recipe):
                if isinstance(event, Note) and event.level == "warning":
                    self.warnings.append((number, event.text))
                elif isinstance(event, Done):
                    return event.result.field
        except InputError as error:
            raise InputError(f"time {number}: {error}") from None
        raise RuntimeError(f"method {self.recipe.method} ended without a result")


def check_method(name: str) -> None:
    """InputError where there is no such method, or it does not make phase of frames out of focus."""
    known = [method for method, entry in METHODS.items() if ThroughFocus.kind in entry.kinds]
    if name not in known:
        raise InputError(
            f"method {name!r} does not make phase of frames out of focus; a time-lapse goes through "
            f"{' or '.join(sorted(known))}"
        )


def over_time(acquisition: Acquisition, recipe: Recipe) -> bool:
    """Whether this `recipe` makes phase of every time of this `acquisition`, and that is a time-lapse."""
    one = any(getattr(recipe, name, None) is not None for name in OWN_TIME) or getattr(recipe, "polish", False)
    if one or not isinstance(acquisition, ThroughFocus) or acquisition.kind not in METHODS[recipe.method].kinds:
        return False
    try:
        groups: Sequence[np.ndarray] = times(acquisition)
    except InputError:  # the run says it
        return False
    return of_stacks(groups) or (recipe.method in SINGLE and len(groups) > 1)


class LapseMaker:
    """Time-lapses of one acquisition under different choices; what was measured and made once is kept.

    Parameters
    ----------
    acquisition : a time-lapse.
    phase_of : (acquisition, number of a time) -> field, or the recipe that says how.

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
        InputError : where the method does not make phase of frames out of focus, its weights cannot be used, or a
            frame is dark.
        lapse_corrections.Unwanted : as soon as `wanted()` is False.
        """
        from ..recon.engine import checkpoint

        make = self._phase_of = self._phase_of or phase_maker(cast("Recipe", self._how))
        if choices.brightness not in self._made:
            given = evenly_bright(self._given, on_progress, wanted) if choices.brightness else self._given
            self._made[choices.brightness] = TimeLapse(given, lambda number: make(given, number))
        if choices.drift and self.drift is None:
            self.drift = checkpoint.once("drift", lambda: drift_of(self._given, on_progress, wanted))
        moves = self.drift.moves_um if choices.drift and self.drift is not None else None
        return self._made[choices.brightness].other(moves, choices.um_per_rad)

    @property
    def warnings(self) -> list[tuple[int, str]]:
        """(number of a time, warning) of the times made so far; grows with them."""
        found: list[tuple[int, str]] = getattr(self._phase_of, "warnings", [])
        return found
