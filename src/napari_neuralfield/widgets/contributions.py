"""What napari finds in the manifest: readers, a writer, sample data, docks and the command that opens them all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..types import InputError

if TYPE_CHECKING:
    import napari

    from .layers import LayerData

PLUGIN = "napari-neuralfield"
Read = Callable[[Any], "list[LayerData]"]


def acquisition_reader(path: str | list[str]) -> Read | None:
    """For files and folders that one of our readers knows by name and keys; None for all others."""
    if not isinstance(path, str):
        return None
    from ..registry import READERS

    if any(reader.supports(Path(path)) for _, reader in READERS.items()):
        return _read_acquisition
    return None


def _read_acquisition(path: Any) -> list[LayerData]:
    from ..io import open_draft
    from .layers import acquisition_layers

    layers = acquisition_layers(open_draft(Path(path)))
    _offer("Acquisition")
    return layers


def field_reader(path: str | list[str]) -> Read | None:
    return _read_field if isinstance(path, str) and path.endswith(".nfield") else None


def _read_field(path: Any) -> list[LayerData]:
    from ..io import load_result
    from .layers import result_layers

    layers = result_layers(load_result(Path(path)), title=Path(path).stem)
    _offer("Depth")
    return layers


def write_field(path: str, data: Any, meta: dict[str, Any]) -> list[str]:
    """Save the field that a layer of ours shows.

    Raises
    ------
    InputError : for a layer that holds no field.
    """
    from ..io import save_result
    from .session import KEY

    ours = meta.get("metadata", {}).get(KEY, {})
    if "result" not in ours:
        raise InputError(
            f"layer {meta.get('name')!r} holds no field; choose a layer that a reconstruction or a .nfield file made"
        )
    save_result(Path(path), ours["result"])
    return [path]


def tilted_slide_sample() -> list[LayerData]:
    """A simulated LED-array acquisition of a tilted slide; needs no network."""
    from ..data.acquisition import Draft
    from ..data.simulate import tilted_slide
    from .layers import acquisition_layers

    acquisition, _ = tilted_slide(seed=0)
    values = {"title": "tilted slide", **acquisition.values()}
    layers = acquisition_layers(Draft(acquisition.kind, acquisition.frames, values, "tilted slide (simulated)"))
    _offer("Acquisition", "Reconstruct", "Depth")
    return layers


def open_workbench(viewer: napari.Viewer) -> None:
    """Acquisition and Reconstruct as tabs at the right, Depth below the canvas."""
    open_docks(viewer, "Acquisition", "Reconstruct", "Depth")


def open_docks(viewer: Any, *names: str) -> None:
    """Open these docks where they are not open yet, arranged so that all can be read; the first comes to the front."""
    from .acquisition_dock import AcquisitionDock
    from .depth_dock import DepthDock
    from .reconstruct_dock import ReconstructDock

    docks = {"Acquisition": AcquisitionDock, "Reconstruct": ReconstructDock, "Depth": DepthDock}
    for name in names:
        full = f"{name} ({PLUGIN})"  # as the Plugins menu calls it, so that nothing opens twice
        if full not in viewer.window.dock_widgets:
            below = name == "Depth"
            widget: Any = docks[name](viewer)
            viewer.window.add_dock_widget(
                widget, name=full, area="bottom" if below else "right", tabify=not below, add_vertical_stretch=False
            )
            widget.parent().setWindowTitle(name)
            if below:
                widget.setMaximumHeight(150)
    viewer.canvas.overlays.scale_bar.visible = True
    front = viewer.window.dock_widgets[f"{names[0]} ({PLUGIN})"].parent()
    front.show()
    front.raise_()


def _offer(*names: str) -> None:
    """Open docks beside what is being read, where there is a viewer to open them in."""
    import napari
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    viewer = napari.current_viewer()
    if viewer is not None and QApplication.instance() is not None:
        QTimer.singleShot(0, lambda: open_docks(viewer, *names))
