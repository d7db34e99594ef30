"""Phase of one defocused frame by a network: what the U-Net and its comparison share."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch

from ... import compute
from ...data.acquisition import Acquisition, ThroughFocus
from ...data.brightness import evened
from ...data.times import times
from ...fields.phase_map import PhaseMap
from ...fields.super_resolved import SuperResolvedField
from ...networks import cards
from ...networks.pretrained import Weights, load_weights, shipped
from ...types import Done, Event, InputError, Note, Preview, Progress, Result
from ..engine.recipe import option
from ..engine.told import kept_rad
from .each_time import TimedRecipe
from .frame_gain import correction, ring_gains
from .frames import optics_of
from .network_inputs import CHANNELS, RANGE, SMALLEST, Defocus, best_frame, inputs_of
from .report import PARTLY, DefocusReport, explain, middle
from .sign import sign_of
from .trust import explained_by_all, of_network, told_by

Stream = Iterator[Event]
Polish = Callable[[ThroughFocus, torch.Tensor], Iterator[Event | torch.Tensor]]
IN_FOCUS = 0.005  # size of the Fresnel number below which a transparent sample shows nothing
MATCHED = 1024  # frame pixels along a side up to which heights are matched to the frame
CLEARLY = 0.1  # more of the contrast explained: the other sign of z is likelier
COHERENCE = 0.5  # largest share of the objective's aperture that the condenser fills
SLACK = 1.15  # beyond the range of the training that nobody needs to be told of


class SingleFrameRecipe(TimedRecipe):
    """Options of the methods that make phase of one frame by a network."""

    weights: str = option("", "file of weights, .safetensors; empty: those that come with the package")
    frame: int | None = option(
        None, "number of the frame, from 0; empty: the one whose defocus the network knows best", ge=0
    )
    flatten: bool = option(False, "divide slow changes of brightness across the frame out first")
    match_heights: bool = option(
        True,
        "scale the waves of the phase, ring by ring of frequency, to the strength that the frame shows them with; for "
        "frames of up to 1024 pixels along a side",
    )

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """The frame of an `acquisition` that is taken, and the weights."""
        if not isinstance(acquisition, ThroughFocus):
            return {}
        frame = best_frame(acquisition) if len(times(acquisition)) == 1 else "each"
        return {**super().automatic(acquisition), "frame": frame, "weights": "the package's"}


def weights_of(recipe: SingleFrameRecipe) -> Weights:
    """The weights that a recipe names."""
    return load_weights(recipe.weights, recipe.method, CHANNELS) if recipe.weights else shipped(recipe.method)


def frame_field(
    acquisition: ThroughFocus,
    weights: Weights,
    number: int,
    device: torch.device | str = "cpu",
    *,
    flatten: bool = False,
) -> SuperResolvedField:
    """The network's field of frame `number`; it computes what is looked at.

    Parameters
    ----------
    acquisition, number : all frames, and which of them.
    weights : of the network.
    device : where it computes.
    flatten : divide slow changes of brightness across the frame out first.

    Raises
    ------
    InputError : where the frame is too small, in focus or dark.
    """
    alone = _one_frame(acquisition, checked_frame(acquisition, number), flatten)
    channels = inputs_of(torch.from_numpy(alone.intensity()[0]).to(device), Defocus.of(alone, 0))
    network = weights.network().to(device)
    return SuperResolvedField.of(weights.header["network"], network, channels, acquisition.pixel_um)


def checked_frame(acquisition: ThroughFocus, number: int | None) -> int:
    """The frame of an `acquisition` to use: `number`, or the best one where that is None.

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
        least_um = RANGE[0] * (acquisition.pixel_um**2 / acquisition.wavelength_um)
        raise InputError(
            f"{where}: frame {chosen} is in focus (z_um is {z:g}), where a transparent sample shows nothing; choose a "
            f"frame {least_um:.3g} um or more away from the focus"
        )
    return chosen


def is_known(acquisition: ThroughFocus) -> bool:
    """Whether the shipped network was trained for a frame like the best one."""
    defocus = Defocus.of(acquisition, best_frame(acquisition))
    near = RANGE[0] / SLACK <= abs(defocus.fresnel) <= RANGE[1] * SLACK
    closed = defocus.condenser <= COHERENCE * SLACK * defocus.objective
    return bool(near and closed and min(acquisition.frame_shape) >= SMALLEST)


def beyond_training(acquisition: ThroughFocus, weights: Weights, number: int) -> Iterator[Note]:
    """A warning where frame `number` of an `acquisition` was taken unlike those that `weights` were trained on."""
    recipe = weights.header.get("recipe", {})
    asked = recipe.get("fresnel_min", RANGE[0]), recipe.get("fresnel_max", RANGE[1])
    low, high = map(float, weights.header.get("known", {}).get("fresnel", asked))
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


def _one_frame(acquisition: ThroughFocus, number: int, flatten: bool = False) -> ThroughFocus:
    """Frame `number` alone, corrected, its mean 1; where `flatten` slow brightness is divided out.

    Raises
    ------
    InputError : where the frame holds no light.
    """
    where = acquisition.source or "the acquisition"
    frame = evened(acquisition.intensity([number]), "slow" if flatten else "frame", where)
    alone = acquisition.subset([number])
    return dataclasses.replace(alone, frames=frame, background=None, exposure=None)


def reconstruct_frame(acquisition: ThroughFocus, recipe: SingleFrameRecipe, polish: Polish | None = None) -> Stream:
    """Events of a network's answer for one frame: preview, what to know about it, result.

    Parameters
    ----------
    acquisition, recipe : all frames; which of them, by which weights.
    polish : frame, phase on fine pixels -> events and at last the phase to take instead.
    """
    started = time.process_time()
    device, weights = compute.device(recipe.device), weights_of(recipe)
    number = checked_frame(acquisition, recipe.frame)
    z = float(np.asarray(acquisition.z_um)[number])
    yield Note(f"phase of frame {number} alone, taken at z = {z:+g} um")
    doubts = [note.text for note in beyond_training(acquisition, weights, number)]
    doubts += [said for said in [cards.doubt(weights)] if said]
    yield from (Note(said, "warning") for said in doubts)
    alone = _one_frame(acquisition, number, recipe.flatten)
    network = frame_field(alone, weights, 0, device)
    yield Preview(network, 0.0)
    factor = int(network.network.upsampling)
    box = middle(alone.frame_shape)
    fine = [slice(part.start * factor, part.stop * factor) for part in box]
    if recipe.match_heights and max(alone.frame_shape) <= MATCHED:
        yield Progress(0, 1, float("nan"), "simulating the frame")
        gains = _gains_of(alone.crop(*box), network.pixels(*fine)[0], factor, device)
        network = network.corrected_by(correction(network.render(0.0, *network.extent.axes())[0], gains, factor))
        yield Preview(network, 0.0)
    field: SuperResolvedField | PhaseMap = network
    if polish is None:  # nobody asked for the whole yet
        alone = alone.crop(*box)
        phase = network.pixels(*fine)[0]
    else:
        phase = network.render(0.0, *network.extent.axes())[0]
        for event in polish(alone, phase):
            if isinstance(event, torch.Tensor):
                phase = event
                field = PhaseMap.from_grid(phase, 0.0, network.extent.pixel_um, network.extent.origin_um)
                yield Preview(field, 0.0)
            else:
                yield event
    yield Progress(1, 1, float("nan"), "simulating the frame again")
    report = explain(alone, phase, [0], upsampling=factor, called=[number], device=device)
    looked = phase if polish is None else phase[fine[0], fine[1]]
    whole = recipe.match_heights and max(acquisition.frame_shape) <= MATCHED  # then it was computed already
    y, x = (axis if whole else axis[part] for axis, part in zip(network.extent.axes(alone.pixel_um), box, strict=True))
    log_scale = network.log_scale(y, x)
    planes = explained_by_all(acquisition.crop(*box), looked, factor, device)
    widening = cards.widening(weights, "alone" if polish is None else "polished")
    told = told_by(alone.crop(*middle(alone.frame_shape)), looked, report)
    scale = None if log_scale is None else log_scale.exp()
    trust = of_network(report, looked, scale, widening=widening, untold_rad=told.untold_rad, planes=planes)
    if doubts and trust.level == "green":
        sentence = f"The frame comes back from this phase, but the network may not fit it: {doubts[0]}."
        trust = dataclasses.replace(trust, level="amber", sentence=sentence)
    yield Note(trust.sentence, "info" if trust.level == "green" else "warning")
    if told.sentence:
        yield Note(told.sentence)
    yield from _of_sign(report, phase, alone, weights, device)
    optics = {**optics_of(acquisition), "frame": number, "frame_z_um": z, **trust.optics}
    figures = {**report.figures, **trust.figures, "untold_share": told.share}
    figures["cpu_seconds"] = time.process_time() - started
    kept = {"uncertainty_rad": kept_rad(trust.within_rad.cpu().numpy())} if whole and trust.known else {}
    yield Done(Result(field.cpu(), recipe.model_dump(), optics, kept, figures, title=acquisition.title))


def _gains_of(alone: ThroughFocus, phase: torch.Tensor, upsampling: int, device: torch.device | str) -> np.ndarray:
    """`ring_gains` of a phase (Y, X) and the only frame it was made of, in the middle where that is large."""
    report = explain(alone, phase, [0], upsampling=upsampling, device=device)
    shown = report.shown[0].astype(np.float64)
    return ring_gains(shown - report.difference[0], shown)


def _of_sign(
    report: DefocusReport, phase: torch.Tensor, alone: ThroughFocus, weights: Weights, device: torch.device
) -> Iterator[Note]:
    """Whether z had the wrong sign, of what explains its frame by a phase (Y, X)."""
    sign = sign_of(phase.cpu().numpy())
    explained = max(report.explained, 0.0)
    z = float(np.asarray(alone.z_um)[0])
    if report.level != "green" and (better := _upside_down(alone, weights, device)) > max(explained + CLEARLY, PARTLY):
        yield Note(
            f"with z_um = {-z:+g} instead of {z:+g} the network's phase would explain {better:.0%}, not "
            f"{explained:.0%} of the contrast; check the sign of z_um",
            "warning",
        )
    elif sign.told == "wrong":
        yield Note(sign.sentence, sign.level)


def _upside_down(alone: ThroughFocus, weights: Weights, device: torch.device) -> float:
    """Share of the contrast in a frame's middle that the network's phase explains where z has the other sign."""
    turned = dataclasses.replace(alone, z_um=-np.asarray(alone.z_um)).crop(*middle(alone.frame_shape))
    field = frame_field(turned, weights, 0, device)
    phase = field.render(0.0, *field.extent.axes())[0]
    return explain(turned, phase, [0], upsampling=int(field.network.upsampling), device=device).explained
