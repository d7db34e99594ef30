"""Training of the network for five LED patterns, on scenes simulated as it goes.

L1 of the phase without its mean, which no image tells; beside it the log-likelihood of a Laplace distribution whose
scale the network gives, so that it says where it is unsure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from ... import compute
from ...networks.encoder import LocalConditionalNetwork
from ...networks.pretrained import Weights
from ..patterns.network_inputs import CANONICAL, CHANNELS, DARK_KNEE
from ..patterns.trust import statistics
from . import published
from .material import NOTHING, Material, Pair, every_fifth
from .networks import check_sizes, network
from .phase_losses import absolute, laplace
from .recipe import TrainNeuPhRecipe
from .self_supervision import FrameMisfit
from .source import Source, aside_of, check, source_of
from .trainer import Batch, Stream, run_training

SMALL: dict[str, Any] = {
    "groups": ((0, 1, 2, 3, 4, 5, 6),), "channels": 64, "blocks": 10, "dilations": (1, 1, 2, 2, 4, 4, 2, 2, 1, 1),
    "width": 64, "depth": 3, "cell": False, "knee": None,
}  # fmt: skip
PUBLISHED: dict[str, Any] = {
    "groups": ((0, 1), (2, 3, 4), (5,)), "channels": 128, "blocks": 32, "width": 256, "depth": 5, "cell": True,
    "knee": DARK_KNEE,
}  # fmt: skip
MICROSCOPE_RATE = 0.01  # of Adam, for the ratio and the aberrations of measured frames


class NeuPhTask:
    """What is trained, on what, and how its answer is judged.

    Raises
    ------
    InputError : where the material cannot be used.
    """

    name = "neuph"
    channels = CHANNELS
    optics = dataclasses.asdict(CANONICAL)

    def __init__(self, recipe: TrainNeuPhRecipe, material: Material, device: torch.device) -> None:
        check(recipe, material)
        self.recipe, self.material, self.device = recipe, material, device
        self.kept: tuple[list[Pair], list[Pair]] = (
            every_fifth(material.pairs) if material.pairs and recipe.pairs_share else ([], [])
        )
        self.misfit: FrameMisfit | None = None

    def network(self) -> LocalConditionalNetwork:
        return LocalConditionalNetwork(**sizes(self.recipe))

    def source(self, seed: int) -> Source:
        return source_of(self.recipe, self.material, seed)

    def aside(self) -> Batch:
        return aside_of(self.recipe, self.material)

    def own_parameters(self, seed: int) -> list[dict[str, object]]:
        if self.material.frames is None:
            return []
        self.misfit = FrameMisfit(self.material.frames, self.recipe.patch_px, self.device)
        return [{"params": list(self.misfit.parameters()), "lr": MICROSCOPE_RATE}]

    def loss(
        self, network: nn.Module, channels: torch.Tensor, phase: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """L1 at one random point per frame pixel, each row and column with its own offset; and the mean error, rad.

        `network`, `channels`, `phase` and `generator` as in `Task`. With loss l1 as many points, anywhere.
        """
        factor, side = CANONICAL.upsampling, self.recipe.patch_px
        if self.recipe.loss == "l1":
            return absolute(*self._at_random_points(network, channels, phase, generator))
        y, x = (torch.arange(side) * factor + torch.randint(0, factor, (side,), generator=generator) for _ in range(2))
        truth = phase[:, y.to(self.device)[:, None], x.to(self.device)]
        answer = self._on_grid(network, channels, y / factor, x / factor)
        loss, error = laplace(answer, truth, weigh_by_scale=self.recipe.weigh_by_scale)
        if self.misfit is not None:
            loss = loss + self.recipe.frames_weight * self.misfit(network, generator)
        return loss, error

    def _at_random_points(
        self, network: nn.Module, channels: torch.Tensor, phase: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Answers (n, point), and the truth there, rad; the convolutional decoder answers everywhere."""
        if self.recipe.decoder == "convolution":
            return self.answer(network, channels)[:, 0].flatten(1), phase.flatten(1)
        assert isinstance(network, LocalConditionalNetwork)
        side = self.recipe.patch_px * CANONICAL.upsampling
        with compute.half_precision(self.device, self.recipe.half_precision):
            encoded = network.encode(channels)
            answers, truths = [], []
            for one, truth in zip(encoded.split(1), phase, strict=True):
                chosen = torch.randperm(side**2, generator=generator)[: self.recipe.patch_px**2].to(self.device)
                places = chosen // side / CANONICAL.upsampling, chosen % side / CANONICAL.upsampling
                answers.append(network.at_points(one, *places)[0, 0])
                truths.append(truth.flatten()[chosen])
        return torch.stack(answers), torch.stack(truths)

    def answer(self, network: nn.Module, channels: torch.Tensor) -> torch.Tensor:
        """What `network` says of `channels` (n, 7, y, x) on the grid of the truth (n, output, Y, X)."""
        axis = torch.arange(self.recipe.patch_px * CANONICAL.upsampling) / CANONICAL.upsampling
        return self._on_grid(network, channels, axis, axis)

    def _on_grid(self, network: nn.Module, channels: torch.Tensor, y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        assert isinstance(network, LocalConditionalNetwork)
        with compute.half_precision(self.device, self.recipe.half_precision):
            return network.on_grid(network.encode(channels), y.to(self.device), x.to(self.device))

    def header(self, channels: torch.Tensor) -> dict[str, object]:
        """Percentiles 1, 50 and 99 of what `trust.statistics` says of the training's channels (n, 7, y, x)."""
        found = [statistics(one) for one in channels]
        trust = {
            name: [round(float(v), 5) for v in np.percentile([one[name] for one in found], [1, 50, 99])]
            for name in found[0]
        }
        as_published = published.told(self.recipe, published.NEUPH) if self.recipe.as_published else {}
        return {"trust": trust, **as_published}


def sizes(recipe: TrainNeuPhRecipe) -> dict[str, Any]:
    """Sizes of the network that a recipe asks for."""
    outputs = 1 if recipe.loss == "l1" else 2
    chosen = dict(SMALL if recipe.size == "small" else PUBLISHED, decoder=recipe.decoder, outputs=outputs)
    return chosen | {name: value for name in ("channels", "blocks") if (value := getattr(recipe, name)) is not None}


def check_start(recipe: TrainNeuPhRecipe, start: Weights, resume: bool) -> None:
    """Whether `start` can be gone on from with the options of `recipe`; as half-finished weights where `resume`.

    Raises
    ------
    InputError : where there is nothing to resume, or the options ask for a network of other sizes.
    """
    decides = {"knee": "size", "channels": "channels", "blocks": "blocks", "decoder": "decoder", "outputs": "loss"}
    check_sizes(sizes(recipe), start, resume, decides)


@network(
    "neuph",
    TrainNeuPhRecipe,
    architecture=LocalConditionalNetwork,
    summary="Trains the network that makes phase of five LED patterns, on simulated scenes, measured pairs or both.",
    kind="multiplexed_led",
    shown="bright field, half disc",
    upsampling=CANONICAL.upsampling,
    pixel_um=1.625,
    check_start=check_start,
    kept=("size", "channels", "blocks", "decoder", "loss"),
)
def train(
    recipe: TrainNeuPhRecipe,
    start: Weights | None = None,
    material: Material = NOTHING,
    stopped: Callable[[], bool] = lambda: False,
) -> Stream:
    """Train the network for five LED patterns; `recipe`, `start`, `material`, `stopped` as in `run_training`."""
    yield from run_training(NeuPhTask, recipe, start, material, stopped)
