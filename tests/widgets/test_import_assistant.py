"""The import assistant in a real viewer: typed with keys, clicked with the mouse, and counted."""

from __future__ import annotations

import board_scene
import numpy as np
import pytest
import tifffile
import yaml
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_neuralfield import open_acquisition
from napari_neuralfield.widgets.contributions import open_workbench
from napari_neuralfield.widgets.importing import opening
from napari_neuralfield.widgets.importing.assistant import ImportAssistant
from napari_neuralfield.widgets.importing.sources import of_layer

ORDER = {"order": "serpentine", "start": "top_right"}


class User:
    """Does what a person does, and counts it."""

    def __init__(self, qtbot, monkeypatch):
        self.actions, self._bot, self._patch = 0, qtbot, monkeypatch

    def click(self, button):
        self.actions += 1
        assert button.isEnabled()
        self._bot.mouseClick(button, Qt.MouseButton.LeftButton)

    def type(self, editor, text):
        self.type_line(editor.native, text)

    def type_line(self, line, text):
        self.actions += 1
        line.setFocus()
        line.selectAll()
        self._bot.keyClicks(line, text)

    def will_choose(self, path):
        self.actions += 1
        self._patch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))

    def wait(self, condition, seconds=180):
        self._bot.waitUntil(condition, timeout=1000 * seconds)


@pytest.fixture
def user(qtbot, monkeypatch):
    return User(qtbot, monkeypatch)


@pytest.fixture
def stack(tmp_path):
    return board_scene.write_stack(tmp_path / "plain.tif", **ORDER)


def assistant_of(viewer):
    return next(w for w in viewer.window._qt_window.findChildren(ImportAssistant) if w.isVisible())


def judged(assistant):
    return assistant.finding is not None and assistant.answer is not None


def say_all(user, assistant):
    """The numbers of the board, with the wavelength in nm and a decimal comma."""
    rows, board = assistant.form.rows, assistant.form.board
    user.type(rows.editors["wavelength_um"], "532 nm")
    user.type(rows.editors["objective_na"], "0,1")
    user.type(rows.editors["pixel_um"], "1.6")
    user.type(board.editors["grid", "pitch_mm"], "4")
    user.type(board.editors["mount", "height_mm"], "90")


def test_twelve_actions_from_a_plain_stack_to_a_picture(viewer, user, stack):
    user.actions += 1  # the workbench, from the menu
    open_workbench(viewer)
    acquisition, reconstruct = (
        viewer.window.dock_widgets[f"{name} (napari-neuralfield)"] for name in ("Acquisition", "Reconstruct")
    )
    user.will_choose(stack)
    user.click(acquisition.open_button)
    user.wait(lambda: bool(viewer.window._qt_window.findChildren(ImportAssistant)))
    assistant = assistant_of(viewer)
    user.wait(lambda: not assistant._looking)
    user.click(assistant.kinds.buttons["led_array"])
    say_all(user, assistant)
    user.wait(lambda: judged(assistant))
    assert "row by row, to and fro, beginning top right" in assistant.finding.text
    user.click(assistant.use_button)
    user.wait(lambda: judged(assistant) and assistant.finding.good)
    user.click(assistant.open_button)
    user.wait(lambda: len(viewer.layers) == 1)
    user.wait(lambda: reconstruct.form.run_button.isEnabled() and reconstruct.form.run_button.isVisible())
    user.click(reconstruct.form.run_button)
    user.wait(lambda: reconstruct._session.shown is not None)
    reconstruct.form.stop_button.click()
    assert user.actions <= 12, user.actions
    assert open_acquisition(stack).frame_count == 49  # opens by itself from now on
    assert yaml.safe_load(stack.with_suffix(".yaml").read_text())["leds"]["grid"]["order"] == "serpentine"
    user.wait(lambda: reconstruct.form.run_button.isEnabled())
    again = opening.import_files(viewer, board_scene.write_stack(stack.with_name("next.tif"), seed=1, **ORDER))
    user.wait(lambda: not again._looking)
    user.click(again.kinds.buttons["led_array"])
    user.click(again.ending.last_button)
    user.wait(lambda: again.open_button.isEnabled())
    assert again.form.board.editors["grid", "order"].value == "serpentine"
    user.click(again.cancel_button)


def test_what_is_typed_is_understood_or_asked_about_and_nothing_is_overwritten(viewer, user, stack, monkeypatch):
    assistant = opening.import_files(viewer, stack)
    user.wait(lambda: not assistant._looking)
    assert not assistant.open_button.isEnabled()
    user.click(assistant.kinds.buttons["led_array"])
    rows = assistant.form.rows
    user.type(rows.editors["wavelength_um"], "532")
    assert rows._asked["wavelength_um"].text() == "nm? 0.532 µm"
    user.click(rows._asked["wavelength_um"])
    assert assistant.task.values["wavelength_um"] == 0.532
    user.type(rows.editors["wavelength_um"], "80 kV")
    assert assistant.task.values["acceleration_voltage_kv"] == 80
    assert "wavelength_um" not in assistant.task.values
    say_all(user, assistant)
    assert "acceleration_voltage_kv" not in assistant.task.values
    user.wait(lambda: assistant.open_button.isEnabled())
    user.type(assistant.form.board.editors["grid", "rows"], "6")
    user.wait(lambda: "42 LEDs, but 49 planes" in assistant.message.text())
    assert not assistant.open_button.isEnabled()
    user.type(assistant.form.board.editors["grid", "rows"], "7")
    assistant.planes.table.selectRow(0)
    user.click(assistant.planes.leave_out)
    user.wait(lambda: "49 LEDs, but 48 planes" in assistant.message.text())
    user.type(assistant.form.board.editors["grid", "missing"], "0")
    user.wait(lambda: assistant.open_button.isEnabled() and assistant.answer.draft.frames.shape[0] == 48)
    assert assistant.task.values["planes"] == list(range(1, 49))
    user.click(assistant.planes.leave_out)  # and back
    assert "planes" not in assistant.task.values
    user.type(assistant.form.board.editors["grid", "missing"], " ")
    sidecar = stack.with_suffix(".yaml")
    sidecar.write_text("kind: led_array\n")
    asked = []
    monkeypatch.setattr(QMessageBox, "question", lambda *a: asked.append(a[2]) or QMessageBox.StandardButton.No)
    user.wait(lambda: assistant.open_button.isEnabled())
    user.click(assistant.open_button)
    user.wait(lambda: len(viewer.layers) == 1)
    assert asked == ["plain.yaml is there already. Replace it by what is said here?"]
    assert sidecar.read_text() == "kind: led_array\n"


def test_a_layer_brings_its_scale_units_and_axes(viewer, user, tmp_path):
    frames = np.random.default_rng(0).random((4, 24, 24)).astype(np.float32)
    units = ("um", "nm", "nm")
    layer = viewer.add_image(frames, scale=(2, 650, 650), units=units, axis_labels=("z", "y", "x"), name="other/stack")
    assistant = opening.import_layer(viewer, layer)
    user.wait(lambda: not assistant._looking)
    assert "layer “other/stack”" in assistant.title.text()
    user.click(assistant.kinds.buttons["through_focus"])
    user.wait(lambda: assistant.answer is not None)
    rows = assistant.form.rows
    assert assistant.task.values["pixel_um"] == 0.65
    assert assistant.task.values["z_step_um"] == 2
    assert rows._sources["pixel_um"].text() == "layer's scale"
    for name, text in {
        "wavelength_um": "0,55",
        "objective_na": "0.4",
        "condenser_na": "0.1",
        "focus_frame": "1",
    }.items():
        user.type(rows.editors[name], text)
    user.wait(lambda: assistant.open_button.isEnabled())
    assert assistant.answer.draft.derived()["z_um"].tolist() == [-2, 0, 2, 4]
    assistant.ending.save(tmp_path / "saved.acq.h5")
    user.wait((tmp_path / "saved.acq.h5").is_file)
    user.click(assistant.open_button)
    user.wait(lambda: len(viewer.layers) == 2)
    assert not layer.visible
    assert viewer.layers[1].scale.tolist() == [1, 0.65, 0.65]
    user.wait(lambda: open_acquisition(tmp_path / "saved.acq.h5").frame_count == 4)


def test_a_layer_whose_file_we_read_is_imported_from_the_file_and_a_scan_is_drawn(viewer, user, tmp_path):
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, np.random.default_rng(0).random((6, 16, 16), np.float32), photometric="minisblack")
    (layer,) = viewer.open(path, plugin="napari")
    source = of_layer(layer)
    assert source.task.recording == path
    assistant = opening.import_layer(viewer)  # the one that is selected
    user.wait(lambda: not assistant._looking)
    user.click(assistant.kinds.buttons["ptychography"])
    user.type(assistant.form.scan.rows, "2")
    user.type(assistant.form.scan.columns, "3")
    user.type(assistant.form.scan.step, "0.5")
    user.wait(lambda: assistant.plots.scan.isVisible())
    assert assistant.plots.text.text().startswith("6 spots over 0.5 × 1")
    user.click(assistant.planes.turn_round)
    user.wait(lambda: assistant.task.values.get("planes") == [5, 4, 3, 2, 1, 0])
    user.click(assistant.cancel_button)
    assert len(viewer.layers) == 1
    assert not path.with_suffix(".yaml").exists()


def column(assistant, title):
    """Cells of a column of the table of planes, from the top."""
    table = assistant.planes.table
    titles = [table.horizontalHeaderItem(at).text() for at in range(table.columnCount())]
    return [table.item(at, titles.index(title)) for at in range(table.rowCount())]


def told(assistant):
    """The assistant has an answer to all that was said."""
    return not assistant._delay.isActive() and not assistant._drafts.busy and assistant.open_button.isEnabled()


def test_what_the_table_of_planes_shows_is_what_is_saved(viewer, user, tmp_path):
    frames = np.random.default_rng(0).random((4, 24, 24), np.float32)
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, frames, photometric="minisblack")
    assistant = opening.import_files(viewer, path)
    user.wait(lambda: not assistant._looking)
    planes = assistant.planes

    user.click(assistant.kinds.buttons["through_focus"])
    for name, text in {"wavelength_um": "0.5", "objective_na": "0.4", "condenser_na": "0", "pixel_um": "0.3"}.items():
        user.type(assistant.form.rows.editors[name], text)
    planes.series.setText("-4, 2")
    user.click(planes.fill_button)
    user.wait(lambda: told(assistant))
    assert [item.text() for item in column(assistant, "z µm")] == ["-4", "-2", "0", "2"]
    planes.series.setText("far")
    user.click(planes.fill_button)
    assert assistant.message.text().startswith("Fill: ")
    column(assistant, "z µm")[3].setText("3000 nm")
    planes.table.selectRow(3)
    planes._drop(1)  # where a drag ends
    assert planes.selected() == [1]
    user.click(planes.down)
    column(assistant, "plane")[0].setCheckState(Qt.CheckState.Unchecked)
    user.wait(lambda: told(assistant) and assistant.answer.draft.frames.shape[0] == 3)
    assert [item.text() for item in column(assistant, "z µm")] == ["", "-2", "3000 nm", "0"]
    assert list(assistant.answer.draft.derived()["z_um"]) == [-2, 3, 0]
    np.testing.assert_array_equal(assistant.answer.draft.frames[1], frames[3])
    column(assistant, "z µm")[1].setText("")
    user.wait(lambda: assistant.message.text() == "Plane 1: z µm is missing; type it into the table")
    column(assistant, "z µm")[1].setText("-2")
    column(assistant, "plane")[0].setCheckState(Qt.CheckState.Checked)

    user.click(assistant.kinds.buttons["ptychography"])
    user.wait(lambda: bool(column(assistant, "y µm")))
    for title, text in {"y µm": "0, 1", "x µm": "5"}.items():
        planes.column.setCurrentText(title)
        planes.series.setText(text)
        user.click(planes.fill_button)
    assert assistant.task.values["positions_um"] == [[0, 5], [1, 5], [2, 5], [3, 5]]
    assert assistant.form.scan.shape.currentText() == "Typed beside the planes"

    user.click(assistant.kinds.buttons["led_array"])
    rows, board = assistant.form.rows, assistant.form.board
    for name, text in {"wavelength_um": "0.5", "objective_na": "0.1", "pixel_um": "1"}.items():
        user.type(rows.editors[name], text)
    (tmp_path / "order.csv").write_text("row,column\n1,1\n1,0\n0,1\n0,0\n")
    board.editors["grid", "order"].value = "table"
    user.wait(board.order_table.native.isVisible)
    assert not board.editors["grid", "start"].native.isVisible()
    board.order_table.value = tmp_path / "order.csv"
    user.type(board.editors["grid", "pitch_mm"], "4")
    user.type(board.editors["mount", "height_mm"], "90")
    user.wait(lambda: told(assistant))
    before = assistant.answer.draft.values["illumination_na"]
    column(assistant, "LED")[0].setText("1")
    column(assistant, "LED")[1].setText("0")
    user.wait(lambda: told(assistant))
    np.testing.assert_allclose(assistant.answer.draft.values["illumination_na"], before[[1, 0, 2, 3]])
    user.click(assistant.open_button)
    user.wait(lambda: len(viewer.layers) == 1)
    opened = open_acquisition(path)
    np.testing.assert_allclose(opened.illumination_na, before[[1, 0, 2, 3]])
    assert yaml.safe_load(path.with_suffix(".yaml").read_text())["leds"]["grid"]["order"] == "order.csv"


def test_patterns_are_typed_plane_by_plane(viewer, user, tmp_path):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.ones((3, 24, 24), np.float32), photometric="minisblack")
    assistant = opening.import_files(viewer, path)
    user.wait(lambda: not assistant._looking)
    user.click(assistant.kinds.buttons["multiplexed_led"])
    say_all(user, assistant)
    for name in ("rows", "columns"):
        user.type(assistant.form.board.editors["grid", name], "7")
    user.type_line(assistant.form.patterns, "half 0; half 180; arc 0")
    user.wait(lambda: told(assistant))
    assert [item.text() for item in column(assistant, "LEDs that are lit")] == ["half 0", "half 180", "arc 0"]
    column(assistant, "LEDs that are lit")[2].setText("leds 3, 24")
    user.wait(lambda: told(assistant) and assistant.task.values["patterns"][2] == {"leds": [3, 24]})
    assert np.flatnonzero(assistant.answer.draft.values["patterns"][2]).tolist() == [3, 24]
    assert assistant.task.values["patterns"][1] == {"half": 180.0}
    user.click(assistant.cancel_button)
