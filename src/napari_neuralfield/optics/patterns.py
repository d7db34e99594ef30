"""Which LEDs make a frame: half discs in the bright field, arcs in the dark field, and how to recognise them.

An angle is the direction in which the light travels at the sample, degrees from x (right) towards y (down), as in
`led_na = (na_y, na_x)`. Light travels away from its LED, so the LEDs themselves lie opposite.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal, TypeVar

import numpy as np

from ..types import InputError

ON_THE_LINE = 1e-6  # NA: nearer to a dividing line than this is on it
LIKE = 0.6  # a pattern is called by a name where it shares this much of its light with the one that the name builds
WIDEST_ARC_DEG = 200.0
WORDS = {"bright": "bright field", "dark": "dark field", "mixed": "bright and dark field", "empty": "without LEDs"}
Angle = TypeVar("Angle", float, np.ndarray)


@dataclasses.dataclass(frozen=True)
class PatternName:
    """What one frame's pattern is.

    kind : 'half' is half of the bright-field disc, 'bright' other light that enters the objective directly, 'arc' a
        part of the dark-field ring, 'dark' other light that does not, 'mixed' both, 'empty' none.
    angle_deg : direction of the light of a half or an arc, 0..360; 0 for the others.
    width_deg : of an arc.
    limit_na : steepest LED of an arc.
    """

    kind: Literal["half", "bright", "arc", "dark", "mixed", "empty"]
    angle_deg: float = 0.0
    width_deg: float = 0.0
    limit_na: float = 0.0

    @property
    def words(self) -> str:
        """As in a sentence: a bright-field half towards 90 deg."""
        if self.kind == "half":
            return f"a bright-field half towards {self.angle_deg:.0f} deg"
        if self.kind == "arc":
            return f"an arc of {self.width_deg:.0f} deg towards {self.angle_deg:.0f} deg"
        return WORDS[self.kind]


def angles_of(na: np.ndarray) -> np.ndarray:
    """Angles, degrees -180..180, of directions (..., 2) as (y, x)."""
    return np.degrees(np.arctan2(na[..., 0], na[..., 1]))


def turn_from(angle_deg: Angle, from_deg: float) -> Angle:
    """How far `angle_deg` is turned from `from_deg`, degrees -180..180."""
    return (angle_deg - from_deg + 180) % 360 - 180


def half_disc(led_na: np.ndarray, objective_na: float, axis_deg: float) -> np.ndarray:
    """Weights (led,) of the bright-field LEDs whose light travels towards `axis_deg`, 1/2 on the dividing line.

    Parameters
    ----------
    led_na : direction cosines (led, 2) as (y, x).
    objective_na : LEDs up to this NA are bright field.

    Raises
    ------
    InputError : where no LED lies on that side within the objective's NA.
    """
    na = np.asarray(led_na, dtype=float)
    side = na @ _unit(axis_deg)
    weights = np.where(_steepness(na) <= objective_na, _share(side), 0.0)
    if not (weights == 1).any():
        raise InputError(
            f"a half disc about {axis_deg:g} degrees holds no LED within objective_na {objective_na:g}; check the NA "
            "and the LED directions"
        )
    return weights


def arc(
    led_na: np.ndarray,
    objective_na: float,
    centre_deg: float,
    width_deg: float = 120.0,
    limit_na: float | None = None,
) -> np.ndarray:
    """Weights (led,) of the dark-field LEDs within half of `width_deg` of `centre_deg`, 1/2 on its two borders.

    Parameters
    ----------
    led_na : direction cosines (led, 2) as (y, x).
    objective_na : LEDs beyond this NA are dark field.
    limit_na : NA of the steepest LED that is lit; every LED where None.

    Raises
    ------
    InputError : where no LED lies in the arc.
    """
    na = np.asarray(led_na, dtype=float)
    steep = _steepness(na)
    ring = (steep > objective_na) & (steep <= (np.inf if limit_na is None else limit_na))
    inside = np.ones(len(na))
    if width_deg < 360:
        aside = np.deg2rad(turn_from(angles_of(na), centre_deg))
        inside = _share(steep * np.sin(np.clip(np.deg2rad(width_deg / 2) - np.abs(aside), -np.pi / 2, np.pi / 2)))
    weights = np.where(ring, inside, 0.0)
    if not weights.any():
        raise InputError(
            f"an arc of {width_deg:g} degrees about {centre_deg:g} degrees holds no LED between objective_na "
            f"{objective_na:g} and {'the steepest LED' if limit_na is None else f'NA {limit_na:g}'}; check the NA and "
            "the LED directions"
        )
    return weights


def halves_and_arcs(
    led_na: np.ndarray,
    objective_na: float,
    axis_deg: float = 45.0,
    arcs_deg: Sequence[float] = (0.0, 120.0, 240.0),
    limit_na: float | None = None,
) -> np.ndarray:
    """Patterns (2 + n, led): the two bright-field halves, `axis_deg` first, then n arcs of 360 / n degrees.

    Parameters
    ----------
    led_na, objective_na, limit_na : as in `arc`.
    arcs_deg : direction of the light of each arc (n,).
    """
    halves = [half_disc(led_na, objective_na, axis_deg + turn) for turn in (0.0, 180.0)]
    width = 360.0 / max(len(arcs_deg), 1)
    return np.array([*halves, *(arc(led_na, objective_na, angle, width, limit_na) for angle in arcs_deg)])


def describe(led_na: np.ndarray, patterns: np.ndarray, objective_na: float) -> list[PatternName]:
    """What each pattern is, from which LEDs it lights.

    Parameters
    ----------
    led_na : direction cosines (led, 2).
    patterns : brightness of each LED in each frame (frame, led).
    objective_na : LEDs up to this NA are bright field.
    """
    na, weights = np.asarray(led_na, dtype=float), np.asarray(patterns, dtype=float)
    return [_named(na, weight / max(weight.max(initial=0.0), 1e-300), objective_na) for weight in weights]


def _named(na: np.ndarray, weight: np.ndarray, objective_na: float) -> PatternName:
    bright, lit = _steepness(na) <= objective_na, weight > 0
    if not lit.any():
        return PatternName("empty")
    if (lit & bright).any() and (lit & ~bright).any():
        return PatternName("mixed")
    centre = weight @ na / weight.sum()
    angle = round(float(np.degrees(np.arctan2(*centre))), 6) % 360
    lopsided = np.hypot(*centre) > ON_THE_LINE
    if (lit & bright).any():
        if lopsided and bright.sum() > 1 and _alike(weight, half_disc(na, objective_na, angle)):
            return PatternName("half", angle)
        return PatternName("bright")
    limit = float(_steepness(na)[lit].max())
    aside = np.abs(turn_from(angles_of(na), angle))
    width = float(4 * (weight @ aside) / weight.sum())  # of an even arc the mean distance from its middle is width / 4
    within = lit[aside > 90].sum() <= 0.05 * lit.sum() and width <= WIDEST_ARC_DEG
    if lopsided and within and _alike(weight, arc(na, objective_na, angle, max(width, 1.0), limit + ON_THE_LINE)):
        return PatternName("arc", angle, width, limit)
    return PatternName("dark", limit_na=limit)


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.minimum(one, other).sum() >= LIKE * np.maximum(one, other).sum())


def _share(side: np.ndarray) -> np.ndarray:
    """1 on the positive side of a line, 0 on the other, 1/2 on it."""
    return np.where(np.abs(side) <= ON_THE_LINE, 0.5, (side > 0).astype(float))


def _steepness(na: np.ndarray) -> np.ndarray:
    return np.hypot(na[:, 0], na[:, 1])


def _unit(angle_deg: float) -> np.ndarray:
    """(y, x) of a direction."""
    return np.array([np.sin(np.deg2rad(angle_deg)), np.cos(np.deg2rad(angle_deg))])
