"""Layers and docks in a napari viewer, as the tests of the window use them."""

from __future__ import annotations


def put(viewer, layers):
    """The layers that a viewer makes of layer data."""
    return [getattr(viewer, f"add_{kind}")(data, **meta) for data, meta, kind in layers]


def show(viewer, draft):
    from napari_neuralfield.widgets.view.layers import acquisition_layers

    return put(viewer, acquisition_layers(draft))


def docks_of(viewer, qtbot):
    """Acquisition, Reconstruct and Depth, when the methods are loaded."""
    from napari_neuralfield.widgets.contributions import open_workbench

    open_workbench(viewer)
    found = [viewer.window.dock_widgets[f"{n} (napari-neuralfield)"] for n in ("Acquisition", "Reconstruct", "Depth")]
    qtbot.waitUntil(lambda: found[1].library is not None, timeout=20_000)
    return found


def names(viewer):
    return [layer.name for layer in viewer.layers]
