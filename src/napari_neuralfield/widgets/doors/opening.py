"""What happens beside a file that is being opened: its docks open, and what is wrong with it is said."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from ...types import InputError
from ..kit.docks import open_one_by_one
from ..kit.preferences import preference

if TYPE_CHECKING:
    import napari

    from ...data.acquisition import Draft
    from ..view.layers import LayerData

Read = Callable[[Any], "list[LayerData]"]
NOTHING: list[tuple[None]] = [(None,)]  # what a reader returns that has said why there is no layer


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


def recording_layers(draft: Draft) -> list[LayerData]:
    """The layers of a recording, whose docks open beside it."""
    from ..view.layers import acquisition_layers

    layers = acquisition_layers(draft)
    offer("Acquisition", "Reconstruct", draft=draft)
    return layers


def offer(*names: str, draft: Draft | None = None) -> bool:
    """Open docks beside what is being read; False where there is no viewer to open them in.

    Parameters
    ----------
    names : of the docks.
    draft : the recording that is read, whose first picture is shown then.
    """
    from ..view.first_picture import show_first

    window = viewer()
    if window is None or not preference("docks", "open_with_data", True):
        return False
    then = (lambda: None) if draft is None else partial(show_first, window, draft)
    open_one_by_one(window, *names, then=then)
    return True


def viewer() -> napari.Viewer | None:
    """The viewer that a file is opened in; None where there is no window."""
    import napari
    from qtpy.QtWidgets import QApplication

    return napari.current_viewer() if QApplication.instance() is not None else None
