"""Which frames of a recording through focus belong to one time: a time-lapse of stacks is not one large stack."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..types import InputError
from .acquisition import ThroughFocus
from .geometry import depth_of_field_um

JITTER = 0.2  # of a step between planes: a stage comes back to the same depth within that
SAME_TIME = 1e-6  # of the whole: times that differ by less are one
PAUSE = 3.0  # of the usual time between two frames: a new time begins
REGULAR = 0.5  # share of the times that hold every depth, below which no order is seen
MORE = 0.6  # the same where the depths differ by less than the depth of field, and may be drift

Groups = tuple[np.ndarray, ...]  # numbers of the frames of each time


def times(acquisition: ThroughFocus) -> Groups:
    """Numbers of the frames of each time of an `acquisition`; one group where nothing says when frames were taken.

    The times come in their order. Frames are of one time where `time_s` says the same of them. Where it differs from
    plane to plane, a time begins when the depths begin again. Frames that are all at one depth, or drift about it by
    less than the depth of field, are each a time.

    Raises
    ------
    InputError : where depths and times follow no order.
    """
    count = acquisition.frame_count
    if acquisition.time_s is None or count == 1:
        return (np.arange(count),)
    planes, time = _planes(acquisition), np.asarray(acquisition.time_s, dtype=float)
    alone = tuple(np.array([number]) for number in np.argsort(time, kind="stable"))
    z = np.asarray(acquisition.z_um, dtype=float)
    if np.ptp(z) == 0:
        return alone
    found = _groups(planes, time)
    whole = [_complete(groups, planes) for groups in found]
    best = found[int(np.argmax(whole))] if found else ()
    drifts = np.ptp(z) < depth_of_field_um(acquisition)
    one_drifting = len(best) == 1 and drifts and not _one_way(z[best[0]])
    said = any(len(groups) == len(np.unique(time)) < count for groups in found)  # frames of one time, by their time
    if found and not one_drifting and (max(whole) == 1 or said):
        return best
    few = drifts and len(np.unique(planes)) < 3  # a stage that reports 4.0 and 4.1 um by turns
    if found and not one_drifting and not few and max(whole) >= (MORE if drifts else REGULAR):
        return best
    if drifts:
        return alone
    raise InputError(
        f"{acquisition.source or 'the acquisition'}: its {count} frames lie at {len(np.unique(planes))} depths and "
        f"{len(np.unique(time))} times in no order that makes stacks of them; give z_um and time_s of every frame, all "
        "frames of one time with the same time_s"
    )


def of_stacks(groups: Sequence[np.ndarray]) -> bool:
    """Whether these `times` are several, and any of more than one frame."""
    return len(groups) > 1 and any(len(numbers) > 1 for numbers in groups)


def starts_s(acquisition: ThroughFocus, groups: Sequence[np.ndarray]) -> np.ndarray:
    """When each time began, s (time,); 0 where the acquisition does not say.

    Parameters
    ----------
    acquisition : of all frames.
    groups : its `times`.
    """
    if acquisition.time_s is None:
        return np.zeros(len(groups))
    time = np.asarray(acquisition.time_s, dtype=float)
    return np.array([time[numbers].min() for numbers in groups])


def lacking(acquisition: ThroughFocus, groups: Sequence[np.ndarray]) -> dict[int, list[float]]:
    """Number of a time -> depths, um, that others of the `groups` of an `acquisition` hold and it does not."""
    planes, z = _planes(acquisition), np.asarray(acquisition.z_um, dtype=float)
    every = set(planes.tolist())
    found = {number: sorted(every - set(planes[frames].tolist())) for number, frames in enumerate(groups)}
    return {n: [float(np.median(z[planes == p])) for p in missing] for n, missing in found.items() if missing}


def _planes(acquisition: ThroughFocus) -> np.ndarray:
    """Number of the depth of each frame (frame,), a stage's jitter left aside; each colour has depths of its own."""
    z = np.asarray(acquisition.z_um, dtype=float)
    steps = np.abs(np.diff(z))
    step = float(np.median(steps[steps > 0])) if (steps > 0).any() else 0.0
    order = np.argsort(z, kind="stable")
    planes = np.empty(len(z), dtype=int)
    planes[order] = np.concatenate([[0], np.cumsum(np.diff(z[order]) > JITTER * step)])
    if acquisition.channel is not None:
        planes += (planes.max() + 1) * np.asarray(acquisition.channel, dtype=int)
    return planes


def _groups(planes: np.ndarray, time: np.ndarray) -> list[Groups]:
    """Ways to see times in the frames, none of which holds a depth twice; of equally good ones the first counts."""
    order = np.argsort(time, kind="stable")
    sorted_time, step = time[order], np.diff(time[order])
    ways = [
        np.flatnonzero(step > SAME_TIME * max(np.ptp(time), 1e-12)) + 1,
        _turns_back(planes[order]),
        _begins_again(planes[order]),
        np.flatnonzero(step > PAUSE * np.median(step)) + 1 if len(sorted_time) > 2 else np.array([], int),
    ]
    found = [tuple(np.sort(numbers) for numbers in np.split(order, at)) for at in ways]
    return [groups for groups in found if all(len(set(planes[g].tolist())) == len(g) for g in groups)]


def _begins_again(planes: np.ndarray) -> np.ndarray:
    """Where a depth comes that the stack in hand has already."""
    at: list[int] = []
    seen: set[int] = set()
    for place, plane in enumerate(planes.tolist()):
        if plane in seen:
            at.append(place)
            seen = set()
        seen.add(plane)
    return np.array(at, dtype=int)


def _turns_back(planes: np.ndarray) -> np.ndarray:
    """Where the depth goes against the way of the first step."""
    moves = np.sign(np.diff(planes))
    way = moves[moves != 0][:1]
    return np.flatnonzero(moves != (way[0] if way.size else 1)) + 1


def _complete(groups: Groups, planes: np.ndarray) -> float:
    """Share of the groups that hold every depth."""
    every = len(np.unique(planes))
    return float(np.mean([len(numbers) == every for numbers in groups]))


def _one_way(z: np.ndarray) -> bool:
    """Whether depths go up, or down, all the way."""
    steps = np.diff(z)
    return bool((steps > 0).all() or (steps < 0).all())
