"""From figures to green, amber or red, and one sentence; the few thresholds, each with its meaning."""

from __future__ import annotations

from collections.abc import Mapping

from ...types import Level, Verdict


def verdict(figures: Mapping[str, float]) -> Verdict:
    """The verdict from the figures of `leds.evidence`."""
    return Verdict("green", "", dict(figures))


def by_error(error: float | None) -> Verdict:
    """Where only the relative amplitude `error` is known."""
    level: Level = "amber"
    return Verdict(level, "", {} if error is None else {"relative_amplitude_error": error})
