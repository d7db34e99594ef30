"""When to show something: previews as soon as there is one, then never more than a tenth of the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from ...types import Event, Preview


class PreviewPace:
    """Yields a preview when one is due.

    Parameters
    ----------
    make : builds the preview; called only when it is shown.
    every_s : shortest time between two previews, seconds.
    """

    def __init__(self, make: Callable[[], Preview], every_s: float = 0.25) -> None:
        self._make, self._every = make, every_s
        self._due = 0.0

    def events(self) -> Iterator[Event]:
        if time.monotonic() < self._due:
            return
        start = time.monotonic()
        preview = self._make()
        end = time.monotonic()
        yield preview
        self._due = end + max(self._every, 9 * (end - start))
