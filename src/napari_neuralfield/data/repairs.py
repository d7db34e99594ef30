"""Frames whose pixels without data are filled from good ones beside them, as they are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import scipy.ndimage

from .frames import Frames, FrameSelection

REACH = 2  # pixels around a bad one whose mean, the nearest counting most, takes its place


@dataclasses.dataclass(frozen=True, eq=False)
class Repaired:
    """A lazy stack in which bad pixels are filled; of the stack's own type.

    Parameters
    ----------
    given : the stack as it was read.
    always : True where a pixel is bad in every frame (y, x).
    at_times : frame -> positions (k,) in the flattened frame of the pixels that are bad in it alone.
    """

    given: Frames
    always: np.ndarray
    at_times: Mapping[int, np.ndarray] = dataclasses.field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.given.shape)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.given.dtype)

    @property
    def measured(self) -> Frames:
        """As the camera gave them, where a reader corrects the frames; the repairs stay."""
        inner = getattr(self.given, "measured", None)
        return self if inner is None else Repaired(inner, self.always, self.at_times)

    def bad(self, frame: int) -> np.ndarray:
        """True where a pixel of a frame is bad (y, x)."""
        mask = self.always
        if frame in self.at_times:
            mask = mask.copy()
            mask.flat[self.at_times[frame]] = True
        return mask

    @cached_property
    def _any(self) -> bool:
        return bool(self.always.any())

    @cached_property
    def _usual(self) -> Filling:
        """Of the frames that have no bad pixels of their own."""
        return Filling.of(self.always)

    def __getitem__(self, key: Any) -> np.ndarray:
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        chosen = np.arange(self.shape[0])[first]
        stack = [self._frame(int(i), rest) for i in np.atleast_1d(chosen)]
        return stack[0] if chosen.ndim == 0 else np.stack(stack)

    def _frame(self, index: int, rest: tuple[Any, ...]) -> np.ndarray:
        if not (self._any or index in self.at_times):
            return np.asarray(self.given[(index, *rest)])
        filling = Filling.of(self.bad(index)) if index in self.at_times else self._usual
        return filling.fill(np.asarray(self.given[index]))[rest or ...]


def filled(frame: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """A copy of a frame with its bad pixels filled: from good ones around each, else from the nearest good one.

    Parameters
    ----------
    frame : (y, x), real.
    bad : True where the value says nothing (y, x); not everywhere.
    """
    return Filling.of(bad).fill(frame)


@dataclasses.dataclass(frozen=True)
class Filling:
    """Where bad pixels are filled from; all numbers are places in a flattened frame.

    near : of bad pixels with good ones around them (k,). around, weight : those, and their weights (k, n), sum 1.
    far : of the other bad pixels (m,). nearest : the good one nearest to each (m,).
    """

    near: np.ndarray
    around: np.ndarray
    weight: np.ndarray
    far: np.ndarray
    nearest: np.ndarray

    @classmethod
    def of(cls, bad: np.ndarray) -> Filling:
        """For a mask (y, x) that is True where pixels are bad; nothing is filled where all are."""
        none = np.zeros(0, int)
        if not bad.any() or bad.all():
            return cls(none, none.reshape(0, 1), np.zeros((0, 1)), none, none)
        reached = scipy.ndimage.binary_dilation(~bad, np.ones((2 * REACH + 1,) * 2, bool))
        y, x = np.nonzero(bad & reached)
        steps = np.arange(-REACH, REACH + 1)
        dy, dx = (a.ravel() for a in np.meshgrid(steps, steps, indexing="ij"))
        yy, xx = y[:, None] + dy, x[:, None] + dx
        inside = (yy >= 0) & (yy < bad.shape[0]) & (xx >= 0) & (xx < bad.shape[1])
        yy, xx = np.clip(yy, 0, bad.shape[0] - 1), np.clip(xx, 0, bad.shape[1] - 1)
        weight = np.where(inside & ~bad[yy, xx], np.exp(-(dy**2 + dx**2).astype(float)), 0.0)
        far = bad & ~reached
        nearest = none
        if far.any():
            places = scipy.ndimage.distance_transform_edt(bad, return_distances=False, return_indices=True)
            nearest = np.ravel_multi_index(tuple(places[:, far]), bad.shape)
        flat = yy * bad.shape[1] + xx
        return cls(y * bad.shape[1] + x, flat, weight / weight.sum(1, keepdims=True), np.flatnonzero(far), nearest)

    def fill(self, frame: np.ndarray) -> np.ndarray:
        """A copy of a frame (y, x) of the mask's shape, filled."""
        found = np.array(frame)
        flat, given = found.reshape(-1), np.ravel(frame)
        values = np.where(self.weight > 0, given[self.around], 0).astype(float)
        value = (self.weight * values).sum(1)
        flat[self.near] = np.round(value) if found.dtype.kind in "iu" else value
        flat[self.far] = given[self.nearest]
        return found


def bad_pixels_of(frames: object, number: int) -> np.ndarray | bool:
    """True where a pixel of frame `number` of a lazy stack was filled (y, x), whatever wraps the repair; else False."""
    if isinstance(frames, Repaired):
        return frames.bad(number)
    if isinstance(frames, FrameSelection):
        bad = bad_pixels_of(frames.frames, int(frames.indices[number]))
        return bad if isinstance(bad, bool) else bad[frames.y, frames.x]
    inner = next((getattr(frames, name) for name in ("given", "frames", "raw") if hasattr(frames, name)), None)
    return False if inner is None else bad_pixels_of(inner, number)
