"""Calibrate in the Acquisition dock, with a stand-in for the calibration itself."""

from __future__ import annotations

import dataclasses
import threading
import time

import numpy as np
import pytest
import toy
from napari.utils import progress
from window import show

from napari_neuralfield.data.acquisition import Draft
from napari_neuralfield.optics.board import BoardPose
from napari_neuralfield.recon.calibration.quality import Quality
from napari_neuralfield.recon.calibration.result import Calibration, OutlierFrame
from napari_neuralfield.types import InputError, Note, Preview, Progress

POSE = BoardPose(np.deg2rad(2.0), (0.01, -0.02), 1.05)


def corrected(acquisition, odd=(), orientation="as given"):
    """A made-up result: everything a little different from what was given."""
    count = acquisition.frame_count
    gains = np.linspace(0.8, 1.2, count)
    changes = {
        "illumination_na": POSE.place(acquisition.illumination_na),
        "exposure": gains,
        "background": np.full(acquisition.frame_shape, 0.01),
        "pupil": np.ones(acquisition.frame_shape, complex),
        "sample_z_um": -2.5,
    }
    return Calibration(
        acquisition,
        acquisition.replace(**changes),
        orientation,
        POSE,
        gains,
        np.full(count, 0.01),
        {5: -0.24, 8: 0.4, 11: 0.1},
        -2.5,
        acquisition.wavelength_um,
        np.full(count, 0.3),
        np.full(count, 0.04),
        tuple(OutlierFrame(frame, "looks like noise") for frame in odd),
        ("wavelength and height cannot be told apart",),
    )


def calibrate(acquisition, recipe):
    assert threading.current_thread() is not threading.main_thread()
    yield Progress(1, 2, 0.2, "board")
    yield Preview(toy.ToyField(acquisition.frame_shape, acquisition.pixel_um), 0.0)
    yield Note("the board is turned")
    time.sleep(recipe.pupil_terms / 1000)
    yield Progress(2, 2, 0.04, "single LEDs")
    return corrected(acquisition, odd=(2, 5) if recipe.seed == 1 else ())


def assess(acquisition, device="auto", seed=0, *, same_as=None):
    yield Progress(1, 1, 0.1, "halves")
    rings, error = np.array([0.0, 0.1, 0.2]), 0.3 if same_as is None else 0.05
    half, nan = np.arange(acquisition.frame_count) % 2 == 0, np.array([error, np.nan])
    curve = np.linspace(1, 0, 9)
    return Quality(np.arange(9.0), curve, curve * 0 + 0.5, 1.0, half, rings, nan, np.array([1]), error, nan)


@pytest.fixture(autouse=True)
def stand_ins(monkeypatch):
    monkeypatch.setattr("napari_neuralfield.recon.calibration.stages.calibrate", calibrate)
    monkeypatch.setattr("napari_neuralfield.recon.calibration.quality.assess", assess)


@pytest.fixture
def dock(viewer, draft, qtbot):
    from napari_neuralfield.widgets.kit.docks import open_docks

    show(viewer, draft)
    open_docks(viewer, "Acquisition")
    found = viewer.window.dock_widgets["Acquisition (napari-neuralfield)"]
    qtbot.waitUntil(lambda: found.calibrate.run_button.isEnabled(), timeout=60_000)
    return found


def calibrated(dock, qtbot, **values):
    panel = dock.calibrate
    panel.options.set_values(values)
    panel.run()
    qtbot.waitUntil(lambda: panel.calibration is not None, timeout=5000)
    return panel


# ---- without a window ----


def test_a_calibration_is_shown_in_the_words_of_the_command_line(led_array):
    from napari_neuralfield.app.figures.calibration_figures import figures
    from napari_neuralfield.app.figures.calibration_findings import findings
    from napari_neuralfield.widgets.calibration.work import shown

    found = corrected(led_array())
    assert shown(found).findings == findings(figures(found))
    kept = shown(dataclasses.replace(found, corrected=found.given))
    assert kept.calibration.zernike_rad == {}
    assert [line.name for line in kept.findings] == ["Relative amplitude error (median frame)", "Left as given"]


def test_a_measured_pupil_is_cut_to_its_aperture(led_array):
    from napari_neuralfield.widgets.calibration.work import measured_phase

    acquisition = led_array(size=64)
    acquisition = acquisition.replace(pupil=np.full((64, 64), np.exp(0.3j)))
    phase = measured_phase(acquisition)
    assert phase.shape == (41, 41)  # NA 0.2 / 0.5 um is 20.48 bins
    assert np.isnan(phase[0, 0])
    np.testing.assert_allclose(phase[20], 0.3, rtol=1e-6)


def test_moves_are_drawn_longer_only_where_there_is_room():
    from napari_neuralfield.widgets.kit.plots import exaggeration

    grid = np.stack(np.meshgrid(*2 * [np.arange(5) * 0.1], indexing="ij"), -1).reshape(-1, 2)
    assert exaggeration(grid, grid) == 1
    assert exaggeration(grid, grid + 0.2) == 1
    assert exaggeration(grid, grid + np.array([0.003, 0])) == 20
    assert exaggeration(grid[:1], grid[:1] + 0.01) == 1


# ---- in the dock ----


def test_what_was_found_is_shown_and_changes_nothing(dock, viewer, draft, qtbot):
    panel = calibrated(dock, qtbot)
    assert dock._session.draft is draft
    assert not panel.view.isHidden()
    assert panel.view.lines.texts()["Relative amplitude error (median frame)"] == "0.3000 before, 0.0400 after"
    assert panel.view.warnings.text() == "Wavelength and height cannot be told apart."
    assert panel.view.leave_out.isHidden()
    assert panel.view.zernike.tip_at(8) == "8: coma x, +0.400 rad"
    assert "as found (pink)" in dock.plot_text.text()
    x, y = dock.plot._dots.getData()
    np.testing.assert_allclose(np.stack([y, x], 1), -draft.values["illumination_na"], atol=1e-12)
    assert dock.plot._moves.getData()[0].size == 2 * 9
    assert [layer.name for layer in viewer.layers] == ["toy frames", "toy as calibrated"]
    panel.discard()
    assert not viewer.layers["toy as calibrated"].visible
    calibrated(dock, qtbot)
    assert len(viewer.layers) == 2  # the same one again
    panel.discard()
    assert dock._session.draft is draft
    assert panel.calibration is None
    assert panel.view.isHidden()
    assert "synthetic NA" in dock.plot_text.text()
    assert dock.plot._moves.getData()[0] is None or not dock.plot._moves.getData()[0].size


def test_accepted_values_are_those_of_the_form_and_of_every_dock(dock, viewer, draft, qtbot):
    from napari_neuralfield.widgets.kit.docks import open_docks

    panel = calibrated(dock, qtbot)
    open_docks(viewer, "Reconstruct")
    reconstruct = viewer.window.dock_widgets["Reconstruct (napari-neuralfield)"]
    qtbot.waitUntil(lambda: reconstruct.library is not None, timeout=60_000)
    wanted = panel.calibration.corrected
    assert "exposure" not in dock.form.editors
    panel.accept()
    acquisition = dock._session.acquisition()
    for name in ("illumination_na", "exposure", "background", "pupil", "sample_z_um"):
        np.testing.assert_array_equal(getattr(acquisition, name), getattr(wanted, name))
    assert acquisition.frames is draft.frames
    assert reconstruct.plan().acquisition.sample_z_um == -2.5
    assert dock.form.editors["sample_z_um"].value == -2.5
    assert "exposure" in dock.form.editors
    assert "Accepted" in panel.view.state.text()
    assert panel.stale.isHidden()
    panel.undo()
    assert set(dock._session.draft.values) == set(draft.values)
    assert dock._session.draft.frames is draft.frames
    assert "exposure" not in dock.form.editors
    assert not panel.view.accept_button.isHidden()


def test_outlier_frames_are_named_marked_and_left_out_on_request(dock, viewer, draft, qtbot):
    panel = calibrated(dock, qtbot, seed=1)
    assert ">Frame 2</a> looks like noise.<br>" in panel.view.outlier_frames.text()
    panel.view.outlier_frames.linkActivated.emit("5")
    assert viewer.dims.current_step[0] == 5
    assert dock.plot._outlier_frames.getData()[0].size == 2
    assert panel.view.leave_out.isChecked()
    panel.accept()
    acquisition = dock._session.acquisition()
    assert acquisition.frame_count == 7
    np.testing.assert_array_equal(acquisition.frames[2], draft.frames[3])
    np.testing.assert_allclose(acquisition.exposure, np.delete(panel.calibration.gains, [2, 5]))
    assert "7 × 64 × 64" in dock.title.text()
    panel.undo()
    panel.view.leave_out.setChecked(False)
    panel.accept()
    assert dock._session.acquisition().frame_count == 9


def test_values_edited_meanwhile_are_named(dock, qtbot):
    panel = dock.calibrate
    panel.options.set_values({"pupil_terms": 33})
    panel.run()
    dock._session.set_value("objective_na", 0.21)
    qtbot.waitUntil(lambda: panel.calibration is not None, timeout=5000)
    assert panel.stale.text().startswith("Objective NA changed since: this calibration belongs to the earlier values")
    assert not panel.stale.isHidden()
    dock._session.set_value("objective_na", 0.2)
    assert panel.stale.isHidden()
    panel.accept()
    assert panel.stale.isHidden()
    assert dock._session.draft.values["objective_na"] == 0.2


def test_how_good_it_is_is_shown_before_and_after(dock, qtbot):
    panel = calibrated(dock, qtbot, seed=1)
    assert panel.view.curves.isHidden()
    panel.view.assess_button.click()
    assert not panel.run_button.isEnabled()
    qtbot.waitUntil(lambda: not panel.view.curves.isHidden(), timeout=5000)
    said = panel.view.lines.texts()
    assert said["Resolution (full period, FRC)"] == "1.000 um before, 1.000 um after"
    assert said["Error of held-out frames"] == "0.3000 before, 0.0500 after"
    assert panel.view.correlation._found.getData()[0].size == 9
    assert panel.view.rings._curves["found", True].getData()[1].tolist() == [0.05]
    assert panel.run_button.isEnabled()


def endless(acquisition, recipe):
    while True:
        time.sleep(0.01)
        yield Progress(1, 100, float("nan"), "turning the board")


def test_a_calibration_can_be_cancelled(dock, qtbot, monkeypatch):
    monkeypatch.setattr("napari_neuralfield.recon.calibration.stages.calibrate", endless)
    panel = dock.calibrate
    panel.run()
    qtbot.waitUntil(lambda: "turning the board" in panel.state.text(), timeout=3000)
    panel.stop_button.click()
    qtbot.waitUntil(lambda: panel.run_button.isEnabled(), timeout=3000)
    assert panel.state.text() == "cancelled; nothing was changed"
    assert panel.calibration is None


def test_it_goes_on_for_its_file_whatever_is_selected(dock, viewer, qtbot, monkeypatch, led_array):
    go = threading.Event()

    def held(acquisition, recipe):
        while not go.wait(0.01):
            yield Progress(1, 2, 0.2, "turning the board")
        return (yield from calibrate(acquisition, recipe))

    monkeypatch.setattr("napari_neuralfield.recon.calibration.stages.calibrate", held)
    panel, frames = dock.calibrate, viewer.layers[0]
    panel.run()
    other = led_array(leds=3, size=32)
    (beside,) = show(viewer, Draft("through_focus", other.frames, other.values(), "other.acq.h5"))
    qtbot.waitUntil(lambda: panel.state.text() == "Goes on for toy: turning the board, error 0.2", timeout=3000)
    assert not panel.isHidden()
    assert panel.stop_button.isEnabled()
    assert [bar.desc.removesuffix(": ") for bar in progress._all_instances] == ["Calibrating toy"]
    go.set()
    qtbot.waitUntil(lambda: not panel.running, timeout=5000)
    assert panel.calibration is None
    assert panel.isHidden()  # nothing to be said of such a file
    viewer.layers.selection.active = frames
    assert panel.calibration.given.frame_count == 9
    panel.accept()
    assert dock._session.draft.values["sample_z_um"] == -2.5
    viewer.layers.selection.active = beside
    viewer.layers.remove(frames)
    assert panel.jobs.records == []  # it goes with its file


def test_it_outlives_its_dock_and_ends_with_its_file(dock, viewer, qtbot, monkeypatch):
    from napari_neuralfield.widgets.kit.docks import open_docks

    monkeypatch.setattr("napari_neuralfield.recon.calibration.stages.calibrate", endless)
    said, gone = [], []
    monkeypatch.setattr("napari_neuralfield.widgets.view.file_job.show_info", said.append)
    dock.calibrate.run()
    jobs = dock.calibrate.jobs
    dock.destroyed.connect(lambda: gone.append(1))
    dock.parent().destroyOnClose()
    qtbot.waitUntil(lambda: bool(gone), timeout=3000)
    assert said == ["Calibrating toy goes on; stop it in the activity dock or in a new Acquisition dock"]
    assert jobs.running
    open_docks(viewer, "Acquisition")
    panel = viewer.window.dock_widgets["Acquisition (napari-neuralfield)"].calibrate
    qtbot.waitUntil(lambda: panel.state.text() == "turning the board", timeout=3000)
    job = jobs._job
    viewer.layers.clear()
    qtbot.waitUntil(lambda: not job.running, timeout=3000)
    assert not jobs.running
    assert not list(progress._all_instances)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InputError("frame 3 is empty; record it again"), "frame 3 is empty; record it again"),
        (RuntimeError("no such luck"), "unexpected error (RuntimeError: no such luck)"),
        (RuntimeError("not enough memory: you tried to allocate"), "memory ran out ("),
    ],
)
def test_an_error_is_one_sentence(dock, qtbot, monkeypatch, error, said):
    def fail(acquisition, recipe):
        yield Progress(1, 2, 0.5, "board")
        raise error

    monkeypatch.setattr("napari_neuralfield.recon.calibration.stages.calibrate", fail)
    panel = dock.calibrate
    panel.run()
    qtbot.waitUntil(lambda: bool(panel.error.text()), timeout=3000)
    assert panel.error.text().startswith(said)
    assert panel.run_button.isEnabled()


def test_a_missing_value_is_said_and_other_kinds_have_no_calibration(dock, viewer, qtbot):
    panel = dock.calibrate
    dock._session.set_value("wavelength_um", None)
    panel.run()
    assert "wavelength_um (vacuum wavelength of the illumination) is missing" in panel.error.text()
    assert not panel.running
    show(viewer, Draft("through_focus", np.ones((3, 32, 32), np.float32), {}, "stack.tif"))
    assert panel.isHidden()


def test_the_window_answers_while_results_come(dock, qtbot):
    from qtpy.QtCore import QTimer

    beats = [time.thread_time()]  # what the window's own thread works between beats
    heart = QTimer()
    heart.timeout.connect(lambda: beats.append(time.thread_time()))
    heart.start(5)
    panel = calibrated(dock, qtbot)
    qtbot.wait(200)
    panel.accept()
    qtbot.wait(200)
    heart.stop()
    assert np.diff(beats).max() < 0.5  # napari adds one layer
