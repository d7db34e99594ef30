"""What may be corrected about the microscope: one switch each, with its unit and its largest change per step."""

from __future__ import annotations

from typing import Any, Literal

from ...data.acquisition import Acquisition, LedArray
from ...data.colours import ONE_COLOUR, refuse_colours
from ...types import InputError
from ..engine.recipe import Recipe, option


def _step(default: float, what: str, most: float, unit: str = "") -> Any:
    """Option for the step size of one quantity."""
    return option(default, f"largest change per step of {what}", unit=unit, gt=0, le=most, advanced=True)


class CalibrationRecipe(Recipe):
    """Options of `calibrate`, shared by every method that can correct the microscope."""

    method: str = "calibrate"
    learn_board: bool = option(True, "turn, shift and height (or pitch) of the whole LED board")
    learn_directions: bool = option(True, "the direction of every single LED, held near the board")
    learn_gains: bool = option(True, "the intensity of every LED; their mean stays")
    learn_background: Literal["none", "common", "frame"] = option(
        "common", "ambient light: none, the same in every frame, or one value a frame"
    )
    learn_pupil: Literal["none", "zernike", "pixels"] = option(
        "zernike", "the pupil's aberration as Zernike terms, or also what is left of it pixel by pixel"
    )
    learn_z: bool = option(True, "distance of the sample from focus")
    learn_wavelength: bool = option(False, "wavelength; only the rim of the pupil tells it from the board's height")
    board_step: float = _step(0.01, "a direction by the board", 0.1, "NA")
    direction_step: float = _step(0.006, "one LED's direction", 0.1, "NA")
    gain_step: float = _step(0.3, "an intensity, relative", 1)
    background_step: float = _step(0.005, "the ambient light, as a share of the bright field", 1)
    pupil_step: float = _step(0.3, "a Zernike coefficient", 3, "rad")
    z_step: float = _step(3.0, "the sample's depth", 1000, "um")
    wavelength_step: float = _step(0.005, "the wavelength", 0.1, "um")
    direction_prior: float = option(
        0.004, "how far LEDs usually lie from the board's grid, rms", unit="NA", gt=0, le=0.1, advanced=True
    )
    pupil_terms: int = option(
        12, "Zernike terms from Noll index 4 on; 12 end after spherical aberration", ge=1, le=33, advanced=True
    )
    calibration_steps: int = option(20, "steps for single LEDs at most", ge=1, le=500, advanced=True)
    region_px: int = option(
        256, "side of the central square of the frames that is looked at", unit="px", ge=32, le=8192, advanced=True
    )
    leave_out: bool = option(False, "leave out frames that disagree with all others; they are named in any case")
    check_orientation: bool = option(True, "look for reversed or exchanged axes of the board first", advanced=True)

    def unused(self) -> dict[str, str]:
        """In a reconstruction that does not calibrate, everything but the check of the axes."""
        if getattr(self, "calibrate", True) or getattr(self, "end_to_end", False):
            return {}
        own = set(CalibrationRecipe.model_fields) - set(Recipe.model_fields) - {"check_orientation"}
        return dict.fromkeys(sorted(own), "it counts with --calibrate")


FEWEST = 9  # frames that are needed
FEWEST_BRIGHT = 4  # frames; fewer pin down neither depth nor directions, and dark frames alone follow any of them
HELD = {"learn_board": False, "learn_directions": False, "learn_pupil": "none", "learn_z": False}


def as_far_as_told(recipe: CalibrationRecipe, bright: int) -> tuple[CalibrationRecipe, str]:
    """`recipe` without what so few `bright`-field frames cannot tell, and the sentence that says so, else empty."""
    what = recipe.model_copy(update=HELD)
    if bright >= FEWEST_BRIGHT or what == recipe:
        return recipe, ""
    frames = "frame tells" if bright == 1 else "frames tell"
    return what, (
        f"{bright or 'no'} bright-field {frames} neither the sample's depth nor the LEDs' directions nor the pupil, "
        f"for which {FEWEST_BRIGHT} or more are needed, so those stay as given and only gains and ambient light are "
        "looked for"
    )


def can_be_calibrated(acquisition: Acquisition) -> LedArray:
    """The acquisition, where it can be calibrated.

    Raises
    ------
    InputError : for another kind, several colours, or too few frames.
    """
    where = acquisition.source or "the acquisition"
    if not isinstance(acquisition, LedArray):
        raise InputError(
            f"{where} is of kind {acquisition.kind}; calibration takes led_array, so choose a recording with one LED "
            "per frame"
        )
    refuse_colours(acquisition.values(), "a calibration", ONE_COLOUR, where)
    if acquisition.frame_count < FEWEST:
        raise InputError(
            f"{where} has {acquisition.frame_count} frames; calibration needs {FEWEST} or more, from LEDs whose pupils "
            "overlap"
        )
    return acquisition
