"""A folder that is watched: recordings that came, each taken when nothing of it has changed for a while."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from ...types import InputError
from .inputs import in_folder
from .unchanged import state_of, youngest_s

LOOK_S = 1.0  # between two looks
OLD_S = 60.0  # a recording that was not written to for so long is whole when it is first seen


class Watch:
    """The recordings of a folder as they come.

    Parameters
    ----------
    folder : to look into.
    settle_s : how long nothing of a recording may have changed, s.

    Raises
    ------
    InputError : where there is no such folder, or `settle_s` is negative.
    """

    def __init__(self, folder: Path, settle_s: float) -> None:
        if not folder.is_dir():
            raise InputError(f"option --watch is {folder}, which is no folder; make it, or check the name")
        if not settle_s >= 0:
            raise InputError(f"option --settle-s is {settle_s:g}; it must be 0 or more seconds, such as 5")
        self._folder, self._settle = folder, settle_s
        self._seen: dict[Path, tuple[str, float]] = {}  # state, and since when
        self._given: dict[Path, str] = {}

    def ready(self) -> list[Path]:
        """Recordings that are whole and were not handed out in this state before."""
        now, found = time.monotonic(), []
        for path in in_folder(self._folder):
            state = state_of(path)
            before, since = self._seen.get(path, ("", now))
            if state != before:
                since = now
            self._seen[path] = state, since
            whole = now - since >= self._settle or (not before and time.time() - youngest_s(path) > OLD_S)
            if whole and state and self._given.get(path) != state:
                self._given[path] = state
                found.append(path)
        return found

    def rounds(self) -> Iterator[list[Path]]:
        """What is ready at each look, without end."""
        while True:
            yield self.ready()
            time.sleep(LOOK_S)
