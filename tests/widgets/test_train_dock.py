"""The Train dock in a real window, with a network of a few numbers."""

from __future__ import annotations

import numpy as np
import pytest
from training_scene import led_patterns

from napari_neuralfield.networks.pretrained import load_weights
from napari_neuralfield.recon.training import source as training_source
from napari_neuralfield.widgets.kit.session import session_of
from napari_neuralfield.widgets.train.dock import TrainDock
from napari_neuralfield.widgets.train.work import ANY, HALF, LIKE, NEW, SHIPPED

TINY = {
    "steps": 3, "pool": 8, "channels": 8, "blocks": 1, "patch_px": 16, "batch": 2, "half_precision": False,
}  # fmt: skip


@pytest.fixture(autouse=True)
def small_scenes(monkeypatch):
    monkeypatch.setattr(training_source, "SCENE_PX", 24)
    monkeypatch.setattr(training_source, "VALIDATION", 4)


@pytest.fixture
def dock(make_napari_viewer, qtbot, tmp_path):
    viewer = make_napari_viewer()
    made = TrainDock(viewer)
    viewer.window.add_dock_widget(made, name="Train")
    qtbot.waitUntil(lambda: made.form.options is not None, timeout=30_000)
    made.form.target.setText(str(tmp_path / "W.safetensors"))
    return made


def test_train_shows_curve_and_pictures_and_writes_weights(dock, qtbot, tmp_path):
    dock.form.options.set_values(TINY)
    dock.form.run_button.click()
    assert dock.running
    assert not dock.form.run_button.isEnabled()
    qtbot.waitUntil(lambda: not dock.running, timeout=60_000)
    assert dock.last is not None, dock.form.error.text()
    assert load_weights(tmp_path / "W.safetensors", "neuph").header["steps"] == 3
    assert (tmp_path / "W.png").is_file()
    assert [layer.name for layer in dock._viewer.layers] == [
        "training: bright field", "training: network", "training: truth"
    ]  # fmt: skip
    network, truth = dock._viewer.layers[1:]
    assert network.data.shape == (4, 96, 96)
    assert network.contrast_limits == truth.contrast_limits
    assert network.translate[-1] < truth.translate[-1] < 0
    assert dock.form.plot.points[0] == [1, 2, 3]
    assert "(their phases vary by" in dock.form.seen.text()
    assert "done after 3 steps" in dock.form.state.text()


def test_stop_keeps_what_was_trained_and_it_goes_on(dock, qtbot, tmp_path):
    dock.form.options.set_values({**TINY, "steps": 500})
    dock.run()
    qtbot.waitUntil(lambda: bool(dock.form.plot.points[0]), timeout=60_000)
    dock.form.stop_button.click()
    qtbot.waitUntil(lambda: not dock.running, timeout=60_000)
    before = dock.last.weights.header["steps"]
    assert 1 <= before < 500
    dock.form.begin.setCurrentText(HALF)
    assert dock.form.path.text() == str(tmp_path / "W.partial.safetensors")
    assert not (tmp_path / "W.safetensors").exists()
    assert dock.form.values() == {}
    assert not dock.form.options.isVisibleTo(dock)
    dock.run()
    qtbot.waitUntil(lambda: bool(dock.form.plot.points[0]), timeout=60_000)
    assert dock.form.plot.points[0][0] > before
    dock.stop()
    qtbot.waitUntil(lambda: not dock.running, timeout=60_000)


def test_what_is_in_the_way_is_said(dock, qtbot, tmp_path):
    dock.form.target.setText(str(tmp_path / "W.h5"))
    dock.run()
    qtbot.waitUntil(lambda: not dock.running, timeout=30_000)
    assert "must end in .safetensors" in dock.form.error.text()
    dock.form.target.setText(str(tmp_path / "W.safetensors"))
    dock.form.begin.setCurrentText(HALF)
    dock.run()
    qtbot.waitUntil(lambda: not dock.running, timeout=30_000)
    assert "there is no file named for an interrupted training" in dock.form.error.text()


def test_a_network_for_single_frames_has_its_own_options_and_pictures(dock, qtbot, tmp_path):
    from defocus_scene import through_focus

    from napari_neuralfield.data.acquisition import Draft
    from napari_neuralfield.recon.training import focus_source as defocus_source

    form = dock.form
    assert form.microscope.count() == 3
    form.network.setCurrentText("srqpi")
    assert "fresnel_min" in form.options.editors
    assert "blocks" not in form.options.editors
    assert [form.microscope.itemText(i) for i in range(form.microscope.count())] == [ANY, LIKE]
    assert not form.microscope.isEnabled()
    acquisition, _ = through_focus(48)
    values = {name: value for name, value in acquisition.values().items() if value is not None}
    session_of(dock._viewer).set_draft(Draft("through_focus", np.asarray(acquisition.frames), values, "open.acq.h5"))
    assert form.microscope.isEnabled()
    form.microscope.setCurrentText(LIKE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(defocus_source, "SCENE_PX", 32)
        patch.setattr(defocus_source, "VALIDATION", 4)
        form.options.set_values({"steps": 3, "pool": 8, "base": 4, "patch_px": 32, "batch": 2, "half_precision": False})
        dock.run()
        qtbot.waitUntil(lambda: not dock.running, timeout=60_000)
    assert dock.last is not None, form.error.text()
    assert load_weights(tmp_path / "W.safetensors", "srqpi").header["known"]["fresnel"] == [0.31361, 0.31361]
    layers = {layer.name: layer for layer in dock._viewer.layers}
    assert list(layers) == ["training: frame", "training: network", "training: truth"]
    assert layers["training: network"].data.shape == (4, 128, 128)
    assert layers["training: network"].scale[-1] == pytest.approx(0.65)
    form.network.setCurrentText("neuph")  # and back: the open frames are not for this one
    assert not form.microscope.isEnabled()
    assert form.microscope.currentText() == ANY
    assert "blocks" in form.options.editors


def test_fine_tuning_has_its_own_defaults_and_the_open_microscope(dock):
    form = dock.form
    assert not form.microscope.isEnabled()
    form.begin.setCurrentText(SHIPPED)
    assert form.values() == {"minutes": 10.0, "learning_rate": 3e-4}
    assert not form.options.editors["size"].enabled
    form.begin.setCurrentText(NEW)
    assert form.values() == {}
    from napari_neuralfield.data.acquisition import Draft

    acquisition, _ = led_patterns(32)
    values = {name: value for name, value in acquisition.values().items() if value is not None}
    session_of(dock._viewer).set_draft(Draft("multiplexed_led", np.asarray(acquisition.frames), values, "open.acq.h5"))
    assert form.microscope.isEnabled()
    form.microscope.setCurrentText(LIKE)
    assert dock.wish().acquisition.frame_count == 5
    session_of(dock._viewer).set_draft(None)
    assert form.microscope.currentText() == ANY
