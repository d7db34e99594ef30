"""The fit of a residual neural field: the network, with what the experiment has wrong; then single pixels.

The network starts at nothing, so that the prior is the first answer; wavelets keep it sparse.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from ... import compute
from ...compute import COMPLEX
from ...fields.residual import ResidualField
from ...forward.scan import Measured
from ...types import Event, InputError, Note, Preview, Progress
from ..engine.adam import Adam, warm_cosine
from ..engine.losses import LOSSES
from ..engine.preview_pace import PreviewPace
from ..engine.sparsity import haar_l1
from .recipe import ResidualRecipe

SHAPED = 0.1  # share of the epochs after which the network tells of the experiment


class Experiment(Protocol):
    """Frames of an experiment, and what is learnt of it.

    Attributes
    ----------
    measured : amplitudes (frame, y, x) of counts of about 1. train, held : frames used, and left out to be predicted.
    learnt : name -> parameter. fields : networks beside the object's. batch : frames that suit a step.
    sparsity, rate : weight of the wavelets, and step of the network, that suit the frames.
    """

    batch: int
    sparsity: float
    rate: float

    measured: Measured
    train: torch.Tensor
    held: torch.Tensor
    learnt: dict[str, torch.Tensor]
    fields: list[ResidualField]

    def step_of(self, name: str) -> float:
        """Step of a learnt parameter, in its own unit."""
        ...

    def predict(self, image: torch.Tensor, frames: torch.Tensor) -> torch.Tensor:
        """Counts (frame, y, x) that an object (y, x) gives, differentiable."""
        ...


def image_from_file(path: str | None, shape: tuple[int, int], rim: int = 0) -> torch.Tensor:
    """A complex image (y, x) of `shape`; one without its `rim` gets one.

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
    if image.shape == (shape[0] - 2 * rim, shape[1] - 2 * rim):
        image = np.pad(image, rim, mode="edge")
    if image.shape != shape:
        raise InputError(
            f"{path}: the prior has shape {image.shape}; it must be {shape}, the object's grid, or (1, *{shape})"
        )
    return torch.as_tensor(image, dtype=COMPLEX)


class Fit:
    """Improves a field and its experiment in place; every generator yields progress and previews."""

    def __init__(self, field: ResidualField, experiment: Experiment, recipe: ResidualRecipe) -> None:
        self.field, self.experiment, self.recipe = field, experiment, recipe
        self.loss = LOSSES[recipe.loss]
        self._order, self._roll = compute.seed(recipe.seed), compute.seed(recipe.seed + 1)
        count = len(experiment.train)
        self.epochs = recipe.epochs or int(np.clip(2000 // count, 10, 60))
        usual = int(np.clip(600 // count, 5, 30))
        self.finish_epochs = usual if recipe.finish_epochs is None else recipe.finish_epochs
        self.total = (self.epochs + self.finish_epochs) * count
        self.sparsity = experiment.sparsity if recipe.sparsity is None else recipe.sparsity
        self.rate = experiment.rate if recipe.rate is None else recipe.rate
        self.done, self.batch = 0, recipe.batch or experiment.batch
        self.pace = PreviewPace(lambda: Preview(self._snapshot(), 0.0))

    def _snapshot(self) -> ResidualField:
        return copy.deepcopy(self.field)

    def network(self) -> Iterator[Event]:
        """Epochs of the network and of what is learnt of the experiment."""
        networks = [self.field, *self.experiment.fields]
        weights = [p for network in networks for p in network.parameters()]
        yield from self._epochs(self.epochs, weights, self.rate, self.field.at_pixels, "network", SHAPED)

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
        if self.sparsity:
            wavelets = haar_l1(now, self.recipe.wavelet_levels, self.recipe.wavelet_shift, self._roll)
            loss = loss + self.sparsity * wavelets / now.numel()
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
