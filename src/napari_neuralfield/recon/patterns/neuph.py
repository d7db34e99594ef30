"""Phase at any pixel density from five LED-pattern images, by a trained local conditional network.

Wang, Zhu, Li, Yang, Tian, Adv. Photon. Nexus 3, 056005 (2024). The frames are encoded once; every point is then a
small perceptron's answer. The weights come with the package or from `neuralfield train neuph`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch

from ... import compute
from ...data.acquisition import Acquisition, MultiplexedLed
from ...fields.local_conditional import LocalConditionalField
from ...fields.phase_map import PhaseMap
from ...networks import cards
from ...networks.pretrained import Weights, load_weights, shipped
from ...types import Done, Event, Extent, Field, Note, Preview, Progress, Result
from ..engine.recipe import Recipe, method, option
from .network_inputs import CANONICAL, CHANNELS, PhaseInputs, inputs_of
from .polish_tiles import PolishedField, polish_field
from .report import report

NAME = "neuph"
TURN_TOLERANCE = 3.0  # degrees, by which LEDs of a coarse board place an arc wrongly
LARGEST_SCALE = 1024  # frame pixels along a side for which the predicted scale is kept


class NeuPhRecipe(Recipe):
    """Options of `neuph`."""

    method: str = NAME
    weights: str = option("", "file of weights, .safetensors; empty: those that come with the package")
    polish: bool = option(False, "go on by physics: fit phase, absorption and low aberrations to all frames")
    polish_steps: int = option(60, "steps of the polish", ge=1, le=10000, advanced=True)
    dark_field_relative: bool = option(
        False, "how bright the dark field is against the bright field was not measured: it is fitted", advanced=True
    )

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """The weights, of whatever `acquisition`."""
        return {"weights": "the package's"}

    def unused(self) -> dict[str, str]:
        """Without a polish, its steps."""
        return {} if self.polish else {"polish_steps": "it counts with --polish"}


def weights_of(recipe: NeuPhRecipe) -> Weights:
    """The weights that a recipe names."""
    return load_weights(recipe.weights, NAME, CHANNELS) if recipe.weights else shipped(NAME)


def field_of(
    acquisition: MultiplexedLed, weights: Weights, device: torch.device | str = "cpu"
) -> tuple[LocalConditionalField, PhaseInputs]:
    """The network's field of an acquisition, 6 x finer than its frames, and what the network was shown.

    `weights` are the network's; `device` is the one that computes.

    Raises
    ------
    InputError : where the acquisition's patterns are not those of the network.
    """
    inputs = inputs_of(acquisition, device)
    network = weights.network().to(device)
    factor = CANONICAL.upsampling
    rows, columns = (n * factor for n in acquisition.frame_shape)
    extent = Extent((0.0, 0.0), (rows, columns), acquisition.pixel_um / factor)
    return LocalConditionalField.of(network, inputs.channels, inputs.placement, extent), inputs


@method(NAME, NeuPhRecipe, kinds=("multiplexed_led",), presets={"polished": {"polish": True}})
def neuph(acquisition: MultiplexedLed, recipe: NeuPhRecipe) -> Iterator[Event]:
    """Phase from five LED patterns by a trained network, at any pixel density; polished by physics if wanted.

    `acquisition`: two bright-field halves and three dark-field arcs; `recipe`: weights, and how it is polished.
    """
    started = time.process_time()
    device, factor = compute.device(recipe.device), CANONICAL.upsampling
    weights = weights_of(recipe)
    network, inputs = field_of(acquisition, weights, device)
    yield Preview(network, 0.0)
    field: Field = network
    found: PolishedField | None = None
    if recipe.polish:
        for event in polish_field(
            acquisition, network, factor, steps=recipe.polish_steps, trust_brightness=not recipe.dark_field_relative,
            device=device,
        ):  # fmt: skip
            if isinstance(event, PolishedField):
                found = event
            else:
                yield Progress(*event, "steps of polish")
        assert found is not None
        if found.accepted:
            field = PhaseMap.from_grid(found.phase, 0.0, acquisition.pixel_um / factor)
            yield Preview(field, 0.0)
        yield Note(_polish_note(found), "info" if found.accepted == found.tiles else "warning")
    yield Progress(1, 1, found.error_after if found else float("nan"), "simulating the frames again")
    y, x = network.extent.axes(acquisition.pixel_um)
    about = report(
        acquisition, field, factor, channels=inputs.channels, training=weights.header.get("trust"),
        doubts=_doubts(weights, inputs),
        widening=cards.widening(weights, "polished" if found else "alone"),
        log_scale=network.log_scale(y, x) if max(acquisition.frame_shape) <= LARGEST_SCALE else None,
        absorption=found.absorption if found and found.accepted else None,
        aberration=found.aberration if found and found.accepted else None,
        trust_brightness=not recipe.dark_field_relative,
    )  # fmt: skip
    yield Note(about.verdict.sentence, "info" if about.verdict.level == "green" else "warning")
    if about.untold:
        yield Note(about.untold)
    figures, calibration = dict(about.figures), dict(about.calibration)
    if found is not None:
        figures |= {"error_before_polish": found.error_before, "error_after_polish": found.error_after}
    if found is not None and found.accepted:
        calibration["absorption"] = found.absorption[::factor, ::factor].astype(np.float16)
    figures["cpu_seconds"] = time.process_time() - started
    done = field.cpu() if isinstance(field, torch.nn.Module) else field
    yield Done(Result(done, recipe.model_dump(), about.optics, calibration, figures, title=acquisition.title))


def _doubts(weights: Weights, inputs: PhaseInputs) -> list[str]:
    """Why the phase may be wrong before it is looked at: the card of the weights, and what it says of such frames."""
    turn = inputs.orientation.turn_deg
    outside = cards.beyond(cards.ranges(weights.header), "rotation of the arcs, deg", turn, TURN_TOLERANCE)
    return [said for said in (cards.doubt(weights), outside) if said]


def _polish_note(found: PolishedField) -> str:
    """What the polish did, in one sentence."""
    if not found.accepted:
        return (
            f"the polish was not accepted and the network's phase is kept: the frames stay {found.misfit:.1f} times "
            "their noise (in power) from what the file's microscope can show; check its LEDs, patterns and exposures"
        )
    tiles = "" if found.tiles == 1 else f" ({found.accepted} of {found.tiles} tiles)"
    before, after = found.error_before, found.error_after
    return f"the polish lowered the relative amplitude error from {before:.3g} to {after:.3g}{tiles}"
