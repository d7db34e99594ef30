"""FPM-INR: a continuous z-stack as feature plane x depth vector -> small MLPs (Zhou et al., Optica 10, 1679 (2023)).

Three ways to the same kind of field: distilled from the classical stack (default, best and fast), fitted to the
frames through the physics alone (preset `physics`), and fitted as published (presets `published`, `notebook`).
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Generator, Iterator

import numpy as np
import torch

from ... import compute
from ...data.acquisition import LedArray
from ...fields.plane_axis import PlaneAxisField, start_from_planes, start_linear, start_random
from ...fields.planes import PlanesField
from ...forward import fourier
from ...forward.corrections import LedCorrections
from ...forward.led_grid import extent
from ...forward.led_stack import LedStack
from ...optics.grids import fast_length
from ...types import Done, Event, Note, Result
from ..calibration.first_stage import calibrated
from ..engine.any_field import fitted
from ..engine.recipe import build, method
from ..projection.orientation import orientation_notes
from ..projection.setup import (
    depth_range,
    finished,
    first_look,
    plane_depths,
)
from ..projection.solver import no_aberration
from .fpm_inr_fit import distance_between, field_error, fit, nodes_over, on_nodes
from .fpm_inr_published import fit_published
from .fpm_inr_recipe import PRESETS, RATES, FpmInrRecipe
from .learnt_microscope import corrections_of, taken_up
from .sequential import fpm_sequential


def new_field(
    acquisition: LedArray, recipe: FpmInrRecipe, depths: np.ndarray, plan: fourier.Windows, nodes: int
) -> PlaneAxisField:
    """An empty field over the frame: a quarter of the output's pixels, or just above Nyquist if read smoothly.

    Parameters
    ----------
    acquisition, recipe : the recording, and the sizes that were chosen.
    depths : of the classical planes, um (z,).
    plan : windows of the LEDs, whose synthetic aperture a smooth plane holds.
    nodes : of the depth vector.
    """
    where = extent(acquisition, depths)
    if recipe.interpolation == "bilinear":
        plane = tuple(max(2, n // 4) for n in where.shape)
    else:
        plane = tuple(fast_length(math.ceil(recipe.plane_ratio * n)) for n in plan.spectrum_shape)
    return PlaneAxisField(
        extent=where,
        plane_shape=(plane[0], plane[1]),
        features=min(recipe.features, len(depths)) if recipe.fit == "distilled" else recipe.features,
        depth_nodes=nodes if depths[0] < depths[-1] else 1,
        hidden=recipe.hidden,
        output=recipe.output,
        interpolation=recipe.interpolation,
        half=recipe.half,
    )


@dataclasses.dataclass
class FittedField:
    """A fitted field and the model it was fitted with."""

    field: PlaneAxisField
    depths: np.ndarray
    plan: fourier.Windows
    measured: fourier.LedFrames
    pupil: torch.Tensor  # on the windows' bins (y, x)
    gain: torch.Tensor  # (led,)
    margin: float = 0.0  # by which the pupil is wider than the NA
    better: LedArray | None = None  # the acquisition with what the fit learnt of the microscope
    calibration: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    figures: dict[str, float] = dataclasses.field(default_factory=dict)

    def polish(self, acquisition: LedArray, recipe: FpmInrRecipe, steps: int, rate: float) -> Iterator[Event]:
        """Fit the field to the frames, and the microscope with it where that is asked for.

        Parameters
        ----------
        acquisition : the recording that the field was made of.
        recipe : what is learnt, from how many LEDs a step.
        steps : number of steps.
        rate : largest step size of Adam where the recipe gives none.
        """
        corrections = corrections_of(self.plan, self.measured, self.gain, recipe) if recipe.end_to_end else None
        leds = LedStack(
            self.plan, self.measured, self.field.extent, factor=self.pupil, gain=self.gain, corrections=corrections,
            spread_na=recipe.direction_prior,
        )  # fmt: skip
        learning = recipe.learning_rate or rate
        yield from fit(
            self.field, leds, steps=steps, rate=learning, leds_per_step=recipe.leds_per_step, seed=recipe.seed
        )
        if corrections is not None and steps:
            yield self._take_up(acquisition, corrections, recipe)

    def error(self, moved_um: float = 0.0) -> float:
        """Relative amplitude error of the field, its planes taken to lie `moved_um` deeper."""
        return field_error(
            self.field, self.plan, self.measured, self.pupil, self.gain, depths_um=self.depths, moved_um=moved_um
        )

    def _take_up(self, acquisition: LedArray, corrections: LedCorrections, recipe: FpmInrRecipe) -> Note:
        """Go on with the microscope that was learnt, where it does explain the frames better."""
        better, arrays = taken_up(acquisition, corrections, recipe, self.measured.scale)
        plan = dataclasses.replace(fourier.windows(better, margin=self.margin), image_shape=self.plan.image_shape)
        every = np.arange(len(self.gain))
        with torch.no_grad():
            gain, floor = corrections.gains(), corrections.floors(every)
        measured = dataclasses.replace(self.measured, gain=gain, floor=floor)
        pupil = self.pupil if plan.box == self.plan.box else no_aberration(plan, gain.device)
        moved = float(better.sample_z_um or 0.0) - float(acquisition.sample_z_um or 0.0)
        there = dataclasses.replace(self, plan=plan, measured=measured, pupil=pupil, gain=gain)
        before, after = self.error(), there.error(moved)
        if after >= before:
            return Note(
                f"the microscope learnt with the field is not taken up: the error would be {after:.4f}, without it "
                f"{before:.4f}"
            )
        self.plan, self.measured, self.gain, self.pupil, self.better = plan, measured, gain, pupil, better
        self.calibration |= arrays
        self.depths = self.depths + moved
        low, high = float(self.depths[0]), float(self.depths[-1])
        self.field.extent = dataclasses.replace(self.field.extent, z_um=(low, high))
        return Note(f"the microscope learnt with the field is taken up: error {before:.4f} before, {after:.4f} after")


@method("fpm-inr", FpmInrRecipe, kinds=("led_array",), presets=PRESETS)
def fpm_inr(acquisition: LedArray, recipe: FpmInrRecipe) -> Iterator[Event]:
    """Neural field of a z-stack: a feature plane times a depth vector, decoded by small networks (FPM-INR).

    `acquisition` is reconstructed as `recipe` says.
    """
    started = time.process_time()
    device = compute.device(recipe.device)
    yield from nothing_to_learn_from(recipe)
    acquisition, known = yield from calibrated(acquisition, recipe, recipe.calibrate)
    yield first_look(acquisition, plane_depths(acquisition, recipe.z_um, None))
    if recipe.field != "plane-axis":
        batch = min(recipe.leds_per_step, acquisition.frame_count)
        result = yield from fitted(
            acquisition, recipe, recipe.field, z_um=depth_range(acquisition, recipe.z_um), batch=batch,
            passes=math.ceil(recipe.steps * batch / acquisition.frame_count), rate=recipe.learning_rate,
        )  # fmt: skip
        yield Done(result)
        return
    if recipe.check_orientation and not recipe.calibrate:
        yield from orientation_notes(acquisition, device)
    way = _from_classical if recipe.fit == "distilled" else _from_frames
    done = yield from way(acquisition, recipe, device)
    figures = {
        "relative_amplitude_error": done.error(),
        **known.figures,
        **done.figures,
        "intensity_scale": done.measured.scale,
    }
    arrays = known.arrays | done.calibration
    yield finished(done.field, recipe, done.better or acquisition, started, figures, calibration=arrays)


def nothing_to_learn_from(recipe: FpmInrRecipe) -> Iterator[Note]:
    """A warning where the microscope is to be learnt with the field, but nothing is fitted to the frames our way."""
    steps, remedy = {
        "distilled": (recipe.polish, "add --polish N or --preset physics"),
        "physics": (recipe.steps, "give --steps 1 or more"),
        "published": (0, "take --preset physics instead"),
    }[recipe.fit]
    if recipe.end_to_end and not steps:
        yield Note(f"end_to_end does nothing without a fit of field and microscope to the frames; {remedy}", "warning")


def _from_classical(
    acquisition: LedArray, recipe: FpmInrRecipe, device: torch.device
) -> Generator[Event, None, FittedField]:
    """The field distilled from the classical stack, with the pupil and gains found there, polished on request.

    The network begins as a plain sum of its features (two hidden neurons carry it through the ReLUs), and the best such
    sum is a truncated singular value decomposition of the stack over depth. Training the network further on the stack
    was tried (Adam, 150 to 400 steps, 4 to 32 features): it never came closer to the stack, so this is all there is.
    """
    stack, classical = yield from _classical_stack(acquisition, recipe)
    found, depths = classical.calibration, np.array(stack.depths_um)
    margin = classical.figures.get("pupil_margin", 0.0)
    plan = fourier.windows(acquisition, margin=margin)
    measured = fourier.measure(acquisition, plan, device)
    pupil, gain = no_aberration(plan, device), measured.gain
    if "pupil" in found:
        known = np.ones(1) if plan.pupil is None else plan.pupil
        factor = found["pupil"] * known.conj() / np.maximum(np.abs(known) ** 2, 1e-12)
        pupil = torch.as_tensor(factor.astype(np.complex64), device=device)
    if "gains" in found:
        gain = torch.as_tensor(found["gains"], device=device).sqrt()
        gain = gain / gain.mean()
    field = new_field(acquisition, recipe, depths, plan, recipe.depth_nodes or len(depths))
    start_from_planes(
        field, on_nodes(stack, field, np.linspace(depths[0], depths[-1], field.depth_nodes)), compute.seed(recipe.seed)
    )
    away = distance_between(field, stack)
    done = FittedField(field.to(device), depths, plan, measured, pupil, gain=gain, margin=margin, calibration=found)
    done.figures["distance_from_classical"] = away
    yield from done.polish(acquisition, recipe, recipe.polish, RATES[False])
    return done


def _from_frames(
    acquisition: LedArray, recipe: FpmInrRecipe, device: torch.device
) -> Generator[Event, None, FittedField]:
    """The field fitted to the frames alone, our way or as published."""
    depths = plane_depths(acquisition, recipe.z_um, None)
    plan = fourier.windows(acquisition)
    measured = fourier.measure(acquisition, plan, device)
    pupil, gain = no_aberration(plan, device), measured.gain
    nodes = recipe.depth_nodes or nodes_over(acquisition, depths)
    field, generator = new_field(acquisition, recipe, depths, plan, nodes), compute.seed(recipe.seed)
    if recipe.fit == "physics":
        start_linear(field, generator, float(measured.amplitude.mean(dim=(1, 2)).amax()))
    else:
        start_random(field, generator)
    done = FittedField(field.to(device), depths, plan, measured, pupil, gain=gain)
    if recipe.fit == "physics":
        yield from done.polish(acquisition, recipe, recipe.steps, RATES[True])
        return done
    scale = yield from fit_published(field, acquisition, recipe.seed, device, recipe.epochs, sets=recipe.sets)
    field.brighten((scale / measured.scale) ** 0.5)  # from the brightest pixel to the mean bright field as 1
    return done


def _classical_stack(acquisition: LedArray, recipe: FpmInrRecipe) -> Generator[Event, None, tuple[PlanesField, Result]]:
    """The classical planes the field is distilled from; returns the planes in full precision and their result."""
    values = {"z_um": recipe.z_um, "half": False, "device": recipe.device}
    values |= {"check_orientation": False, "flat_light": False}  # a fit to the frames follows
    for event in fpm_sequential(acquisition, build("fpm-sequential", values)):
        if isinstance(event, Done):
            stack = event.result.field
            assert isinstance(stack, PlanesField)
            return stack, event.result
        yield event
    raise AssertionError("a reconstruction ends with Done")
