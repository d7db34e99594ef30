"""Where the assistant is opened from: a menu of files, a folder and the layers of the viewer."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari.utils.notifications import show_error
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QFileDialog, QMenu, QWidget

from ...types import InputError
from ..kit.session import KEY, session_of
from .assistant import ImportAssistant
from .sources import FramesSource, is_foreign, of_files, of_layer

if TYPE_CHECKING:
    import napari

IMPORT_TIP = "Frames that do not say everything themselves: files, a folder, or a layer that is in the viewer."
FRAMES = "Frames (*.tif *.tiff *.png *.npy *.npz *.h5 *.hdf5 *.mat *.nxs *.emd *.raw);;All files (*)"


def choose_source(viewer: napari.Viewer, parent: QWidget) -> None:
    """Import the selected layer, or offer a menu of what may be imported where none of another plug-in is selected.

    Parameters
    ----------
    viewer : that the frames are shown in.
    parent : of the menu.
    """
    menu = QMenu(parent)
    for text, act in sources(viewer, parent):
        menu.addAction(text, act)
    menu.exec(QCursor.pos())


def sources(viewer: napari.Viewer, parent: QWidget) -> list[tuple[str, Callable[[], object]]]:
    """What may be imported: text and what it does.

    Parameters
    ----------
    viewer : whose image layers that are not ours are offered, the selected ones first.
    parent : of the dialogs.
    """
    foreign = [layer for layer in viewer.layers if is_foreign(layer, KEY)]
    foreign.sort(key=lambda layer: layer not in viewer.layers.selection)
    found: list[tuple[str, Callable[[], object]]] = [
        (f"Layer “{layer.name}”", functools.partial(import_layer, viewer, layer)) for layer in foreign
    ]
    found.append(("Files…", lambda: _choose_file(viewer, parent)))
    found.append(("Folder of images…", lambda: _choose_folder(viewer, parent)))
    return found


def import_layer(viewer: napari.Viewer, layer: napari.layers.Layer | None = None) -> ImportAssistant | None:
    """Open the assistant on a layer.

    Parameters
    ----------
    viewer : that holds it.
    layer : the one that is active where None.
    """
    chosen = viewer.layers.selection.active if layer is None else layer
    if chosen is None or not is_foreign(chosen, KEY):
        show_error("select an image layer of frames first, one that was not opened by this plug-in")
        return None
    return _open(viewer, lambda: of_layer(chosen))


def import_files(viewer: napari.Viewer, *paths: Path) -> ImportAssistant | None:
    """Open the assistant on frames in files.

    Parameters
    ----------
    viewer : that the frames are shown in.
    paths : a file, a folder, or some images of one in their order.
    """
    session_of(viewer).settings.set("folder", str(paths[0].parent))
    return _open(viewer, lambda: of_files(paths))


def _open(viewer: napari.Viewer, make: Callable[[], FramesSource]) -> ImportAssistant | None:
    try:
        source = make()
    except InputError as error:
        show_error(str(error))
        return None
    assistant = ImportAssistant(viewer, source, viewer.window._qt_window)
    assistant.show()
    return assistant


def _choose_file(viewer: napari.Viewer, parent: QWidget) -> None:
    folder = str(session_of(viewer).settings.get("folder", ""))
    names, _ = QFileDialog.getOpenFileNames(parent, "Import frames: a stack, or the images of one", folder, FRAMES)
    if names:
        import_files(viewer, *map(Path, names))


def _choose_folder(viewer: napari.Viewer, parent: QWidget) -> None:
    folder = str(session_of(viewer).settings.get("folder", ""))
    name = QFileDialog.getExistingDirectory(parent, "Import a folder of images", folder)
    if name:
        import_files(viewer, Path(name))
