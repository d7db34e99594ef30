"""Where patches for the single-frame networks come from."""

from __future__ import annotations

from ..data.acquisition import ThroughFocus
from ..types import InputError
from .defocus_inputs import Defocus, best_frame
from .defocus_stream import DefocusStream, DefocusVariety
from .train import Batch
from .train_recipe import TrainDefocusRecipe
from .training_material import Material, Pair
from .training_source import ASIDE_SEED, Source

SCENE_PX = 96  # frame pixels of a simulated scene
VALIDATION = 24  # patches kept aside


def variety_of(recipe: TrainDefocusRecipe, like: ThroughFocus | None) -> DefocusVariety:
    """The microscopes to simulate: those of the ranges, or the one of measured frames."""
    if like is None:
        return DefocusVariety(
            fresnel=(recipe.fresnel_min, recipe.fresnel_max), below=recipe.below,
            coherence=(recipe.coherence_min, recipe.coherence_max), noise=(recipe.noise_min, recipe.noise_max),
        )  # fmt: skip
    defocus = Defocus.of(like, best_frame(like))
    size, coherence = abs(defocus.fresnel), defocus.condenser / defocus.objective
    return DefocusVariety(
        fresnel=(size, size), below=float(defocus.fresnel < 0), coherence=(coherence, coherence),
        objective=(defocus.objective, defocus.objective), noise=(recipe.noise_min, recipe.noise_max),
    )  # fmt: skip


def source_of(recipe: TrainDefocusRecipe, material: Material, seed: int) -> Source:
    """What is trained on."""
    return _simulated(recipe, material, seed, recipe.pool, recipe.patches_per_scene)


def aside_of(recipe: TrainDefocusRecipe, material: Material) -> Batch:
    """Patches that are never trained on, the same in every training of these options."""
    return _simulated(recipe, material, ASIDE_SEED, VALIDATION, 1.0).batch(VALIDATION)


def split(recipe: TrainDefocusRecipe, material: Material) -> tuple[list[Pair], list[Pair]]:
    """The measured pairs that are trained on, and those that are not."""
    return [], []


def _simulated(recipe: TrainDefocusRecipe, material: Material, seed: int, pool: int, per_scene: float) -> Source:
    return DefocusStream(
        variety_of(recipe, None), size=max(SCENE_PX, recipe.patch_px), patch=recipe.patch_px, pool=pool,
        per_scene=per_scene, seed=seed,
    )  # fmt: skip


def check(recipe: TrainDefocusRecipe, material: Material) -> None:
    """Refuse what cannot work before anything long begins.

    Raises
    ------
    InputError : naming the option.
    """
    if recipe.patch_px % 16 or recipe.patch_px < 32:
        raise InputError(
            f"option patch_px is {recipe.patch_px}; the network halves a patch four times, so it must be a multiple "
            "of 16 and at least 32"
        )
