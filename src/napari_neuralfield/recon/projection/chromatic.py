"""Where each colour of an LED array is in focus: at the depth at which its frames agree with each other best.

Defocus moves the images of oblique LEDs against each other, so a wrong depth shows in the misfit of a few passes.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np

from ... import compute
from ...data.acquisition import LedArray
from ...data.colours import middle_of, named_colour
from ...data.geometry import default_z_range_um, depth_of_field_um
from ...forward import fourier
from ...forward.led_grid import flat_spectra
from ...types import Event, Note, Progress
from ..engine.colour import Aligned, Alignment
from ..engine.recipe import Recipe
from .setup import first_look
from .solver import Solver, no_aberration

LOOKED_AT = 128  # frame pixels along a side, in the middle
TRIALS = 11  # depths over the whole range
PASSES = 3
FINER = 3  # times that the step between depths is halved
PUPIL_TRIAL = (1.0,) * 8 + (0.5, 0.25, 0.125, 0.0625)
WORTH = 0.02  # share by which an aberration must lower the error to be believed
CLEAR = 0.02  # share by which the misfit at best must lie below the median of all


def align_leds(colours: Sequence[LedArray], waves_um: np.ndarray, recipe: Recipe) -> Generator[Event, None, Alignment]:
    """The colours as they are to be reconstructed, each about its own focus.

    Without a depth from the user or the file all become one plane, at the focus found.

    Parameters
    ----------
    colours : an acquisition for each.
    waves_um : their wavelengths (channel,).
    recipe : what the user chose.
    """
    if getattr(recipe, "calibrate", False):
        return Alignment([Aligned(one, recipe) for one in colours], None, self_focused=True)
    yield first_look(colours[middle_of(waves_um)], np.array([0.0]))
    found: list[tuple[float, bool]] = []
    for number, one in enumerate(colours):
        found.append(best_depth(one, recipe.device))
        yield Progress(number + 1, len(colours), float("nan"), "focus of each colour")
    middle = middle_of(waves_um)
    clear = all(sure for _, sure in found)
    offsets = np.array([z - found[middle][0] for z, _ in found]) if clear else np.zeros(len(found))
    if not clear:
        yield Note(
            "the frames do not tell where each colour is in focus, so all are taken to be at one depth", "warning"
        )
    at = found[middle][0] if clear else 0.0
    asked = getattr(recipe, "z_um", None)
    given = asked is not None or colours[middle].sample_z_um is not None
    if clear and not given:
        yield Note(
            f"one plane is reconstructed, where {named_colour(waves_um[middle])} is in focus, {at:+.3g} um; choose "
            "z_um for another depth, or MIN,MAX for a stack"
        )
    if clear and getattr(recipe, "recover_pupil", True) is None and not isinstance(asked, tuple):
        better = pupil_explains(colours[middle], at, recipe.device)
        recipe = recipe.model_copy(update={"recover_pupil": better})
        if not better:
            yield Note("the pupil is taken to be ideal: solving for its aberration explains the frames no better")
    aligned = []
    for one, offset in zip(colours, offsets, strict=True):
        known = one.sample_z_um if given else (at if clear else None)
        moved = one if known is None else one.replace(sample_z_um=known + float(offset))
        aligned.append(Aligned(moved, _deeper(recipe, asked, float(offset)), float(offset)))
    return Alignment(aligned, _looked_at(asked, colours[middle].sample_z_um, at))


def _deeper(recipe: Recipe, asked: object, offset_um: float) -> Recipe:
    """The recipe with its depth or depths, where some are asked for, moved."""
    if asked is None:
        return recipe
    moved = tuple(float(z) + offset_um for z in np.atleast_1d(np.asarray(asked, dtype=float)))
    return recipe.model_copy(update={"z_um": moved[0] if len(moved) == 1 else moved})


def _looked_at(asked: object, known_um: float | None, found_um: float) -> float:
    """The depth at which colours are compared: the focus found, inside the depths that are asked for."""
    if asked is None:
        return found_um if known_um is None else known_um
    depths = np.atleast_1d(np.asarray(asked, dtype=float))
    return float(np.clip(found_um, depths.min(), depths.max()))


def best_depth(acquisition: LedArray, device: str = "auto") -> tuple[float, bool]:
    """The depth, um, at which the frames of one colour agree best, and whether they tell one.

    Parameters
    ----------
    acquisition : frames of one colour.
    device : to work on, as a recipe names it.
    """
    one = _middle(acquisition)
    place = compute.device(device)
    plan = fourier.windows(one)
    measured = fourier.measure(one, plan, place)

    def misfit(z: float) -> float:
        solver = Solver(plan, measured, np.array([z]), flat_spectra(plan, 1, place), no_aberration(plan, place))
        solver.run((1.0,))
        solver.run((1.0,) * (PASSES - 2) + (0.5,), False, True)
        return solver.error()

    tried = {float(z): misfit(float(z)) for z in np.linspace(*default_z_range_um(one), TRIALS)}
    step = float(np.ptp(list(tried))) / (TRIALS - 1)
    usual = float(np.median(list(tried.values())))
    for _ in range(FINER):
        best, step = min(tried, key=lambda z: tried[z]), step / 2
        for z in (best - step, best + step):
            if z not in tried:
                tried[z] = misfit(z)
    best = min(tried, key=lambda z: tried[z])
    near = [tried.get(z, np.inf) for z in (best - step, best, best + step)]
    bend = near[0] - 2 * near[1] + near[2]
    aside = 0.5 * step * (near[0] - near[2]) / bend if np.isfinite(bend) and bend > 0 else 0.0
    inside = abs(best - np.mean(default_z_range_um(one))) < 2.4 * depth_of_field_um(one)
    return best + float(np.clip(aside, -step, step)), bool(inside and near[1] < (1 - CLEAR) * usual)


def pupil_explains(acquisition: LedArray, z_um: float, device: str = "auto") -> bool:
    """Whether an aberration of the pupil makes the frames of one colour agree better; one that is none costs detail.

    Parameters
    ----------
    acquisition : frames of one colour.
    z_um : depth of the sample.
    device : to work on, as a recipe names it.
    """
    one, place = _middle(acquisition), compute.device(device)
    plan = fourier.windows(one)
    measured = fourier.measure(one, plan, place)
    errors = []
    for recover in (False, True):
        solver = Solver(plan, measured, np.array([z_um]), flat_spectra(plan, 1, place), no_aberration(plan, place))
        solver.run((1.0,))
        solver.run(PUPIL_TRIAL, recover, True)
        errors.append(solver.error())
    return errors[1] < (1 - WORTH) * errors[0]


def _middle(acquisition: LedArray) -> LedArray:
    """The middle of the frames, without what only holds for the whole."""
    whole = acquisition if acquisition.pupil is None else acquisition.replace(pupil=None)
    y, x = (slice(max(0, (n - LOOKED_AT) // 2), (n + LOOKED_AT) // 2) for n in whole.frame_shape)
    return whole.crop(y, x)
