"""How a network is trained: one recipe per network; file, command line and form all come from it."""

from __future__ import annotations

from typing import Literal

from .recipe import Recipe, option


class TrainRecipe(Recipe):
    """Options of every training."""

    minutes: float = option(60.0, "how long to train, by the clock; what was trained before counts", unit="min", gt=0)
    steps: int | None = option(None, "steps in all; empty: as many as fit into the minutes", ge=1)
    batch: int = option(4, "patches per step", ge=1, le=1024)
    patch_px: int = option(64, "side of a patch", unit="frame px", ge=16, le=1024)
    learning_rate: float = option(1.5e-3, "largest step of Adam; it rises first, then falls along a cosine", gt=0, le=1)
    half_precision: bool = option(True, "multiply in bfloat16 where the processor or card does", advanced=True)
    validate_every_s: float = option(60.0, "time between looks at scenes kept aside", unit="s", gt=0, advanced=True)


class TrainNeuPhRecipe(TrainRecipe):
    """Options of `train neuph`."""

    method: str = "neuph"
    size: Literal["small", "published"] = option(
        "small", "size of the network: ours, or three encoders of 32 blocks of 128 channels as published"
    )
    channels: int | None = option(None, "of each encoder; empty: by the size", ge=4, le=512, advanced=True)
    blocks: int | None = option(None, "residual blocks; empty: by the size", ge=1, le=64, advanced=True)
    decoder: Literal["coordinates", "convolution"] = option(
        "coordinates", "the published decoder, or its ablation by convolutions", advanced=True
    )
    pairs: str = option("", "folder of measured pairs, NAME.acq.h5 beside NAME.truth.h5 (phase_rad, pixel_um)")
    pairs_share: float = option(
        0.5, "share of the patches that come from measured pairs, where there are some", ge=0, le=1
    )
    images: str = option("", "folder of grey images that are taken as phases of simulated samples")
    like: str = option(
        "",
        "measured frames, .acq.h5, of the microscope to train for: its LED board, and scenes that look like its frames",
    )
    frames: str = option(
        "", "measured frames, .acq.h5, whose phase is not known: the answer, imaged again, is held against them"
    )
    frames_weight: float = option(
        5.0, "weight of what disagrees with those frames, against the error of the phase", ge=0, le=100, advanced=True
    )
    weigh_by_scale: bool = option(
        True,
        "errors also count in units of the scale that the network predicts: flat background weighs more",
        advanced=True,
    )
    pool: int = option(384, "scenes kept at a time", ge=8, le=100000, advanced=True)
    patches_per_scene: float = option(
        8.0, "patches taken from a scene, on average, before a new one takes its place", gt=0, advanced=True
    )
