"""Runs belong to the window: docks come and go, what waits is seen, and what is closed lets go of everything."""

from __future__ import annotations

import gc
import threading
import time
import weakref

import numpy as np
import pytest
import toy
from napari.utils import progress
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from window import docks_of, names, show

from napari_neuralfield.data.acquisition import Draft
from napari_neuralfield.io import save_acquisition
from napari_neuralfield.widgets.reconstruct.naming import run_title, shortened
from napari_neuralfield.widgets.reconstruct.plan import plan_run
from napari_neuralfield.widgets.reconstruct.runs import runs_of

EXACT, TICKED = Qt.MatchFlag.MatchExactly, Qt.CheckState.Checked
pytestmark = pytest.mark.usefixtures("errors")


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    toy.register()


@pytest.fixture
def said(monkeypatch):
    """What is said when runs end."""
    words: list[str] = []
    monkeypatch.setattr("napari_neuralfield.widgets.reconstruct.runs.show_info", words.append)
    return words


def start(dock, **values):
    dock.form.choose_method("toy")
    dock.form.options.set_values(values)
    dock.run()


def wait(until):
    """A busy machine is no fault."""
    end = time.monotonic() + 60
    while not until():
        assert time.monotonic() < end
        QTest.qWait(20)


def close(dock):
    """As its X does."""
    dock.parent().destroyOnClose()


def bars():
    return [bar.desc.removesuffix(": ") for bar in progress._all_instances]


def test_a_name_says_sample_method_and_what_was_changed(draft):
    acquisition = draft.complete()

    def title(method, values, region=None, **own):
        return run_title(draft, plan_run(acquisition, method, values, region), **own)

    assert title("toy", {}) == "toy toy"
    assert title("toy", {"steps": 9}) == "toy (long) toy"
    assert title("toy", {"steps": 8, "pause_s": 0.5, "device": "cpu"}) == "toy (steps 8, pause 0.5 s) toy"
    assert title("toy", {"steps": 8, "pause_s": 0.5, "mood": "glad"}) == "toy (steps 8, pause 0.5 s, …) toy"
    assert title("toy", {"steps": 3}, recommended={"steps": 3}) == "toy toy"
    assert title("toy", {}, (slice(10, 50), slice(20, 60))) == "toy (at 8, 16 µm) toy"
    assert title("fpm-per-slice", {"z_um": (-5.0, 5.0), "check_orientation": False}) == (
        "fpm-per-slice (z -5 to 5 µm, no check orientation) toy"
    )
    assert shortened("2024-11-03_hela_well_B7_run_0012", 24) == "2024-11-03_…_B7_run_0012"


def test_a_run_outlives_its_dock_and_is_found_again(viewer, draft, qtbot, said):
    show(viewer, draft)
    docks = docks_of(viewer, qtbot)
    start(docks[1], steps=2000, pause_s=0.01)
    runs, title = docks[1].runs, "toy (steps 2000, pause 0.01 s) toy"
    wait(lambda: len(runs.current.curve) > 5)
    assert bars() == [title]
    gone = []
    for dock in docks:
        dock.destroyed.connect(lambda: gone.append(1))
    while docks:
        close(docks.pop())
    wait(lambda: len(gone) == 3)
    assert runs.running
    assert said == [f"{title} goes on; stop it in the activity dock or in a new Reconstruct dock"]
    before = len(runs.current.curve)
    wait(lambda: len(runs.current.curve) > before)
    dock = docks_of(viewer, qtbot)[1]
    assert dock.job is runs.current.job
    wait(lambda: len(dock.form.plot.points[0]) > before)
    assert dock.form.plot.points[0][0] == 1  # the whole curve
    assert dock.form.stop_button.isEnabled()
    assert not dock.form.run_button.isEnabled()
    close(dock)
    next(iter(progress._all_instances)).cancel()  # the button in the activity dock
    wait(lambda: not runs.running)
    assert bars() == []
    assert said[-1] == f"{title}: stopped"
    wait(lambda: f"{title} amplitude" in names(viewer))
    dock = docks_of(viewer, qtbot)[1]
    assert dock.form.state.text() == "stopped"
    assert dock.form.run_button.isEnabled()
    assert dock.form.save_button.isEnabled()


def test_what_is_closed_lets_go(viewer, led_array, qtbot):
    """Docks, results, drafts and layers of three rounds in one viewer, and every thread."""
    kept = {"dock": [], "result": [], "draft": [], "layer": []}
    for turn in range(3):
        acquisition = led_array(leds=3, size=64, seed=turn)
        draft = Draft("led_array", acquisition.frames, acquisition.values(), "toy.acq.h5")
        show(viewer, draft)
        docks = docks_of(viewer, qtbot)
        start(docks[1], steps=2)
        wait(lambda: not docks[1]._running)  # noqa: B023
        wait(lambda: "toy (steps 2) toy phase" in names(viewer))
        docks[2].form.slider.setValue(1.0)
        wait(lambda: "toy (steps 2) toy at any depth" in names(viewer))
        kept["dock"] += map(weakref.ref, docks)
        kept["result"].append(weakref.ref(docks[1]._session.shown.result))
        kept["draft"].append(weakref.ref(draft))
        kept["layer"] += map(weakref.ref, viewer.layers)
        del draft, acquisition
        while docks:
            close(docks.pop())
        qtbot.wait(50)
        viewer.layers.clear()

    for _ in range(4):  # napari and Qt let go when they come to it
        qtbot.wait(300)
        gc.collect()
        alive = {name: sum(ref() is not None for ref in refs) for name, refs in kept.items()}
        if alive["dock"] == 0:
            break
    assert alive["dock"] == 0
    assert alive["result"] <= 1  # the one on show
    assert alive["draft"] <= 1
    assert alive["layer"] <= 4  # those of the last round
    ours = [t for t in threading.enumerate() if t.name.startswith("neuralfield")]
    until = time.monotonic() + 5
    while any(t.is_alive() for t in ours) and time.monotonic() < until:
        qtbot.wait(100)
    assert not [t.name for t in ours if t.is_alive()]


def test_what_waits_is_seen_and_each_can_go(viewer, draft, qtbot, tmp_path, monkeypatch, said, errors):
    show(viewer, draft)
    dock = docks_of(viewer, qtbot)[1]
    several, runs = dock.several, dock.runs
    start(dock, steps=3000, pause_s=0.01)
    assert several.button.text() == "Several runs"
    dock.form.options.set_values({"steps": 1})
    several.this_button.click()
    choice = "napari_neuralfield.widgets.reconstruct.several.MethodsDialog"
    monkeypatch.setattr(f"{choice}.exec", lambda self: self.list.findItems("toy", EXACT)[0].setCheckState(TICKED) or 1)
    several.methods_button.click()
    several.regions_button.click()
    assert errors == ["no rectangle is drawn; press Draw region and draw one for each run"]
    dock.region.draw()
    for at in (0, 16):
        box = np.array([[at, at], [at, at + 32], [at + 32, at + 32], [at + 32, at]]) * 0.8
        dock.region.layer.add(box, shape_type="rectangle")
    several.regions_button.click()
    dock.region.clear()
    for name in "ab":
        save_acquisition(tmp_path / f"{name}.acq.h5", draft.complete())
    (tmp_path / "bad.mat").write_bytes(b"no")
    (tmp_path / "notes.txt").write_text("not data")
    monkeypatch.setattr(
        "napari_neuralfield.widgets.reconstruct.several.QFileDialog.getExistingDirectory", lambda *a: str(tmp_path)
    )
    several.folder_button.click()
    wait(lambda: "2 files are run; left out: " in several.note.text())
    assert "bad.mat" in several.note.text()
    assert "notes.txt" not in several.note.text()
    titles = ["toy (steps 1) toy", "toy toy", "toy (at 0, 0 µm, steps 1) toy", "toy (at 12.8, 12.8 µm, steps 1) toy"]
    assert [run.title for run in runs.queue] == [*titles, "toy (steps 1) a", "toy (steps 1) b"]
    assert several.button.text() == "Several runs, 6 waiting"
    line = several._list.itemAt(4).widget()
    line.findChild(type(several.this_button)).click()
    assert "toy (steps 1) a" not in [run.title for run in runs.queue]
    for run in runs.queue[1:3]:
        runs.remove(run)
    runs.remove(runs.queue[-1])
    dock.stop()
    wait(lambda: not runs.queue and not runs.running)
    wait(lambda: {f"{title} amplitude" for title in titles[::3]} <= {*names(viewer)})
    assert said[1:] == [f"{title}: done in less than 1 s" for title in titles[::3]]
    assert runs_of(viewer) is runs
