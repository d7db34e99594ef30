"""Nothing freezes while one waits: docks and files that come when they are ready."""

from __future__ import annotations

import sys

import pytest
from napari.components import LayerList
from napari.layers import Image
from qtpy.QtCore import QTimer

from napari_neuralfield import InputError
from napari_neuralfield.io import save_acquisition
from napari_neuralfield.widgets.doors.docks import DepthDoor, DockDoor
from napari_neuralfield.widgets.doors.soon import stand_in
from napari_neuralfield.widgets.kit.docks import open_docks
from napari_neuralfield.widgets.kit.session import Session, session_of

DEPTH = "Depth (napari-neuralfield)"
MODULE = "napari_neuralfield.widgets.depth.dock"


@pytest.fixture
def not_imported(monkeypatch):
    """The Depth dock, as at the start."""
    monkeypatch.delitem(sys.modules, MODULE, raising=False)


def test_a_dock_that_is_not_imported_is_there_at_once_and_filled_soon(viewer, qtbot, not_imported):
    seen = []

    def open_it():
        open_docks(viewer, "Depth")
        seen.append(viewer.window.dock_widgets[DEPTH])

    QTimer.singleShot(0, open_it)
    qtbot.waitUntil(lambda: bool(seen))
    (waiting,) = seen
    assert isinstance(waiting, DockDoor)
    assert waiting.words.text() == "The Depth dock is being prepared …"
    qtbot.waitUntil(lambda: hasattr(viewer.window.dock_widgets[DEPTH], "form"), timeout=20_000)
    assert viewer.window.dock_widgets[DEPTH].isVisible()
    assert viewer.window.dock_widgets[DEPTH].maximumHeight() == 118


def test_a_dock_closed_while_it_is_imported_never_comes(viewer, qtbot, not_imported):
    def open_and_close():
        open_docks(viewer, "Depth")
        viewer.window.remove_dock_widget(viewer.window.dock_widgets[DEPTH])

    QTimer.singleShot(0, open_and_close)
    qtbot.wait(50)
    qtbot.waitUntil(lambda: MODULE in sys.modules, timeout=20_000)
    qtbot.wait(100)
    assert DEPTH not in viewer.window.dock_widgets


def test_whoever_waits_for_a_dock_gets_it(viewer, not_imported):
    assert not isinstance(DepthDoor(viewer), DockDoor)


def test_a_file_dropped_on_the_window_is_read_in_a_thread(viewer, qtbot, led_array, tmp_path, errors_said):
    good, bad = tmp_path / "good.acq.h5", tmp_path / "bad.acq.h5"
    save_acquisition(good, led_array(leds=3, size=16))
    bad.write_text("no")
    at_once = []

    def drop():
        for path in (bad, good):
            viewer.open(path, plugin="napari-neuralfield")
        at_once.append(len(viewer.layers))

    QTimer.singleShot(0, drop)
    qtbot.waitUntil(lambda: len(viewer.layers) == 1, timeout=20_000)
    assert at_once == [0]
    qtbot.waitUntil(lambda: len(errors_said) == 1, timeout=20_000)
    assert "bad.acq.h5" in errors_said[0]
    qtbot.waitUntil(lambda: "Reconstruct (napari-neuralfield)" in viewer.window.dock_widgets, timeout=20_000)
    assert session_of(viewer).draft is not None


@pytest.fixture
def errors_said(monkeypatch):
    said: list[str] = []
    monkeypatch.setattr("napari_neuralfield.widgets.doors.soon.show_error", said.append)
    return said


def test_a_run_before_the_sample_is_there_says_that_it_is_being_read() -> None:
    data, meta, _ = stand_in("tilted slide")
    session = Session().watch(layers := LayerList([Image(data, **meta)]))
    with pytest.raises(InputError, match="tilted slide is still being read"):
        session.acquisition()
    layers.clear()
    with pytest.raises(InputError, match="no acquisition is open"):
        session.acquisition()
