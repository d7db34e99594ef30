"""Phase from one or a few defocused frames without training: a field is fitted until it explains them.

The sample, pixels or a neural field, is imaged through `forward.brightfield` and compared with the frames. One frame
leaves the slow part of a phase open, and detail finer than the camera's pixels; what fills them is said in the recipe:
few edges, an empty background that is flat, and, of cells in water, no less phase than there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Literal

import numpy as np
import torch

from ... import compute
from ...data.acquisition import Acquisition, ThroughFocus
from ...data.times import times
from ...fields.phase_map import PhaseMap
from ...forward.defocus_misfit import DefocusMisfit
from ...optics.grids import binned
from ...types import Done, Event, Extent, Field, InputError, Note, Preview, Progress, Result
from ..engine.any_field import fittable, fitted
from ..engine.preview_pace import PreviewPace
from ..engine.readings import LateNumbers
from ..engine.recipe import method, option
from .each_time import TimedRecipe, each_time
from .frames import DefocusFrames, empty_on_grid, fit_pixels, frames_of, on_finer_pixels, optics_of
from .network_fit import NetworkFit, phase_network
from .polish import NEAR
from .report import explain
from .sparse_fit import FitStep, Known, SparseFit

NAME = "defocus-field"
FINER = 4  # pixels per camera pixel where the camera's are coarse
COARSE = 1.2  # camera pixels of this many quarter wavelengths over NA are coarse
STEPS = {"pixels": 40, "hash": 200}
EVERY = 5  # steps between two looks at how deep the planes are
PROBE = 0.05  # of the farthest plane's depth
BOLDEST = 0.3  # of it, that a look may move the planes


class DefocusFieldRecipe(TimedRecipe):
    """Options of `defocus-field`."""

    method: str = NAME
    frames: tuple[int, ...] | None = option(None, "numbers of the frames to explain, from 0; empty: all")
    field: str = option(
        "pixels",
        "what is fitted: single pixels, hash (a neural field), or any registered type of field, yours too",
        choices=lambda: (*STEPS, *fittable()),
    )
    start: Literal["flat", "network"] = option(
        "flat", "where the fit begins: nothing, or the phase that the trained network of method srqpi sees"
    )
    upsampling: int | None = option(
        None, "pixels of the result per camera pixel and axis; empty: 4, or 1 where the camera's pixels are fine",
        ge=1, le=16,
    )  # fmt: skip
    flat_background: bool = option(
        True, "where the frames show nothing over a larger place, the phase is the same; off for samples without gaps"
    )
    non_negative: bool = option(
        True,
        "no phase below that of the empty background, as of cells in water; off for samples with holes or bubbles "
        "(without an empty background it does nothing)",
    )
    absorption: bool = option(False, "fit an absorption too; needs two frames or more")
    learn_defocus: bool = option(False, "find how far all depths are off; needs frames at two depths or more")
    flatten_um: float = option(
        0.0, "divide out brightness that changes more slowly than this; 0: only each frame's mean", unit="um", ge=0
    )
    noise: float | None = option(
        None, "deviation of a pixel over its brightness; empty: from the frames", gt=0, le=1, advanced=True
    )
    edges: float = option(3.0, "weight of total variation; larger: fewer edges, less noise", ge=0, advanced=True)
    steps: int | None = option(
        None, "steps at most; empty: 40 of pixels, 200 of a network", ge=1, le=100000, advanced=True
    )
    points: int = option(8, "points of the condenser's aperture", ge=1, le=200, advanced=True)

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """Frames, pixels and steps for an `acquisition`."""
        found = {**super().automatic(acquisition), "steps": STEPS.get(self.field, "")}
        if isinstance(acquisition, ThroughFocus):
            found |= {"frames": f"all {acquisition.frame_count}", "upsampling": usual_upsampling(acquisition)}
        return found

    def unused(self) -> dict[str, str]:
        """Of another field than ours, what our fits alone take."""
        if self.field in STEPS:
            return {}
        names = (
            "start", "upsampling", "flat_background", "non_negative", "absorption", "learn_defocus", "edges", "points",
            "noise",
        )  # fmt: skip
        return dict.fromkeys(names, "it is for --field pixels or hash")


@method(NAME, DefocusFieldRecipe, kinds=("through_focus",), presets={"neural": {"field": "hash"}})
@each_time
def defocus_field(acquisition: ThroughFocus, recipe: DefocusFieldRecipe) -> Iterator[Event]:
    """Phase from one or a few defocused frames without training, by a field fitted until it explains them.

    Parameters
    ----------
    acquisition : the frames, and the microscope.
    recipe : what the user chose.
    """
    started = time.process_time()
    device = compute.device(recipe.device)
    looked = _looked(acquisition, recipe)
    if recipe.field not in STEPS:
        yield Done((yield from fitted(looked.acquisition, recipe, recipe.field, passes=recipe.steps)))
        return
    upsampling = recipe.upsampling or usual_upsampling(acquisition)
    misfit = looked.misfit(fit_pixels(upsampling), recipe.points, device)
    extent = extent_of(acquisition, upsampling)
    start = _start(acquisition, recipe, looked, misfit)
    known = _known(recipe, looked, misfit)
    yield Note(sentence(looked, known))
    if known.empty is not None and bool(start.any()):
        start[0] -= (known.empty * start[0]).sum() / known.empty.sum()
    fit: SparseFit | NetworkFit
    if recipe.field == "hash":
        network = phase_network(misfit, extent, recipe.seed)
        network.set_prior(start)
        fit = NetworkFit(misfit, network, known, len(start))
    else:
        fit = SparseFit(misfit, start, known)
    deeper = Deeper(misfit) if recipe.learn_defocus else None
    steps = recipe.steps or STEPS[recipe.field]
    pace = PreviewPace(lambda: Preview(_field(fit, extent, upsampling), 0.0))
    norm = 2 / misfit.noise * float(misfit.measured.double().sum()) ** 0.5
    shown, error = LateNumbers(), float("nan")
    for step in fit.steps(steps):
        for (energy,) in shown.take(step.slopes.energy, now=step.done == steps):
            error = (2 * energy) ** 0.5 / norm
        yield Progress(step.done, steps, error, "fit")
        if deeper is not None:
            deeper.look(fit.sample, step)
        yield from pace.events()
    field, sample = _field(fit, extent, upsampling), fit.sample
    fine = [_finer(one[misfit.seen], upsampling, misfit) for one in sample]
    yield Progress(steps, steps, float("nan"), "simulating the frames again")
    about = explain(
        _moved(acquisition, misfit.moved_um), fine[0], looked.numbers, upsampling=upsampling,
        absorption=fine[1] if len(fine) > 1 else None, noise=looked.noise, flatten_um=recipe.flatten_um, device=device,
    )  # fmt: skip
    yield Note(about.sentence, "info" if about.level == "green" else "warning")
    figures = about.figures | {"noise": looked.noise}
    if deeper is not None:
        figures["deeper_um"] = misfit.moved_um
    calibration = {"resimulated": about.shown, "residual": about.difference} if about.whole else {}
    if len(sample) > 1:
        calibration["absorption"] = binned(sample[1][misfit.seen], misfit.upsampling).cpu().numpy().astype(np.float16)
    figures["cpu_seconds"] = time.process_time() - started
    told = {**optics_of(acquisition), "trust_level": about.level, "trust_sentence": about.sentence}
    done = field.cpu() if isinstance(field, torch.nn.Module) else field
    yield Done(Result(done, recipe.model_dump(), told, calibration, figures, title=acquisition.title))


def usual_upsampling(acquisition: ThroughFocus) -> int:
    """FINER where the camera's pixels are too coarse for what the objective passes, else 1."""
    band = acquisition.wavelength_um / (4 * acquisition.objective_na)
    return FINER if acquisition.pixel_um > COARSE * band else 1


def extent_of(acquisition: ThroughFocus, upsampling: int) -> Extent:
    """Of a phase on `upsampling` times finer pixels over the same area as the frames of `acquisition`."""
    pixel = acquisition.pixel_um / upsampling
    first = -(upsampling - 1) / 2 * pixel
    rows, columns = acquisition.frame_shape
    return Extent((0.0, 0.0), (rows * upsampling, columns * upsampling), pixel, (first, first))


def sentence(looked: DefocusFrames, known: Known) -> str:
    """What is taken for granted (`known`) of the frames `looked` at, for the user."""
    one = len(looked.numbers) == 1
    names = ", ".join(str(number) for number in looked.numbers)
    which = f"frame {names} is" if one else f"frames {names} are"
    if known.empty is None:
        return f"{which} explained; no place is taken for empty, so the slow part of the phase is hardly known"
    lower = ", and no phase for lower than there" if known.non_negative else ""
    share = float(known.empty.mean())
    return f"{which} explained; {share:.0%} of the field shows nothing and is taken for a flat background{lower}"


def _looked(acquisition: ThroughFocus, recipe: DefocusFieldRecipe) -> DefocusFrames:
    numbers = recipe.frames
    where = acquisition.source or "the acquisition"
    if numbers is None and len(times(acquisition)) > 1:
        raise InputError(
            f"{where}: its {acquisition.frame_count} frames are a time-lapse, and one phase cannot explain them all; "
            "choose one of them with option time, or with option frames those that show the same sample, such as "
            "--frames 0"
        )
    looked = frames_of(acquisition, numbers, recipe.noise, recipe.flatten_um)
    depths = np.unique(np.asarray(looked.acquisition.z_um))
    if recipe.absorption and len(looked.numbers) < 2:
        raise InputError(
            f"{where}: option absorption is on but only frame {looked.numbers[0]} is explained; one frame cannot tell "
            "phase from absorption, so choose two frames or more, or leave it off"
        )
    if recipe.learn_defocus and len(depths) < 2:
        raise InputError(
            f"{where}: option learn_defocus is on but all chosen frames lie at z_um {depths[0]:g}; a wrong depth looks "
            "like another phase there, so choose frames at two depths or leave it off"
        )
    return looked


def _known(recipe: DefocusFieldRecipe, looked: DefocusFrames, misfit: DefocusMisfit) -> Known:
    empty = empty_on_grid(looked, misfit) if recipe.flat_background else None
    near = 0.0 if recipe.start == "flat" else NEAR
    return Known(edges=recipe.edges, empty=empty, non_negative=recipe.non_negative and empty is not None, near=near)


def _start(
    acquisition: ThroughFocus, recipe: DefocusFieldRecipe, looked: DefocusFrames, misfit: DefocusMisfit
) -> torch.Tensor:
    """Phase, and absorption where it is fitted (channel, Y, X) on the misfit's grid."""
    channels = 2 if recipe.absorption else 1
    start = torch.zeros((channels, *misfit.shape), device=misfit.root.device)
    if recipe.start == "network":
        y, x = extent_of(acquisition, misfit.upsampling).axes()
        seen = _seen_by_network(acquisition, looked, recipe, start.device).render(0.0, y, x)[0]
        start[0] = misfit.padded(seen.to(start))
    return start


def _seen_by_network(
    acquisition: ThroughFocus, looked: DefocusFrames, recipe: DefocusFieldRecipe, device: torch.device
) -> Field:
    from .srqpi import SrqpiRecipe, frame_field, weights_of

    farthest = int(np.abs(np.asarray(looked.acquisition.z_um)).argmax())
    weights = weights_of(SrqpiRecipe())
    return frame_field(acquisition, weights, looked.numbers[farthest], device, flatten=recipe.flatten_um > 0)


def _field(fit: SparseFit | NetworkFit, extent: Extent, upsampling: int) -> Field:
    if isinstance(fit, NetworkFit):
        return fit.snapshot()
    phase = _finer(fit.sample[0][fit.misfit.seen], upsampling, fit.misfit)
    return PhaseMap.from_grid(phase, 0.0, extent.pixel_um, extent.origin_um)


def _finer(image: torch.Tensor, upsampling: int, misfit: DefocusMisfit) -> torch.Tensor:
    return on_finer_pixels(image, upsampling // misfit.upsampling)


def _moved(acquisition: ThroughFocus, z_um: float) -> ThroughFocus:
    return acquisition.replace(z_um=np.asarray(acquisition.z_um) + z_um) if z_um else acquisition


class Deeper:
    """Moves the planes of a misfit as its fit goes on; never in its last fifth, so that the sample can settle.

    The depth that the residuals ask for, by Gauss and Newton: d = -<dr/dz, r> / <dr/dz, dr/dz>, the slope dr/dz from
    frames simulated a little above and below.
    """

    def __init__(self, misfit: DefocusMisfit) -> None:
        self.misfit = misfit
        self._scale = float(np.abs(misfit.z_um.numpy()).max())

    def look(self, sample: torch.Tensor, step: FitStep) -> None:
        """Every EVERY steps (see `step`), move the planes where the frames of `sample` (channel, Y, X) fit better."""
        if step.done % EVERY or step.done > 0.8 * step.total:
            return
        here, probe = self.misfit.moved_um, PROBE * self._scale
        residuals = []
        for moved in (here - probe, here, here + probe):
            self.misfit.move(moved)
            residuals.append(self.misfit.residual(sample).double())
        slope = (residuals[2] - residuals[0]) / (2 * probe)
        wanted = -float((slope * residuals[1]).sum() / slope.square().sum().clamp(min=1e-20))
        bound = BOLDEST * self._scale
        self.misfit.move(here + float(np.clip(wanted, -bound, bound)))
