"""Files read outside the window's thread: a bar in napari's activity dock meanwhile, then the layers, one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari.utils import progress
from napari.utils.notifications import show_error

from ..kit.threads import Background, when_gone

if TYPE_CHECKING:
    import napari

    from ..view.layers import LayerData
    from .opening import Opened

_READING: set[Background] = set()  # that deliver still


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
        _READING.discard(background)

    def add(layer: LayerData) -> None:
        data, meta, kind = layer
        getattr(viewer, f"add_{kind}")(data, **meta)

    def put(found: Opened) -> None:
        for layer in found.layers:
            background.post(add, layer)  # napari needs a tenth of a second for each
        background.post(then, found)
        background.post(end)

    def fail(text: str) -> None:
        end()
        show_error(text)

    background.run(read, put, fail)
