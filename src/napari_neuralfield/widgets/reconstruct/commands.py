"""What the command palette and the keys do with runs; the manifest gives each its title, category and key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kit.docks import PLUGIN, open_docks
from .runs import runs_of

if TYPE_CHECKING:
    import napari

    from .dock import ReconstructDock


def run(viewer: napari.Viewer) -> None:
    """Start what is set in the Reconstruct dock, or put it behind what goes on."""
    dock = _dock(viewer)
    if getattr(dock, "library", None) is not None:  # else the methods are still loading, and the dock says so
        dock.run()


def pause(viewer: napari.Viewer) -> None:
    """Pause the run, or go on with it."""
    runs_of(viewer).pause_or_resume()


def stop(viewer: napari.Viewer) -> None:
    """Stop the run; what was found is kept."""
    runs_of(viewer).stop()


def clear_queue(viewer: napari.Viewer) -> None:
    """Take every run that waits out of the queue."""
    runs = runs_of(viewer)
    for waiting in list(runs.queue):
        runs.remove(waiting)


def _dock(viewer: napari.Viewer) -> ReconstructDock:
    open_docks(viewer, "Reconstruct")
    dock: ReconstructDock = viewer.window.dock_widgets[f"Reconstruct ({PLUGIN})"]
    return dock
