"""How a network is trained: one recipe per network; file, command line and form all come from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import pydantic

from ..engine.recipe import Recipe, option


class TrainRecipe(Recipe):
    """Options of every training.

    PUBLISHED are the values of a paper, by name: usual where `size` is published. EPOCH is what it calls so, steps.
    """

    PUBLISHED: ClassVar[Mapping[str, Any]] = {}
    EPOCH: ClassVar[int] = 200
    minutes: float = option(60.0, "how long to train, by the clock; what was trained before counts", unit="min", gt=0)
    steps: int | None = option(None, "steps in all; empty: as many as fit into the minutes", ge=1)
    batch: int = option(4, "patches per step", ge=1, le=1024)
    patch_px: int = option(64, "side of a patch", unit="frame px", ge=16, le=1024)
    learning_rate: float = option(1.5e-3, "largest step of Adam; it rises first, then falls along a cosine", gt=0, le=1)
    schedule: Literal["cosine", "plateau", "constant"] = option(
        "cosine",
        "steps that rise and fall along a cosine, clipped, and a running mean of the weights; or those of plain Adam, "
        "equal, or five times smaller whenever ten epochs were no better",
        advanced=True,
    )
    half_precision: bool = option(True, "multiply in bfloat16 where the processor or card does", advanced=True)
    validate_every_s: float = option(60.0, "time between looks at scenes kept aside", unit="s", gt=0, advanced=True)

    @property
    def as_published(self) -> bool:
        """Whether network and training are a paper's."""
        return getattr(self, "size", "") == "published"

    @pydantic.model_validator(mode="before")
    @classmethod
    def _usual(cls, values: dict[str, Any]) -> dict[str, Any]:
        if values.get("size") != "published":
            return values
        usual = {name: value for name, value in cls.PUBLISHED.items() if name != "steps" or "minutes" not in values}
        return {**usual, **values}


class TrainNeuPhRecipe(TrainRecipe):
    """Options of `train neuph`."""

    PUBLISHED: ClassVar[Mapping[str, Any]] = {
        "channels": None, "blocks": None, "decoder": "coordinates", "loss": "l1", "steps": 90000, "batch": 5,
        "patch_px": 48, "learning_rate": 1e-4, "schedule": "plateau", "half_precision": False, "frames": "",
        "pool": 900, "patches_per_scene": 1e9,
    }  # fmt: skip
    EPOCH: ClassVar[int] = 180

    method: str = "neuph"
    size: Literal["small", "published"] = option(
        "small",
        "ours, or network and training as published: plain intensities, three encoders of 32 blocks of 128 channels; "
        "30 million numbers, 500 epochs, for a graphics card",
    )
    loss: Literal["offset-free", "l1"] = option(
        "offset-free",
        "L1 of the phase without its mean and with a predicted scale, or the published L1 at random points",
        advanced=True,
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
        16.0, "patches taken from a scene, on average, before a new one takes its place", gt=0, advanced=True
    )


class TrainDefocusRecipe(TrainRecipe):
    """Options of the trainings for a single defocused frame."""

    batch: int = option(8, "patches per step", ge=1, le=1024)
    learning_rate: float = option(1e-3, "largest step of Adam; it rises first, then falls along a cosine", gt=0, le=1)
    loss: Literal["offset-free", "mse"] = option(
        "offset-free", "L1 of the phase without its mean and with a predicted scale, or the published squared error"
    )
    fresnel_min: float = option(
        0.06, "smallest defocus, as wavelength x z / frame pixel^2; at 0.53 um and 2.6 um pixels 0.078 is 1 um", gt=0
    )
    fresnel_max: float = option(1.2, "largest defocus, likewise; at 0.53 um and 2.6 um pixels 1.02 is 13 um", gt=0)
    below: float = option(0.2, "share of the frames whose sample lies below the focal plane", ge=0, le=1)
    coherence_min: float = option(0.0, "smallest condenser NA over objective NA", ge=0, le=1)
    coherence_max: float = option(0.5, "largest condenser NA over objective NA", ge=0, le=1)
    noise_min: float = option(0.0015, "least noise of a frame pixel, as a share of the light", gt=0, le=1)
    noise_max: float = option(0.008, "most noise of a frame pixel", gt=0, le=1)
    pairs: str = option(
        "", "folder of measured pairs, NAME.acq.h5 beside NAME.truth.h5 (phase_rad on finer pixels, pixel_um)"
    )
    stack: str = option(
        "", "a stack through focus on fine pixels, .acq.h5, or a folder of them: its frames with 4 x 4 pixels taken "
        "together are learned from, its phase by the transport of intensity is the truth"
    )  # fmt: skip
    pairs_share: float = option(
        0.5, "share of the patches that come from measured pairs and stacks, where there are some", ge=0, le=1
    )
    images: str = option("", "folder of grey images that are taken as phases of simulated samples")
    like: str = option(
        "", "measured frames, .acq.h5, of the microscope to train for: its defocus and coherence alone, and its noise "
        "where noise_min and noise_max are left as they are"
    )  # fmt: skip
    pool: int = option(384, "scenes kept at a time", ge=8, le=100000, advanced=True)
    patches_per_scene: float = option(
        16.0, "patches taken from a scene, on average, before a new one takes its place", gt=0, advanced=True
    )

    @pydantic.model_validator(mode="after")
    def _ranges(self) -> Self:
        for name in ("fresnel", "coherence", "noise"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if low > high:
                raise ValueError(f"should have {name}_min below {name}_max, not {low:g} and {high:g}")
        return self


class TrainSrqpiRecipe(TrainDefocusRecipe):
    """Options of `train srqpi`."""

    PUBLISHED: ClassVar[Mapping[str, Any]] = {
        "base": None, "norm": None, "loss": "mse", "steps": 32600, "batch": 8, "patch_px": 64, "learning_rate": 0.01,
        "schedule": "constant", "half_precision": False, "below": 0.0, "fresnel_min": 0.08136, "fresnel_max": 1.0577,
        "coherence_min": 0.0, "coherence_max": 0.0, "noise_min": 0.0025, "noise_max": 0.0025, "pool": 1300,
        "patches_per_scene": 1e9,
    }  # fmt: skip
    EPOCH: ClassVar[int] = 163

    method: str = "srqpi"
    size: Literal["small", "published"] = option(
        "small",
        "ours on frame pixels, or network and training as published: the frame alone, on fine pixels; 31 million "
        "numbers, 200 epochs, for a graphics card",
    )
    base: int | None = option(None, "channels of the finest level; empty: by the size", ge=4, le=256, advanced=True)
    norm: Literal["none", "batch", "group"] | None = option(
        None, "after each convolution; empty: by the size (none, or batch as published)", advanced=True
    )


class TrainSrcnnRecipe(TrainDefocusRecipe):
    """Options of `train srcnn`."""

    method: str = "srcnn"
