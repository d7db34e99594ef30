"""Calibration and its assessment as streams for a job. Knows no window."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...app.figures.calibration_rows import ShownCalibration, found_of, kept_frames
from ...types import Event, InputError
from ..kit.threads import explain

if TYPE_CHECKING:
    from ...data.acquisition import Acquisition
    from ...recon.calibration.result import Calibration


class Answer:
    """The last event of work that returns something: what it returned."""

    def __init__(self, value: Any) -> None:
        self.value = value


def answering(work: Callable[[], Generator[Event, None, Any]]) -> Callable[[], Iterator[Any]]:
    """A stream for `Job`: the events of `work`, then its `Answer`; errors are sentences."""

    def follow() -> Iterator[Any]:
        try:
            yield Answer((yield from work()))
        except Exception as error:  # the job's own words are about a reconstruction
            from ... import compute

            if compute.is_out_of_memory(error):
                raise InputError("memory ran out; choose another device in the Reconstruct dock") from None
            raise InputError(explain(error)) from None

    return follow


def calibrating(acquisition: Acquisition, recipe: Any) -> Generator[Event, None, ShownCalibration]:
    from ...recon.calibration.stages import calibrate

    calibration = yield from calibrate(acquisition, recipe)
    return found_of(calibration)


def assessing(calibration: Calibration, leave_out: bool, device: str) -> Generator[Event, None, tuple[Any, Any]]:
    """The quality as given and as corrected, of the same frames."""
    from ...recon.calibration.quality import assess

    given, corrected = calibration.given, calibration.acquisition(leave_out)
    if corrected.frame_count < given.frame_count:
        given = given.subset(kept_frames(calibration))
    before = yield from assess(given, device)
    after = yield from assess(corrected, device, same_as=before)
    return before, after


def load_options() -> list[Any]:
    """`recon.recipe.OptionInfo` of each option; imports torch, so call it outside the window's thread."""
    from ...recon.calibration.recipe import CalibrationRecipe
    from ...recon.engine.recipe import options_of

    return options_of(CalibrationRecipe)


def make_recipe(values: Mapping[str, Any]) -> Any:
    """The recipe with these options.

    Raises
    ------
    InputError : for a value that breaks its rule.
    """
    from ...recon.calibration.recipe import CalibrationRecipe
    from ...recon.engine.recipe import checked

    return checked(CalibrationRecipe, values, "calibrate")
