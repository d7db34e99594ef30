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
class FrameSelection:
    """Some frames of a stack, or a rectangle of them, still lazy."""

    frames: Frames
    indices: tuple[int, ...]
    y: slice
    x: slice

    @property
    def shape(self) -> tuple[int, ...]:
        _, rows, columns = self.frames.shape
        return (len(self.indices), len(range(rows)[self.y]), len(range(columns)[self.x]))

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.frames.dtype)

    def __getitem__(self, key: Any) -> np.ndarray:
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        chosen = np.asarray(self.indices)[first]
        stack = [np.asarray(self.frames[(int(i), self.y, self.x)])[rest or ...] for i in np.atleast_1d(chosen)]
        return stack[0] if chosen.ndim == 0 else np.stack(stack)
