"""Whether the sign of the depths is right, as far as that can be told at all.

A thin sample of phase -phase at depth -z gives, with an even pupil, exactly the frames of phase at z, however strong
it is: its light is the complex conjugate. Trying both signs gives one phase and its negative, which explain the frames
equally well; only a phase that comes from elsewhere can be told by its frames (`defocus_report`). What is left is that
most samples are optically denser than what surrounds them: compact, of larger phase than the ground between them.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

Told = Literal["right", "wrong", "unknown"]
CLIPPED = (0.5, 99.5)  # percentiles beyond which a phase is dust, or noise
LOPSIDED = 1.0  # skewness from which phase has a ground: simulated cells 1.6 to 4, textures up to 0.9 of either sign


@dataclasses.dataclass(frozen=True)
class SignFinding:
    """`level` of the note to the user, and its `sentence`; empty where there is nothing to say."""

    level: Literal["info", "warning"]
    sentence: str
    told: Told


def skewness(phase: np.ndarray) -> float:
    """Third moment of a phase over its deviation cubed, the outermost values clipped."""
    low, high = np.percentile(phase, CLIPPED)
    values = np.clip(np.asarray(phase, float), low, high)
    values = values - values.mean()
    return float((values**3).mean() / max(float((values**2).mean()) ** 1.5, 1e-30))


def sign_of(phase: np.ndarray) -> SignFinding:
    """What the phase alone (Y, X), rad, says of the sign under which it was found."""
    lean = skewness(phase)
    if lean > LOPSIDED:
        return SignFinding("info", "", "right")
    if lean < -LOPSIDED:
        return SignFinding(
            "warning",
            "the phase dips in compact places of an even ground: either the sample is optically thinner than its "
            "medium, or z_um has the wrong sign; both give the same frames, so change the sign of z_um if the sample "
            "is the denser one",
            "wrong",
        )
    return SignFinding(
        "info",
        "whether the sign of z_um is right cannot be told from these frames: the opposite phase at the opposite depth "
        "would give the same, and the sample has no even ground to tell by",
        "unknown",
    )
