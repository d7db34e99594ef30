"""The microscope learnt along with a field: which corrections a recipe asks for, and what becomes of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...forward import fourier
from ...forward.corrections import LedCorrections
from ..calibration.apply import corrected
from ..calibration.recipe import CalibrationRecipe
from ..calibration.trial_microscope import TrialMicroscope

STEPS_TO_CROSS = 20  # steps of a fit in which a correction may move as far as one step of `calibrate`


def corrections_of(
    plan: fourier.Windows, measured: fourier.MeasuredAmplitude, gain: torch.Tensor, recipe: CalibrationRecipe
) -> LedCorrections:
    """The corrections that `recipe` asks for, from no correction on; `gain` (led,) is known of the LEDs."""
    dark = bool((np.hypot(*fourier.window_centres(plan).T) > plan.cutoff).any())
    largest = {
        "board": recipe.board_step if recipe.learn_board else 0.0,
        "directions": recipe.direction_step if recipe.learn_directions else 0.0,
        "gains": recipe.gain_step if recipe.learn_gains else 0.0,
        "background": recipe.background_step if recipe.learn_background != "none" and dark else 0.0,
        "pupil": recipe.pupil_step if recipe.learn_pupil != "none" else 0.0,
        "z_um": recipe.z_step if recipe.learn_z else 0.0,
        "wavelength_um": recipe.wavelength_step if recipe.learn_wavelength else 0.0,
    }
    steps = {name: value / STEPS_TO_CROSS for name, value in largest.items() if value}
    noll = tuple(range(5, 4 + recipe.pupil_terms))
    known = dataclasses.replace(measured, gain=gain)
    return LedCorrections(plan, known, steps, noll, per_frame=recipe.learn_background == "frame")


def taken_up(
    acquisition: LedArray, corrections: LedCorrections, recipe: CalibrationRecipe, scale: float
) -> tuple[LedArray, dict[str, np.ndarray]]:
    """The acquisition with what was learnt, and the arrays that a result keeps of it.

    Parameters
    ----------
    scale : counts that the intensity 1 of the fit stands for.
    """
    found = corrections.found()
    coefficients = found["zernike_rad"]
    microscope = TrialMicroscope(
        found["illumination_na"], found["gains"], found["floor"], corrections.noll if len(coefficients) else (),
        coefficients, float(acquisition.sample_z_um or 0.0) + float(found["z_um"]), float(found["wavelength_um"]),
    )  # fmt: skip
    dark = "background" in corrections.learnt
    better = corrected(acquisition, microscope, recipe, scale, dark=dark, flat=True)
    arrays = {"illumination_na": found["illumination_na"], "gains": found["gains"]}
    if better.pupil is not None:
        arrays["pupil"] = np.asarray(better.pupil)
    if dark:
        arrays["background"] = found["floor"] * scale
    return better, arrays
