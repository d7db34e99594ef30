"""One road for every LED array: the microscope from its own frames, thin or thick, and a fit of everything together.

What is decided is said, with what it was decided on, and every decision is an option.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Iterator
from typing import Literal

import numpy as np

from ... import compute
from ...data.acquisition import Acquisition, LedArray
from ...data.geometry import default_z_range_um
from ...forward.fourier import ambient_light
from ...types import Done, Event, InputError, Note, Result
from ..calibration.apply import central
from ..calibration.board_from_spectra import far_depths
from ..calibration.depth_map import depth_map
from ..calibration.first_stage import arrays_of, said_of
from ..calibration.recipe import FEWEST, CalibrationRecipe
from ..calibration.result import Calibration
from ..calibration.stages import calibrate
from ..engine.recipe import build, method, option
from ..projection.chromatic import align_leds
from ..projection.setup import Z_UM, Depths, finished, first_look, known_depth, open_depths
from ..refine.fit import RATES, Fit
from ..refine.microscope import SOFT_MARGIN
from ..refine.rounds import FitPlan, Start, field_of, fitted
from ..verdict.led_frames import LedMisfits, compare, microscope_of, middle, predicted
from .sequential import fpm_sequential

LOOKED_AT = 256  # frame pixels along a side, in the middle, that tell how deep the sample is
BETTER = 0.95  # of the misfit in focus: what a depth must leave to be looked from
FAINTEST = 0.1  # of the usual light: fewer photons count no more
NOTHING_LEFT = 0.002, 0.01  # shares of bright and of dark frames left unexplained, below which a fit gains nothing


class AutoRecipe(CalibrationRecipe):
    """Options of `fpm-auto`."""

    method: str = "fpm-auto"
    z_um: Depths = Z_UM
    sample: Literal["auto", "thin", "thick"] = option(
        "auto", "one plane, or a stack of planes; auto: as the depths of its parts show"
    )
    calibrate: bool = option(True, "first find what the microscope really was, from the frames themselves")
    fit: bool | None = option(
        None, "fit object and microscope together in the end; empty: where it explains a thin sample's frames better"
    )
    learn_rim: bool = option(True, "radius, ellipticity and softness of the pupil's rim")
    filter_noise: bool = option(True, "take out of the object what is noise, by noise drawn anew")
    flat_light: bool = option(
        True, "take the spherical wave of LEDs at led_height_mm out of the phase, where the frames show one"
    )
    planes: int | None = option(None, "planes of a stack; empty: 0.3 depths of field apart", ge=1, le=2000)
    fit_steps: int = option(240, "steps of the fit's last round", ge=20, le=100_000, advanced=True)
    half: bool = option(True, "store in half precision", advanced=True)

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """The depth of an `acquisition`, and the range where the sample is thick; what it is the frames tell."""
        if not isinstance(acquisition, LedArray):
            return {}
        low, high = default_z_range_um(_near(acquisition, self.z_um if isinstance(self.z_um, float) else None))
        found = open_depths(acquisition, self.z_um if isinstance(self.z_um, tuple) else (low, high))
        words = f"{known_depth(acquisition):.3g}; if thick {low:.3g} to {high:.3g}"
        return {**found, "z_um": f"{low:.3g} to {high:.3g}" if self.sample == "thick" else words}

    @property
    def stack(self) -> bool:
        """Whether the user asks for one: by a range of depths, or by name."""
        ranged = isinstance(self.z_um, tuple) and self.z_um[0] < self.z_um[1]
        return ranged or self.sample == "thick"

    def unused(self) -> dict[str, str]:
        """Nothing: what calibration may correct, the fit may too."""
        return {}


@method("fpm-auto", AutoRecipe, kinds=("led_array",), presets={"quick": {"fit_steps": 80}}, colour=align_leds)
def fpm_auto(acquisition: LedArray, recipe: AutoRecipe) -> Iterator[Event]:
    """Fourier ptychography that needs no knowledge: calibrates, tells thin from thick, fits object and microscope.

    `acquisition` is reconstructed as `recipe` says.
    """
    started = time.process_time()
    yield first_look(acquisition, np.array([np.mean(recipe.z_um or acquisition.sample_z_um or 0.0)]))
    if recipe.stack:
        yield from _stack(acquisition, recipe)
        return
    given = yield from _focused(acquisition, recipe)
    found = yield from _calibrated(given, recipe)
    thin = yield from _is_thin(given if found is None else found.corrected, recipe)
    if not thin:
        yield from _stack(acquisition, recipe)
        return
    yield from _plane(given, found, recipe, started)


def _plane(given: LedArray, found: Calibration | None, recipe: AutoRecipe, started: float) -> Iterator[Event]:
    """One plane: by projection, and by a fit of everything together where that explains the frames better."""
    known = given if found is None else found.acquisition(recipe.leave_out)
    projected = yield from _projected(known, recipe)
    if recipe.fit is False:
        yield Done(_own(projected, recipe, known, started))
        return
    if recipe.fit is None and known.frame_count < FEWEST:
        yield Note(f"{known.frame_count} frames are too few to fit a microscope to; option fit decides otherwise")
        yield Done(_own(projected, recipe, known, started))
        return
    left = _misfits(known, projected)
    bright = np.hypot(*np.asarray(known.illumination_na).T) < known.objective_na
    if recipe.fit is None and _nothing_left(left, bright):
        yield Note("projection explains the frames, so nothing is fitted; option fit decides otherwise")
        yield Done(_own(projected, recipe, known, started))
        return
    device = compute.device(recipe.device)
    try:
        fit = yield from fitted(*_start(given, known, found, projected, recipe), _plan(recipe), device)
        result = _fit_result(fit, recipe, started)
        change = _change(left, _misfits(fit.acquisition, result), fit.used)
    except InputError as cause:
        if recipe.fit:
            raise
        yield Note(f"the fit of object and microscope cannot be made: {cause}", "warning")
        yield Done(_own(projected, recipe, known, started))
        return
    said = f"the frames' misfit is {change:.2f} times that of projection alone"
    if recipe.fit is None and change >= 1:
        yield Note(f"the fit of object and microscope is not taken: {said}; option fit decides otherwise")
        yield Done(_own(projected, recipe, known, started))
        return
    yield Note(f"object and microscope are fitted together: {said}")
    yield Done(result)


def _focused(acquisition: LedArray, recipe: AutoRecipe) -> Generator[Event, None, LedArray]:
    """With the depth of a sample far from focus, where nobody says it and the frames do."""
    if recipe.z_um is not None or acquisition.sample_z_um is not None:
        return acquisition if recipe.z_um is None else acquisition.replace(sample_z_um=float(np.mean(recipe.z_um)))
    part = central(acquisition, LOOKED_AT)
    *_, z_um = far_depths(part, 0.0)
    if not z_um:
        return acquisition
    if depth_map(part, z_um).misfit > BETTER * depth_map(part, 0.0).misfit:
        return acquisition  # a board elsewhere looks like a sample elsewhere, which calibration tells apart
    yield Note(f"the bright-field frames show the sample {z_um:+.4g} um from focus; z_um decides otherwise")
    return acquisition.replace(sample_z_um=z_um)


def _calibrated(acquisition: LedArray, recipe: AutoRecipe) -> Generator[Event, None, Calibration | None]:
    """What the frames say of the microscope; None where they are not asked, or too few."""
    if not recipe.calibrate:
        return None
    if acquisition.frame_count < FEWEST:
        yield Note(f"{acquisition.frame_count} frames are too few to calibrate by, so the microscope is taken as given")
        return None
    found = yield from calibrate(acquisition, recipe)
    yield from said_of(found, recipe.leave_out)
    taken = found.accepted.what if found.accepted is not None else "all"
    before, after = (found.figures[f"relative_amplitude_error{which}"] for which in ("_before", ""))
    yield Note(
        f"calibrated, {taken} of it taken: error {before:.3f} before, {after:.3f} after; "
        "option calibrate decides otherwise"
    )
    return found


def _is_thin(known: LedArray, recipe: AutoRecipe) -> Generator[Event, None, bool]:
    """Whether one plane is to be reconstructed: as the user says, else as the depths of the field's parts show."""
    if recipe.sample == "thin" or recipe.z_um is not None:
        return True
    depths = depth_map(central(known, LOOKED_AT), known.sample_z_um or 0.0)
    thin = "thin, one plane" if depths.flat else "thick, a stack of planes"
    yield Note(
        f"the sample is taken to be {thin}: its parts lie {depths.spread_um:.3g} um apart, with a depth of field of "
        f"{depths.depth_of_field_um:.3g} um; option sample decides otherwise"
    )
    return depths.flat


def _stack(acquisition: LedArray, recipe: AutoRecipe) -> Iterator[Event]:
    """A stack of planes, by projection, with the microscope as given: one plane cannot calibrate it."""
    z_um = recipe.z_um if isinstance(recipe.z_um, tuple) else default_z_range_um(_near(acquisition, recipe.z_um))
    shared = {"planes": recipe.planes, "device": recipe.device, "half": recipe.half, "seed": recipe.seed}
    for event in fpm_sequential(acquisition, build("fpm-sequential", {"z_um": z_um, **shared})):
        if isinstance(event, Done):
            event = Done(dataclasses.replace(event.result, recipe=recipe.model_dump()))
        yield event


def _near(acquisition: LedArray, z_um: float | None) -> LedArray:
    """With a depth that the user names."""
    return acquisition if z_um is None else acquisition.replace(sample_z_um=z_um)


def _projected(known: LedArray, recipe: AutoRecipe) -> Generator[Event, None, Result]:
    """One plane by projection."""
    shared = {
        "device": recipe.device,
        "half": recipe.half,
        "seed": recipe.seed,
        "check_orientation": not recipe.calibrate,
    }
    options = {"z_um": float(known.sample_z_um or 0.0), "flat_light": False, **shared}
    result: Result | None = None
    for event in fpm_sequential(known, build("fpm-sequential", options)):
        if isinstance(event, Done):
            result = event.result
        else:
            yield event
    assert result is not None
    return result


def _own(projected: Result, recipe: AutoRecipe, known: LedArray, started: float) -> Result:
    """What projection found, as this method's result."""
    found = arrays_of(known, np.ones(known.frame_count)) if recipe.calibrate else {}
    found.pop("gains", None)
    figures = projected.figures | {"cpu_seconds": time.process_time() - started}
    if known.sample_z_um is not None:
        figures["sample_z_um"] = float(known.sample_z_um)
    return dataclasses.replace(
        projected, recipe=recipe.model_dump(), calibration=found | projected.calibration, figures=figures
    )


def _misfits(acquisition: LedArray, result: Result) -> LedMisfits:
    """How far the frames are from a result."""
    part = middle(microscope_of(acquisition, result), result.figures.get("pupil_margin", 0.0))
    return compare(part, predicted(part, result)[0])


def _nothing_left(left: LedMisfits, bright: np.ndarray) -> bool:
    return all(
        left.unexplained(some) < limit
        for some, limit in zip((bright, ~bright), NOTHING_LEFT, strict=True)
        if some.any()
    )


def _change(before: LedMisfits, after: LedMisfits, used: np.ndarray) -> float:
    """The misfit after over that before, of the LEDs `used` (led,), bool, each over its photons.

    What is subtracted as ambient may differ, and with it the light of a dark frame: both are held against one.
    """
    light = np.maximum(before.light, FAINTEST * np.median(before.light))
    counts = [(found.residual * found.light**2 / light)[used].sum() for found in (before, after)]
    return float(counts[1] / max(counts[0], 1e-30))


def _start(
    given: LedArray, known: LedArray, found: Calibration | None, projected: Result, recipe: AutoRecipe
) -> tuple[LedArray, Start]:
    """What is fitted, and where the fit begins: as calibration says, or as the file does."""
    z_um = float(known.sample_z_um or 0.0)
    if found is None or found.corrected is found.given:
        return known, Start(z_um=z_um, gains=np.ones(known.frame_count))
    kept = found.kept_frames if recipe.leave_out else list(range(given.frame_count))
    some = given if len(kept) == given.frame_count else given.subset(kept)
    before = np.ones(len(kept)) if some.exposure is None else np.asarray(some.exposure)
    after = np.ones(len(kept)) if known.exposure is None else np.asarray(known.exposure)
    fitted_to = some.replace(illumination_na=known.illumination_na)
    zernike = found.zernike_rad if found.accepted is None else found.accepted.zernike_rad
    return fitted_to, Start(z_um=z_um, gains=after / before, zernike_rad=zernike)


def _plan(recipe: AutoRecipe) -> FitPlan:
    """What may change, as the options say."""
    free = {
        "gain": recipe.learn_gains, "directions": recipe.learn_directions, "board": recipe.learn_board,
        "zernike": recipe.learn_pupil != "none", "rim": recipe.learn_rim, "depth": recipe.learn_z,
        "ambient": recipe.learn_background != "none",
    }  # fmt: skip
    learn = tuple(name for name in RATES if free[name])
    return FitPlan(learn=learn, steps=recipe.fit_steps, filter_noise=recipe.filter_noise, seed=recipe.seed)


def _fit_result(fit: Fit, recipe: AutoRecipe, started: float) -> Result:
    """What the fit found, its own prediction of the frames with it."""
    given, depth = fit.acquisition, fit.microscope.depth_um
    pupil = fit.microscope.pupil_on(given.frame_shape, given.pixel_um)
    pupil = pupil if given.pupil is None else pupil * np.asarray(given.pupil)
    found = given.replace(illumination_na=fit.directions(), pupil=pupil, sample_z_um=depth)
    gains = np.exp(fit.microscope.values["gain"].double().cpu().numpy())
    if given.exposure is not None:
        gains = gains * np.asarray(given.exposure)
    figures = {
        "relative_amplitude_error": fit.error(), "misfit_over_noise": fit.over_noise(),
        "intensity_scale": fit.counts.scale, "sample_z_um": depth, "pupil_margin": SOFT_MARGIN,
    }  # fmt: skip
    ambient = np.maximum(ambient_light(given) + fit.ambient(), 0)
    arrays = arrays_of(found, gains / gains.mean(), ambient)
    done = finished(field_of(fit, recipe.half, recipe.flat_light), recipe, found, started, figures, calibration=arrays)
    beside = (ambient - ambient_light(given))[:, None, None]  # is taken off the frames that it is compared with
    return dataclasses.replace(
        done.result, predicted=lambda: (fit.frames() * fit.counts.scale).cpu().numpy() - beside.astype(np.float32)
    )
