"""What a residual neural field is made of and how it is fitted: its recipe and its presets."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from ...data.acquisition import Acquisition, CodedPtychography, LedArray
from ...fields.heads import Head
from ...forward.led_measurement import batch_of
from ...optics.electrons import ELECTRONS_UM
from ...types import InputError
from ..engine.any_field import HELP, fittable
from ..engine.losses import LossName
from ..engine.recipe import Recipe, option
from ..projection.setup import known_depth
from ..scan.recipe import ScanRecipe, surface_given

Prior = Literal["auto", "none", "flat", "back-propagation", "classical", "dpc", "file"]


class ResidualRecipe(ScanRecipe):
    """Options of `residual-field`."""

    method: str = "residual-field"
    field: str = option("residual", HELP.format(own="residual"), choices=fittable, advanced=True)
    prior: Prior = option(
        "auto",
        "what the network adds to; none: nothing; auto: flat where the coded surface of a scan is known, else a "
        "classical answer",
    )
    prior_file: str | None = option(None, "image of the whole object (.npy, complex), as render writes it")
    epochs: int | None = option(None, "passes over all frames; empty: 10 to 60, fewer for many frames", ge=1, le=100000)
    finish_epochs: int | None = option(
        None,
        "passes in which single pixels finish what the network leaves; empty: 5 to 30, fewer for many frames",
        ge=0,
        le=100000,
    )
    sparsity: float | None = option(
        None, "weight of the object's wavelets, against a misfit of mean counts 1; empty: by the kind of frames", ge=0
    )
    loss: Literal[LossName, "auto", "published"] = option(
        "auto",
        "how counts are compared; auto: poisson where single electrons are counted, or photons through a known probe, "
        "else amplitude; published: smooth-l1 of electrons, else gradient",
    )
    z_um: float | None = option(
        None, "depth of the sample under LEDs; empty: as the file says, else in focus", unit="um"
    )
    learn_directions: bool = option(False, "learn the direction of each LED")
    learn_pupil: bool | None = option(
        None, "learn the pupil behind LEDs, as Zernike terms; empty: unless the file has it"
    )
    pupil_terms: int = option(10, "Zernike terms learnt, from defocus on", ge=1, le=30, advanced=True)
    probe_field: bool = option(False, "a network for the probe or coded surface too, instead of its pixels")
    surface_profile: bool = option(False, "of a given coded surface learn only how deep its modulus and phase are")
    learn_distance: bool = option(False, "learn the distance to the detector")
    learn_wavelength: bool = option(False, "learn the wavelength")
    learn_gains: bool | None = option(
        None, "learn the brightness of each frame; empty: of plain LEDs without exposures"
    )
    learn_background: bool = option(False, "learn the ambient light of each frame")
    encoding: Literal["hash", "multigrid"] = option("multigrid", "grids of the pyramid: dense, or sharing a table")
    head: Head = option("linear", "network behind the pyramid")
    levels: int = option(16, "levels of the pyramid at most", ge=1, le=24, advanced=True)
    features: int = option(2, "features per level", ge=1, le=16, advanced=True)
    table_log2: int = option(19, "entries of the hash table, as a power of 2", ge=8, le=24, advanced=True)
    base: int = option(16, "cells of the coarsest level", ge=1, le=1024, advanced=True)
    scale: float = option(1.5, "factor from level to level", gt=1, le=4, advanced=True)
    cap: bool = option(True, "no level finer than the pixels", advanced=True)
    hidden: int = option(64, "neurons of the hidden layer", ge=1, le=1024, advanced=True)
    frequency: float | None = option(
        None,
        "w of a complex head's first layer, learnt; empty: from 1 to 20 over its neurons",
        gt=0,
        le=100,
        advanced=True,
    )
    complex_first: bool = option(False, "complex weights in the first layer of a complex head", advanced=True)
    rate: float | None = option(
        None, "step of the network; empty: 0.08 where a coded surface is known, else 0.01", gt=0, le=1, advanced=True
    )
    decay: bool = option(True, "steps start small and fade", advanced=True)
    optimizer: Literal["adam", "rmsprop"] = option(
        "adam", "with weight decay it is AdamW; rmsprop: no running mean of the gradient", advanced=True
    )
    weight_decay: float = option(0.0, "decoupled weight decay", ge=0, lt=1, advanced=True)
    wavelet_levels: int = option(1, "levels of the wavelets", ge=1, le=8, advanced=True)
    wavelet_shift: bool = option(True, "wavelets whose blocks lie elsewhere in every step", advanced=True)
    batch: int | None = option(
        None, "frames in a step; empty: 4 of a scan, a third of the LEDs but at most 16", ge=1, le=4096, advanced=True
    )
    patience: int = option(
        8, "epochs without a better prediction of held-out frames before it stops", ge=1, advanced=True
    )

    def automatic(self, acquisition: Acquisition) -> dict[str, object]:
        """Epochs for the frames of an `acquisition` too, and what of the light is learnt."""
        count = self.used_of(acquisition.frame_count)
        epochs, finish = usual_epochs(count)
        found: dict[str, object] = {"epochs": epochs, "finish_epochs": finish, "frequency": "1 to 20"}
        if not isinstance(acquisition, LedArray):
            solved = not surface_given(acquisition) if self.update_probe is None else self.update_probe
            known = isinstance(acquisition, CodedPtychography) and not solved
            found |= {**dict.fromkeys(LEDS_ONLY, "of LEDs"), "learn_gains": False, "batch": 4}
            return {**super().automatic(acquisition), **found, "rate": 0.08 if known else 0.01}
        plain = acquisition.coded_surface is None
        learnt = {"learn_pupil": acquisition.pupil is None, "learn_gains": plain and acquisition.exposure is None}
        found |= {**dict.fromkeys(SCANS_ONLY, "of scans"), "update_probe": False}
        return {**found, **learnt, "z_um": known_depth(acquisition), "batch": batch_of(count), "rate": 0.01}

    def unused(self) -> dict[str, str]:
        """What prior, field and network leave no say."""
        if self.field != "residual":
            kept = {*Recipe.model_fields, "field", "epochs", "rate", "hold_out", "z_um"}
            own = [name for name in type(self).model_fields if name not in kept]
            return dict.fromkeys(own, "it is for --field residual")
        idle = {} if self.prior == "file" else {"prior_file": "it counts with --prior file"}
        if self.encoding != "hash":
            idle |= dict.fromkeys(("table_log2", "cap"), "it counts with --encoding hash")
        if self.head == "linear":
            idle["hidden"] = "it counts with another --head than linear"
        if self.head in ("linear", "relu"):
            idle |= dict.fromkeys(("frequency", "complex_first"), "it is for a complex --head, such as phasor")
        if self.sparsity == 0:
            idle |= dict.fromkeys(("wavelet_levels", "wavelet_shift"), "--sparsity is 0")
        if self.learn_pupil is False:
            idle["pupil_terms"] = "it counts with --learn-pupil"
        return idle


PUBLISHED = {
    "encoding": "hash", "head": "phasor", "complex_first": True, "frequency": 10.0, "cap": False, "rate": 1e-3,
    "decay": False, "weight_decay": 1e-5, "loss": "published", "sparsity": 0.1, "wavelet_shift": False, "batch": 1,
    "epochs": 10, "finish_epochs": 0, "prior": "back-propagation", "probe_field": True,
}  # fmt: skip

RASTER = {  # object and probe may trade any factor that repeats with the scan's step: priors of both must decide
    "prior": "flat", "probe_field": True, "epochs": 60, "finish_epochs": 20, "sparsity": 2e-2, "wavelet_levels": 3,
    "rate": 1e-2, "batch": 4,
}  # fmt: skip


def usual_epochs(frames: int) -> tuple[int, int]:
    """Epochs of the network and of single pixels where the user leaves them open, of so many `frames` in use."""
    return int(np.clip(2000 // max(frames, 1), 10, 60)), int(np.clip(600 // max(frames, 1), 5, 30))


def network_options(recipe: ResidualRecipe) -> dict[str, Any]:
    """Keyword arguments of the field."""
    names = ("encoding", "head", "levels", "features", "base", "scale", "cap", "hidden", "complex_first")
    own = {} if recipe.frequency is None else {"frequency": (recipe.frequency, recipe.frequency)}
    return {**{name: getattr(recipe, name) for name in names}, "table_size": 2**recipe.table_log2, **own}


def loss_of(recipe: ResidualRecipe, wavelength_um: float, few: bool = False, known: bool = False) -> LossName:
    """The loss that a recipe means.

    Parameters
    ----------
    recipe : what the user chose.
    wavelength_um : of the light.
    few : whether so few quanta are counted that their roots mislead.
    known : whether the light far away comes through a known probe.
    """
    electrons = wavelength_um < ELECTRONS_UM
    if recipe.loss == "auto":  # where the probe is solved for too, what poisson lets in is worse
        return "poisson" if few and (electrons or known) else "amplitude"
    if recipe.loss != "published":
        return recipe.loss
    return "smooth-l1" if electrons else "gradient"


SHARED = {*Recipe.model_fields, "update_probe", "hold_out", "use_every"}  # what of a scan's options LEDs have too
SCANS_ONLY = (
    *(n for n in ScanRecipe.model_fields if n not in SHARED),
    "probe_field",
    "learn_distance",
    "learn_wavelength",
)
LEDS_ONLY = ("z_um", "learn_directions", "learn_pupil", "pupil_terms")


def refuse_others(acquisition: Acquisition, recipe: ResidualRecipe) -> None:
    """For options of a `recipe` that say nothing about this kind of `acquisition`.

    Raises
    ------
    InputError : where one of them is not as it is by default.
    """
    leds = isinstance(acquisition, LedArray)
    where = acquisition.source or "the acquisition"
    for name in SCANS_ONLY if leds else LEDS_ONLY:
        value = getattr(recipe, name)
        if name == "probe_field" and recipe.loss == "published":
            continue  # part of a preset that serves every kind
        if value != ResidualRecipe.model_fields[name].default:
            other, this = ("scans", "an LED array") if leds else ("LED arrays", "a scan")
            raise InputError(f"option {name} is {value!r}, but it is for {other} and {where} is {this}; leave it out")
    coded = getattr(acquisition, "coded_surface", None) is not None
    if recipe.prior == "dpc" and (not leds or coded):
        raise InputError(
            f"option prior is 'dpc', which needs plain images of single LEDs, and {where} has none; choose flat or "
            "classical"
        )
    if leds and not coded and (recipe.surface_profile or recipe.update_probe):
        name = "surface_profile" if recipe.surface_profile else "update_probe"
        raise InputError(f"option {name} is True, but {where} has no coded surface to learn; leave it out")
