"""Files read outside the window's thread: a bar in napari's activity dock meanwhile, then the layers, one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from napari.utils import progress
from napari.utils.notifications import show_error

from ..kit.parts import in_turn
from ..kit.shown import KEY, WAITS_FOR, ours_of
from ..kit.threads import Background, when_gone

if TYPE_CHECKING:
    import napari

    from ...data.acquisition import Draft
    from ..view.layers import LayerData

_READING: set[Background] = set()  # that deliver still


@dataclasses.dataclass(frozen=True)
class Opened:
    """What a file or sample holds.

    layers : as a reader returns them.
    docks : names of those that open beside it.
    draft : the recording, whose first picture is shown; None for a field.
    ask : opens what asks the user for what the file does not say, in place of layers.
    """

    layers: list[LayerData]
    docks: tuple[str, ...]
    draft: Draft | None = None
    ask: Callable[[napari.Viewer], object] | None = None


def stand_in(name: str) -> LayerData:
    """An unseen layer in place of what is read as `name`: napari wants one of every sample."""
    return np.zeros((2, 2), np.float32), {
        "name": f"{name}, being read …", "visible": False, "contrast_limits": (0, 1), "units": ("um", "um"),
        "metadata": {KEY: {WAITS_FOR: name}},
    }, "image"  # fmt: skip


def read_soon(
    viewer: napari.Viewer, name: str, read: Callable[[], Opened], then: Callable[[Opened], object]
) -> None:  # fmt: skip
    """Add the layers of a file when it is read; what is wrong with it is said.

    Parameters
    ----------
    viewer : that they are added to; nothing happens once it is closed.
    name : that is said to be read.
    read, then : what takes time, and what is called with it when its layers are there.
    """
    background, bar = Background(), progress(total=0, desc=f"reading {name}")
    _READING.add(background)
    window = viewer.window._qt_window
    when_gone(window, background.close, lambda: _READING.discard(background))

    def end() -> None:
        bar.close()
        for layer in [layer for layer in viewer.layers if ours_of(layer).get(WAITS_FOR) == name]:
            viewer.layers.remove(layer)
            viewer.reset_view()
        _READING.discard(background)

    def add(layer: LayerData) -> None:
        data, meta, kind = layer
        getattr(viewer, f"add_{kind}")(data, **meta)

    def put(found: Opened) -> None:
        in_turn(window, [*(partial(add, layer) for layer in found.layers), end, partial(then, found)])

    def fail(text: str) -> None:
        end()
        show_error(text)

    background.run(read, put, fail)
