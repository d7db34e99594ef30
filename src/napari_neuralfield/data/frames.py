"""Stacks of frames that are read only where they are indexed."""

from __future__ import annotations

import dataclasses
from typing import Any, Protocol

import numpy as np


class Frames(Protocol):
    """Lazy, picklable (frame, y, x) stack: reads only what is indexed."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def __getitem__(self, key: Any) -> np.ndarray: ...


@dataclasses.dataclass(frozen=True)
class FrameSubset:
    """Some frames of a stack, still lazy."""

    frames: Any
    indices: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.indices), *self.frames.shape[1:])

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.frames.dtype)

    def __getitem__(self, key: Any) -> np.ndarray:
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        if isinstance(first, int | np.integer):
            return np.asarray(self.frames[(self.indices[int(first)], *rest)])
        chosen = np.asarray(self.indices)[first]
        return np.stack([np.asarray(self.frames[(int(i), *rest)]) for i in chosen])


@dataclasses.dataclass(frozen=True)
class FrameRegion:
    """A rectangle of every frame, still lazy."""

    frames: Any
    y: slice
    x: slice

    @property
    def shape(self) -> tuple[int, ...]:
        n, rows, columns = self.frames.shape
        return (n, len(range(rows)[self.y]), len(range(columns)[self.x]))

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.frames.dtype)

    def __getitem__(self, key: Any) -> np.ndarray:
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        if isinstance(first, int | np.integer):
            return np.asarray(self.frames[(int(first), self.y, self.x)])[rest or ...]
        indices = np.arange(self.shape[0])[first]
        return np.stack([np.asarray(self.frames[(int(i), self.y, self.x)])[rest or ...] for i in indices])
