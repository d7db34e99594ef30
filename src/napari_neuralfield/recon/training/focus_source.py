"""Where patches for the single-frame networks come from."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...data.acquisition import ThroughFocus
from ...simulate.scenes.image_scenes import image_scene
from ...types import InputError
from ..focus.frames import noise_of
from ..focus.network_inputs import Defocus
from ..focus.single_frame import checked_frame
from .focus_stream import DefocusStream, DefocusVariety, any_kind
from .material import Material, Pair
from .measured_frames import MeasuredFrames
from .recipe import TrainDefocusRecipe
from .source import ASIDE_SEED, IMAGES_SHARE, Mixed, Source
from .trainer import Batch

SCENE_PX = 96  # frame pixels of a simulated scene
VALIDATION = 24  # patches kept aside
NOISE_SPREAD = 1.3  # round the noise of measured frames
NOISE = (1e-4, 0.5)  # of a frame's pixel, what is believed
PLAIN = {"uneven": 0.0, "haze_rad": 0.0}  # what no paper tells of


def variety_of(recipe: TrainDefocusRecipe, like: ThroughFocus | None) -> DefocusVariety:
    """The microscopes to simulate: those of the ranges of `recipe`, or the one of the measured frames `like`."""
    if like is None:
        more: dict[str, Any] = PLAIN if recipe.as_published else {}
        return DefocusVariety(
            fresnel=(recipe.fresnel_min, recipe.fresnel_max), below=recipe.below,
            coherence=(recipe.coherence_min, recipe.coherence_max), noise=(recipe.noise_min, recipe.noise_max), **more,
        )  # fmt: skip
    number = checked_frame(like, None)
    defocus = Defocus.of(like, number)
    size, coherence = abs(defocus.fresnel), defocus.condenser / defocus.objective
    return DefocusVariety(
        fresnel=(size, size), below=float(defocus.fresnel < 0), coherence=(coherence, coherence),
        objective=(defocus.objective, defocus.objective), noise=_noise(recipe, like, number),
    )  # fmt: skip


def _noise(recipe: TrainDefocusRecipe, like: ThroughFocus, number: int) -> tuple[float, float]:
    """Least and most deviation of a pixel: what is typed, or round that of the measured frame."""
    typed = recipe.noise_min, recipe.noise_max
    if typed != tuple(type(recipe).model_fields[name].default for name in ("noise_min", "noise_max")):
        return typed
    frame = like.intensity([number])
    found = float(np.clip(noise_of(frame / frame.mean()), *NOISE))
    return found / NOISE_SPREAD, found * NOISE_SPREAD


def source_of(recipe: TrainDefocusRecipe, material: Material, pairs: list[Pair], seed: int) -> Source:
    """What is trained on, as `recipe` asks: scenes simulated from `material` and `seed`, and these measured `pairs`."""
    return _mixed(recipe, _simulated(recipe, material, seed, recipe.pool, recipe.patches_per_scene), pairs, seed)


def aside_of(recipe: TrainDefocusRecipe, material: Material, pairs: list[Pair]) -> Batch:
    """Patches that are never trained on, the same for one `recipe`, `material` and these `pairs` kept aside."""
    simulated = _simulated(recipe, material, ASIDE_SEED, VALIDATION, 1.0)
    return _mixed(recipe, simulated, pairs, ASIDE_SEED).batch(VALIDATION)


def _mixed(recipe: TrainDefocusRecipe, simulated: Source, pairs: list[Pair], seed: int) -> Source:
    if not pairs:
        return simulated
    rng = np.random.default_rng(seed + 1)
    return Mixed(simulated, MeasuredFrames(pairs, recipe.patch_px, rng), recipe.pairs_share, rng)


def _simulated(recipe: TrainDefocusRecipe, material: Material, seed: int, pool: int, per_scene: float) -> Source:
    like = material.like
    assert like is None or isinstance(like, ThroughFocus)
    share = 1.0 if recipe.as_published else IMAGES_SHARE
    return DefocusStream(
        variety_of(recipe, like), size=max(SCENE_PX, recipe.patch_px), patch=recipe.patch_px, pool=pool,
        per_scene=per_scene, seed=seed,
        draw=functools.partial(_drawn, material.images, share) if material.images else None,
    )  # fmt: skip


def _drawn(images: Sequence[np.ndarray], share: float, size: int, unit: int, rng: np.random.Generator) -> np.ndarray:
    if rng.random() < share:
        return image_scene(images, size, unit, rng)[0]
    return any_kind(size, unit, rng)


def check(recipe: TrainDefocusRecipe, material: Material) -> None:
    """Refuse a `recipe` that cannot work, or not without more `material`, before anything long begins.

    Raises
    ------
    InputError : naming the option.
    """
    if recipe.patch_px % 16 or recipe.patch_px < 32:
        raise InputError(
            f"option patch_px is {recipe.patch_px}; the network halves a patch four times, so it must be a multiple "
            "of 16 and at least 32"
        )
    if recipe.pairs_share == 1 and not (material.pairs or material.stack):
        raise InputError(
            "option pairs_share is 1 but nothing measured is given; name a folder as pairs, or a file as stack"
        )
