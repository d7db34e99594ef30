"""Frames that memory should not hold, kept on disk: they do what a tensor of them does, some frames at a time.

A solver asks for one frame or a few, `stack[led]`, and for sums over all of them, such as `stack.square().sum((1, 2))`;
both are read as they are needed. Whatever else is asked of the stack makes a tensor of all of it first.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import platformdirs
import torch

from ..compute import free_bytes
from ..types import InputError

LARGE = 2**29  # bytes of a stack from which on it is kept on disk,
SHARE = 0.25  # or this share of the free memory
HELD = 2**26  # bytes of frames that are read together
Part = Callable[[np.ndarray], torch.Tensor]  # frames (n, y, x) of these numbers
ELEMENTWISE = {torch.sqrt, torch.clamp, torch.square, torch.abs}


def is_large(shape: tuple[int, ...], device: torch.device | str = "cpu") -> bool:
    """Whether a stack of this `shape`, float32, should not lie in the memory of `device`."""
    where, needed = torch.device(device), 4 * math.prod(shape)
    return needed > SHARE * free_bytes(where) or (where.type == "cpu" and needed > LARGE)


def at_once(shape: Sequence[int], most: int) -> int:
    """How many frames of `shape` (y, x) are worked on together, at most `most`."""
    return max(1, min(most, HELD // (4 * math.prod(shape))))


class Parts:
    """A stack that comes part by part: a tensor where it is small, else kept on disk.

    Parameters
    ----------
    shape : (frame, y, x) of the whole.
    device : where frames are wanted.
    """

    def __init__(self, shape: tuple[int, int, int], device: torch.device | str = "cpu") -> None:
        self.large = is_large(shape, device)
        self._shape, self._device = shape, torch.device(device)
        self._parts: list[torch.Tensor] = []
        self._file: _File | None = None

    def append(self, frames: torch.Tensor) -> None:
        """Take the next `frames` (n, y, x)."""
        if not self.large:
            self._parts.append(frames.to(self._device))
            return
        if self._file is None:
            self._file = _File(self._shape, frames.dtype)
        self._file.append(frames)

    def joined(self) -> torch.Tensor:
        """All that came."""
        if self._file is None:
            return torch.cat(self._parts)
        kept, device = self._file, self._device
        whole = Streamed(lambda numbers: kept.read(numbers).to(device), len(kept))
        return cast(torch.Tensor, whole)


class _File:
    """Frames in a file without a name, which is gone with whoever made it, however that ends."""

    def __init__(self, shape: tuple[int, int, int], dtype: torch.dtype) -> None:
        self._frame, self._dtype = shape[1:], dtype
        self._bytes = math.prod(self._frame) * dtype.itemsize
        self._file, self._count, self._lock = _scratch(shape[0] * self._bytes), 0, threading.Lock()
        weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return self._count

    def append(self, frames: torch.Tensor) -> None:
        """Write `frames` (n, y, x) behind those that are there."""
        content = frames.detach().to("cpu", self._dtype).contiguous().view(torch.uint8).numpy()
        with self._lock:
            self._file.seek(self._count * self._bytes)
            self._file.write(content.tobytes())
            self._count += len(frames)

    def read(self, numbers: np.ndarray) -> torch.Tensor:
        """The frames of these `numbers` (n,)."""
        found = torch.empty((len(numbers), *self._frame), dtype=self._dtype)
        rows = found.view(torch.uint8).numpy()
        with self._lock:
            for row, number in zip(rows, numbers.tolist(), strict=True):
                self._file.seek(number * self._bytes)
                if self._file.readinto(memoryview(row).cast("B")) != self._bytes:  # type: ignore[attr-defined]
                    raise OSError("frames that were put aside on disk cannot be read again")
        return found


def _scratch(needed: int) -> IO[bytes]:
    """A nameless file with room for so many bytes: where TMPDIR says, else among this user's caches.

    Raises
    ------
    InputError : where there is no room.
    """
    own = Path(platformdirs.user_cache_dir("napari-neuralfield"))
    folders = [Path(tempfile.gettempdir()), own] if os.environ.get("TMPDIR") else [own, Path(tempfile.gettempdir())]
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if shutil.disk_usage(folder).free > 1.05 * needed:
                return tempfile.TemporaryFile(dir=folder, buffering=0)
        except OSError:
            continue
    raise InputError(
        f"the frames fill {needed / 1e9:.1f} GB, which are put aside on disk while they are worked on, but neither "
        f"{folders[0]} nor {folders[1]} has so much room: free some, or set TMPDIR to a folder that has"
    )


class Streamed:
    """A (frame, y, x) stack of which only those frames are in memory that are worked on.

    Parameters
    ----------
    part : gives frames by their numbers.
    count : how many there are.
    """

    def __init__(self, part: Part, count: int) -> None:
        self.part = part
        one = part(np.zeros(1, int)) if count else torch.zeros((0, 0, 0))
        self.shape, self.dtype, self.device = torch.Size((count, *one.shape[1:])), one.dtype, one.device
        self.ndim = one.ndim

    @classmethod
    def __torch_function__(cls, func: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Torch's functions on such a stack."""
        first, rest = args[0] if args else None, kwargs or {}
        if func in ELEMENTWISE and isinstance(first, Streamed):
            return first._each(lambda frames: func(frames, *args[1:], **rest))
        plain = [a.whole() if isinstance(a, Streamed) else a for a in args]
        return func(*plain, **{n: a.whole() if isinstance(a, Streamed) else a for n, a in rest.items()})

    def __len__(self) -> int:
        return int(self.shape[0])

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (self[number] for number in range(len(self)))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.whole(), name)

    def whole(self) -> torch.Tensor:
        """All frames as one tensor."""
        return self.part(np.arange(len(self)))

    def numel(self) -> int:
        """Pixels of all frames."""
        return math.prod(self.shape)

    def __getitem__(self, key: Any) -> Any:
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        if first is Ellipsis:
            return self._each(lambda frames: frames[key])
        if isinstance(first, int | np.integer):
            return self.part(np.array([range(len(self))[int(first)]]))[0][rest or ...]
        index = first.cpu().numpy() if isinstance(first, torch.Tensor) else first
        numbers = np.arange(len(self))[index]
        if len(numbers) <= at_once(self.shape[1:], len(self)):
            return self.part(numbers)[(slice(None), *rest)]
        part = self.part
        return Streamed(lambda places: part(numbers[places])[(slice(None), *rest)], len(numbers))

    def _each(self, function: Callable[[torch.Tensor], torch.Tensor]) -> Streamed:
        """The stack of what a `function` makes of frames (n, y, x)."""
        part = self.part
        return Streamed(lambda numbers: function(part(numbers)), len(self))

    def _with(self, other: Any, function: Callable[[torch.Tensor, Any], torch.Tensor]) -> Streamed:
        """The stack of a `function` of its frames and those of the `other`, or of a number or picture for all."""
        part, count = self.part, len(self)

        def together(numbers: np.ndarray) -> torch.Tensor:
            if isinstance(other, Streamed):
                return function(part(numbers), other.part(numbers))
            own = isinstance(other, torch.Tensor) and other.ndim == 3 and len(other) == count > 1
            return function(part(numbers), other[torch.from_numpy(numbers).to(other.device)] if own else other)

        return Streamed(together, count)

    def __mul__(self, other: Any) -> Streamed:
        return self._with(other, lambda a, b: a * b)

    __rmul__ = __mul__

    def __add__(self, other: Any) -> Streamed:
        return self._with(other, lambda a, b: a + b)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Streamed:
        return self._with(other, lambda a, b: a - b)

    def __rsub__(self, other: Any) -> Streamed:
        return self._with(other, lambda a, b: b - a)

    def __gt__(self, other: Any) -> Streamed:
        return self._with(other, lambda a, b: a > b)

    def __ge__(self, other: Any) -> Streamed:
        return self._with(other, lambda a, b: a >= b)

    def __lt__(self, other: Any) -> Streamed:
        return self._with(other, lambda a, b: a < b)

    def __le__(self, other: Any) -> Streamed:
        return self._with(other, lambda a, b: a <= b)

    def __truediv__(self, other: Any) -> Streamed:
        return self._with(other, lambda a, b: a / b)

    def __pow__(self, other: float) -> Streamed:
        return self._each(lambda frames: frames**other)

    def square(self) -> Streamed:
        """Squares."""
        return self._each(torch.square)

    def sqrt(self) -> Streamed:
        """Roots."""
        return self._each(torch.sqrt)

    def double(self) -> Streamed:
        """In float64."""
        return self._each(lambda frames: frames.double())

    def new_ones(self, *shape: Any) -> torch.Tensor:
        """Ones of a `shape`, of this type and on this device."""
        return torch.ones(*shape, dtype=self.dtype, device=self.device)

    def _in_turn(self) -> Iterator[torch.Tensor]:
        step = at_once(self.shape[1:], len(self))
        return (self.part(np.arange(i, min(i + step, len(self)))) for i in range(0, len(self), step))

    def sum(self, dim: Any = None, *, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Over all, over the frames (dim 0), or over each frame (dims 1 and 2), in `dtype`."""
        kind = dtype or (torch.int64 if self.dtype == torch.bool else self.dtype)
        if dim in ((1, 2), (-2, -1)):
            return torch.cat([frames.sum(dim, dtype=kind) for frames in self._in_turn()])
        if dim not in (None, 0):
            return self.whole().sum(dim, dtype=kind)
        total = torch.zeros(self.shape[1:] if dim == 0 else (), dtype=torch.float64, device=self.device)
        for frames in self._in_turn():
            total += frames.sum(0, dtype=torch.float64) if dim == 0 else frames.sum(dtype=torch.float64)
        return total.to(kind)

    def mean(self, dim: Any = None) -> torch.Tensor:
        """As `sum` over `dim`."""
        if dim in ((1, 2), (-2, -1)):
            return torch.cat([frames.mean(dim) for frames in self._in_turn()])
        if dim not in (None, 0):
            return self.whole().mean(dim)
        return self.sum(dim, dtype=torch.float64).div(self.numel() if dim is None else len(self)).to(self.dtype)

    def var(self, dim: int) -> torch.Tensor:
        """Variance over the frames, `dim` 0."""
        if dim != 0:
            return self.whole().var(dim)
        mean, total = self.mean(0), torch.zeros(self.shape[1:], dtype=torch.float64, device=self.device)
        for frames in self._in_turn():
            total += (frames - mean).square().sum(0, dtype=torch.float64)
        return (total / max(1, len(self) - 1)).to(self.dtype)
