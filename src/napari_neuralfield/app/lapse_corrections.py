"""What is done to a time-lapse on request: held still, made evenly bright, phase turned into height."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from ..data.acquisition import ThroughFocus
from ..data.times import times
from ..types import InputError

OnProgress = Callable[[int, int], None]
Wanted = Callable[[], bool]

APART = 0.5  # of the drift: parts that move further against each other do not move as one
LEAST_UM = 0.2  # what parts may always seem to move against each other


class Unwanted(Exception):
    """What was under way is no longer wanted."""


@dataclasses.dataclass(frozen=True)
class Choices:
    """What to do. `um_per_rad`: height of one radian; None for the phase itself."""

    drift: bool = False
    brightness: bool = False
    um_per_rad: float | None = None


@dataclasses.dataclass(frozen=True)
class Drift:
    """How far the picture moves in each time against the first, (time, 2), um, and its parts from each other."""

    moves_um: np.ndarray
    apart_um: float

    @property
    def note(self) -> str:
        """What to know before trusting it; '' where the picture moves as one."""
        if self.apart_um <= max(APART * float(np.abs(self.moves_um).max()), LEAST_UM):
            return ""
        return (
            f"parts of the picture move by up to {self.apart_um:.2g} um against each other, so it is not the stage "
            "alone that drifts; what is held still is the picture as a whole"
        )


def drift_of(
    acquisition: ThroughFocus, on_progress: OnProgress = lambda done, total: None, wanted: Wanted = lambda: True
) -> Drift:
    """How far the specimen drifts; of stacks, as the frames at one depth show it.

    Parameters
    ----------
    acquisition : a time-lapse.
    on_progress : called with (frames read, frames in all) after each.
    wanted : asked after each frame.

    Raises
    ------
    Unwanted : as soon as `wanted()` is False.
    """
    from ..optics.drift import Follower, quarters

    followed, step = _followed(acquisition), acquisition.pixel_um
    count = len(followed)
    whole, parts = Follower(), [Follower() for _ in range(4)]
    moves, apart = np.zeros((count, 2)), 0.0
    for number, shown in enumerate(followed):
        frame = acquisition.intensity([shown])[0]
        moves[number] = whole.place(frame)
        places = [part.place(quarter) for part, quarter in zip(parts, quarters(frame), strict=False)]
        if places:
            middle = np.sort(places, axis=0)  # one part with nothing in it does not count
            apart = max(apart, float((middle[2] - middle[1]).max()))
        on_progress(number + 1, count)
        if not wanted():
            raise Unwanted
    return Drift(moves * step, apart * step)


def _followed(acquisition: ThroughFocus) -> list[int]:
    """The frame of each time that lies nearest to one depth: far from focus, where a transparent sample shows."""
    z, groups = np.asarray(acquisition.z_um, dtype=float), times(acquisition)
    depth = z[groups[0]][np.abs(z[groups[0]]).argmax()]
    return [int(frames[np.abs(z[frames] - depth).argmin()]) for frames in groups]


def evenly_bright(
    acquisition: ThroughFocus, on_progress: OnProgress = lambda done, total: None, wanted: Wanted = lambda: True
) -> ThroughFocus:
    """The acquisition with every frame as bright as the mean of all: what differs counts as exposure.

    `on_progress` and `wanted` are those of `drift_of`.

    Raises
    ------
    InputError : where a frame is dark.
    Unwanted : as soon as `wanted()` is False.
    """
    count = acquisition.frame_count
    means = np.empty(count)
    for number in range(count):
        means[number] = acquisition.intensity([number]).mean(dtype=np.float64)
        on_progress(number + 1, count)
        if not wanted():
            raise Unwanted
        if not means[number] > 0:
            raise InputError(
                f"{acquisition.source or 'the acquisition'}: frame {number} has a mean of {means[number]:g}; "
                "brightness can only be made even where every frame is bright, so leave that frame out"
            )
    before = np.ones(count) if acquisition.exposure is None else np.asarray(acquisition.exposure, dtype=float)
    return acquisition.replace(exposure=before * means / means.mean())
