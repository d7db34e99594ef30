"""How the stage's axes run against the camera's: as they are, or turned by quarters and mirrored."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

TRIED = 6  # pairs that are looked at
ENOUGH = 0.5  # of them must show the same
WAYS = {
    f"{'swapped, ' * swap}{'y mirrored, ' * (y < 0)}{'x mirrored, ' * (x < 0)}".removesuffix(", "): (swap, y, x)
    for swap in (False, True)
    for y in (1, -1)
    for x in (1, -1)
}
Pair = tuple[int, int]


def turned(places: np.ndarray, way: str) -> np.ndarray:
    """The `places` (field, 2) of a stage whose axes run another `way` of WAYS."""
    swap, y, x = WAYS[way]
    return np.asarray((places[:, ::-1] if swap else places) * (y, x))


def way_of_axes(
    places: np.ndarray, pairs_at: Callable[[np.ndarray], Sequence[Pair]], alike: Callable[[np.ndarray, Pair], bool]
) -> str:
    """The way, of WAYS, in which neighbours show the same; '' is as the stage says, which is kept where none is better.

    Parameters
    ----------
    places : nominal ones (field, 2), um.
    pairs_at : neighbours by given places.
    alike : whether the two of a pair show the same where given places put them.
    """
    found = {}
    for way in WAYS:
        here = turned(places, way)
        pairs = pairs_at(here)
        some = [pairs[n] for n in np.unique(np.linspace(0, len(pairs) - 1, TRIED).astype(int))] if pairs else []
        found[way] = sum(alike(here, pair) for pair in some) / max(len(some), 1)
        if found[way] >= ENOUGH:
            return way
    return max(found, key=lambda way: (found[way], way == ""))
