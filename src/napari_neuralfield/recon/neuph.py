"""Phase at any pixel density from five LED-pattern images, by a trained local conditional network.

Wang, Zhu, Li, Yang, Tian, Adv. Photon. Nexus 3, 056005 (2024). The frames are encoded once; every point is then a
small perceptron's answer. The weights come with the package or from `neuralfield train neuph`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch

from .. import compute
from ..data.acquisition import MultiplexedLed
from ..fields.local_conditional import LocalConditionalField
from ..networks.encoder import LocalConditionalNetwork
from ..networks.pretrained import Weights, load_weights, shipped
from ..types import Done, Event, Extent, Preview, Progress, Result
from .phase_inputs import CANONICAL, PhaseInputs, inputs_of
from .recipe import Recipe, method, option

NAME = "neuph"


class NeuPhRecipe(Recipe):
    """Options of `neuph`."""

    method: str = NAME
    weights: str = option("", "file of weights, .safetensors; empty: those that come with the package")


def weights_of(recipe: NeuPhRecipe) -> Weights:
    """The weights that a recipe names."""
    return load_weights(recipe.weights, NAME) if recipe.weights else shipped(NAME)


def field_of(
    acquisition: MultiplexedLed, weights: Weights, device: torch.device | str = "cpu"
) -> tuple[LocalConditionalField, PhaseInputs]:
    """The network's field of an acquisition, 6 x finer than its frames, and what the network was shown.

    Raises
    ------
    InputError : where the acquisition's patterns are not those of the network.
    """
    inputs = inputs_of(acquisition, device)
    network = LocalConditionalNetwork(**weights.header["sizes"])
    weights.into(network).to(device)
    factor = CANONICAL.upsampling
    rows, columns = (n * factor for n in acquisition.frame_shape)
    extent = Extent((0.0, 0.0), (rows, columns), acquisition.pixel_um / factor)
    return LocalConditionalField.of(network, inputs.channels, inputs.placement, extent), inputs


@method(NAME, NeuPhRecipe, kinds=("multiplexed_led",))
def neuph(acquisition: MultiplexedLed, recipe: NeuPhRecipe) -> Iterator[Event]:
    """Phase from five LED patterns by a trained network, answered at any pixel density."""
    started = time.process_time()
    device = compute.device(recipe.device)
    field, _ = field_of(acquisition, weights_of(recipe), device)
    yield Progress(1, 1, float("nan"), "encoding")
    yield Preview(field, 0.0)
    optics = {
        "kind": acquisition.kind,
        "wavelength_um": acquisition.wavelength_um,
        "objective_na": acquisition.objective_na,
        "pixel_um": acquisition.pixel_um,
    }
    figures = {"cpu_seconds": time.process_time() - started}
    yield Done(Result(field.cpu(), recipe.model_dump(), optics, {}, figures, acquisition.title))


def phase_on_grid(field: LocalConditionalField, extent: Extent | None = None) -> np.ndarray:
    """The field's phase (Y, X), rad, on the native grid of `extent` or its own."""
    y, x = (extent or field.extent).axes()
    return field.render(0.0, y, x)[0].cpu().numpy()
