"""Phase of one defocused frame by a network: what the U-Net and its comparison share."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import torch

from .. import compute
from ..data.acquisition import ThroughFocus
from ..fields.super_resolved import SuperResolvedField
from ..networks.pretrained import Weights, load_weights, shipped
from ..types import Done, Event, InputError, Note, Preview, Progress, Result
from .defocus_inputs import RANGE, SMALLEST, Defocus, best_frame, flattened, inputs_of
from .defocus_misfit import DefocusMisfit
from .recipe import Recipe, option

IN_FOCUS = 0.005  # size of the Fresnel number below which a transparent sample shows nothing
LOOKED_AT = 160  # frame pixels along a side, in the middle, that are simulated again
RIM = 10  # frame pixels of mirrored border there
POINTS = 8  # of an open condenser
COHERENCE = 0.5  # largest share of the objective's aperture that the condenser fills
SLACK = 1.15  # beyond the range of the training that nobody needs to be told of


class SingleFrameRecipe(Recipe):
    """Options of the methods that make phase of one frame by a network."""

    weights: str = option("", "file of weights, .safetensors; empty: those that come with the package")
    frame: int | None = option(
        None, "number of the frame, from 0; empty: the one whose defocus the network knows best", ge=0
    )
    flatten: bool = option(False, "divide slow changes of brightness across the frame out first")


def weights_of(recipe: SingleFrameRecipe) -> Weights:
    """The weights that a recipe names."""
    return load_weights(recipe.weights, recipe.method) if recipe.weights else shipped(recipe.method)


def frame_field(
    acquisition: ThroughFocus,
    weights: Weights,
    number: int,
    device: torch.device | str = "cpu",
    *,
    flatten: bool = False,
) -> SuperResolvedField:
    """The network's field of frame `number`; it computes what is looked at.

    Raises
    ------
    InputError : where the frame is too small, in focus or dark.
    """
    number = checked_frame(acquisition, number)
    frame = torch.from_numpy(acquisition.intensity([number])[0]).to(device)
    if not float(frame.mean()) > 0:
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: frame {number} has a mean of {float(frame.mean()):g}; a "
            "bright-field frame must hold light, so check the background that is subtracted"
        )
    frame = flattened(frame) if flatten else frame
    channels = inputs_of(frame, Defocus.of(acquisition, number))
    network = weights.network().to(device)
    return SuperResolvedField.of(weights.header["network"], network, channels, acquisition.pixel_um)


def checked_frame(acquisition: ThroughFocus, number: int | None) -> int:
    """The frame to use, the best one where None.

    Raises
    ------
    InputError : where there is no such frame, it is too small for the network, or in focus.
    """
    where = acquisition.source or "the acquisition"
    rows, columns = acquisition.frame_shape
    if min(rows, columns) < SMALLEST:
        raise InputError(
            f"{where}: the frames are {rows} x {columns} pixels; the network halves them four times and needs at least "
            f"{SMALLEST} along each side"
        )
    if number is not None and number >= acquisition.frame_count:
        raise InputError(
            f"{where}: option frame is {number} but the file holds frames 0 to {acquisition.frame_count - 1}"
        )
    chosen = best_frame(acquisition) if number is None else number
    if abs(Defocus.of(acquisition, chosen).fresnel) < IN_FOCUS:
        z = float(np.asarray(acquisition.z_um)[chosen])
        raise InputError(
            f"{where}: frame {chosen} is in focus (z_um is {z:g}), where a transparent sample shows nothing; choose a "
            f"frame {needed_um(acquisition)[0]:.3g} um or more away from the focus"
        )
    return chosen


def needed_um(acquisition: ThroughFocus) -> tuple[float, float]:
    """The defocus, um, that the shipped networks know for this microscope: least and most."""
    scale = acquisition.pixel_um**2 / acquisition.wavelength_um
    return RANGE[0] * scale, RANGE[1] * scale


def is_known(acquisition: ThroughFocus) -> bool:
    """Whether the shipped network was trained for a frame like the best one."""
    defocus = Defocus.of(acquisition, best_frame(acquisition))
    near = RANGE[0] / SLACK <= abs(defocus.fresnel) <= RANGE[1] * SLACK
    closed = defocus.condenser <= COHERENCE * SLACK * defocus.objective
    return bool(near and closed and min(acquisition.frame_shape) >= SMALLEST)


def beyond_training(acquisition: ThroughFocus, weights: Weights, number: int) -> Iterator[Note]:
    """A warning where the frame was taken unlike those of the training."""
    recipe = weights.header.get("recipe", {})
    low, high = float(recipe.get("fresnel_min", RANGE[0])), float(recipe.get("fresnel_max", RANGE[1]))
    defocus, scale = Defocus.of(acquisition, number), acquisition.pixel_um**2 / acquisition.wavelength_um
    z = float(np.asarray(acquisition.z_um)[number])
    if not low / SLACK <= abs(defocus.fresnel) <= high * SLACK:
        yield Note(
            f"frame {number} is {abs(z):g} um out of focus; for these pixels and this light the network was trained at "
            f"{low * scale:.3g} to {high * scale:.3g} um, so its phase may be wrong: take a frame in that range",
            "warning",
        )
    coherence = defocus.condenser / defocus.objective
    most = float(recipe.get("coherence_max", COHERENCE))
    if coherence > most * SLACK:
        yield Note(
            f"the condenser is opened to {coherence:.2g} of the objective's aperture; the network was trained for up "
            f"to {most:g}, so close it further or train a network with coherence_max={min(1.0, coherence):.2g}",
            "warning",
        )


def reconstruct_frame(acquisition: ThroughFocus, recipe: SingleFrameRecipe) -> Iterator[Event]:
    """Events of a network's answer for one frame: preview, what to know about it, result."""
    started = time.process_time()
    device, weights = compute.device(recipe.device), weights_of(recipe)
    number = checked_frame(acquisition, recipe.frame)
    z = float(np.asarray(acquisition.z_um)[number])
    yield Note(f"phase of frame {number} alone, taken at z = {z:+g} um")
    yield from beyond_training(acquisition, weights, number)
    field = frame_field(acquisition, weights, number, device, flatten=recipe.flatten)
    yield Preview(field, 0.0)
    yield Progress(1, 1, float("nan"), "simulating the frame again")
    figures = {"relative_amplitude_error": _error(acquisition, field, number), "frame": float(number)}
    figures["cpu_seconds"] = time.process_time() - started
    optics = {**optics_of(acquisition), "frame_z_um": z}
    yield Done(Result(field.cpu(), recipe.model_dump(), optics, {}, figures, acquisition.title))


def optics_of(acquisition: ThroughFocus) -> dict[str, float]:
    """JSON-ready numbers of the microscope; refractive indices where they are known."""
    names = ("wavelength_um", "objective_na", "condenser_na", "pixel_um", "sample_index", "medium_index")
    return {name: float(value) for name in names if (value := getattr(acquisition, name)) is not None}


def _error(acquisition: ThroughFocus, field: SuperResolvedField, number: int) -> float:
    """Relative amplitude error of the frame simulated again, in a box in the middle."""
    box = [slice((n - min(n, LOOKED_AT)) // 2, (n + min(n, LOOKED_AT)) // 2) for n in acquisition.frame_shape]
    part = acquisition.replace(pupil=None).subset([number]).crop(*box)
    frames = torch.from_numpy(part.intensity())
    factor = round(acquisition.pixel_um / field.extent.pixel_um)
    fine = [slice(s.start * factor, s.stop * factor) for s in box]
    misfit = DefocusMisfit(part, frames / frames.mean(), 1.0, upsampling=factor, margin=RIM, points=POINTS)
    image, gain = misfit.shown(misfit.padded(field.pixels(*fine)[0].cpu())[None])
    shown, root = (gain[:, None, None] * image).clamp(min=0).sqrt(), misfit.root
    return float((shown - root).norm() / root.norm())
