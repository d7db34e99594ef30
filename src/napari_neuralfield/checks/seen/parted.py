"""Frames whose LED lies at the rim of the objective's NA: bright in one part of a wide field, dark in another.

Every place of a wide field sees a near LED in another direction. No single direction explains such a frame, and a
reconstruction that must explain it bends the phase of a whole part of the field until that part is dark.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...data.acquisition import Acquisition, LedArray
from .frames import Check, named
from .look import Looked, thumb

INSIDE, NEAR = 0.85, 0.2  # of the objective's NA: surely bright field; how far from the rim a frame may be parted
CELLS = 4  # parts of the field along a side
BRIGHT, DARK = 0.6, 0.3  # of the light that surely bright frames have at the same place
LEAST_LIGHT = 0.1  # of what they usually have: below, a place tells nothing


def parted(acquisition: Acquisition, seen: Looked) -> np.ndarray:
    """Numbers of the frames `seen` of an `acquisition` that are bright in one part and dark in another."""
    if not isinstance(acquisition, LedArray) or acquisition.coded_surface is not None:
        return np.zeros(0, int)
    return seen.numbers[_parted(acquisition, seen.numbers, seen.thumbs)]


def parted_of(acquisition: LedArray) -> np.ndarray:
    """The same of all frames of an `acquisition`, of which no more are read than are asked."""
    ratio = _ratio(acquisition)
    sure = np.flatnonzero(ratio < INSIDE)
    sure = sure[np.argsort(ratio[sure], kind="stable")[:9]]
    numbers = np.union1d(sure, np.flatnonzero(np.abs(ratio - 1) < NEAR))
    if acquisition.coded_surface is not None or not len(sure) or len(numbers) == len(sure):
        return np.zeros(0, int)
    thumbs = np.stack([thumb(np.asarray(acquisition.frames[int(n)])) for n in numbers])
    return numbers[_parted(acquisition, numbers, thumbs)]


def at_odds(acquisition: LedArray, frames: np.ndarray) -> np.ndarray:
    """Those of `frames` (n,) of an `acquisition` that are not as bright, or dark, as their directions say."""
    if not len(frames):
        return frames
    ratio = _ratio(acquisition)
    numbers = np.union1d(np.flatnonzero(ratio < INSIDE), frames)
    thumbs = np.stack([thumb(np.asarray(acquisition.frames[int(n)])) for n in numbers])
    share = _shares(acquisition, numbers, thumbs)[np.isin(numbers, frames)]
    inside = (ratio[np.sort(frames)] < 1)[:, None, None]
    odd = np.where(inside, share < BRIGHT, share > DARK).any((1, 2))  # a place too dark to tell is not odd
    return np.sort(frames)[odd]


def said_of_parted(frames: np.ndarray) -> Iterator[Check]:
    """What a user should know of `frames` (n,) that are parted."""
    if len(frames):
        one = len(frames) == 1
        text = (
            f"{named(frames)} {'is' if one else 'are'} bright in one part of the field and dark in another, as LEDs at "
            "the rim of the objective's NA are where directions change over a wide field: a reconstruction leaves "
            f"{'it' if one else 'them'} out. neuralfield calibrate --regions 3,3 finds how directions change."
        )
        yield Check("parted_frames", "warning", len(frames), "frames", text)


def _ratio(acquisition: LedArray) -> np.ndarray:
    return np.asarray(np.hypot(*np.asarray(acquisition.illumination_na).T) / acquisition.objective_na)


def _parted(acquisition: LedArray, numbers: np.ndarray, thumbs: np.ndarray) -> np.ndarray:
    """Which of some frames (n,) are parted."""
    if min(thumbs.shape[1:]) < CELLS:
        return np.zeros(len(numbers), bool)
    share = _shares(acquisition, numbers, thumbs)
    near = np.abs(_ratio(acquisition)[numbers] - 1) < NEAR
    with np.errstate(invalid="ignore"):
        return np.asarray(near & (share > BRIGHT).any((1, 2)) & (share < DARK).any((1, 2)))


def _shares(acquisition: LedArray, numbers: np.ndarray, thumbs: np.ndarray) -> np.ndarray:
    """Light of frames (n, y, x) in parts of the field (n, row, column), over that of surely bright frames there."""
    dark: np.ndarray | float = float(acquisition.pedestal or 0)
    if acquisition.background is not None:
        dark = float(np.mean(acquisition.background))
    if acquisition.ambient is not None:
        dark = dark + np.asarray(acquisition.ambient, float)[numbers, None, None]
    times = 1.0 if acquisition.exposure is None else np.asarray(acquisition.exposure, float)[numbers, None, None]
    rows, columns = (np.array_split(np.arange(n), CELLS) for n in thumbs.shape[1:])
    cells = np.array([[thumbs[:, r[0] : r[-1] + 1, c[0] : c[-1] + 1].mean((1, 2)) for c in columns] for r in rows])
    light = (cells.transpose(2, 0, 1) - dark) / np.maximum(times, 1e-12)
    sure = light[_ratio(acquisition)[numbers] < INSIDE]
    if not len(sure):
        return np.full(light.shape, np.nan)
    usual = np.median(sure, axis=0)
    told = usual > LEAST_LIGHT * np.median(usual)
    return np.where(told, light / np.where(told, usual, 1), np.nan)
