"""Residual neural fields: object = prior + network, fitted to the frames together with what the experiment has wrong.

Zhao, Hong, ..., Maiden, Zheng: one differentiable model for far-field, near-field and coded ptychography. The network
starts at nothing, so that the prior is the first answer; wavelets keep it sparse; pixels may finish what it leaves.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator

import torch

from ... import compute
from ...compute import COMPLEX
from ...data.acquisition import CodedPtychography, LedArray, Ptychography
from ...fields.residual import ResidualField
from ...forward.ptychography import from_detector
from ...forward.scan import add_windows, narrowed, widened
from ...forward.scan_measurement import ScanMeasurement
from ...forward.scan_problem import Problem, ScanState, first_state, object_of
from ...optics.grids import spread
from ...types import Done, Event, Extent, Note
from ..coded.sparse_pixels import wrong_positions
from ..coded.sparse_solver import from_mean_frame
from ..engine import checkpoint
from ..engine.any_field import fitted
from ..engine.losses import roots_mislead
from ..engine.recipe import method
from ..scan.background import with_background
from ..scan.coherence import shares_told
from ..scan.passes import solve_scan
from ..scan.pie import RpieRecipe
from ..scan.probe_trials import noise_of
from ..scan.recipe import ScanRecipe
from ..scan.scan_rotation import turned
from ..scan.sequential import Sequential
from ..scan.setup import problem_of, result_of
from ..scan.whole_scan import placed
from .fit import ResidualFit, image_from_file
from .of_leds import residual_of_leds
from .recipe import PUBLISHED, RASTER, ResidualRecipe, loss_of, network_options, refuse_others

FEW = (
    "single electrons or photons are counted in much of the detector, so counts are compared by Poisson's likelihood: "
    "a fit of their roots would make the phase too small (--loss amplitude for it all the same)"
)
NOISY = 1.5  # times the noise of counts: frames that are left no more are taken for counted
SPARSE_SCAN = 2.5  # frames that light a pixel: below, the object is fitted afresh and only the engine's probe kept


@method(
    "residual-field",
    ResidualRecipe,
    kinds=("ptychography", "coded_ptychography", "led_array"),
    presets={"published": PUBLISHED, "raster": RASTER, "quick": {"epochs": 10, "finish_epochs": 3}},
)
def residual_field(acquisition: Ptychography | CodedPtychography | LedArray, recipe: ResidualRecipe) -> Iterator[Event]:
    """Residual neural field: a prior plus a network, with what the experiment has wrong learnt alongside.

    `acquisition`: a scan or an LED array; `recipe`: prior, network, and what is learnt alongside.
    """
    refuse_others(acquisition, recipe)
    if recipe.field != "residual":
        return _of_any_field(acquisition, recipe)
    return residual_of_leds(acquisition, recipe) if isinstance(acquisition, LedArray) else of_scan(acquisition, recipe)


def _of_any_field(acquisition: Ptychography | CodedPtychography | LedArray, recipe: ResidualRecipe) -> Iterator[Event]:
    """Another type of field than ours, fitted from an empty sample."""
    result = yield from fitted(
        acquisition, recipe, recipe.field, z_um=recipe.z_um, passes=recipe.epochs, rate=recipe.rate,
        hold_out=recipe.hold_out,
    )  # fmt: skip
    yield Done(result)


def of_scan(acquisition: Ptychography | CodedPtychography, recipe: ResidualRecipe) -> Iterator[Event]:
    """Of a ptychographic or coded scan: with probe, positions, distances and light learnt alongside.

    `acquisition` is reconstructed as `recipe` says.
    """
    started = time.process_time()
    problem = problem_of((yield from turned(acquisition, recipe)), recipe)
    problem = with_lengths_from_mean_frame(problem, recipe)
    problem, state = yield from starting_state(problem, recipe)
    yield from residual_of(problem, state, recipe, started)


def residual_of(problem: Problem, state: ScanState, recipe: ResidualRecipe, started: float) -> Iterator[Event]:
    """From the prior to `Done`.

    Parameters
    ----------
    problem, state : the scan, and its object array, probe and positions at the start.
    recipe : what the user chose.
    started : CPU seconds of this process when it began.
    """
    learn = learns(problem, recipe)
    if recipe.correct_positions is None and surface_known(problem):
        learn += ["positions"] if (yield from _wrong_positions(problem, state, recipe.seed)) else []
    measurement = ScanMeasurement(problem, state, [name for name in learn if name != "probe-field"])
    probes = _probe_fields(measurement, recipe) if "probe-field" in learn else []
    field = ResidualField(extent=measurement.extent, **network_options(recipe))
    field.start(compute.seed(recipe.seed))
    field.to(problem.device)
    if recipe.prior == "none":
        field.start_alone(compute.seed(recipe.seed))
    else:
        field.set_prior(prior_of(problem, state, recipe) / measurement.unit)
    few = roots_mislead(problem.measured.amplitude, problem.measured.good)
    known = problem.scan.geometry == "far_field" and not problem.solve_probe
    loss = loss_of(recipe, problem.scan.wavelength_um, few, known)
    if loss == "poisson" and recipe.loss == "auto":
        yield Note(FEW)
        measurement.compare_counts()
    fit = ResidualFit(field, measurement, recipe, probes, loss=loss)
    yield from _improved(fit, measurement, problem, learn)
    problem, state = measurement.finished(field.at_pixels().detach())
    if len(state.probe) > 1:
        yield Note(shares_told(state.probe))
    figures = {}
    for name, told in (("to_detector_um", recipe.learn_distance), ("wavelength_um", recipe.learn_wavelength)):
        if told:
            figures[name] = getattr(problem.scan, name)
    seconds = time.process_time() - started
    yield Done(
        result_of(problem, state, recipe, seconds, field=field, figures=figures, calibration=measurement.calibration())
    )


def _wrong_positions(problem: Problem, state: ScanState, seed: int) -> Generator[Event, None, bool]:
    """`wrong_positions` of these arguments, asked once."""

    def asked() -> Generator[Event, None, tuple[bool, torch.Tensor]]:
        wrong = yield from wrong_positions(problem, state, seed)
        return wrong, state.position

    wrong, position = yield from checkpoint.once_from("wrong positions", asked())
    state.position.copy_(position)
    return wrong


def _improved(fit: ResidualFit, measurement: ScanMeasurement, problem: Problem, learn: list[str]) -> Iterator[Event]:
    """The network, then pixels; back to the prior where frames left out are predicted no better.

    A probe that is a network has no start to go back to, and what is published does not look back.

    Parameters
    ----------
    fit : of the object.
    measurement, problem : the scan.
    learn : what is learnt beside the object.
    """
    field = fit.field
    prior, start = field.prior.clone(), fit.misfit(measurement.held)
    yield from fit.network()
    state = measurement.finished(field.at_pixels().detach())[1]
    counted = learn == ["probe"] and _counts(problem, state, fit)
    yield from fit.together(state.probe.detach()) if counted else fit.pixels()
    if fit.recipe.prior == "none" or fit.recipe.probe_field or fit.misfit(measurement.held) <= start:
        return
    for value in measurement.learnt.values():
        value.detach().zero_()
    field.start(compute.seed(fit.recipe.seed))
    field.set_prior(prior)
    yield Note("the network predicts the frames left out no better than its prior: the prior is kept")


def _counts(problem: Problem, state: ScanState, fit: ResidualFit) -> bool:
    """Whether `state` leaves little more of far-field frames than the noise of counting.

    `problem` is what `state` explains; `fit` may have another loss, or no pixels to finish.
    """
    wanted = problem.scan.geometry == "far_field" and fit.loss == "amplitude" and fit.finish_epochs != 0
    return wanted and problem.error(state) < NOISY * noise_of(problem)


def _probe_fields(measurement: ScanMeasurement, recipe: ResidualRecipe) -> list[ResidualField]:
    """A neural field for each mode of the probe, which the measurement asks from now on."""
    scan, fields = measurement.scan, []
    whole = Extent((0.0, 0.0), scan.window, scan.pixel_um)
    for mode in measurement.start.probe:
        field = ResidualField(extent=whole, **network_options(recipe)).to(scan.device)
        field.set_prior(mode / measurement.probe_rms)
        fields.append(field)
    measurement.probe_source = lambda: torch.stack([field.at_pixels() for field in fields])
    return fields


def surface_known(problem: Problem) -> bool:
    """Whether this is a coded scan whose surface is given."""
    return problem.scan.geometry == "coded" and not problem.solve_probe


def with_lengths_from_mean_frame(problem: Problem, recipe: ResidualRecipe) -> Problem:
    """The `problem` with distance or wavelength, where `recipe` has them learnt, as a known surface's shadow tells."""
    if surface_known(problem):
        wanted = (("to_detector_um", recipe.learn_distance), ("wavelength_um", recipe.learn_wavelength))
        for name in (name for name, asked in wanted if asked):
            state = first_state(problem, recipe.modes, recipe.seed_probe)
            problem = problem.with_geometry(**{name: from_mean_frame(problem, state, name)})
    return problem


def learns(problem: Problem, recipe: ResidualRecipe) -> list[str]:
    """What of a `problem` is learnt beside the object, as `recipe` says."""
    found = [name for name in ("distance", "wavelength", "gains", "background") if getattr(recipe, f"learn_{name}")]
    if recipe.correct_positions:
        found.append("positions")
    if recipe.surface_profile:
        found.append("profile")
    elif problem.solve_probe:
        found.append("probe-field" if recipe.probe_field else "probe")
    return found


def starting_state(problem: Problem, recipe: ResidualRecipe) -> Generator[Event, None, tuple[Problem, ScanState]]:
    """The `problem` with positions right as a whole, and its object array, probe and positions.

    They are those of the file, or those that passes of rPIE find where `recipe` asks. The problem also has what the
    start found: whether its probe is known, and a background.
    """
    problem, state = yield from placed(problem, recipe)
    problem = yield from with_background(problem, state, recipe.seed)
    return problem, (yield from classical_state(problem, state, recipe))


def classical_state(problem: Problem, state: ScanState, recipe: ResidualRecipe) -> Generator[Event, None, ScanState]:
    """What passes of rPIE make of `state`, where `recipe` asks for them on this `problem`; else `state`."""
    classical = recipe.prior == "classical" or (recipe.prior == "auto" and not surface_known(problem))
    if not classical:
        return state
    shared = {name: getattr(recipe, name) for name in ScanRecipe.model_fields if name != "method"}
    passes = RpieRecipe(**shared)
    engine = Sequential(problem, state, object_alpha=passes.object_alpha)
    yield from solve_scan(problem, passes, engine)
    problem, state = engine.waves.problem, engine.waves.state()
    if recipe.prior == "auto" and problem.scan.geometry == "far_field":
        light = engine.waves.illumination(problem.train.tolist())
        if _spots_per_pixel(light, state.probe, len(problem.train)) < SPARSE_SCAN:  # of each part one noisy frame tells
            state.object_array = state.object_array.abs().square().mean().sqrt() * torch.ones_like(state.object_array)
    return state


def _spots_per_pixel(light: torch.Tensor, probe: torch.Tensor, frames: int) -> float:
    """Frames that light a lit pixel of the object, about; 1 where spots lie side by side.

    Parameters
    ----------
    light : of all frames together on the object array (y, x).
    probe : (mode, y, x).
    frames : how many there are.
    """
    spot = probe.abs().square().sum(0)
    return float(frames * _lit(spot) / _lit(light))


def _lit(light: torch.Tensor) -> torch.Tensor:
    """Pixels of an even light as wide as `light` (y, x)."""
    return light.sum() ** 2 / light.square().sum().clamp(min=1e-30)


def prior_of(problem: Problem, state: ScanState, recipe: ResidualRecipe) -> torch.Tensor:
    """The image (y, x) that the network adds to.

    Parameters
    ----------
    problem, state : the scan, and its object array, probe and positions at the start.
    recipe : which prior is wanted.
    """
    shape = problem.scan.object_shape
    if recipe.prior == "file":
        image = image_from_file(recipe.prior_file, shape, problem.scan.rim).to(problem.device)
        return image * (state.object_array.abs().square().mean() / image.abs().square().mean().clamp(min=1e-20)).sqrt()
    if recipe.prior == "back-propagation" and problem.scan.geometry != "far_field":
        state = ScanState(_back_propagated(problem, state), state.probe, state.position)
    return object_of(state, problem.scan)


@torch.no_grad()
def _back_propagated(problem: Problem, state: ScanState, at_once: int = 8) -> torch.Tensor:
    """Object array (y, x): the mean of all frames' amplitudes, carried back with flat phase; near field and coded."""
    scan, probe = problem.scan, state.probe[0]
    total = torch.zeros(scan.object_shape, dtype=COMPLEX, device=problem.device)
    light = torch.zeros_like(total)
    for part in problem.train.split(at_once):
        amplitude = widened(narrowed(problem.measured.amplitude[part], scan.pad), scan.pad)
        wave = from_detector(spread(amplitude, scan.binning).to(COMPLEX), problem.kernel)
        place = state.position[part]
        total = add_windows(total, wave * probe.conj(), scan, place)
        light = add_windows(light, (probe * probe.conj()).expand_as(wave), scan, place)
    bright = light.real.clamp(min=0)
    level = 0.05 * bright.max()
    return torch.where(bright > level, total / bright.clamp(min=level), state.object_array)
