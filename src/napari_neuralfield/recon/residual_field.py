"""Residual neural fields: object = prior + network, fitted to the frames together with what the experiment has wrong.

Zhao, Hong, ..., Maiden, Zheng: one differentiable model for far-field, near-field and coded ptychography. The network
starts at nothing, so that the prior is the first answer; wavelets keep it sparse; pixels may finish what it leaves.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from .. import compute
from ..compute import COMPLEX
from ..data.acquisition import CodedPtychography, Ptychography
from ..fields.residual import ResidualField
from ..types import Done, Event, InputError, Note, Preview, Progress
from .adam import Adam, warm_cosine
from .least_squares import Batches, LeastSquaresRecipe
from .losses import LOSSES, LossName
from .pace import PreviewPace
from .recipe import method, option
from .scan_experiment import ScanExperiment, back_propagated
from .scan_passes import solve_scan
from .scan_recipe import ScanRecipe
from .scan_setup import Problem, ScanState, first_state, object_of, problem_of, result_of
from .sparsity import haar_l1

Prior = Literal["auto", "flat", "back-propagation", "classical", "file"]
SHAPED = 0.1  # share of the epochs after which the network tells of the experiment


class ResidualRecipe(ScanRecipe):
    """Options of `residual-field`."""

    method: str = "residual-field"
    prior: Prior = option(
        "auto", "what the network adds to; auto: flat where the coded surface is known, else a classical answer"
    )
    prior_file: str | None = option(None, "image of the whole object (.npy, complex), as render writes it")
    epochs: int | None = option(None, "passes over all frames; empty: 10 to 60, fewer for many frames", ge=1, le=100000)
    finish_epochs: int | None = option(
        None,
        "passes in which single pixels finish what the network leaves; empty: 5 to 30, fewer for many frames",
        ge=0,
        le=100000,
    )
    sparsity: float = option(4e-3, "weight of the object's wavelets, against a misfit of mean counts 1", ge=0)
    loss: LossName = option("amplitude", "how counts are compared")
    probe_field: bool = option(False, "a network for the probe or coded surface too, instead of its pixels")
    surface_profile: bool = option(False, "of a given coded surface learn only how deep its modulus and phase are")
    learn_distance: bool = option(False, "learn the distance to the detector")
    learn_wavelength: bool = option(False, "learn the wavelength")
    learn_gains: bool = option(False, "learn the brightness of each frame")
    learn_background: bool = option(False, "learn the ambient light of each frame")
    encoding: Literal["hash", "multigrid"] = option("multigrid", "grids of the pyramid: dense, or sharing a table")
    head: Literal["linear", "relu", "phasor"] = option("linear", "network behind the pyramid")
    levels: int = option(16, "levels of the pyramid at most", ge=1, le=24, advanced=True)
    features: int = option(2, "features per level", ge=1, le=16, advanced=True)
    table_log2: int = option(19, "entries of the hash table, as a power of 2", ge=8, le=24, advanced=True)
    base: int = option(16, "cells of the coarsest level", ge=1, le=1024, advanced=True)
    scale: float = option(1.5, "factor from level to level", gt=1, le=4, advanced=True)
    cap: bool = option(True, "no level finer than the pixels", advanced=True)
    hidden: int = option(64, "neurons of the hidden layer", ge=1, le=1024, advanced=True)
    rate: float = option(1e-2, "step of the network", gt=0, le=1, advanced=True)
    decay: bool = option(True, "steps start small and fade", advanced=True)
    weight_decay: float = option(0.0, "decoupled weight decay", ge=0, lt=1, advanced=True)
    wavelet_levels: int = option(1, "levels of the wavelets", ge=1, le=8, advanced=True)
    batch: int = option(4, "frames in a step", ge=1, le=4096, advanced=True)
    patience: int = option(
        8, "epochs without a better prediction of held-out frames before it stops", ge=1, advanced=True
    )


PUBLISHED = {
    "encoding": "hash", "head": "phasor", "cap": False, "rate": 1e-3, "decay": False, "weight_decay": 1e-5,
    "loss": "smooth-l1", "sparsity": 0.1, "batch": 1, "epochs": 200, "finish_epochs": 0, "prior": "back-propagation",
}  # fmt: skip


@method(
    "residual-field",
    ResidualRecipe,
    kinds=("ptychography", "coded_ptychography"),
    presets={"published": PUBLISHED, "quick": {"epochs": 10, "finish_epochs": 3}},
)
def residual_field(acquisition: Ptychography | CodedPtychography, recipe: ResidualRecipe) -> Iterator[Event]:
    """Residual neural field: a prior plus a network, with probe, positions, distances and light learnt alongside."""
    started = time.process_time()
    problem = problem_of(acquisition, recipe)
    state = yield from starting_state(problem, recipe)
    experiment = ScanExperiment(problem, state, learns(problem, recipe), network_options(recipe))
    field = ResidualField(extent=experiment.extent, **network_options(recipe)).to(problem.device)
    field.start(compute.seed(recipe.seed))
    field.set_prior(prior_of(problem, state, recipe) / experiment.unit)
    fit = Fit(field, experiment, recipe)
    yield from fit.network()
    yield from fit.pixels()
    problem, state = experiment.finished(field.at_pixels().detach())
    figures = {}
    for name, told in (("to_detector_um", recipe.learn_distance), ("wavelength_um", recipe.learn_wavelength)):
        if told:
            figures[name] = getattr(problem.scan, name)
    seconds = time.process_time() - started
    yield Done(result_of(problem, state, recipe, seconds, field, figures, experiment.calibration()))


def network_options(recipe: ResidualRecipe) -> dict[str, Any]:
    """Keyword arguments of the field."""
    names = ("encoding", "head", "levels", "features", "base", "scale", "cap", "hidden")
    return {**{name: getattr(recipe, name) for name in names}, "table_size": 2**recipe.table_log2}


def learns(problem: Problem, recipe: ResidualRecipe) -> list[str]:
    """What is learnt beside the object."""
    found = [name for name in ("distance", "wavelength", "gains", "background") if getattr(recipe, f"learn_{name}")]
    if recipe.correct_positions:
        found.append("positions")
    if recipe.surface_profile:
        found.append("profile")
    elif problem.solve_probe:
        found.append("probe-field" if recipe.probe_field else "probe")
    return found


def starting_state(problem: Problem, recipe: ResidualRecipe) -> Generator[Event, None, ScanState]:
    """Canvas, probe and positions from the file, or from a few passes of least squares; yields their events."""
    state = first_state(problem, recipe)
    classical = recipe.prior == "classical" or (recipe.prior == "auto" and problem.solve_probe)
    if not classical:
        return state
    shared = {name: getattr(recipe, name) for name in ScanRecipe.model_fields if name != "method"}
    engine = Batches(problem, state, LeastSquaresRecipe(**shared))
    yield from solve_scan(problem, LeastSquaresRecipe(**shared), engine)
    return engine.waves.state()


def prior_of(problem: Problem, state: ScanState, recipe: ResidualRecipe) -> torch.Tensor:
    """The image (y, x) that the network adds to."""
    shape = problem.scan.canvas
    if recipe.prior == "file":
        image = image_from_file(recipe.prior_file, shape).to(problem.device)
        return image * (state.canvas.abs().square().mean() / image.abs().square().mean().clamp(min=1e-20)).sqrt()
    if recipe.prior == "back-propagation" and problem.scan.geometry != "far_field":
        state = ScanState(back_propagated(problem, state), state.probe, state.position)
    return object_of(state, problem.scan)


def image_from_file(path: str | None, shape: tuple[int, int]) -> torch.Tensor:
    """A complex image (y, x) of `shape`.

    Raises
    ------
    InputError : where there is no such file, or its image has another shape.
    """
    if path is None:
        raise InputError("option prior is 'file' but prior_file is empty; name a .npy file that render wrote")
    try:
        image = np.load(Path(path), allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise InputError(f"{path}: the prior cannot be read; it must be a .npy file, as render writes it") from None
    image = image[0] if image.ndim == 3 and len(image) == 1 else image
    if image.shape != shape:
        raise InputError(
            f"{path}: the prior has shape {image.shape}; it must be {shape}, the object's grid, or (1, *{shape})"
        )
    return torch.as_tensor(image, dtype=COMPLEX)


class Fit:
    """Improves a field and its experiment in place; every generator yields progress and previews."""

    def __init__(self, field: ResidualField, experiment: ScanExperiment, recipe: ResidualRecipe) -> None:
        self.field, self.experiment, self.recipe = field, experiment, recipe
        self.loss = LOSSES[recipe.loss]
        self._order, self._roll = compute.seed(recipe.seed), compute.seed(recipe.seed + 1)
        count = len(experiment.train)
        self.epochs = recipe.epochs or int(np.clip(2000 // count, 10, 60))
        usual = int(np.clip(600 // count, 5, 30))
        self.finish_epochs = usual if recipe.finish_epochs is None else recipe.finish_epochs
        self.total = (self.epochs + self.finish_epochs) * count
        self.done, self.batch = 0, recipe.batch
        self.pace = PreviewPace(lambda: Preview(self._snapshot(), 0.0))

    def _snapshot(self) -> ResidualField:
        return copy.deepcopy(self.field)

    def network(self) -> Iterator[Event]:
        """Epochs of the network and of what is learnt of the experiment."""
        networks = [self.field, *self.experiment.fields]
        weights = [p for network in networks for p in network.parameters()]
        yield from self._epochs(self.epochs, weights, self.recipe.rate, self.field.at_pixels, "network", SHAPED)

    def pixels(self) -> Iterator[Event]:
        """Epochs in which the prior's pixels move and the network rests."""
        if not self.finish_epochs:
            return
        with torch.no_grad():
            network, prior = self.field.network(), self.field.prior
        free = torch.view_as_real(prior.clone()).contiguous().requires_grad_()

        def image() -> torch.Tensor:
            now = torch.view_as_complex(free)
            self.field.prior = now.detach()
            return network + now

        yield from self._epochs(self.finish_epochs, [free], 2e-3, image, "pixels", 0.0)
        self.field.prior = torch.view_as_complex(free.detach())

    def _epochs(
        self,
        count: int,
        weights: Sequence[torch.Tensor],
        rate: float,
        image: Callable[[], torch.Tensor],
        what: str,
        wait: float,
    ) -> Iterator[Event]:
        """`count` epochs; the experiment is learnt after the share `wait` of them. Keeps the best held-out state."""
        learnt = self.experiment.learnt
        others = [(p, self.experiment.step_of(name)) for name, p in learnt.items()]
        optimizer = Adam(weights, rate, others=others, weight_decay=self.recipe.weight_decay)
        train, kept, idle, steps = self.experiment.train, _Kept(), 0, 0
        every = count * -(-len(train) // self.batch)
        for epoch in range(count):
            misfit = energy = 0.0
            order = torch.randperm(len(train), generator=self._order).to(train.device)
            for part in train[order].split(self.batch):
                fade = warm_cosine(steps, every) if self.recipe.decay else 1.0
                steps += 1
                seen, all_of = self._step(optimizer, part, image, rate * fade, float(epoch >= wait * count))
                misfit, energy = misfit + seen, energy + all_of
                self.done += len(part)
                yield Progress(min(self.done, self.total), self.total, (misfit / energy) ** 0.5, what)
                yield from self.pace.events()
            if len(self.experiment.held):
                idle = 0 if kept.better(self.held_error(image), [*weights, *learnt.values()]) else idle + 1
                if idle >= self.recipe.patience:
                    self.done += (count - epoch - 1) * len(train)
                    break
        if kept.restore([*weights, *learnt.values()]):
            yield Note(f"{what}: kept is the epoch that predicts the held-out frames best, error {kept.error:.4f}")
        image()

    def _step(
        self, optimizer: Adam, part: torch.Tensor, image: Callable[[], torch.Tensor], rate: float, others: float
    ) -> tuple[float, float]:
        """One step; squared misfit and counts of the frames `part`."""
        measured = self.experiment.measured
        now = image()
        counts = self.experiment.predict(now, part)
        amplitude = measured.amplitude[part]
        loss = self.loss(counts, amplitude, measured.good)
        if self.recipe.sparsity:
            wavelets = haar_l1(now, self.recipe.wavelet_levels, generator=self._roll)
            loss = loss + self.recipe.sparsity * wavelets / now.numel()
        optimizer.step(loss, rate, others)
        miss = torch.sqrt(counts.detach()) - amplitude
        miss = miss if measured.good is None else miss * measured.good
        return float(miss.square().sum()), float(amplitude.square().sum())

    @torch.no_grad()
    def held_error(self, image: Callable[[], torch.Tensor]) -> float:
        """Relative amplitude error of the held-out frames."""
        now, measured = image(), self.experiment.measured
        misfit = energy = 0.0
        for part in self.experiment.held.split(16):
            miss = torch.sqrt(self.experiment.predict(now, part)) - measured.amplitude[part]
            miss = miss if measured.good is None else miss * measured.good
            misfit += float(miss.square().sum())
            energy += float(measured.amplitude[part].square().sum())
        return (misfit / energy) ** 0.5


class _Kept:
    """The best state so far, by the error of held-out frames."""

    def __init__(self) -> None:
        self.error = np.inf
        self._values: list[torch.Tensor] = []

    def better(self, error: float, values: Sequence[torch.Tensor]) -> bool:
        if error < self.error:
            self.error, self._values = error, [v.detach().clone() for v in values]
            return True
        return False

    @torch.no_grad()
    def restore(self, values: Sequence[torch.Tensor]) -> bool:
        for value, kept in zip(values, self._values, strict=False):
            value.copy_(kept)
        return bool(self._values)
