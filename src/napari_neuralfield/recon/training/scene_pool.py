"""Scenes that patches are taken from: a new one takes the place of the oldest when enough have been taken."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar

import numpy as np

LEAST = 8  # scenes before the first patch
S = TypeVar("S")


class ScenePool(Generic[S]):
    """Scenes of which each hangs on the seed and on its number alone: those of any moment can be made again.

    Parameters
    ----------
    make : a scene, of random numbers.
    most : scenes that are kept.
    per_scene : patches taken, on average, before a scene is replaced.
    seed : of all scenes.
    """

    def __init__(self, make: Callable[[np.random.Generator], S], most: int, per_scene: float, seed: int) -> None:
        self._make, self._most, self._per_scene, self._seed = make, most, per_scene, seed
        self.scenes: list[S] = []
        self._made, self._due = 0, 0.0

    def take(self, count: int) -> list[S]:
        """The scenes to take `count` patches from."""
        while len(self.scenes) < min(self._most, max(LEAST, count)) or self._due >= 1:
            self._add(self._made)
            self._made += 1
            self._due = max(0.0, self._due - 1)
        self._due += count / self._per_scene
        return self.scenes

    def _add(self, number: int) -> None:
        scene = self._make(np.random.default_rng((self._seed, number)))
        if len(self.scenes) < self._most:
            self.scenes.append(scene)
        else:
            self.scenes[number % self._most] = scene

    def state(self) -> dict[str, float]:
        """How many scenes were made, and the share of the next one."""
        return {"made": self._made, "due": self._due}

    def take_up(self, state: dict[str, float]) -> None:
        """Make the scenes again that there were in this `state`."""
        self._made, self._due = int(state["made"]), float(state["due"])
        first = max(0, self._made - self._most)
        self.scenes = []
        for number in range(first, self._made):
            self._add(number)
        turn = first % self._most
        self.scenes = self.scenes[-turn:] + self.scenes[:-turn] if turn else self.scenes

    def apart(self) -> ScenePool[S]:
        """The scenes that there are now, none of which is replaced."""
        other = copy.copy(self)
        other._due = -np.inf
        return other


class FromPool:
    """Batches drawn at random from the scenes of a pool: they can be drawn on from any moment."""

    rng: np.random.Generator
    pool: ScenePool[Any]

    def state(self) -> dict[str, object]:
        """All that the next batch depends on."""
        return {"rng": self.rng.bit_generator.state, "pool": self.pool.state()}

    def take_up(self, state: dict[str, Any]) -> None:
        """Go on from a `state`."""
        self.rng.bit_generator.state = state["rng"]
        self.pool.take_up(state["pool"])

    def apart(self) -> Self:
        """More of the same; what is taken there is not missing here."""
        other = copy.copy(self)
        other.rng, other.pool = copy.deepcopy(self.rng), self.pool.apart()
        return other
