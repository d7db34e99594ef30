"""A time-lapse under napari's slider: frames come when looked at, the window never waits; height and comparison."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import tifffile
from lapse_scene import PIXEL, phase_of, time_lapse
from window import docks_of, put, show

from napari_neuralfield.app.lapse_methods import LapseMaker, over_time
from napari_neuralfield.data.acquisition import Draft
from napari_neuralfield.types import Done, Preview, Result

FRAMES = 12


@pytest.fixture
def draft():
    given = time_lapse(FRAMES)
    return Draft("through_focus", given.frames, given.values(), given.source)


class HeldPhase:
    """The stand-in, which waits while it is held; `made` lists frame and thread."""

    def __init__(self):
        self.made, self.go = [], threading.Event()
        self.go.set()

    def __call__(self, acquisition, number):
        self.made.append((number, threading.current_thread()))
        assert self.go.wait(20)
        return phase_of(acquisition, number)


def view_on(viewer, qtbot, draft, phase=phase_of):
    """The panel, showing the time-lapse of a draft."""
    from napari_neuralfield.widgets.reconstruct.time_view import TimeView

    show(viewer, draft)
    panel = TimeView(viewer)
    qtbot.addWidget(panel)
    acquisition = draft.complete()
    panel.begin_with(LapseMaker(acquisition, phase), acquisition.values(), "cells", (0.0, 0.0))
    qtbot.waitUntil(lambda: panel.film is not None and panel.film.layer is not None, timeout=60_000)
    derived(qtbot, panel)
    return panel


def derived(qtbot, panel):
    qtbot.wait(60)
    qtbot.waitUntil(lambda: not panel.busy, timeout=60_000)
    qtbot.wait(30)


def seen(layer):
    """What napari draws of the layer."""
    return np.asarray(layer._slice.image.raw)


def test_scrubbing_computes_only_what_is_looked_at_and_never_waits(viewer, draft, qtbot):
    phase = HeldPhase()
    panel = view_on(viewer, qtbot, draft, phase)
    layer = panel.film.layer
    assert [one.name for one in viewer.layers] == ["lapse frames", "cells phase over time"]
    assert (layer.data.shape[0], layer.ndim, viewer.dims.ndim) == (FRAMES, 3, 3)
    assert layer.contrast_limits[0] < layer.contrast_limits[1]
    phase.made.clear()
    phase.go.clear()
    for number in range(1, 9):  # no frame is made meanwhile, so that whatever waited for one would hang
        viewer.dims.set_current_step(0, number)
        qtbot.waitUntil(lambda: bool(phase.made), timeout=60_000)
        qtbot.wait(5)
    assert "frame 8 (0 to 11), 16 s, computing" in panel.where.text()
    phase.go.set()
    derived(qtbot, panel)
    assert panel.where.text() == "frame 8 (0 to 11), 16 s"
    assert [number for number, _ in phase.made] == [1, 8]  # the newest wish counts
    assert all(thread is not threading.main_thread() for _, thread in phase.made)
    movie = layer.data
    assert np.array_equal(seen(layer), np.asarray(panel.lapse.view(*movie.axes)[8]))
    phase.made.clear()
    viewer.dims.set_current_step(0, 8)
    derived(qtbot, panel)
    assert phase.made == []  # remembered
    first = panel.film.number
    viewer.dims.set_current_step(0, 2)
    derived(qtbot, panel)
    viewer.dims.set_current_step(0, first)
    assert np.array_equal(seen(layer), panel.lapse.remembered(first, *movie.axes))  # at once
    viewer.dims.set_current_step(0, 2)
    assert np.array_equal(seen(layer), panel.lapse.remembered(2, *movie.axes))


def test_the_layer_is_the_visible_box_at_the_density_of_the_screen(viewer, draft, qtbot):
    panel = view_on(viewer, qtbot, draft)
    layer = panel.film.layer
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0, 20.0, 30.0), 60 / PIXEL
    derived(qtbot, panel)
    rows, columns = layer.data.shape[1:]
    assert layer.scale[1] == PIXEL / 8  # a quarter of the native pixel: there is nothing more to see
    height, width = (n / viewer.scene.camera.zoom for n in viewer.canvas.size)
    assert rows * layer.scale[1] == pytest.approx(height, abs=1.5)
    assert columns * layer.scale[2] == pytest.approx(width, abs=1.5)
    y = layer.translate[1] + layer.scale[1] * np.arange(rows)
    x = layer.translate[2] + layer.scale[2] * np.arange(columns)
    assert np.array_equal(seen(layer), panel.lapse.picture(panel.film.number, y, x))
    assert layer.data[2:4].shape == (2, rows, columns)  # whatever napari asks, it need not wait
    for on in (True, False):
        viewer.canvas.grid.enabled = on
        derived(qtbot, panel)
    whole = layer.data.shape, tuple(layer.translate)
    viewer.scene.camera.events.center()  # as if the camera had moved
    derived(qtbot, panel)
    assert (layer.data.shape, tuple(layer.translate)) == whole  # nothing was cropped for the grid still
    y = layer.translate[1] + layer.scale[1] * np.arange(layer.data.shape[1])
    x = layer.translate[2] + layer.scale[2] * np.arange(layer.data.shape[2])
    layer.visible = False
    viewer.dims.set_current_step(0, 3)
    derived(qtbot, panel)
    assert panel.lapse.remembered(3, y, x) is None
    viewer.layers.remove(layer)
    viewer.dims.set_current_step(0, 6)
    derived(qtbot, panel)
    assert len(viewer.layers) == 1


def test_a_step_of_the_slider_reads_one_of_the_measured_frames(draft):
    from napari_neuralfield.widgets.view.layers import FrameView

    read = []

    class Frames:
        shape, dtype = draft.frames.shape, draft.frames.dtype

        def __getitem__(self, number):
            read.append(number)
            return draft.frames[number]

    view = FrameView(Frames())
    assert np.array_equal(view[3:4, 2:9], draft.frames[3:4, 2:9])  # napari takes the mean over a slice of one
    assert np.array_equal(view[5, :, 7], draft.frames[5, :, 7])
    assert read == [3, 5]
    assert view[4:4].shape == (0, *draft.frames.shape[1:])


def test_corrections_height_and_export_from_the_panel(viewer, draft, qtbot, tmp_path, monkeypatch):
    said = []
    for name in ("show_info", "show_error"):
        monkeypatch.setattr(f"napari_neuralfield.widgets.reconstruct.time_view.{name}", said.append)
    panel = view_on(viewer, qtbot, draft)
    before, layer = panel.lapse, panel.film.layer
    panel.drift.setChecked(True)
    panel.brightness.setChecked(True)
    derived(qtbot, panel)
    assert panel.lapse is not before
    assert panel.lapse.drift_um.shape == (FRAMES, 2)
    assert panel.lapse.acquisition.exposure is not None
    panel.heights.tick.setChecked(True)
    assert "type the refractive index" in panel.heights.error.text()
    for box, index in zip(panel.heights.boxes, (1.4, 1.3), strict=True):
        box.setValue(index)
    derived(qtbot, panel)
    assert panel.lapse.unit == "um"
    qtbot.waitUntil(lambda: layer.name == "cells height over time")
    assert panel.lapse.um_per_rad == pytest.approx(0.53 / (2 * np.pi * 0.1))
    panel.export(tmp_path / "a.ome.tif")
    qtbot.waitUntil(lambda: not panel.exporting, timeout=60_000)
    assert said == [f"saved {tmp_path / 'a.ome.tif'}"]
    assert tifffile.imread(tmp_path / "a.ome.tif").shape == (FRAMES, 64, 80)
    held = HeldPhase()
    panel.begin_with(LapseMaker(draft.complete(), held), draft.complete().values(), "cells", (0.0, 0.0))
    qtbot.waitUntil(lambda: panel.film is not None and panel.film.layer is not None, timeout=60_000)
    derived(qtbot, panel)
    held.go.clear()
    panel.export(tmp_path / "b.ome.zarr")
    panel.cancel()
    held.go.set()
    qtbot.waitUntil(lambda: not panel.exporting, timeout=60_000)
    assert said[-1] == "the export was cancelled; there is no b.ome.zarr"
    assert [path.name for path in tmp_path.glob("*b.ome*")] == []


def test_a_run_on_a_time_lapse_ends_in_one_layer_over_time_whatever_docks_are_open(viewer, draft, qtbot, monkeypatch):
    from napari_neuralfield.app import lapse_methods
    from napari_neuralfield.recon.focus import srqpi

    go, said = threading.Event(), []

    def stand_in(acquisition, recipe):
        yield Preview(phase_of(acquisition, 0), 0.0)
        assert go.wait(20)
        yield Done(Result(phase_of(acquisition, 0), recipe.model_dump(), {"wavelength_um": 0.53}, title="lapse"))

    from napari_neuralfield.registry import METHODS

    entry = METHODS["srqpi"]
    monkeypatch.setitem(METHODS._entries, "srqpi", type(entry)(**{**vars(entry), "run": stand_in}))
    monkeypatch.setattr(lapse_methods, "phase_maker", lambda recipe: phase_of)
    show(viewer, draft)
    _, dock, _ = docks_of(viewer, qtbot)
    dock.form.choose_method("srqpi")
    dock.run()
    runs = dock.runs
    monkeypatch.setattr("napari_neuralfield.widgets.reconstruct.runs.show_info", said.append)
    dock.parent().destroyOnClose()
    del dock
    qtbot.waitUntil(lambda: bool(said), timeout=10_000)
    qtbot.waitUntil(lambda: viewer.layers[-1].name == "srqpi lapse phase …" and viewer.layers[-1].visible)
    go.set()
    qtbot.waitUntil(lambda: not runs.running, timeout=10_000)
    assert said[-1].endswith("; open the Reconstruct dock to look at it")
    for frame in (3, 5):  # the second time there is its layer already
        _, dock, _ = docks_of(viewer, qtbot)
        qtbot.waitUntil(lambda: dock.time.film is not None and dock.time.film.layer is not None, timeout=60_000)  # noqa: B023
        viewer.dims.set_current_step(0, frame)
        derived(qtbot, dock.time)
        assert [one.name for one in viewer.layers] == ["lapse frames", "srqpi lapse phase over time"]
        layer = viewer.layers[1]
        assert np.array_equal(seen(layer), np.asarray(dock.time.lapse.view(*layer.data.axes)[frame]))
        if frame == 3:
            dock.parent().destroyOnClose()
            qtbot.wait(100)
    assert dock.heights.isHidden()
    assert not dock.time.isHidden()
    assert over_time(draft.complete(), srqpi.SrqpiRecipe())
    assert not over_time(draft.complete(), srqpi.SrqpiRecipe(frame=3))
    assert not over_time(draft.complete().replace(time_s=None), srqpi.SrqpiRecipe())


def test_height_and_other_methods_beside_a_phase(viewer, qtbot):
    from napari_neuralfield.widgets.kit.session import Session, Shown
    from napari_neuralfield.widgets.reconstruct.height_choice import HeightView
    from napari_neuralfield.widgets.view.layers import result_layers
    from napari_neuralfield.widgets.view.zoom_view import zoom_view_of

    optics = {"wavelength_um": 0.53, "sample_index": 1.4, "medium_index": 1.3, "condenser_na": 0.1, "pixel_um": PIXEL}
    results = [Result(phase_of(time_lapse(4), n), {}, optics) for n in (0, 3)]
    for result, title in zip(results, ("cells tie-fft", "cells srqpi"), strict=True):
        put(viewer, result_layers(result, title=title))
    session, zoom = Session(), zoom_view_of(viewer)
    view = HeightView(viewer, session)
    qtbot.addWidget(view)
    assert view.isHidden()
    session.set_shown(Shown(results[1], 0.0, "cells srqpi"))
    assert not view.isHidden()
    phase = next(layer for layer in viewer.layers if layer.name == "cells srqpi phase")
    view.choice.tick.setChecked(True)
    height = next(layer for layer in viewer.layers if layer.name == "cells srqpi height")
    assert height.data == pytest.approx(phase.data * 0.53 / (2 * np.pi * 0.1), rel=1e-5)
    assert not phase.visible
    viewer.scene.camera.center, viewer.scene.camera.zoom = (30.0, 40.0), 16 / PIXEL
    qtbot.waitUntil(lambda: zoom.picture is not None and not zoom.busy, timeout=60_000)
    y, x = zoom.picture.axes
    wanted = results[1].field.render(0.0, y, x)[0].numpy() * 0.53 / (2 * np.pi * 0.1)
    assert zoom.picture.image == pytest.approx(wanted, rel=1e-4)
    view.choice.tick.setChecked(False)
    assert [layer.name for layer in viewer.layers if "height" in layer.name and "closer" not in layer.name] == []
    assert phase.visible
    before = [tuple(layer.contrast_limits) for layer in viewer.layers if layer.name.endswith(" phase")]
    zoom.compare(True)
    phases = [layer for layer in viewer.layers if layer.name.endswith(" phase")]
    qtbot.wait(100)
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (1, 2)
    assert phases[0].contrast_limits == phases[1].contrast_limits
    assert phases[0].contrast_limits == [min(low for low, _ in before), max(high for _, high in before)]
    phases[0].contrast_limits = (1.0, 1.1)
    assert phases[1].contrast_limits == [1.0, 1.1]
    zoom.compare(False)
    assert [tuple(layer.contrast_limits) for layer in phases] == before
    assert not viewer.canvas.grid.enabled
