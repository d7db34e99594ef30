"""Open this plug-in's docks by the names of its manifest, so that no dock imports another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

import npe2

from ...registry import READERS
from .front_door import PLUGIN
from .session import session_of

if TYPE_CHECKING:
    import napari
    from qtpy.QtWidgets import QWidget

OFFERED = f"{PLUGIN}-readers"  # what napari knows the readers of our plug-ins as


def offer_readers() -> None:
    """Let napari offer the readers of our plug-ins for the `patterns` of file names that they give, once.

    A plug-in that has a manifest of its own for its reader is known to napari already.
    """
    manager = npe2.PluginManager.instance()
    ready = {mf.name for mf in manager.iter_manifests() if mf.contributions.readers}
    patterns = {
        pattern
        for name, entry in READERS.items()
        if READERS.package(name) and READERS.package(name).split()[0] not in ready
        for pattern in getattr(entry, "patterns", ())
    }
    if not patterns or OFFERED in ready:
        return
    command = f"{OFFERED}.read"
    manifest = npe2.PluginManifest(
        name=OFFERED,
        display_name=f"{PLUGIN} plug-ins",
        contributions={
            "commands": [
                {
                    "id": command,
                    "title": "Read the frames of a computational microscope",
                    "python_name": "napari_neuralfield.widgets.contributions:acquisition_reader",
                }
            ],
            "readers": [{"command": command, "filename_patterns": sorted(patterns)}],
        },
    )
    with manager.events.plugins_registered.blocked():  # napari would make menus, of which a reader needs none
        manager.register(manifest)


def open_docks(viewer: napari.Viewer, *names: str, front: str = "") -> None:
    """Open docks where they are not open yet, arranged so that all can be read.

    Parameters
    ----------
    viewer : whose window they are opened in.
    names : of the manifest.
    front : the one to be seen; the first where empty.
    """
    for name in names:
        full = f"{name} ({PLUGIN})"  # as the Plugins menu calls it, so that nothing opens twice
        if full not in viewer.window.dock_widgets:
            below = name == "Depth"
            widget = _dock(name)(viewer)
            viewer.window.add_dock_widget(
                widget, name=full, area="bottom" if below else "right", tabify=not below, add_vertical_stretch=False
            )
            viewer.window.dock_widgets[full].parent().setWindowTitle(name)
            if below:
                widget.setMaximumHeight(118)
    scale_bar = viewer.canvas.overlays.scale_bar
    if not scale_bar.visible:  # in a colour that can be read on black and on white
        scale_bar.visible, scale_bar.box, scale_bar.colored, scale_bar.color = True, False, True, "#f0ad4e"
        units = session_of(viewer).one_unit
        if units is not None:
            units.review()
    seen = viewer.window.dock_widgets[f"{front or names[0]} ({PLUGIN})"].parent()
    seen.show()
    seen.raise_()


def open_one_by_one(viewer: napari.Viewer, *names: str, then: Callable[[], None] = lambda: None) -> None:
    """Open docks one after the other, the window moving on in between; the first is seen.

    Parameters
    ----------
    viewer : whose window they are opened in; nothing happens once it is closed.
    names : of the manifest.
    then : called when all are open.
    """

    from .parts import timer

    def open_from(turn: int) -> None:
        open_docks(viewer, names[turn], front=names[0])
        last = turn + 1 == len(names)
        timer(window, 20, then if last else partial(open_from, turn + 1), once=True).start()

    window = viewer.window._qt_window  # the timers end with it
    timer(window, 0, partial(open_from, 0), once=True).start()


def _dock(name: str) -> Callable[..., QWidget]:
    """The class of the dock `name` of the manifest."""
    widgets = npe2.PluginManager.instance().get_manifest(PLUGIN).contributions.widgets or []
    found = next(widget for widget in widgets if widget.display_name == name)
    return cast("Callable[..., QWidget]", found.get_callable())
