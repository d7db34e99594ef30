"""What was worked out once and is kept while there is room."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import torch

from .turns import Turns

Key = tuple[int, int]


class Kept:
    """Tensors by place; those that nobody asked for longest go first where all take too much memory.

    Several threads may ask at once. A copy, deep or pickled, begins empty.

    Parameters
    ----------
    most_bytes : memory for all tensors.
    least : how many tensors stay, however large they are.
    """

    def __init__(self, most_bytes: int, least: int = 1) -> None:
        self.most_bytes, self.least = most_bytes, least
        self._held: OrderedDict[Key, torch.Tensor] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        self._turns = Turns()

    def __reduce__(self) -> tuple[type[Kept], tuple[int, int]]:
        return Kept, (self.most_bytes, self.least)

    @property
    def nbytes(self) -> int:
        """Memory of all tensors."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._held)

    def get(self, key: Key) -> torch.Tensor | None:
        """The tensor kept for a place, None where there is none."""
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
            return self._held.get(key)

    def made(self, key: Key, make: Callable[[], torch.Tensor]) -> torch.Tensor:
        """The tensor kept for a place, `key`; where there is none, what `make` gives, once for all who wait."""
        kept = self.get(key)
        if kept is not None:
            return kept
        with self._turns.of(key):
            kept = self.get(key)
            return self.put(key, make()) if kept is None else kept

    def put(self, key: Key, tensor: torch.Tensor) -> torch.Tensor:
        """Keep `tensor` for a place, `key`, and give it back."""
        with self._lock:
            if key not in self._held:
                self._held[key] = tensor
                self._bytes += tensor.nbytes
            while self._bytes > self.most_bytes and len(self._held) > self.least:
                self._bytes -= self._held.popitem(last=False)[1].nbytes
        return tensor

    def clear(self) -> None:
        with self._lock:
            self._held.clear()
            self._bytes = 0

    def filled(self) -> Kept:
        """A copy that holds the same tensors."""
        copied = Kept(self.most_bytes, self.least)
        with self._lock:
            copied._held, copied._bytes = self._held.copy(), self._bytes
        return copied
