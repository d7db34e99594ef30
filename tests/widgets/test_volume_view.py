"""The 3-D button: a bounded volume of a field or a time-lapse, and back to the picture as it was."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from lapse_scene import phase_of, time_lapse
from window import put

from napari_neuralfield.app import lazy
from napari_neuralfield.fields.planes import planes_of_images
from napari_neuralfield.types import Extent, Result
from napari_neuralfield.widgets.kit.docks import open_docks
from napari_neuralfield.widgets.kit.session import KEY, session_of
from napari_neuralfield.widgets.view.layers import result_layers
from napari_neuralfield.widgets.volume import volume
from napari_neuralfield.widgets.volume.volume import volume_of_field
from napari_neuralfield.widgets.volume.volume_view import volume_view_of


@pytest.fixture
def tilted():
    """Three planes of 24 x 20 pixels, -4 to 4 um: amplitude grows with depth, and along x."""
    x = torch.linspace(0.5, 1.0, 20).expand(24, 20)
    images = torch.stack([torch.polar(x + depth, 0.1 * x) for depth in (0.0, 1.0, 2.0)])
    return Result(planes_of_images(images, [-4.0, 0.0, 4.0], Extent((-4.0, 4.0), (24, 20), 0.5, (3.0, 5.0))))


def everything(viewer):
    camera = viewer.scene.camera
    seen = [(layer.name, layer.visible) for layer in viewer.layers]
    return seen, viewer.layers.selection.active, tuple(camera.center), camera.zoom, tuple(viewer.dims.point)


def test_a_field_is_a_volume_in_3d_and_a_picture_again(viewer, qtbot, tilted):
    _, amplitude = put(viewer, result_layers(tilted, title="toy"))
    open_docks(viewer, "Depth")
    dock = viewer.window.dock_widgets["Depth (napari-neuralfield)"]
    dock.form.slider.setValue(2.0)
    qtbot.waitUntil(lambda: dock._slot.alive and not dock._latest.busy)
    viewer.layers.selection.active = dock._slot.layer
    view = volume_view_of(viewer)
    viewer.scene.camera.zoom *= 2
    before = everything(viewer)
    viewer.dims.ndisplay = 3
    assert view.busy
    assert dock._slot.layer.visible  # until the volume is there
    qtbot.waitUntil(lambda: not view.busy and not amplitude.visible, timeout=20_000)
    (made,) = [layer for layer in viewer.layers if layer.metadata.get(KEY, {}).get("volume")]
    assert made.name == "toy at any depth in 3-D"
    assert made.data.shape == (33, 24, 20)
    np.testing.assert_allclose(made.scale, (0.25, 0.5, 0.5))
    np.testing.assert_allclose(made.translate, (-4.0, 3.0, 5.0))
    whole = np.asarray(lazy.stack(tilted.field, np.linspace(-4, 4, 33), "amplitude"))
    np.testing.assert_allclose(made.data, whole, atol=1e-6)
    text = viewer.canvas.overlays.text.text
    assert text == "3-D: 33 × 24 × 20 voxels, 0.25 µm apart in depth, 0.5 µm in the plane, 0.1 MB"
    assert session_of(viewer).shown.result is tilted
    viewer.dims.ndisplay = 2
    qtbot.waitUntil(lambda: everything(viewer) == before, timeout=20_000)
    assert dock.z_um == 2.0
    assert viewer.canvas.overlays.text.text == ""


def test_back_before_it_is_ready_stops_it(viewer, qtbot, tilted, monkeypatch):
    put(viewer, result_layers(tilted, title="toy"))
    view, began, go_on, planes = volume_view_of(viewer), threading.Event(), threading.Event(), []

    def slow(field, z_um, y_um, x_um):
        planes.append(z_um)
        assert threading.current_thread() is not threading.main_thread()
        began.set()
        go_on.wait(10)
        return np.ones((1, y_um.size, x_um.size), np.complex64)

    monkeypatch.setattr(volume, "evaluate", slow)
    before = everything(viewer)
    viewer.dims.ndisplay = 3
    qtbot.waitUntil(began.is_set, timeout=10_000)
    viewer.dims.ndisplay = 2
    go_on.set()
    qtbot.wait(100)
    assert everything(viewer) == before
    assert len(planes) == 1
    assert not view.busy


def test_a_time_lapse_is_a_volume_of_its_frames(viewer, qtbot):
    from napari_neuralfield.app.lapse_methods import LapseMaker
    from napari_neuralfield.widgets.reconstruct.time_view import TimeView

    acquisition, panel, view = time_lapse(5), TimeView(viewer), volume_view_of(viewer)
    qtbot.addWidget(panel)
    panel.begin_with(LapseMaker(acquisition, phase_of), acquisition.values(), "cells", (10.0, 20.0))
    qtbot.waitUntil(lambda: panel.film is not None and panel.film.layer is not None, timeout=20_000)
    qtbot.waitUntil(lambda: not panel.busy, timeout=20_000)
    viewer.dims.set_point(0, 3)
    qtbot.waitUntil(lambda: panel.film.seen == 3 and not panel.busy, timeout=20_000)
    before = everything(viewer)
    viewer.dims.ndisplay = 3
    qtbot.waitUntil(lambda: not view.busy and not panel.film.layer.visible, timeout=20_000)
    made = viewer.layers[-1]
    np.testing.assert_allclose(made.data, np.asarray(panel.lapse), atol=1e-6)
    np.testing.assert_allclose(made.scale, (1.0, *panel.lapse.extent.pixel_um * np.ones(2)))
    np.testing.assert_allclose(made.translate[-2:], np.add((10.0, 20.0), panel.lapse.extent.origin_um))
    assert "every 1. frame" in viewer.canvas.overlays.text.text
    viewer.dims.ndisplay = 2
    qtbot.waitUntil(lambda: not panel.busy and everything(viewer) == before, timeout=20_000)


def test_one_plane_stays_what_it_is(viewer, qtbot):
    flat = planes_of_images(torch.ones(1, 8, 8, dtype=torch.complex64), [0.0], Extent((0.0, 0.0), (8, 8), 0.5))
    put(viewer, result_layers(Result(flat), title="flat"))
    view = volume_view_of(viewer)
    viewer.dims.ndisplay = 3
    assert not view.busy
    assert len(viewer.layers) == 2
    viewer.dims.ndisplay = 2


def test_a_slow_field_is_coarser_and_has_fewer_planes(tilted, monkeypatch):
    """Bounded in bytes whatever the field, and in seconds as the first plane tells."""
    now = iter(np.arange(0.0, 1e6, 100.0))
    monkeypatch.setattr(volume.time, "perf_counter", lambda: float(next(now)))
    monkeypatch.setattr(volume, "FEWEST", 8)
    found = volume_of_field(tilted.field, "phase", 48, wanted=lambda: True, report=lambda *_: None)
    assert found.values.shape == (2, 8, 7)
    assert found.spacing == pytest.approx((8.0, 1.5, 1.5))
    assert volume.MOST_PLANES * volume.SIDE**2 * 4 < 8e6
