"""The picture in which all is in focus, and the map of its depths: found once for a field, in the background."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ...app import lazy
from ...types import Field
from ..kit.threads import Background
from ..view.depth_view import Picture
from ..view.ways import DEPTHS, SHARP

if TYPE_CHECKING:
    from ...app.focus import InFocus


class AllDepths:
    """Remembers what was found last.

    Parameters
    ----------
    background : delivers in the window's thread.
    said : gets the plane that is looked at and how many there are.
    done, failed : called when all is found, or with a sentence.
    """

    def __init__(
        self, background: Background, said: Callable[[int, int], object], done: Callable[[], object],
        failed: Callable[[str], object],
    ) -> None:  # fmt: skip
        self._background, self._said, self._done, self._failed = background, said, done, failed
        self._known: tuple[Field, int] | None = None  # what is found, and of how many planes
        self._pictures: dict[str, Picture] = {}
        self._sought: tuple[Field, int] | None = None
        self._under_way: list[bool] = []  # of the search that goes on: False once it is to stop

    @property
    def busy(self) -> bool:
        return bool(self._under_way)

    def stop(self) -> None:
        """End what goes on, after the plane in hand."""
        for at in range(len(self._under_way)):
            self._under_way[at] = False
        self._under_way = []

    def picture(self, field: Field, quantity: str, count: int) -> Picture | None:
        """What is known of it.

        Parameters
        ----------
        field, count : and of how many planes of it.
        quantity : the sharp picture, or its depths.
        """
        return self._pictures.get(quantity) if _same(self._known, (field, count)) else None

    def find(self, field: Field, depths_um: np.ndarray) -> None:
        """Look for it among planes of `field` at `depths_um` (z,), in place of what is looked for now."""
        wish = field, len(depths_um)
        if self.busy and _same(self._sought, wish):
            return
        self.stop()
        self._sought = wish
        wanted = self._under_way = [True]
        background, said = self._background, self._said

        def report(done: int, total: int) -> bool:
            background.post(said, done, total)
            return wanted[0]

        def put(found: InFocus) -> None:
            if wanted[0]:
                self._under_way, self._known, self._pictures = [], wish, _pictures(field, found)
                self._done()

        def fail(text: str) -> None:
            if wanted[0]:
                self._under_way = []
                self._failed(text)

        def work() -> InFocus:
            from ...app.focus import all_in_focus  # and SciPy with it

            return all_in_focus(field, depths_um, report=report)

        background.run(work, put, fail)


def _same(one: tuple[Field, int] | None, other: tuple[Field, int]) -> bool:
    return one is not None and one[0] is other[0] and one[1] == other[1]


def _pictures(field: Field, found: InFocus) -> dict[str, Picture]:
    """The sharp picture and its depths, by name."""
    sharp = lazy.measure(found.values, "amplitude" if np.iscomplexobj(found.values) else "phase")
    return {
        way: Picture(image, field.extent.axes(), field=field, quantity=way, z_um=float("nan"), seconds=0.0, coarse=1.0)
        for way, image in ((SHARP, sharp), (DEPTHS, found.z_um))
    }
