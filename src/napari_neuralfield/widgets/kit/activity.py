"""Work in napari's activity dock, with a button that cancels it, which stays while no dock of ours is open."""

from __future__ import annotations

from collections.abc import Callable

from napari.utils import cancelable_progress

STEPS = 100  # of a bar
BAR = 40  # letters beside it


class Activity(cancelable_progress):
    """A bar that stays while no dock of ours is open.

    Parameters
    ----------
    title : what is said beside it.
    cancel : called by its button.
    """

    def __init__(self, title: str, cancel: Callable[[], object]) -> None:
        self._asked = cancel
        self._moving = False
        super().__init__(total=STEPS, desc=shortened(title, BAR))

    def cancel(self) -> None:
        super().cancel()
        self._asked()

    def move_to(self, share: float) -> None:
        """Show the `share` of all steps that is done."""
        steps = int(STEPS * share) - int(self.n)
        if steps == 0 or self._moving:  # napari lets the window go on in between, which may come back here
            return
        self._moving = True
        try:
            self.update(steps)
        finally:
            self._moving = False

    def close(self) -> None:
        self._asked = _nothing  # napari may keep the bar
        super().close()


def _nothing() -> None:
    """What a bar that is gone can still ask for."""


def shortened(text: str, letters: int) -> str:
    """`text` of at most `letters`; what is left out is in the middle, because both ends tell files apart."""
    if len(text) <= letters:
        return text
    head = (letters - 1) // 2
    return f"{text[:head]}…{text[len(text) - (letters - 1 - head) :]}"
