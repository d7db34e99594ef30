"""What is written in the background can be stopped, and nothing half-written is left."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from window import put

from napari_neuralfield.app import focus
from napari_neuralfield.fields.planes import planes_of_images
from napari_neuralfield.io import save_acquisition
from napari_neuralfield.types import Extent, Result
from napari_neuralfield.widgets.depth import dock as depth_dock
from napari_neuralfield.widgets.importing import saving
from napari_neuralfield.widgets.kit.docks import open_docks
from napari_neuralfield.widgets.kit.threads import Background
from napari_neuralfield.widgets.view.export import export
from napari_neuralfield.widgets.view.layers import result_layers


@pytest.fixture
def field():
    noise = torch.randn(3, 40, 32, generator=torch.Generator().manual_seed(0), dtype=torch.complex64)
    return planes_of_images(noise, [-2.0, 0.0, 2.0], Extent((-2.0, 2.0), (40, 32), 0.5))


@pytest.mark.parametrize("last", [1, 4, 5])
@pytest.mark.parametrize("name", ["a.ome.tif", "a.ome.zarr", "a.png"])
def test_all_in_focus_stops_at_any_plane(field, tmp_path, name, last):
    """On both looks at the planes; three planes are six."""
    seen = []

    def report(done, total):
        seen.append((done, total))
        return done < last

    assert export(tmp_path / name, field, "all in focus", 0.0, np.array([-2.0, 0.0, 2.0]), report=report) is None
    assert seen == [(n, 6) for n in range(1, last + 1)]
    assert list(tmp_path.iterdir()) == []


def test_all_in_focus_is_written_where_nobody_stops_it(field, tmp_path):
    path = tmp_path / "a.ome.tif"
    assert export(path, field, "all in focus", 0.0, np.array([-2.0, 0.0, 2.0])) == path
    assert path.is_file()


def test_the_stop_button_ends_an_export_of_all_in_focus(viewer, qtbot, field, tmp_path, monkeypatch):
    put(viewer, result_layers(Result(field), title="toy"))
    open_docks(viewer, "Depth")
    dock, said = viewer.window.dock_widgets["Depth (napari-neuralfield)"], []
    monkeypatch.setattr(depth_dock, "show_info", said.append)
    dock.form.quantity.setCurrentText("all in focus")
    qtbot.waitUntil(lambda: not dock._sharp.busy, timeout=20_000)
    evaluate = focus.evaluate

    def stopped_meanwhile(*args):
        dock._exporting[0] = False
        return evaluate(*args)

    monkeypatch.setattr(focus, "evaluate", stopped_meanwhile)
    dock.export(tmp_path / "a.ome.tif")
    assert dock.form.stop.isEnabled()
    qtbot.waitUntil(lambda: bool(said), timeout=20_000)
    assert said == ["the export was stopped; nothing of it is left"]
    assert list(tmp_path.glob("*.tif")) == []
    assert not dock.form.stop.isEnabled()


def test_saving_a_recording_can_be_cancelled(viewer, qtbot, led_array, tmp_path, monkeypatch):
    bars, said, background = [], [], Background()
    made = saving.Activity
    monkeypatch.setattr(saving, "Activity", lambda *args: bars.append(made(*args)) or bars[-1])
    monkeypatch.setattr(saving, "show_info", said.append)
    path = tmp_path / "a.acq.h5"
    save_acquisition(path, led_array(leds=1, size=16))
    before = path.read_bytes()

    def complete():
        bars[0].cancel()  # while it goes on
        return led_array(leds=3, size=16)

    saving.save_recording(background, path, complete)
    qtbot.waitUntil(lambda: bool(said), timeout=20_000)
    assert said == ["saving was cancelled; there is no new a.acq.h5"]
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.glob("*.h5")] == ["a.acq.h5"]
