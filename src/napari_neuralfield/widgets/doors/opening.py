"""What happens beside a file that is being opened: its docks open, and what is wrong with it is said."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from ...types import InputError
from ..kit.docks import open_one_by_one
from ..kit.preferences import preference
from ..kit.threads import window_works
from .soon import Opened, read_soon

if TYPE_CHECKING:
    import napari

    from ...data.acquisition import Draft
    from ..view.layers import LayerData

Read = Callable[[Any], "list[LayerData]"]
NOTHING: list[tuple[None]] = [(None,)]  # what a reader returns that has said why there is no layer, or adds them soon
RECORDING = ("Acquisition", "Reconstruct")


def in_our_words(read: Read) -> Read:
    """A reader whose complaints are shown as they are where there is a window; napari would only say that it failed."""

    def said(path: Any) -> list[LayerData]:
        from napari.utils.notifications import show_error

        try:
            return read(path)
        except InputError as error:
            if viewer() is None:
                raise
            show_error(str(error))
            return cast("list[LayerData]", NOTHING)

    return said


def recording(name: str, read: Callable[[], Draft]) -> list[LayerData]:
    """The layers of a recording, whose docks open beside it; see `opened`.

    Parameters
    ----------
    name : of its file, or of the sample.
    read : makes its draft.
    """

    def work() -> Opened:
        from ..view.layers import acquisition_layers

        draft = read()
        return Opened(acquisition_layers(draft), RECORDING, draft)

    return opened(name, work)


def opened(name: str, read: Callable[[], Opened]) -> list[LayerData]:
    """The layers of a file or sample, and its docks.

    Read at once where somebody waits for the layers, as a script does; in a thread while the window answers its user:
    then NOTHING is returned now, and the layers are added when they are there.

    Parameters
    ----------
    name : that is said to be read.
    read : what takes time.
    """
    window = viewer()
    if window is None or not window_works():
        found = read()
        offer(found)
        return found.layers
    read_soon(window, name, read, partial(offer, window=window))
    return cast("list[LayerData]", NOTHING)


def offer(found: Opened, window: napari.Viewer | None = None) -> None:
    """Open the docks that belong to what is read, where there is a viewer.

    Parameters
    ----------
    found : whose docks they are, and whose first picture is shown then.
    window : the viewer; the current one where None.
    """
    from ..view.first_picture import show_first

    window = window or viewer()
    if window is not None and docks_open_with_data():
        then = (lambda: None) if found.draft is None else partial(show_first, window, found.draft)
        open_one_by_one(window, *found.docks, then=then)


def docks_open_with_data() -> bool:
    """Whether the user wants docks to open beside what is read."""
    return bool(preference("docks", "open_with_data", True))


def viewer() -> napari.Viewer | None:
    """The viewer that a file is opened in; None where there is no window."""
    import napari
    from qtpy.QtWidgets import QApplication

    return napari.current_viewer() if QApplication.instance() is not None else None
