"""Classical Fourier ptychography: the schedule of passes, and the result.

Full steps first; then each pass halves the step, which averages the LEDs against each other and lets the noise
cancel. A stack takes one full-step pass: its planes each see parts of the sample that lie elsewhere and cannot fit,
and more full steps chase them. A single plane takes full steps as long as they lower the error.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Generator, Iterator
from typing import Literal

import numpy as np
import torch

from ... import compute
from ...data.acquisition import Acquisition, LedArray
from ...fields.planes import PlanesField
from ...forward import fourier
from ...forward.led_grid import depth_tensor, extent, flat_spectra, support
from ...types import Event, Note, Preview, Progress
from ..calibration.first_stage import BOARD, CALIBRATE, calibrated, placed, without_ambient_light
from ..calibration.recipe import CalibrationRecipe
from ..engine import checkpoint
from ..engine.preview_pace import PreviewPace
from ..engine.readings import LateNumbers
from ..engine.recipe import method, option
from ..projection.chromatic import align_leds
from ..projection.near_light import NearLight, begun
from ..projection.orientation import orientation_notes
from ..projection.pupil_start import PupilStart
from ..projection.pupil_trial import Shape, choose_pupil, pupil_start, smooth_from
from ..projection.setup import CHECK_ORIENTATION, Z_UM, Depths, finished, first_look, open_depths, plane_depths
from ..projection.smooth_pupil import SmoothPupil
from ..projection.solver import Solver, no_aberration, remove_tilt

SMALLEST_STEP = 1 / 32
PASSES = (1, 60)  # with the full step, of a stack and of a single plane
PATIENCE = 2  # full-step passes without gain before the steps shrink
PUPIL_MARGIN = 0.03  # a recovered pupil may reach 3 % beyond the nominal NA: real apertures do


class SequentialRecipe(CalibrationRecipe):
    """Options of `fpm-sequential`."""

    method: str = "fpm-sequential"
    z_um: Depths = Z_UM
    planes: int | None = option(None, "planes of a stack; empty: 0.3 depths of field apart", ge=1, le=2000)
    board: Literal["given", "frames"] = BOARD
    calibrate: bool = CALIBRATE
    recover_pupil: bool | None = option(
        None, "solve for the pupil's aberration; empty: for a single plane, where LEDs left out say that it helps"
    )
    pupil_shape: Literal["smooth", "bins"] | None = option(
        None, "aberration as Zernike polynomials, or free in every bin; empty: as LEDs left out say, else bins"
    )
    recover_gain: bool | None = option(None, "solve for the brightness of each LED; empty: for a single plane")
    background: Literal["given", "darkest"] = option(
        "given", "ambient light: as the file gives it, or from the darkest parts of the dark-field frames"
    )
    dark_weight: float = option(1.0, "weight of the dark-field frames in every pass", ge=0, le=1, advanced=True)
    passes: int | None = option(
        None,
        "full-step passes over all LEDs at most; empty: 1 for a stack, 60 for a plane",
        ge=1,
        le=1000,
        advanced=True,
    )
    step_decay: float = option(
        0.5, "factor on the step from pass to pass after the full-step passes", gt=0, lt=1, advanced=True
    )
    momentum: float = option(0.0, "share of the last pass's change added again", ge=0, lt=1, advanced=True)
    stop_below: float = option(
        0.003, "end the full-step passes when one lowers the error by less than this share", ge=0, lt=1, advanced=True
    )
    rank: int | None = option(None, "depth modes stored; empty: every plane as it is", ge=1, advanced=True)
    half: bool = option(True, "store in half precision", advanced=True)
    check_orientation: bool = CHECK_ORIENTATION
    flat_light: bool = option(
        True, "take the spherical wave of LEDs at led_height_mm out of the phase, where the file says directions_at_um"
    )
    depths_at_once: int | None = option(
        None, "planes solved together; empty: as many as memory holds", ge=1, advanced=True
    )

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """Depths and planes of an `acquisition`, and what a stack, or a single plane, is solved with."""
        found = open_depths(acquisition, self.z_um)
        planes = self.planes or found.get("planes")
        found |= {"passes": PASSES[planes == 1], "recover_gain": planes == 1, "rank": f"all {planes}"}
        return found if planes == 1 else {**found, "recover_pupil": False}


def _solve(
    solver: Solver, recipe: SequentialRecipe, full_passes: int, recover_pupil: bool, recover_gain: bool, what: str
) -> Iterator[tuple[int, float]]:
    """Run the schedule; yields (LEDs done, relative amplitude error by the latest misfit of every LED).

    `what` is solved, as the checkpoints call it; the others as in `_solve_planes` and `SequentialRecipe`.
    """
    step, full, last, done, idle = 1.0, 0, np.inf, 0, 0
    leds = len(solver.amplitude)
    latest, energy, late = np.zeros(leds), np.zeros(leds), LateNumbers()
    velocity: torch.Tensor | None = None
    loop = checkpoint.loop(f"passes {what}")
    if loop.found is not None:
        step, full, last, done, idle, latest, energy, velocity, solved = loop.found
        solver.go_on(solved)

    def now() -> tuple[object, ...]:
        return step, full, last, done, idle, latest, energy, velocity, solver.solved()

    while step >= SMALLEST_STEP:
        before = solver.spectra.clone() if recipe.momentum else None
        sweep = solver.sweep(step, recover_pupil and done >= leds, recover_gain and done >= leds)
        read = 0
        for count, norm in enumerate(sweep, 1):
            for (miss,) in late.take(norm, now=count == leds):
                latest[read], energy[read] = miss**2, solver.energy[read]
                read += 1
            yield done + count, float(latest.sum() / energy.sum()) ** 0.5
        misfit = float(latest.sum())
        done += leds
        if before is not None:
            moved = solver.spectra - before
            velocity = moved if velocity is None else recipe.momentum * velocity + moved
            solver.spectra += recipe.momentum * velocity
        full += step == 1.0
        idle = idle + 1 if misfit > (1 - recipe.stop_below) ** 2 * last else 0
        if full >= full_passes or (full > 3 and idle >= PATIENCE):
            full = full_passes
            step *= recipe.step_decay
        last = misfit
        loop.reached(now)
    loop.ended(now)


@method("fpm-sequential", SequentialRecipe, kinds=("led_array",), presets={"quick": {"planes": 5}}, colour=align_leds)
def fpm_sequential(acquisition: LedArray, recipe: SequentialRecipe) -> Iterator[Event]:
    """Classical Fourier ptychography: every depth at once, with pupil and LED gains; the answer to compare with.

    `acquisition` is reconstructed as `recipe` says.
    """
    started = time.process_time()
    device = compute.device(recipe.device)
    if recipe.background == "darkest":
        acquisition = without_ambient_light(acquisition)
    if recipe.board == "frames":
        acquisition = yield from placed(acquisition)
    acquisition, found = yield from calibrated(acquisition, recipe, recipe.calibrate)
    depths = plane_depths(acquisition, recipe.z_um, recipe.planes)
    single = len(depths) == 1
    recover_gain = single if recipe.recover_gain is None else recipe.recover_gain
    yield first_look(acquisition, depths)
    if recipe.check_orientation and not recipe.calibrate:
        yield from orientation_notes(acquisition, device)
    shape, start = yield from _pupil(acquisition, recipe, depths, device, recover_gain)
    recover_pupil = shape != "none"
    margin = 0.0
    if shape == "bins":
        margin = checkpoint.once("pupil margin", lambda: pupil_margin(acquisition, depths, device, recover_gain))
    plan = fourier.windows(acquisition, margin=margin)
    measured = fourier.measure(acquisition, plan, device)
    light = NearLight.of(acquisition) if recipe.flat_light else None
    if light is not None:
        yield Note(f"{light.sentence} of the phase; the frames hardly tell it, and option flat_light decides otherwise")
    state = _State(depths, begun(light, plan, len(depths), device), no_aberration(plan, device), measured.gain, light)
    if shape == "smooth":
        state.smooth = smooth_from(plan, device, start)
    where, seen = extent(acquisition, depths), support(plan)

    def field() -> PlanesField:
        spectra = state.spectra if light is None else light.freed(state.spectra)
        return PlanesField.from_spectra(spectra, depths, where, seen, rank=recipe.rank, half=recipe.half)

    error = yield from _solve_planes(
        state, plan, measured, recipe, recover_pupil=recover_pupil, recover_gain=recover_gain, field=field
    )
    calibration, figures = dict(found.arrays), dict(found.figures)
    if recover_pupil:
        inside = fourier.pupils(plan, np.array([0]), depth_tensor(depths[:1], device))[0, 0].abs() > 0
        state.spectra, pupil = remove_tilt(state.spectra, state.aberration, inside)
        if state.smooth is not None:
            pupil = state.smooth.in_bins()
        known = 1.0 if plan.pupil is None else plan.pupil
        calibration["pupil"] = torch.where(seen_by_some_led(plan, device), pupil, 0).cpu().numpy() * known
        if shape == "bins":
            figures["pupil_margin"] = margin
    if recover_gain:
        calibration["gains"] = (state.gain**2 / (state.gain**2).mean()).cpu().numpy()
    if light is not None:
        figures["light_bend"] = light.bend
    figures |= {"relative_amplitude_error": error, "intensity_scale": measured.scale}
    yield finished(field(), recipe, acquisition, started, figures, calibration=calibration)


def _pupil(
    acquisition: LedArray, recipe: SequentialRecipe, depths: np.ndarray, device: torch.device, recover_gain: bool
) -> Generator[Event, None, tuple[Shape, PupilStart | None]]:
    """The pupil to solve for, as the user says or as the frames do, and the aberration to start from."""
    single = len(depths) == 1
    middle = float(depths[len(depths) // 2])
    if recipe.recover_pupil is None and single:
        shapes: tuple[Shape, ...] = (
            ("none", "smooth", "bins") if recipe.pupil_shape is None else ("none", recipe.pupil_shape)
        )
        flat = recipe.flat_light
        choice = checkpoint.once(
            "pupil", lambda: choose_pupil(acquisition, middle, device, recover_gain, shapes, flat_light=flat)
        )
        yield Note(choice.sentence())
        return choice.shape, choice.start
    if not recipe.recover_pupil:
        return "none", None
    shape = recipe.pupil_shape or "bins"
    return shape, pupil_start(acquisition, middle) if shape == "smooth" else None


def seen_by_some_led(plan: fourier.Windows, device: torch.device) -> torch.Tensor:
    """Bins of a window of `plan` (y, x), bool on `device`, that pass light of an LED, also one between bins."""
    y, x = (
        torch.clamp((torch.arange(n, device=device) - n // 2).abs() * step - step / 2, min=0)
        for n, step in zip(plan.box, plan.bin, strict=True)
    )
    return y[:, None] ** 2 + x**2 <= plan.cutoff**2


def pupil_margin(
    acquisition: LedArray, depths: np.ndarray, device: torch.device, recover_gain: bool, passes: int = 6
) -> float:
    """How far beyond the nominal NA the pupil is looked for: 0, or PUPIL_MARGIN where that explains the frames better.

    Real apertures are seldom exactly as wide as engraved; a rim that is not there would only fit noise. A few passes
    of both on the middle plane decide.

    Parameters
    ----------
    acquisition : the recording.
    depths : of the planes to reconstruct, um (z,).
    device : to work on.
    recover_gain : solve for the LEDs' brightness in the trial.
    passes : full steps of each trial.
    """
    errors = {}
    middle = depths[[len(depths) // 2]]
    for margin in (0.0, PUPIL_MARGIN):
        plan = fourier.windows(acquisition, margin=margin)
        measured = fourier.measure(acquisition, plan, device)
        solver = Solver(plan, measured, middle, flat_spectra(plan, 1, device), no_aberration(plan, device))
        solver.run((1.0,))
        solver.run((1.0,) * (passes - 1), True, recover_gain)
        errors[margin] = solver.error()
    return min(errors, key=lambda margin: errors[margin])


@dataclasses.dataclass
class _State:
    """What is being solved: centred spectra (z, y, x) at `depths`, the pupil's aberration, the LED gains."""

    depths: np.ndarray
    spectra: torch.Tensor
    aberration: torch.Tensor
    gain: torch.Tensor
    light: NearLight | None = None
    smooth: SmoothPupil | None = None


def _solve_planes(
    state: _State,
    plan: fourier.Windows,
    measured: fourier.LedFrames,
    recipe: SequentialRecipe,
    *,
    recover_pupil: bool,
    recover_gain: bool,
    field: Callable[[], PlanesField],
) -> Generator[Event, None, float]:
    """Solve all planes, as many together as memory holds; returns the relative amplitude error.

    Pupil and gains are found with the first planes and kept for the others.
    """
    count, device = len(state.depths), state.spectra.device
    batch = min(recipe.depths_at_once or depths_that_fit(plan, device), count)
    full_passes = recipe.passes or PASSES[count == 1]
    passes = full_passes + math.ceil(math.log(SMALLEST_STEP) / math.log(recipe.step_decay))
    start, misfit, shown = 0, 0.0, 0
    pace = PreviewPace(lambda: Preview(field(), float(state.depths[shown])))
    while start < count:
        part = slice(start, min(start + batch, count))
        shown = (part.start + part.stop - 1) // 2
        work = len(state.gain) * passes
        before, total = work * start // batch, work * -(-count // batch)
        solver: Solver | None = None
        try:
            solver = Solver(plan, measured, state.depths[part], state.spectra[part], state.aberration, gain=state.gain)
            solver.dark_weight = recipe.dark_weight
            if state.smooth is not None:
                solver.take(state.smooth)
            what = f"of planes {part.start} to {part.stop}"
            for done, error in _solve(
                solver,
                recipe,
                full_passes,
                recover_pupil and not start,
                recover_gain=recover_gain and not start,
                what=what,
            ):
                yield Progress(min(before + done, total), total, error, "planes")
                yield from pace.events()
            misfit += checkpoint.once(f"error {what}", solver.error) ** 2 * (part.stop - part.start)
        except (RuntimeError, MemoryError) as failure:
            if not compute.is_out_of_memory(failure) or batch == 1:
                raise
            solver = None  # and with it the memory that a smaller batch needs
        if solver is None:
            batch = -(-batch // 2)
            compute.release()
            state.spectra[part] = begun(state.light, plan, part.stop - part.start, device)
            yield Note(f"the device ran out of memory; going on with {batch} planes at once", "warning")
            continue
        state.aberration, state.gain = solver.aberration, solver.gain
        start = part.stop
    return (misfit / count) ** 0.5


def depths_that_fit(plan: fourier.Windows, device: torch.device) -> int:
    """Planes whose images and spectra, on the grids of `plan`, fit in a quarter of the free memory of `device`."""
    per_plane = 8 * (6 * math.prod(plan.image_shape) + 3 * math.prod(plan.spectrum_shape))
    return max(1, int(compute.free_bytes(device) / 4 // per_plane))
