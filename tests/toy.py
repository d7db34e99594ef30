"""A field with a closed form and a method that pretends to fit it: what job, views and docks are tested with."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import numpy as np
import torch

from napari_neuralfield.recon.engine.recipe import Recipe, method, option
from napari_neuralfield.registry import METHODS
from napari_neuralfield.types import Done, Event, Extent, InputError, Preview, Progress, Result


class ToyField:
    """(1 + y / 100) exp(i (z + x) / 100): every value known. `rendered` lists the pixels of every call."""

    type_name, complex_valued = "toy", True

    def __init__(self, shape: tuple[int, int] = (64, 96), pixel_um: float = 0.5, z_um: tuple[float, float] = (-10, 10)):
        self.extent = Extent(z_um, shape, pixel_um)
        self.rendered: list[int] = []

    def render(self, z_um: object, y_um: object, x_um: object) -> torch.Tensor:
        z, y, x = (torch.atleast_1d(torch.as_tensor(a, dtype=torch.float64)) for a in (z_um, y_um, x_um))
        self.rendered.append(z.numel() * y.numel() * x.numel())
        phase = (z[:, None, None] + x) / 100
        amplitude, phase = torch.broadcast_tensors(1 + y[:, None] / 100, phase)
        return torch.polar(amplitude, phase).to(torch.complex64)

    query = render

    def options(self) -> dict:
        return {}

    def state_dict(self) -> dict:
        return {}

    def parameters(self) -> list:
        return []


def expected(z: float, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """(y, x) values of a toy field."""
    return (1 + y[:, None] / 100) * np.exp(1j * (z + x[None]) / 100)


class ToyRecipe(Recipe):
    steps: int = option(5, "how many steps", ge=1)
    depth_um: float = option(2.0, "depth of the preview", unit="um", ge=-10, le=10)
    pause_s: float = option(0.0, "time of a step", unit="s", ge=0)
    mood: str | None = option(None, "any word")
    fail_at: int = option(0, "step at which it fails; 0 for never", advanced=True)


def run(acquisition, recipe) -> Iterator[Event]:
    """Pretends to fit."""
    field = ToyField(acquisition.frame_shape, acquisition.pixel_um)
    for step in range(1, recipe.steps + 1):
        time.sleep(recipe.pause_s)
        if recipe.fail_at == step:
            raise RuntimeError("toy out of order")
        if recipe.fail_at == -step:
            raise InputError("mood is sad; it must be glad")
        yield Progress(step, recipe.steps, 1 / step, "fitting")
        yield Preview(field, recipe.depth_um)
    yield Done(Result(field, recipe.model_dump(mode="json"), title="toy", figures={"seconds": 0.1}))


def register() -> None:
    """Make the method `toy` known, once."""
    with contextlib.suppress(RuntimeError):
        if "toy" not in METHODS:
            method("toy", ToyRecipe, ("led_array",), {"long": {"steps": 9}})(run)
