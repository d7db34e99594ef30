"""Training of the network for five LED patterns, on scenes simulated as it goes.

L1 of the phase without its mean, which no image tells; beside it the log-likelihood of a Laplace distribution whose
scale the network gives, so that it says where it is unsure. Adam with a cosine; the weights that are kept are a
running mean. A training can be stopped and resumed at any step.
"""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from .. import __version__, compute
from ..networks.encoder import LocalConditionalNetwork
from ..networks.pretrained import Weights
from ..types import Event, InputError, Note, Progress
from .phase_inputs import CANONICAL, CHANNELS
from .self_supervision import FrameMisfit
from .train_recipe import TrainNeuPhRecipe
from .training_material import NOTHING, Material
from .training_source import aside_of, check, source_of, split
from .trust import statistics

SMALL: dict[str, Any] = {
    "groups": ((0, 1, 2, 3, 4, 5, 6),), "channels": 64, "blocks": 10, "dilations": (1, 1, 2, 2, 4, 4, 2, 2, 1, 1),
    "width": 64, "depth": 3, "cell": False, "outputs": 2,
}  # fmt: skip
PUBLISHED: dict[str, Any] = {
    "groups": ((0, 1), (2, 3, 4, 6), (5,)), "channels": 128, "blocks": 32, "width": 256, "depth": 5, "outputs": 2,
}  # fmt: skip
WARM_UP = 200  # steps
MEAN_OVER = 500  # steps of the running mean of the weights
SCALE_WEIGHT = 0.12
LOG_SCALE = (-4.0, 8.0)  # the logarithm of the scale, rad, is held between these
MICROSCOPE_RATE = 0.01  # of Adam, for the ratio and the aberrations of measured frames
STATISTICS = 256  # patches the header's statistics are made of


@dataclasses.dataclass(frozen=True)
class Validation:
    """A look at scenes that are never trained on.

    Parameters
    ----------
    error_rad : mean over scenes of the rms error without its mean.
    correlation : mean over scenes of the correlation with the truth.
    pictures : (scene, 3, y, x) of bright-field channel, answer and truth on the truth's grid, for a few scenes.
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


class Trainer:
    """Network, optimiser and running mean; resumed from weights that hold 'training.' tensors.

    Parameters
    ----------
    start : weights to go on from, or to fine-tune where they hold nothing of a training.
    material : what else there is to train on.

    Raises
    ------
    InputError : where the material cannot be used.
    """

    def __init__(self, recipe: TrainNeuPhRecipe, start: Weights | None = None, material: Material = NOTHING) -> None:
        check(recipe, material)
        self.recipe, self.device = recipe, compute.device(recipe.device)
        torch.manual_seed(recipe.seed)
        self.network = LocalConditionalNetwork(**sizes(recipe)) if start is None else start.network()
        self.steps, self.seconds = 0, 0.0
        if start is not None:
            self.steps = int(start.header["steps"]) if "training.count" in start.tensors else 0
            self.seconds = float(start.header["seconds"]) if self.steps else 0.0
        self.network.to(self.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network.train().requires_grad_(True)
        self.mean = copy.deepcopy(self.network).eval().requires_grad_(False)
        self.optimiser = torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate, fused=True)
        if self.steps and start is not None:
            self._resume(start)
        self.material, self.history = material, _history(start)
        self.stream = source_of(recipe, material, recipe.seed + 1000 * self.steps)
        self.misfit = None
        if material.frames is not None:
            self.misfit = FrameMisfit(material.frames, recipe.patch_px, recipe.seed + self.steps, self.device)
            own = {"params": list(self.misfit.parameters()), "lr": MICROSCOPE_RATE}
            self.optimiser.add_param_group(own)
        self._generator = compute.seed(recipe.seed + 1000 * self.steps)
        self._aside: tuple[torch.Tensor, torch.Tensor] | None = None

    @property
    def done(self) -> float:
        """Share of the training that is over, 0 to 1."""
        if self.recipe.steps is not None:
            return min(1.0, self.steps / self.recipe.steps)
        return min(1.0, self.seconds / (60 * self.recipe.minutes))

    def step(self) -> float:
        """One step of Adam; the mean absolute error, rad."""
        began = time.monotonic()
        rate = min(1.0, (self.steps + 1) / WARM_UP) * 0.5 * (1 + np.cos(np.pi * self.done)) + 1e-3
        self.optimiser.param_groups[0]["lr"] = self.recipe.learning_rate * rate
        channels, phase = (t.to(self.device) for t in self.stream.batch(self.recipe.batch))
        loss, error = self._loss(channels.to(memory_format=torch.channels_last), phase)
        if self.misfit is not None:
            loss = loss + self.recipe.frames_weight * self.misfit(self.network)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimiser.step()
        self.steps += 1
        keep = min(1 - 1 / MEAN_OVER, self.steps / (self.steps + 10))
        with torch.no_grad():
            for mean, now in zip(self.mean.parameters(), self.network.parameters(), strict=True):
                mean.lerp_(now, 1 - keep)
        self.seconds += time.monotonic() - began
        return error

    def _loss(self, channels: torch.Tensor, phase: torch.Tensor) -> tuple[torch.Tensor, float]:
        """L1 at one random point per frame pixel; every row and every column has its own offset."""
        factor, side = CANONICAL.upsampling, self.recipe.patch_px
        y, x = (torch.arange(side) * factor + torch.randint(0, factor, (side,), generator=self._generator)
                for _ in range(2))  # fmt: skip
        truth = phase[:, y.to(self.device)[:, None], x.to(self.device)]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.half_precision):
            encoded = self.network.encode(channels)
            answer = self.network.on_grid(encoded, (y / factor).to(self.device), (x / factor).to(self.device))
        error = answer[:, 0] - truth
        error = (error - error.mean((1, 2), keepdim=True)).abs()
        contrast = truth.std((1, 2), keepdim=True) + 0.2
        loss = (error / contrast.sqrt()).mean()
        if answer.shape[1] > 1:
            log_scale = answer[:, 1].clamp(*LOG_SCALE)
            counted = error if self.recipe.weigh_by_scale else error.detach()
            loss = loss + SCALE_WEIGHT * (counted * torch.exp(-log_scale) + log_scale).mean()
        return loss, float(error.detach().mean())

    @torch.no_grad()
    def validate(self) -> Validation:
        """The running mean of the weights on scenes kept aside."""
        if self._aside is None:
            self._aside = aside_of(self.recipe, self.material)
        factor, rows = CANONICAL.upsampling, []
        pictures: list[np.ndarray] = []
        axis = torch.arange(self.recipe.patch_px * factor) / factor
        for channels, truth in zip(*self._aside, strict=True):
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.half_precision):
                encoded = self.mean.encode(channels[None].to(self.device, memory_format=torch.channels_last))
                answer = self.mean.on_grid(encoded, axis.to(self.device), axis.to(self.device))[0, 0].cpu()
            error = answer - truth
            both = torch.stack([answer.flatten(), truth.flatten()])
            rows.append((float(error.std()), float(torch.corrcoef(both)[0, 1])))
            if len(pictures) < 4:
                bright = channels[0].repeat_interleave(factor, 0).repeat_interleave(factor, 1)
                pictures.append(torch.stack([bright, answer - answer.mean(), truth - truth.mean()]).numpy())
        error_rad, correlation = np.mean(rows, axis=0)
        return Validation(self.steps, self.seconds, float(error_rad), float(correlation), np.stack(pictures))

    def weights(self, resumable: bool) -> Weights:
        """The running mean of the weights, and where `resumable` what going on needs."""
        tensors = {name: value.detach().cpu().contiguous().clone() for name, value in self.mean.state_dict().items()}
        if resumable:
            for name, value in self.network.named_parameters():
                tensors[f"training.now.{name}"] = value.detach().cpu().contiguous().clone()
                state = self.optimiser.state.get(value, {})
                for moment in ("exp_avg", "exp_avg_sq"):
                    if moment in state:
                        tensors[f"training.{moment}.{name}"] = state[moment].detach().cpu().contiguous().clone()
            tensors["training.count"] = torch.tensor(float(self.steps))
        patches = 8 * self.recipe.batch if resumable else min(STATISTICS, 4 * self.recipe.pool)
        header = {
            "network": "neuph", "sizes": self.network.sizes, "optics": dataclasses.asdict(CANONICAL),
            "channels": CHANNELS, "recipe": self.recipe.model_dump(), "steps": self.steps, "seconds": self.seconds,
            "statistics": self._statistics(patches), "trust": self._trust(patches),
            "package_version": __version__, "history": self.history,
        }  # fmt: skip
        return Weights(tensors, header)

    def _statistics(self, patches: int) -> dict[str, list[float]]:
        """What the training's channels are like: percentiles 1, 50 and 99 of each one's deviation and mean."""
        some = [self.stream.batch(self.recipe.batch)[0] for _ in range(-(-patches // self.recipe.batch))]
        channels = torch.cat(some)
        found = {}
        for number, name in enumerate(CHANNELS):
            for what, values in (("std", channels[:, number].std((1, 2))), ("mean", channels[:, number].mean((1, 2)))):
                found[f"{name} {what}"] = [round(float(v), 5) for v in np.percentile(values, [1, 50, 99])]
        return found

    def _trust(self, patches: int) -> dict[str, list[float]]:
        """Percentiles 1, 50 and 99 of what `trust.statistics` says of the training's channels."""
        some = [self.stream.batch(self.recipe.batch)[0] for _ in range(-(-patches // self.recipe.batch))]
        channels = torch.cat(some)
        found = [statistics(one) for one in channels]
        return {
            name: [round(float(v), 5) for v in np.percentile([one[name] for one in found], [1, 50, 99])]
            for name in found[0]
        }

    def _resume(self, start: Weights) -> None:
        for name, value in self.network.named_parameters():
            value.data.copy_(start.tensors[f"training.now.{name}"])
            self.optimiser.state[value] = {
                "step": torch.tensor(float(self.steps), device=self.device if self.device.type == "cuda" else "cpu"),
                **{m: start.tensors[f"training.{m}.{name}"].to(value) for m in ("exp_avg", "exp_avg_sq")},
            }


def sizes(recipe: TrainNeuPhRecipe) -> dict[str, Any]:
    """Sizes of the network that a recipe asks for."""
    chosen = dict(SMALL if recipe.size == "small" else PUBLISHED, decoder=recipe.decoder)
    return chosen | {name: value for name in ("channels", "blocks") if (value := getattr(recipe, name)) is not None}


def check_start(recipe: TrainNeuPhRecipe, start: Weights, resume: bool) -> None:
    """Whether weights can be gone on from with these options.

    Raises
    ------
    InputError : where there is nothing to resume, or the options ask for a network of other sizes.
    """
    if resume and "training.count" not in start.tensors:
        raise InputError(
            f"the training of these weights is finished after {start.header['steps']} steps, so there is nothing to "
            "resume; train on from them with --from"
        )
    wanted, given = sizes(recipe), start.header["sizes"]
    for name in ("channels", "blocks", "decoder"):
        if wanted[name] != given[name]:
            raise InputError(
                f"option {name} asks for {wanted[name]} but the weights to go on from have {given[name]}; a network "
                f"keeps its sizes, so leave {name} and size out or train a new one"
            )


def _history(start: Weights | None) -> list[dict[str, Any]]:
    """The trainings that weights have behind them, the first one first."""
    if start is None:
        return []
    before = list(start.header.get("history", []))
    if "training.count" in start.tensors:
        return before
    return [*before, {name: start.header.get(name) for name in ("recipe", "steps", "seconds")}]


def train(
    recipe: TrainNeuPhRecipe,
    start: Weights | None = None,
    material: Material = NOTHING,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Event | Validation | Trained]:
    """Train; yields progress, validations with pictures, and weights: resumable ones at every validation, and the last.

    Parameters
    ----------
    start : a half-finished training to resume, or finished weights to go on from.
    material : what else there is to train on.
    stopped : asked after every step; where it says yes, resumable weights are the last event.
    """
    trainer = Trainer(recipe, start, material)
    if material.pairs and recipe.pairs_share:
        yield Note(f"{len(split(material)[0])} measured pairs to train on, {len(split(material)[1])} kept aside")
    due, error = trainer.seconds + recipe.validate_every_s, float("nan")
    while trainer.done < 1:
        now = trainer.step()
        error = now if error != error else 0.98 * error + 0.02 * now
        total = recipe.steps or max(trainer.steps + 1, round(trainer.steps / max(trainer.done, 1e-6)))
        yield Progress(trainer.steps, total, error, "steps, mean error in rad")
        if stopped():
            yield Trained(trainer.weights(resumable=True), False)
            return
        if trainer.seconds >= due:
            yield trainer.validate()
            if trainer.done >= 1:
                break
            yield Trained(trainer.weights(resumable=True), False)
            due = trainer.seconds + recipe.validate_every_s
    else:
        yield trainer.validate()
    yield Trained(trainer.weights(resumable=False), True)
