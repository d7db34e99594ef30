"""Fields that are opened when they are asked and closed again when others need the room."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from ...types import Field
from .turns import Turns

MOST_BYTES = 2**31  # of all open fields together
MOST = 512  # fields open at once


class OpenFields:
    """Open fields by name; those that nobody asked for longest are closed first.

    Several threads may ask at once. A copy, deep or pickled, begins empty.

    Parameters
    ----------
    most_bytes : memory for all open fields.
    most : how many are open at once.
    """

    def __init__(self, most_bytes: int = MOST_BYTES, most: int = MOST) -> None:
        self.most_bytes, self.most = most_bytes, most
        self._held: OrderedDict[str, tuple[Field, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = Turns()

    def __reduce__(self) -> tuple[type[OpenFields], tuple[int, int]]:
        return OpenFields, (self.most_bytes, self.most)

    def __len__(self) -> int:
        return len(self._held)

    def get(self, name: str, open_field: Callable[[], Field]) -> Field:
        """The field of this `name`, made by `open_field` where it is not open, once for all who wait for it."""
        found = self._get(name)
        if found is not None:
            return found
        with self._turns.of(name):
            found = self._get(name)
            if found is None:
                found = open_field()
                with self._lock:
                    self._held[name] = found, 0
            return found

    def _get(self, name: str) -> Field | None:
        with self._lock:
            if name not in self._held:
                return None
            self._held.move_to_end(name)
            return self._held[name][0]

    def used(self, name: str) -> None:
        """Weigh the field of this `name` after it was asked, and close what is too much."""
        with self._lock:
            if name in self._held:
                field = self._held[name][0]
                self._held[name] = field, bytes_of(field)
            while len(self._held) > 1 and (
                len(self._held) > self.most or sum(size for _, size in self._held.values()) > self.most_bytes
            ):
                self._held.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._held.clear()


def bytes_of(field: Field) -> int:
    """Memory of a `field`: its tensors and, where it says so by `kept_bytes`, what it has worked out and keeps."""
    return sum(tensor.nbytes for tensor in field.state_dict().values()) + int(getattr(field, "kept_bytes", 0))
