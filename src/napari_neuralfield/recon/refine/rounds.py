"""The rounds of a fit, as events: where the LEDs are, then everything together, then what of it is noise."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Iterator
from typing import Any

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...fields.planes import PlanesField
from ...forward.led_grid import extent
from ...optics.grids import centred_spectrum
from ...types import Event, Extent, Note, Preview, Progress
from ..calibration.apply import central
from ..engine import checkpoint
from ..engine.preview_pace import PreviewPace
from ..engine.readings import LateNumbers
from .fit import RATES, Fit
from .noise_filter import STEPS as NOISE_STEPS
from .noise_filter import without_noise
from .slow_phase import bend_of, sphere

ROUNDS = (80, 80)  # steps of the rounds that look for the LEDs
FIRST, SECOND = (1.0, 1.0, 0.5, 0.25), (1.0, 0.5, 0.25, 0.12)  # passes before and after the gains are found
LIGHT = ("gain", "ambient")
BEND_PX, RIM, FEWEST_BRIGHT = 128, 1.1, 4  # the middle of frames, LEDs up to it (of the NA), and how many: for a bend


@dataclasses.dataclass(frozen=True, kw_only=True)
class Start:
    """Where a fit begins.

    Parameters
    ----------
    z_um : depth of the sample, um.
    gains : intensity of each LED (led,).
    zernike_rad : Noll index -> rad, of the pupil beside what the acquisition says of it.
    """

    z_um: float
    gains: np.ndarray
    zernike_rad: dict[int, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitPlan:
    """What a fit is to do.

    Parameters
    ----------
    learn : names of what may change of the microscope; see `Microscope`.
    steps : of the last round.
    region_px : side of the central square on which the microscope is looked for.
    filter_noise : take out what of the object is noise.
    seed : of every random choice.
    """

    learn: tuple[str, ...] = tuple(RATES)
    steps: int = 240
    region_px: int = 256
    filter_noise: bool = True
    seed: int = 0


def fitted(acquisition: LedArray, start: Start, plan: FitPlan, device: torch.device) -> Generator[Event, None, Fit]:
    """The fit of object and microscope to all of an `acquisition` on `device`.

    Parameters
    ----------
    start : where it begins.
    plan : what it is to do.
    """
    region = central(acquisition, plan.region_px)
    bend = checkpoint.once("bend of the light", lambda: bend_of_light(acquisition, start, device))
    fit = Fit(region, device, start.z_um, start.gains, plan.seed)
    fit.take_up(start.zernike_rad)
    fit.bend(bend)
    if bend:
        yield Note(_said_of_bend(fit))
    total = sum(ROUNDS) + plan.steps + 2 * NOISE_STEPS * plan.filter_noise
    done = 0
    for steps in ROUNDS:
        yield from _round(fit, steps, plan.learn, (done, total))
        done += steps
        fit.moved_to(region.replace(illumination_na=fit.directions()))
    learn = plan.learn
    if region.frame_shape != acquisition.frame_shape:
        fit = _whole(fit, acquisition, plan, device)
        fit.bend(bend)
        learn = tuple(name for name in LIGHT if name in plan.learn)
    yield from _round(fit, plan.steps, learn, (done, total))
    done += plan.steps
    if not fit.used.all():
        frames = ", ".join(map(str, np.flatnonzero(~fit.used)))
        yield Note(f"of frames {frames} hardly any light is their LED's, so they are not used", "warning")
    if plan.filter_noise:
        late, error = LateNumbers(), 1.0
        for number, misfit in enumerate(without_noise(fit, plan.seed)):
            if read := late.take(misfit):
                error = fit.relative(read[-1][0])
            yield Progress(done + number + 1, total, error, "noise")
    return fit


def bend_of_light(acquisition: LedArray, start: Start, device: torch.device) -> float:
    """How the LEDs' waves are bent over the field, rad/um^2: as passes over the bright frames fit best.

    LEDs near the rim of the pupil tell, whose light passes at one side of the field only.

    Parameters
    ----------
    acquisition : the frames.
    start : what is known of the microscope.
    device : to work on.
    """
    part = central(acquisition, BEND_PX)
    oblique = np.hypot(*np.asarray(part.illumination_na).T) / part.objective_na
    bright = np.flatnonzero(oblique < RIM)
    if len(bright) < FEWEST_BRIGHT:
        return 0.0
    part = part.subset(bright)

    def tried(bend: float, used: np.ndarray | None = None) -> Fit:
        fit = Fit(part, device, start.z_um, start.gains[bright])
        fit.take_up(start.zernike_rad)
        fit.bend(bend)
        fit.project(FIRST[:3])
        fit.find_gains()
        fit.used = fit.used if used is None else used
        fit.project(SECOND[:2])
        return fit

    shine = tried(0.0).used  # the same LEDs are asked of every wave
    corner_um = float(np.hypot(*part.frame_shape)) / 2 * part.pixel_um
    return bend_of(lambda bend: tried(bend, shine).error(), corner_um)


def _said_of_bend(fit: Fit) -> str:
    corner_um = np.hypot(*fit.acquisition.frame_shape) / 2 * fit.acquisition.pixel_um
    said = f"the light is bent by {fit.light_bend * corner_um**2:.2g} rad at the corners of the field, as of near LEDs"
    if fit.known_bend:
        return f"{said}; {fit.known_bend * corner_um**2:.2g} rad are that of their height; see option flat_light"
    return f"{said}; give led_height_mm to have that taken out of the phase"


def _round(fit: Fit, steps: int, learn: tuple[str, ...], place: tuple[int, int]) -> Iterator[Event]:
    """Projections, gains, and `steps` of everything in `learn`; `place`: steps done before, and in all."""

    def projected() -> tuple[Any, ...]:
        fit.project(FIRST)
        if "gain" in learn:
            fit.find_gains()
        fit.project(SECOND)
        fit.look_at_the_noise()
        return fit.solved()

    fit.go_on(checkpoint.once("projections", projected))
    pace = PreviewPace(lambda: Preview(field_of(fit), fit.microscope.depth_um))
    late, error = LateNumbers(), 1.0
    for number, misfit in enumerate(fit.descend(steps, learn)):
        if read := late.take(misfit, now=number + 1 == steps):
            error = fit.relative(read[-1][0])
        yield Progress(place[0] + number + 1, place[1], error, "object and microscope")
        yield from pace.events()


def _whole(fit: Fit, acquisition: LedArray, plan: FitPlan, device: torch.device) -> Fit:
    """A fit of the whole frames with the microscope that the region told of."""
    found = fit.microscope
    given = acquisition.replace(illumination_na=fit.directions())
    whole = Fit(given, device, found.z_um, np.exp(found.values["gain"].cpu().numpy()), plan.seed)
    whole.used = fit.used
    for name in ("zernike", "rim", "depth"):
        whole.microscope.values[name] = found.values[name]
    whole.microscope.values["ambient"] = found.values["ambient"] * (fit.counts.scale / whole.counts.scale)
    return whole


def field_of(fit: Fit, half: bool = True, flat: bool = True) -> PlanesField:
    """What was fitted, on the frame's field of view.

    Parameters
    ----------
    fit : object and microscope.
    half : store it in half precision.
    flat : take the spherical wave of LEDs whose height is known out of the phase, where the frames show one.
    """
    m, acquisition = fit.microscope, fit.acquisition
    depth = m.depth_um
    shown = extent(acquisition, np.array([depth]))
    rows, columns = m.grid.plan.image_shape
    factor = round(acquisition.pixel_um / shown.pixel_um)
    first = m.grid.offset
    period = Extent(
        shown.z_um, (rows * factor, columns * factor), shown.pixel_um,
        (-first[0] * acquisition.pixel_um, -first[1] * acquisition.pixel_um),
    )  # fmt: skip
    shown_object = fit.object
    if flat and fit.known_bend:
        wave = sphere(m.grid, acquisition.pixel_um, -fit.known_bend)
        shown_object = shown_object * torch.polar(torch.ones_like(wave), wave)
    spectrum = centred_spectrum(shown_object)
    return PlanesField.from_spectra(spectrum[None], [depth], shown, fit.support(), half=half, period=period)
