"""One road for every LED array: the microscope from its own frames, thin or thick, and a fit of everything together.

What is decided is said, with what it was decided on, and every decision is an option.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from typing import Literal

import numpy as np
import torch

from ... import compute
from ...data.acquisition import LedArray
from ...types import Event, Note
from ..calibration.apply import central
from ..calibration.depth_map import depth_map
from ..calibration.first_stage import arrays_of, said_of
from ..calibration.recipe import CalibrationRecipe
from ..calibration.result import Calibration
from ..calibration.stages import calibrate
from ..engine.recipe import build, method, option
from ..projection.chromatic import align_leds
from ..projection.setup import Z_UM, Depths, finished, first_look, plane_depths
from ..refine.fit import RATES, Fit
from ..refine.rounds import Plan, Start, field_of, fitted
from .sequential import fpm_sequential

LOOKED_AT = 256  # frame pixels along a side, in the middle, that tell how deep the sample is


class AutoRecipe(CalibrationRecipe):
    """Options of `fpm-auto`."""

    method: str = "fpm-auto"
    z_um: Depths = Z_UM
    sample: Literal["auto", "thin", "thick"] = option(
        "auto", "one plane, or a stack of planes; auto: as the depths of its parts show"
    )
    calibrate: bool = option(True, "first find what the microscope really was, from the frames themselves")
    fit: bool = option(True, "fit object and microscope together in the end; a thin sample only")
    learn_rim: bool = option(True, "radius, ellipticity and softness of the pupil's rim")
    filter_noise: bool = option(True, "take out of the object what is noise, by noise drawn anew")
    planes: int | None = option(None, "planes of a stack; empty: 0.3 depths of field apart", ge=1, le=2000)
    fit_steps: int = option(240, "steps of the fit's last round", ge=20, le=100_000, advanced=True)
    half: bool = option(True, "store in half precision", advanced=True)

    def unused(self) -> dict[str, str]:
        """Nothing: what calibration may correct, the fit may too."""
        return {}


@method("fpm-auto", AutoRecipe, kinds=("led_array",), presets={"quick": {"fit_steps": 80}}, colour=align_leds)
def fpm_auto(acquisition: LedArray, recipe: AutoRecipe) -> Iterator[Event]:
    """Fourier ptychography that needs no knowledge: calibrates, tells thin from thick, fits object and microscope.

    `acquisition` is reconstructed as `recipe` says.
    """
    started = time.process_time()
    device = compute.device(recipe.device)
    asked = recipe.z_um
    yield first_look(acquisition, np.array([np.mean(asked if asked is not None else acquisition.sample_z_um or 0.0)]))
    found: Calibration | None = None
    if recipe.calibrate:
        found = yield from calibrate(acquisition, recipe)
        yield from said_of(found, recipe.leave_out)
    thin = yield from _is_thin(acquisition, found, recipe)
    if not thin:
        yield from _stack(acquisition, recipe)
        return
    start = _start(acquisition, found, asked)
    kept = list(range(acquisition.frame_count))
    given = acquisition
    if found is not None:
        kept = found.kept_frames if recipe.leave_out else kept
        given = acquisition.replace(illumination_na=found.corrected.illumination_na)
        given = given.subset(kept) if len(kept) < given.frame_count else given
    start = Start(z_um=start.z_um, gains=start.gains[kept], zernike_rad=start.zernike_rad)
    fit = yield from fitted(given, start, _plan(recipe), device)
    result = given.replace(
        illumination_na=fit.directions(), pupil=_pupil(fit, given), sample_z_um=fit.microscope.depth_um
    )
    gains = np.exp(fit.microscope.values["gain"].double().cpu().numpy())
    figures = {
        "relative_amplitude_error": fit.error(), "misfit_over_noise": fit.over_noise(),
        "intensity_scale": fit.counts.scale, "sample_z_um": fit.microscope.depth_um,
    }  # fmt: skip
    yield finished(
        field_of(fit, recipe.half),
        recipe,
        result,
        started,
        figures,
        calibration=arrays_of(result, gains, fit.ambient()),
    )


def _is_thin(acquisition: LedArray, found: Calibration | None, recipe: AutoRecipe) -> Generator[Event, None, bool]:
    """Whether one plane is to be reconstructed: as the user says, else as the depths of the field's parts show."""
    if recipe.sample != "auto" or isinstance(recipe.z_um, tuple):
        return recipe.sample != "thick" and not isinstance(recipe.z_um, tuple)
    if isinstance(recipe.z_um, float):
        return True
    known = acquisition if found is None else found.corrected
    middle = known.sample_z_um or 0.0
    depths = depth_map(central(known, LOOKED_AT), middle)
    spread, field = depths.spread_um, depths.depth_of_field_um
    about = (
        f"its parts lie {spread:.3g} um apart, with a depth of field of {field:.3g} um; option sample decides otherwise"
    )
    if depths.flat:
        yield Note(f"the sample is taken to be thin, one plane: {about}")
    else:
        yield Note(f"the sample is taken to be thick, a stack of planes: {about}")
    return depths.flat


def _stack(acquisition: LedArray, recipe: AutoRecipe) -> Iterator[Event]:
    """A stack of planes, by projection."""
    options = {"z_um": recipe.z_um, "planes": recipe.planes, "device": recipe.device, "half": recipe.half}
    low_high = plane_depths(acquisition, recipe.z_um, recipe.planes)
    if len(low_high) == 1 and recipe.z_um is None:
        options["z_um"] = _about(acquisition)
    yield from fpm_sequential(acquisition, build("fpm-sequential", options))


def _about(acquisition: LedArray) -> tuple[float, float]:
    from ...data.geometry import default_z_range_um

    return default_z_range_um(acquisition)


def _start(acquisition: LedArray, found: Calibration | None, asked: Depths) -> Start:
    """Where the fit begins: as calibration says, or as the file does."""
    count = acquisition.frame_count
    if found is None:
        z = asked if isinstance(asked, float) else acquisition.sample_z_um or 0.0
        return Start(z_um=float(z), gains=np.ones(count))
    before = np.ones(count) if acquisition.exposure is None else np.asarray(acquisition.exposure)
    after = np.ones(count) if found.corrected.exposure is None else np.asarray(found.corrected.exposure)
    z = asked if isinstance(asked, float) else found.corrected.sample_z_um or 0.0
    taken = found.corrected is not found.given
    return Start(z_um=float(z), gains=after / before, zernike_rad=found.zernike_rad if taken else {})


def _plan(recipe: AutoRecipe) -> Plan:
    """What may change, as the options say."""
    held = {
        "gain": recipe.learn_gains, "directions": recipe.learn_directions, "board": recipe.learn_board,
        "zernike": recipe.learn_pupil != "none", "rim": recipe.learn_rim, "depth": recipe.learn_z,
        "ambient": recipe.learn_background != "none",
    }  # fmt: skip
    learn = tuple(name for name in RATES if held[name]) if recipe.fit else ()
    return Plan(learn=learn, steps=recipe.fit_steps, filter_noise=recipe.filter_noise, seed=recipe.seed)


def _pupil(fit: Fit, acquisition: LedArray) -> np.ndarray:
    """The pupil that was found, with what was known of it, on the frame's frequency grid (y, x)."""
    pupil = fit.microscope.pupil_on(acquisition.frame_shape, acquisition.pixel_um)
    return pupil if acquisition.pupil is None else pupil * np.asarray(acquisition.pupil)
