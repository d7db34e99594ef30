"""Where patches come from: simulated scenes, measured pairs, or both in turn."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any, Protocol, Self, cast

import numpy as np
import torch

from ...data.acquisition import MultiplexedLed
from ...simulate.scenes.image_scenes import image_scene
from ...simulate.scenes.random_scenes import Scene, random_scene
from ...types import InputError
from ..patterns.network_inputs import CANONICAL
from .match_measured import BoardOf, MeasuredMatch
from .material import Material, Pair, every_fifth
from .measured_pairs import MeasuredPairs
from .pattern_stream import TrainingStream, Variety, random_board
from .recipe import TrainNeuPhRecipe

SCENE_PX = 96  # frame pixels of a simulated scene
IMAGES_SHARE = 0.35  # of the scenes, where the user gives images
VALIDATION = 16  # patches kept aside
ASIDE_SEED = 987654321
ONE_MICROSCOPE = Variety(
    arc_turn_deg=0, axis_turn_deg=0, pitch=(1.0, 1.0), limit=(1.0, 1.0), rings=0, shift=0, brightness=0,
    aberration_rad=(0.0,) * 6, resampled=0, dark_gain=(0.0, 0.0), ambient=0, uneven=0,
)  # fmt: skip


class PlainSource(Protocol):
    """PlainSource without end."""

    def batch(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Channels (count, channel, patch, patch) and phases (count, Y, X)."""


class Source(PlainSource, Protocol):
    """PlainSource without end that can be drawn on from any moment."""

    def state(self) -> dict[str, object]:
        """All that the next batch depends on."""

    def take_up(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""

    def apart(self) -> Self:
        """More of the same; what is taken there is not missing here."""


def resumable(make: Callable[[int], PlainSource], seed: int) -> Source:
    """What `make` gives for a `seed`; of a source that tells no state, one that draws again what was drawn."""
    made = make(seed)
    return cast(Source, made) if hasattr(made, "state") else _DrawnAgain(make, seed)


class _DrawnAgain:
    """PlainSource of a source that only its beginning is known of."""

    def __init__(self, make: Callable[[int], PlainSource], seed: int) -> None:
        self._make, self._seed, self._source = make, seed, make(seed)
        self._drawn: list[int] = []

    def batch(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        self._drawn.append(count)
        return self._source.batch(count)

    def state(self) -> dict[str, object]:
        return {"drawn": self._drawn}

    def take_up(self, state: dict[str, Any]) -> None:
        self.__init__(self._make, self._seed)  # type: ignore[misc]
        for count in state["drawn"]:
            self.batch(count)

    def apart(self) -> _DrawnAgain:
        return _DrawnAgain(self._make, self._seed + 1)


class Mixed:
    """Patches of either of two sources, of the second with a given chance."""

    def __init__(self, one: Source, two: Source, share: float, rng: np.random.Generator) -> None:
        self.one, self.two, self.share, self.rng = one, two, share, rng

    def batch(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        second = int(self.rng.binomial(count, self.share))
        parts = [source.batch(n) for source, n in ((self.one, count - second), (self.two, second)) if n]
        channels, phases = zip(*parts, strict=True)
        return torch.cat(channels), torch.cat(phases)

    def state(self) -> dict[str, object]:
        return {"rng": self.rng.bit_generator.state, "one": self.one.state(), "two": self.two.state()}

    def take_up(self, state: dict[str, Any]) -> None:
        self.rng.bit_generator.state = state["rng"]
        self.one.take_up(state["one"])
        self.two.take_up(state["two"])

    def apart(self) -> Mixed:
        return Mixed(self.one.apart(), self.two.apart(), self.share, copy.deepcopy(self.rng))


def source_of(recipe: TrainNeuPhRecipe, material: Material, seed: int) -> Source:
    """What is trained on, as `recipe` asks: scenes simulated from `material` and `seed`, and its measured pairs."""
    simulated = _simulated(recipe, material, seed, pool=recipe.pool, per_scene=recipe.patches_per_scene)
    return _mixed(recipe, simulated, every_fifth(material.pairs)[0], seed)


def aside_of(recipe: TrainNeuPhRecipe, material: Material) -> tuple[torch.Tensor, torch.Tensor]:
    """Patches that are never trained on, the same in every training of this `recipe` and `material`."""
    simulated = _simulated(recipe, material, ASIDE_SEED, pool=VALIDATION, per_scene=1, boards=4)
    return _mixed(recipe, simulated, every_fifth(material.pairs)[1], ASIDE_SEED).batch(VALIDATION)


def _mixed(recipe: TrainNeuPhRecipe, simulated: TrainingStream, pairs: list[Pair], seed: int) -> Source:
    if not pairs or recipe.pairs_share == 0:
        return simulated
    rng = np.random.default_rng(seed + 1)
    return Mixed(simulated, MeasuredPairs(pairs, recipe.patch_px, rng), recipe.pairs_share, rng)


def _simulated(
    recipe: TrainNeuPhRecipe, material: Material, seed: int, *, pool: int, per_scene: float, boards: int = 24
) -> TrainingStream:
    size, like, ours = max(SCENE_PX, recipe.patch_px), material.like, not recipe.as_published
    share = IMAGES_SHARE if ours else 1.0
    assert like is None or isinstance(like, MultiplexedLed)
    return TrainingStream(
        CANONICAL, Variety() if ours else ONE_MICROSCOPE, size=size, patch=recipe.patch_px, pool=pool,
        per_scene=per_scene, boards=boards if ours else 1, seed=seed,
        board=random_board if like is None else BoardOf(like),
        chance=None if like is None else MeasuredMatch(like, size),
        draw=functools.partial(_drawn, material, share) if material.images else None,
    )  # fmt: skip


def _drawn(material: Material, share: float, size: int, unit: int, rng: np.random.Generator) -> Scene:
    if rng.random() < share:
        return image_scene(material.images, size, unit, rng)
    return random_scene(size, unit, rng)


def check(recipe: TrainNeuPhRecipe, material: Material) -> None:
    """Refuse a `recipe` that cannot work, or not without more `material`, before anything long begins.

    Raises
    ------
    InputError : naming the option.
    """
    if recipe.pairs_share == 1 and not material.pairs:
        raise InputError("option pairs_share is 1 but no measured pairs are given; name their folder as pairs")
