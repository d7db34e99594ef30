"""What is done to a time-lapse on request: held still, made evenly bright, phase turned into height."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from ..data.acquisition import ThroughFocus
from ..types import InputError

OnProgress = Callable[[int, int], None]
Wanted = Callable[[], bool]


class Stopped(Exception):
    """What was under way is no longer wanted."""


@dataclasses.dataclass(frozen=True)
class Choices:
    """What to do. `um_per_rad`: height of one radian; None for the phase itself."""

    drift: bool = False
    brightness: bool = False
    um_per_rad: float | None = None


def drift_of(
    acquisition: ThroughFocus, on_progress: OnProgress = lambda done, total: None, wanted: Wanted = lambda: True
) -> np.ndarray:
    """How far the specimen has moved in each frame against the first, (frame, 2), um.

    Raises
    ------
    Stopped : as soon as `wanted()` is False.
    """
    from ..recon.drift import drift

    count = acquisition.frame_count
    frames = (acquisition.intensity([number])[0] for number in range(count))
    found = []
    for done, place in enumerate(drift(frames), start=1):
        found.append(place)
        on_progress(done, count)
        if not wanted():
            raise Stopped
    return np.array(found) * acquisition.pixel_um


def evenly_bright(
    acquisition: ThroughFocus, on_progress: OnProgress = lambda done, total: None, wanted: Wanted = lambda: True
) -> ThroughFocus:
    """The acquisition with every frame as bright as the mean of all: what differs counts as exposure.

    Raises
    ------
    InputError : where a frame is dark.
    Stopped : as soon as `wanted()` is False.
    """
    count = acquisition.frame_count
    means = np.empty(count)
    for number in range(count):
        means[number] = acquisition.intensity([number]).mean(dtype=np.float64)
        on_progress(number + 1, count)
        if not wanted():
            raise Stopped
        if not means[number] > 0:
            raise InputError(
                f"{acquisition.source or 'the acquisition'}: frame {number} has a mean of {means[number]:g}; "
                "brightness can only be made even where every frame is bright, so leave that frame out"
            )
    before = np.ones(count) if acquisition.exposure is None else np.asarray(acquisition.exposure, dtype=float)
    return acquisition.replace(exposure=before * means / means.mean())
