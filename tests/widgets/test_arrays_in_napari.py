"""Fields of tiles, and fields as arrays, in the viewer."""

from __future__ import annotations

import pytest
from tiled_scene import Counted, tiled

import napari_neuralfield as nf
from napari_neuralfield.types import Result
from napari_neuralfield.widgets.kit.session import KEY


def test_napari_evaluates_no_more_than_is_on_the_screen(viewer):
    """Of 8192 x 8192 pixels at four depths; in 3-D the coarsest level."""
    field, depths = Counted(), [0.0, 1.0, 2.0, 3.0]
    levels = nf.to_pyramid(field, depths, "amplitude")
    where = nf.layer_keywords(field, depths)
    viewer.add_image(levels, multiscale=True, contrast_limits=(0, 2), **where)
    screen = viewer.window._qt_viewer.canvas.size
    bound = 8 * screen[0] * screen[1]  # a level has up to 2 x 2 pixels for one of the screen, and chunks stand over
    field.seen.clear()
    viewer.dims.set_current_step(0, 0)
    assert 0 < field.pixels <= bound
    viewer.scene.camera.zoom *= 30
    field.seen.clear()
    viewer.dims.set_current_step(0, 3)
    assert 0 < field.pixels <= bound
    field.seen.clear()
    viewer.dims.ndisplay = 3
    assert 0 < field.pixels <= 4 * len(depths) * 256**2


def test_a_folder_of_tiles_dropped_on_the_viewer_is_a_field(viewer, qtbot, tmp_path):
    folder = tmp_path / "slide.nfield"
    nf.save_result(folder, Result(tiled(), title="slide"))
    layer = viewer.open(folder)[0]
    assert viewer.layers[0].metadata[KEY]["result"].field.type_name == "tiled"
    assert layer.scale[-2:] == pytest.approx([0.5, 0.5])
    dock = f"Depth ({'napari-neuralfield'})"
    qtbot.waitUntil(lambda: dock in viewer.window.dock_widgets, timeout=20_000)
