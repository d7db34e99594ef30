"""Which frame of a recording is worth looking at first. No Qt."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ...data.acquisition import Draft

MOST_READ = 16  # frames that are looked at to choose one


def first_frame(draft: Draft) -> int:
    """The frame to begin with: lit straight from below, of the brightest pattern, or with the strongest contrast.

    Of frames taken over time, and of scans, whose frames are all alike, the first.
    """
    known, count = draft.derived(), int(draft.frames.shape[0])
    light, patterns = (_array(known.get(name)) for name in ("illumination_na", "patterns"))
    if draft.kind == "led_array" and light is not None and light.shape == (count, 2):
        return int(np.argmin(np.hypot(*light.T)))
    leds, aperture = _array(known.get("led_na")), known.get("objective_na")
    if draft.kind == "multiplexed_led" and patterns is not None and leds is not None:
        if patterns.shape == (count, len(leds)) and isinstance(aperture, int | float):
            return int(np.argmax(patterns @ (np.hypot(*leds.T) < aperture)))
        return _strongest(draft, np.mean)
    if draft.kind == "through_focus" and known.get("time_s") is None:
        return _strongest(draft, lambda frame: np.std(frame) / max(abs(float(np.mean(frame))), 1e-12))
    return 0


def _strongest(draft: Draft, measure: Callable[[np.ndarray], float]) -> int:
    """The frame of which a `measure` is largest, among at most MOST_READ of them, evenly chosen."""
    count = int(draft.frames.shape[0])
    some = np.unique(np.linspace(0, count - 1, min(count, MOST_READ)).astype(int))
    found = [measure(np.asarray(draft.frames[int(i)], dtype=np.float32)[::2, ::2]) for i in some]
    return int(some[int(np.argmax(np.nan_to_num(found, nan=-np.inf)))])


def _array(value: object) -> np.ndarray | None:
    """Numbers of two axes, None for anything else."""
    found = np.asarray(value)
    return found.astype(float) if found.ndim == 2 and found.dtype.kind in "uif" else None
