"""From the figures of LED patterns to green, amber or red, and one sentence.

A figure beyond its first limit makes the verdict amber, beyond its second red. The limits were chosen on random
microscopes (`python -m bench.verdict --method dpc`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...types import LEVELS, Verdict
from .led_rules import Doubt, gravest, level_of

OPPOSITE = -0.88, -0.30  # correlation of opposite halves, less what all frames have in common
ONE_PHASE = 0.93, 0.70  # share of the differences of opposite halves that one phase explains
MIRRORED, ONE_PHASE_THEN = -0.935, (0.83, 0.70)  # halves so opposite are in focus and clear: the rest is mostly noise
BRIGHT = 0.75, 0.40  # correlation of bright-field frames with those of the phase, where no halves tell more
FOUR = 4  # half discs, which must confirm each other
GOOD = "The bright-field frames come back from this phase, and agree about it with each other: it can be trusted."


def verdict(figures: Mapping[str, float], own: tuple[object, object] = (None, None)) -> Verdict:
    """The verdict from the figures of `patterns.evidence`.

    Parameters
    ----------
    figures : from there.
    own : level and sentence that the method said of its own answer; they count where they are no better.
    """
    worst, sentence = gravest(list(_doubts(figures)), GOOD)
    level = next((known for known in LEVELS if known == own[0]), None)
    if level is not None and isinstance(own[1], str) and LEVELS.index(level) >= LEVELS.index(worst):
        return Verdict(level, own[1], dict(figures))
    return Verdict(worst, sentence, dict(figures))


def _doubts(figures: Mapping[str, float]) -> Iterator[Doubt]:
    if level := level_of(figures.get("opposite_halves", -1.0), OPPOSITE):
        yield (
            level,
            "Frames of opposite halves do not show the phase with opposite signs: they are in another order than the "
            "patterns say, out of focus or noisy, so compare them with neuralfield info.",
        )
    if figures.get("halves", 0) >= FOUR and "one_phase" not in figures:
        yield (
            "amber",
            "The frames of half discs do not confirm each other, as they do where one phase makes them all: check "
            "focus, ambient light, saturation and NA.",
        )
    mirrored = figures.get("opposite_halves", -1.0) < MIRRORED
    if level := level_of(figures.get("one_phase", 1.0), ONE_PHASE_THEN if mirrored else ONE_PHASE):
        turned = figures["one_phase_best"] > figures["one_phase"] + 0.1
        remedy = "check which half is which" if turned else "check focus, NA and pixel"
        yield (
            level,
            f"One phase explains only {figures['one_phase']:.0%} of what tells the halves apart: {remedy}.",
        )
    if "one_phase" not in figures and (level := level_of(figures.get("bright_field_correlation", 1.0), BRIGHT)):
        yield (
            level,
            "The bright-field frames come back from this phase only in part (correlation "
            f"{figures['bright_field_correlation']:.2f}): check noise, ambient light, saturation and NA.",
        )
