"""Threads that want the same thing made take turns, so that one makes it and the others find it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Hashable, Iterator


class Turns:
    """A lock for each key, as long as somebody holds it or waits for it. A copy, deep or pickled, begins anew."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[Hashable, tuple[threading.Lock, int]] = {}

    def __reduce__(self) -> tuple[type[Turns], tuple[()]]:
        return Turns, ()

    @contextlib.contextmanager
    def of(self, key: Hashable) -> Iterator[None]:
        """Alone with this `key` inside; other keys go on."""
        with self._lock:
            own, count = self._locks.get(key, (threading.Lock(), 0))
            self._locks[key] = own, count + 1
        try:
            with own:
                yield
        finally:
            with self._lock:
                count = self._locks[key][1] - 1
                if count:
                    self._locks[key] = own, count
                else:
                    del self._locks[key]
