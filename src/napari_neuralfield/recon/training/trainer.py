"""Supervised training of any network on patches that come without end.

Adam with a rise and a cosine, the weights that are kept being a running mean; or plain Adam. A training can be stopped
and resumed at any step. What is trained, on what and how it is judged is a `Task`.
"""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from torch import nn

from ... import __version__, compute
from ...networks.pretrained import Weights
from ...optics.grids import spread
from ...types import Event, InputError, Note, Progress
from ..engine import checkpoint
from ..engine.readings import LateNumbers
from .material import Material, Pair
from .recipe import TrainRecipe
from .source import PlainSource, resumable
from .step_size import StepSize

MEAN_OVER = 500  # steps of the running mean of the weights
STATISTICS = 256  # patches the header's statistics are made of
R = TypeVar("R", bound=TrainRecipe)
Batch = tuple[torch.Tensor, torch.Tensor]  # channels (n, channel, y, x) and phases (n, Y, X), rad


@dataclasses.dataclass(frozen=True)
class Validation:
    """A look at scenes that are never trained on.

    Parameters
    ----------
    error_rad : mean over scenes of the rms error without its mean.
    correlation : mean over scenes of the correlation with the truth.
    pictures : (scene, 3, y, x) of the first channel, answer and truth on the truth's grid, for a few scenes.
    """

    steps: int
    seconds: float
    error_rad: float
    correlation: float
    pictures: np.ndarray


@dataclasses.dataclass(frozen=True)
class Trained:
    """Weights as they are now; at the end `finished`. What resuming needs is in them."""

    weights: Weights
    finished: bool


Stream = Iterator[Event | Validation | Trained]


class Task(Protocol):
    """What is trained, on what, and how its answer is judged."""

    @property
    def name(self) -> str:
        """Of the network."""

    @property
    def channels(self) -> Sequence[str]:
        """Names of what it is shown."""

    @property
    def optics(self) -> Mapping[str, object]:
        """JSON-ready, for the header."""

    @property
    def kept(self) -> tuple[list[Pair], list[Pair]]:
        """Measured pairs that are trained on, and those that are not."""

    def network(self) -> Any:
        """A new network, whose `sizes` build an equal one."""

    def source(self, seed: int) -> PlainSource:
        """What is trained on; a `Source` where it can tell its state, which makes going on faster."""

    def aside(self) -> Batch:
        """Patches that are never trained on."""

    def own_parameters(self, seed: int) -> list[dict[str, object]]:
        """Parameters besides the network's, as groups of the optimiser."""

    def loss(
        self, network: nn.Module, channels: torch.Tensor, phase: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What is made small, and the mean absolute error, rad, both left on the device.

        Parameters
        ----------
        network : in training.
        channels, phase : a batch (n, channel, y, x) and (n, Y, X), rad.
        generator : of random numbers.
        """

    def answer(self, network: nn.Module, channels: torch.Tensor) -> torch.Tensor:
        """What `network` says of `channels` (n, channel, y, x) on the grid of the truth (n, output, Y, X)."""

    def header(self, channels: torch.Tensor) -> Mapping[str, object]:
        """What else the weights' header tells of the training's channels (n, channel, y, x)."""


class Trainer:
    """Network, optimiser and running mean; resumed from weights that hold 'training.' tensors.

    Parameters
    ----------
    task : made of recipe, material and device.
    start : weights to go on from, or to fine-tune where they hold nothing of a training.
    """

    def __init__(self, task: Task, recipe: TrainRecipe, start: Weights | None, device: torch.device) -> None:
        self.task, self.recipe, self.device = task, recipe, device
        torch.manual_seed(recipe.seed)
        self.network = task.network() if start is None else start.network()
        self.steps, self.seconds = 0, 0.0
        if start is not None:
            self.steps = int(start.header["steps"]) if "training.count" in start.tensors else 0
            self.seconds = float(start.header["seconds"]) if self.steps else 0.0
        self.network.to(memory_format=torch.channels_last)
        self.network.to(self.device)
        self.network.train().requires_grad_(True)
        self.mean = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate, fused=True)
        self.schedule = StepSize(recipe.schedule)
        if self.steps and start is not None:
            self._resume(start)
        self.history = _history(start)
        self.stream = resumable(task.source, recipe.seed + 1000 * self.steps)
        for group in task.own_parameters(recipe.seed + self.steps):
            self.optimiser.add_param_group(group)
        self._generator = compute.seed(recipe.seed + 1000 * self.steps)
        self._aside: Batch | None = None

    @property
    def done(self) -> float:
        """Share of the training that is over, 0 to 1."""
        if self.recipe.steps is not None:
            return min(1.0, self.steps / self.recipe.steps)
        return min(1.0, self.seconds / (60 * self.recipe.minutes))

    def step(self) -> torch.Tensor:
        """One step of Adam; the mean absolute error, rad, left on the device."""
        began = time.monotonic()
        rate = self.schedule.rate(self.steps, self.done)
        self.optimiser.param_groups[0]["lr"] = self.recipe.learning_rate * rate
        channels, phase = (t.to(self.device) for t in self.stream.batch(self.recipe.batch))
        loss, error = self.task.loss(
            self.network, channels.to(memory_format=torch.channels_last), phase, self._generator
        )
        self.optimiser.zero_grad()
        loss.backward()
        if not self.schedule.plain:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.steps += 1
        keep = 0.0 if self.schedule.plain else min(1 - 1 / MEAN_OVER, self.steps / (self.steps + 10))
        with torch.no_grad():
            for mean, now in zip(self.mean.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(now, 1 - keep)
            for mean, now in zip(self.mean.buffers(), self.network.buffers(), strict=True):
                mean.copy_(now)
        if self.recipe.schedule == "plateau" and self.steps % self.recipe.EPOCH == 0:
            self.schedule.looked(self.validate().error_rad)
        self.seconds += time.monotonic() - began
        return error

    @torch.no_grad()
    def validate(self) -> Validation:
        """The running mean of the weights on scenes kept aside."""
        if self._aside is None:
            self._aside = self.task.aside()
        rows: list[tuple[float, float]] = []
        pictures: list[np.ndarray] = []
        for channels, truth in zip(*self._aside, strict=True):
            shown = channels[None].to(self.device, memory_format=torch.channels_last)
            answer = self.task.answer(self.mean, shown)[0, 0].float().cpu()
            both = torch.stack([answer.flatten(), truth.flatten()])
            rows.append((float((answer - truth).std()), float(torch.corrcoef(both)[0, 1])))
            if len(pictures) < 4:
                first = spread(channels[0], truth.shape[-1] // channels.shape[-1])
                pictures.append(torch.stack([first, answer - answer.mean(), truth - truth.mean()]).numpy())
        error_rad, correlation = np.mean(rows, axis=0)
        return Validation(self.steps, self.seconds, float(error_rad), float(correlation), np.stack(pictures))

    def weights(self, resumable: bool) -> Weights:
        """The running mean of the weights, and where `resumable` what going on needs."""
        tensors = {name: _copied(value) for name, value in self.mean.state_dict().items()}
        if resumable:
            for name, value in self.network.named_parameters():
                tensors[f"training.now.{name}"] = _copied(value)
                state = self.optimiser.state.get(value, {})
                for moment in ("exp_avg", "exp_avg_sq"):
                    if moment in state:
                        tensors[f"training.{moment}.{name}"] = _copied(state[moment])
            tensors["training.count"] = torch.tensor(float(self.steps))
            tensors["training.schedule"] = torch.tensor(self.schedule.state())
        batches, more = 8 if resumable else -(-STATISTICS // 8), self.stream.apart()
        channels = torch.cat([more.batch(self.recipe.batch)[0] for _ in range(batches)])
        header = {
            "network": self.task.name, "sizes": self.network.sizes, "optics": self.task.optics,
            "channels": list(self.task.channels), "recipe": self.recipe.model_dump(), "steps": self.steps,
            "seconds": self.seconds, "statistics": _statistics(self.task.channels, channels),
            "package_version": __version__, "history": self.history, **self.task.header(channels),
        }  # fmt: skip
        if not resumable:
            del header["seconds"]  # equal trainings end in equal files
        return Weights(tensors, header)

    def state(self) -> dict[str, object]:
        """All that the next step depends on."""
        return {
            "steps": self.steps, "seconds": self.seconds, "network": dict(self.network.state_dict()),
            "own": [value.detach() for value in self._own()], "mean": dict(self.mean.state_dict()),
            "optimiser": self.optimiser.state_dict(), "stream": self.stream.state(),
            "generator": self._generator.get_state(), "schedule": self.schedule.state(),
        }  # fmt: skip

    def take_up(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.steps, self.seconds = state["steps"], state["seconds"]
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["mean"])
        for value, kept in zip(self._own(), state["own"], strict=True):
            value.data.copy_(kept)
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.take_up(state["schedule"])
        self.stream.take_up(state["stream"])
        self._generator.set_state(state["generator"])

    def _own(self) -> list[torch.Tensor]:
        """Parameters besides the network's."""
        return [value for group in self.optimiser.param_groups[1:] for value in group["params"]]

    def _resume(self, start: Weights) -> None:
        if "training.schedule" in start.tensors:
            self.schedule.take_up(start.tensors["training.schedule"].tolist())
        for name, value in self.network.named_parameters():
            value.data.copy_(start.tensors[f"training.now.{name}"])
            self.optimiser.state[value] = {
                "step": torch.tensor(float(self.steps), device=self.device),
                **{
                    m: torch.zeros_like(value).copy_(start.tensors[f"training.{m}.{name}"])  # laid out as the weights
                    for m in ("exp_avg", "exp_avg_sq")
                },
            }


def _copied(value: torch.Tensor) -> torch.Tensor:
    return value.detach().cpu().contiguous().clone()


def _statistics(names: Sequence[str], channels: torch.Tensor) -> dict[str, list[float]]:
    """What channels (n, channel, y, x) are like: percentiles 1, 50 and 99 of each one's deviation and mean."""
    found = {}
    for number, name in enumerate(names):
        for what, values in (("std", channels[:, number].std((1, 2))), ("mean", channels[:, number].mean((1, 2)))):
            found[f"{name} {what}"] = [round(float(v), 5) for v in np.percentile(values, [1, 50, 99])]
    return found


def _history(start: Weights | None) -> list[dict[str, object]]:
    """The trainings that weights have behind them, the first one first."""
    if start is None:
        return []
    before = list(start.header.get("history", []))
    if "training.count" in start.tensors:
        return before
    return [*before, {name: start.header.get(name) for name in ("recipe", "steps")}]


def run_training(
    task_of: Callable[[R, Material, torch.device], Task],
    recipe: R,
    start: Weights | None,
    material: Material,
    stopped: Callable[[], bool],
) -> Stream:
    """Train; yields progress, validations with pictures, and weights: resumable ones at every validation, and the last.

    Parameters
    ----------
    task_of : recipe, material and device -> what is trained.
    recipe : of the training.
    start : a half-finished training to resume, or finished weights to go on from.
    material : what else there is to train on.
    stopped : asked after every step; where it says yes, resumable weights are the last event.
    """
    device = compute.device(recipe.device)
    task = task_of(recipe, material, device)
    trainer = Trainer(task, recipe, start, device)
    if task.kept[0]:
        yield Note(f"measured pairs: {len(task.kept[0])} to train on, {len(task.kept[1])} kept aside")
    due, error, late = trainer.seconds + recipe.validate_every_s, float("nan"), LateNumbers()
    loop = checkpoint.loop("training")
    if loop.found is not None:
        trainer.take_up(loop.found["trainer"])
        due, error = loop.found["due"], loop.found["error"]

    def reached() -> dict[str, object]:
        return {"trainer": trainer.state(), "due": due, "error": error}

    while trainer.done < 1:
        for (now,) in late.take(trainer.step(), now=trainer.done >= 1):
            if not np.isfinite(now):
                raise InputError(
                    f"the training has run away at step {trainer.steps} (its error is {now}); lower learning_rate, "
                    f"which is {recipe.learning_rate:g}, and begin from weights of before"
                )
            error = now if error != error else 0.98 * error + 0.02 * now
        total = recipe.steps or max(trainer.steps + 1, round(trainer.steps / max(trainer.done, 1e-6)))
        yield Progress(trainer.steps, total, error, "steps, mean error in rad")
        if stopped():
            yield Trained(trainer.weights(resumable=True), False)
            loop.reached(reached)
            return
        loop.reached(reached)
        if trainer.seconds >= due:
            yield trainer.validate()
            if trainer.done >= 1:
                break
            yield Trained(trainer.weights(resumable=True), False)
            due = trainer.seconds + recipe.validate_every_s
    else:
        yield trainer.validate()
    yield Trained(trainer.weights(resumable=False), True)
