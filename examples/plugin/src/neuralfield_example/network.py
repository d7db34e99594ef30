"""A trainable network: one filter that makes weak phase of one defocused frame, trained on random smooth phase."""

from collections.abc import Callable

import numpy as np
import torch

from napari_neuralfield import TrainRecipe, Weights, compute, network, option, run_training

SIDE = 15  # pixels of the filter
DEFOCUS = 1.0  # wavelength x z / pixel^2


class Filter(torch.nn.Module):
    """One convolution; `sizes` build an equal one."""

    def __init__(self, side: int = SIDE) -> None:
        super().__init__()
        self.sizes = {"side": side}
        self.convolution = torch.nn.Conv2d(1, 1, side, padding=side // 2)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """Frames (n, 1, y, x) to phase (n, 1, y, x), rad."""
        return self.convolution(frames)


class FilterRecipe(TrainRecipe):
    """Options of `train filter`."""

    strength_rad: float = option(0.3, "rms of the phase that is trained on", unit="rad", gt=0, le=1)


class SmoothPhase:
    """Batches without end: frames minus 1 (n, 1, y, x), and the phase (n, y, x) behind them."""

    def __init__(self, recipe: FilterRecipe, seed: int) -> None:
        self.recipe, self.generator = recipe, compute.seed(seed)
        f = torch.fft.fftfreq(recipe.patch_px)
        squared = f[:, None] ** 2 + f[None, :] ** 2
        self.smooth, self.defocus = squared < 0.04, torch.exp(-1j * np.pi * DEFOCUS * squared)

    def batch(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """`count` patches of random phase, as a microscope out of focus sees them."""
        noise = torch.randn(count, *self.smooth.shape, generator=self.generator)
        phase = torch.fft.ifft2(torch.fft.fft2(noise) * self.smooth).real
        phase = self.recipe.strength_rad * phase / phase.std((1, 2), keepdim=True)
        frames = torch.fft.ifft2(torch.fft.fft2(torch.exp(1j * phase)) * self.defocus).abs() ** 2
        return frames[:, None] - 1, phase


class FilterTask:
    """What is trained, on what, and how its answer is judged."""

    name, channels, optics, kept = "filter", ("frame",), {"defocus": DEFOCUS}, ([], [])

    def __init__(self, recipe: FilterRecipe, material: object, device: torch.device) -> None:
        self.recipe = recipe

    def network(self) -> Filter:
        """A new one."""
        return Filter()

    def source(self, seed: int) -> SmoothPhase:
        """What is trained on."""
        return SmoothPhase(self.recipe, seed)

    def aside(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Eight patches that are never trained on."""
        return SmoothPhase(self.recipe, 987654321).batch(8)

    def own_parameters(self, seed: int) -> list[dict[str, object]]:
        """None besides the network's."""
        return []

    def loss(
        self, network: torch.nn.Module, channels: torch.Tensor, phase: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, float]:
        """Mean squared and mean absolute error, rad."""
        difference = network(channels)[:, 0] - phase
        return (difference**2).mean(), float(difference.detach().abs().mean())

    def answer(self, network: torch.nn.Module, channels: torch.Tensor) -> torch.Tensor:
        """Phase (n, 1, y, x)."""
        return network(channels)

    def header(self, channels: torch.Tensor) -> dict[str, object]:
        """Nothing more to say."""
        return {}


def check_start(recipe: FilterRecipe, start: Weights, resume: bool) -> None:
    """Any weights of this network may be gone on from."""


@network(
    "filter",
    FilterRecipe,
    architecture=Filter,
    kind="through_focus",
    shown="frame",
    upsampling=1,
    pixel_um=1.0,
    check_start=check_start,
)
def train(recipe: FilterRecipe, start: Weights | None, material: object, stopped: Callable[[], bool]) -> object:
    """Trains one filter that makes weak phase of a frame out of focus: a minute on a processor."""
    return run_training(FilterTask, recipe, start, material, stopped)
