"""Training of the networks for a single defocused frame, on scenes simulated as it goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import nn

from ... import compute
from ...networks.pretrained import Weights
from ...networks.srcnn import SuperResolutionCnn
from ...networks.unet import UNet
from ..focus.network_inputs import CHANNELS, CONDENSER, CONTRAST_UNIT, RANGE, UPSAMPLING
from . import published
from .focus_source import aside_of, check, source_of
from .material import NOTHING, Material
from .measured_frames import pairs_of
from .networks import check_sizes, network
from .phase_losses import laplace, squared
from .recipe import TrainDefocusRecipe, TrainSrcnnRecipe, TrainSrqpiRecipe
from .source import Source
from .trainer import Batch, Stream, run_training

SMALL: dict[str, Any] = {
    "widths": (64, 96, 128, 160, 128), "norm": "none", "entry": "pixels", "head": 16, "unit": None,
    "inputs": len(CHANNELS),
}  # fmt: skip
PUBLISHED: dict[str, Any] = {
    "widths": (64, 128, 256, 512, 1024), "norm": "batch", "entry": "bicubic", "head": 16, "inputs": 1,
    "unit": CONTRAST_UNIT,
}  # fmt: skip


def sizes(recipe: TrainSrqpiRecipe) -> dict[str, Any]:
    """Sizes of the U-Net that a recipe asks for."""
    chosen = dict(SMALL if recipe.size == "small" else PUBLISHED)
    if recipe.base is not None:
        chosen["widths"] = tuple(round(w * recipe.base / 64) for w in chosen["widths"])
    if recipe.norm is not None:
        chosen["norm"] = recipe.norm
    outputs = 1 if recipe.loss == "mse" else 2
    return {**chosen, "upsampling": UPSAMPLING, "outputs": outputs}


class DefocusTask:
    """What is trained, on what, and how its answer is judged.

    Raises
    ------
    InputError : where the material cannot be used.
    """

    channels = CHANNELS
    optics: ClassVar[dict[str, object]] = {"upsampling": UPSAMPLING, "fresnel": RANGE, "condenser": CONDENSER}

    def __init__(self, recipe: TrainDefocusRecipe, material: Material, device: torch.device) -> None:
        check(recipe, material)
        self.recipe, self.material, self.device, self.name = recipe, material, device, recipe.method
        self.kept = pairs_of(material, recipe.patch_px) if recipe.pairs_share else ([], [])

    def network(self) -> UNet | SuperResolutionCnn:
        if isinstance(self.recipe, TrainSrqpiRecipe):
            return UNet(**sizes(self.recipe))
        return SuperResolutionCnn(
            inputs=len(CHANNELS), outputs=1 if self.recipe.loss == "mse" else 2, upsampling=UPSAMPLING
        )

    def source(self, seed: int) -> Source:
        return source_of(self.recipe, self.material, self.kept[0], seed)

    def aside(self) -> Batch:
        return aside_of(self.recipe, self.material, self.kept[1])

    def own_parameters(self, seed: int) -> list[dict[str, object]]:
        return []  # the microscope is known

    def loss(
        self, network: nn.Module, channels: torch.Tensor, phase: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Of all fine pixels, and the mean error, rad; `network`, `channels`, `phase`, `generator` as in `Task`."""
        answer = self.answer(network, channels)
        return squared(answer, phase) if self.recipe.loss == "mse" else laplace(answer, phase, weigh_by_scale=True)

    def answer(self, network: nn.Module, channels: torch.Tensor) -> torch.Tensor:
        """What `network` says of `channels` (n, 4, y, x) on the grid of the truth (n, output, Y, X)."""
        with compute.half_precision(self.device, self.recipe.half_precision):
            found: torch.Tensor = network(channels)
        return found

    def header(self, channels: torch.Tensor) -> dict[str, object]:
        """Least and largest size of the Fresnel number among the training's channels (n, channel, y, x)."""
        numbers = channels[:, 2, 0, 0].abs() / 2
        known = {"fresnel": [round(float(numbers.min()), 5), round(float(numbers.max()), 5)]}
        as_published = published.told(self.recipe, published.SRQPI) if self.recipe.as_published else {}
        return {"known": known, **as_published}


def check_start(recipe: TrainDefocusRecipe, start: Weights, resume: bool) -> None:
    """Whether `start` can be gone on from with the options of `recipe`; as half-finished weights where `resume`.

    Raises
    ------
    InputError : where there is nothing to resume, or the options ask for a network of other sizes.
    """
    if isinstance(recipe, TrainSrqpiRecipe):
        wanted = {k: list(v) if isinstance(v, tuple) else v for k, v in sizes(recipe).items()}
        check_sizes(wanted, start, resume, {"entry": "size", "widths": "base", "norm": "norm", "outputs": "loss"})
    else:
        check_sizes({"outputs": 1 if recipe.loss == "mse" else 2}, start, resume, {"outputs": "loss"})


ONE_FRAME: dict[str, Any] = {
    "kind": "through_focus", "shown": "frame", "upsampling": UPSAMPLING, "pixel_um": 2.6, "check_start": check_start,
}  # fmt: skip


@network(
    "srcnn",
    TrainSrcnnRecipe,
    architecture=SuperResolutionCnn,
    summary="Trains the three convolutions that the U-Net is compared with.",
    kept=("loss",),
    **ONE_FRAME,
)
@network(
    "srqpi",
    TrainSrqpiRecipe,
    architecture=UNet,
    summary="Trains the U-Net that makes phase on 4 times finer pixels of a single defocused frame.",
    kept=("size", "base", "norm", "loss"),
    **ONE_FRAME,
)
def train(
    recipe: TrainSrqpiRecipe | TrainSrcnnRecipe,
    start: Weights | None = None,
    material: Material = NOTHING,
    stopped: Callable[[], bool] = lambda: False,
) -> Stream:
    """Train a network for a single defocused frame; `recipe`, `start`, `material`, `stopped` as in `run_training`."""
    yield from run_training(DefocusTask, recipe, start, material, stopped)
