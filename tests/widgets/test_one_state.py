"""One viewer, and what every dock tells after each thing that is dropped, selected, typed or deleted in it.

`pytest -s tests/widgets/test_one_state.py` prints it as a table.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import toy
from window import docks_of, put, show

from napari_neuralfield.data.acquisition import Draft
from napari_neuralfield.recon.engine.recipe import method
from napari_neuralfield.registry import METHODS
from napari_neuralfield.types import Done, Note, Result, Verdict
from napari_neuralfield.widgets.kit.one_unit import own_units
from napari_neuralfield.widgets.kit.session import session_of

pytestmark = pytest.mark.usefixtures("errors")
PIXEL = 0.8


def talking(acquisition, recipe):
    """Pretends to fit, and says what it thinks of it."""
    yield Note(f"a note of {recipe.mood}", "info")
    for event in toy.run(acquisition, recipe):
        if isinstance(event, Done):
            verdict = Verdict("green", f"{recipe.mood} can be trusted")
            recipe_of = {"method": "toy", **recipe.model_dump(mode="json")}
            event = Done(dataclasses.replace(event.result, recipe=recipe_of, verdict=verdict))
        yield event


@pytest.fixture(autouse=True)
def talks():
    METHODS._entries.pop("toy", None)
    method("toy", toy.ToyRecipe, ("led_array",))(talking)


@pytest.fixture
def cells():
    frames = np.random.default_rng(0).uniform(0.5, 1.0, (3, 40, 40)).astype(np.float32)
    values = {"wavelength_um": 0.53, "objective_na": 0.5, "condenser_na": 0.0, "z_um": np.array([-5.0, 0.0, 5.0])}
    return Draft("through_focus", frames, values, "cells.tif")


class Window:
    """The docks of a viewer as a person reads them, row by row."""

    def __init__(self, viewer, qtbot) -> None:
        self.viewer, self.qtbot, self.session = viewer, qtbot, session_of(viewer)
        import napari_neuralfield.recon  # noqa: F401  the first time takes long

        self.acquisition, self.reconstruct, self.depth = docks_of(viewer, qtbot)
        self.rows: list[tuple[str, ...]] = []

    def run(self, mood, **values):
        dock, before = self.reconstruct, len(self.session.fields)
        dock.form.choose_method("toy")
        dock.form.options.set_values({"mood": mood, "steps": 2, **values})
        dock.run()
        self.qtbot.waitUntil(lambda: len(self.session.fields) > before, timeout=60_000)
        shown = self.session.shown
        self.qtbot.waitUntil(lambda: self.layer_of(shown.result) is not None, timeout=60_000)
        self.qtbot.waitUntil(
            lambda: not dock.runs.preview.busy and self.session.fields[-1].outcome != "", timeout=60_000
        )
        self.qtbot.wait(100)

    def layer_of(self, result):
        ours = [layer for layer in self.viewer.layers if layer.metadata.get("neuralfield", {}).get("result") is result]
        return ours[-1] if ours else None

    def select(self, layer):
        self.viewer.layers.selection.active = layer

    def after(self, what, **expected):
        """Note what the docks tell after `what`, and that it is what is `expected` of it."""
        form, trust = self.reconstruct.form, self.reconstruct.trust
        method_name = form.method_box.currentText()
        told = {
            "open": self.acquisition.title.text().partition("<b>")[2].partition("</b>")[0],
            "remark": self.acquisition.remark.text(),
            "method": method_name,
            "mood": form.options.editors["mood"].native.text() if method_name.startswith("toy") else "",
            "field": self.reconstruct.fields.box.currentText(),
            "verdict": trust.sentence.text() if trust.facts is not None else "",
            "curve": len(form.plot.points[0]),
            "note": form.notes.text().partition(">")[2].partition("<")[0],
            "run": form.run_button.isEnabled(),
            "save": form.save_button.isEnabled(),
            "depth": self.depth.form.state.text().partition(":")[0] if self.depth.form.slider.isEnabled() else "",
        }
        self.rows.append((what, *(str(value) for value in told.values())))
        self.columns = ("after", *told)
        assert form.remark.text() == told["remark"]
        wrong = {name: (told[name], value) for name, value in expected.items() if told[name] != value}
        assert not wrong, (what, wrong)
        return told

    def table(self):
        rows = [self.columns, tuple("---" for _ in self.columns), *self.rows]
        return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def test_every_dock_tells_of_what_is_selected(viewer, draft, cells, qtbot, monkeypatch):
    monkeypatch.setattr("napari_neuralfield.recon.engine.judging.JUDGES", {})  # verdicts are those of the moods
    window = Window(viewer, qtbot)
    nothing = {"field": "", "verdict": "", "curve": 0, "note": "", "save": False, "depth": ""}
    one = {"mood": "one", "verdict": "green: one can be trusted", "curve": 2, "note": "a note of one", "save": True}
    two = {"mood": "two", "verdict": "green: two can be trusted", "curve": 2, "note": "a note of two", "save": True}
    one["depth"], two["depth"] = (f"toy (steps 2, mood {mood}) toy" for mood in ("one", "two"))
    window.after("nothing", open="", run=False, **nothing)
    (frames,) = show(viewer, draft)
    window.after("frames dropped", open="toy", run=True, **nothing)
    window.run("one")
    window.after("a run", open="toy", run=True, **one)
    first = window.session.shown
    window.run("two")
    window.after("another run", open="toy", run=True, **two)
    qtbot.wait(20)
    assert window.reconstruct.fields.covered.text() == ""
    second = window.session.shown
    window.select(window.layer_of(first.result))
    window.after("layer of the first run selected", open="toy", run=True, **one)
    assert window.reconstruct.fields.box.currentIndex() == 0
    above, covered = viewer.layers[-1].name, window.reconstruct.fields.covered
    qtbot.waitUntil(lambda: covered.text().startswith(f"The picture on top is another: {above}."))
    viewer.layers[-1].visible = False
    qtbot.waitUntil(covered.isHidden)
    viewer.layers[-1].visible = True
    window.reconstruct.fields._choose(1)
    window.after("second field chosen in the box", open="toy", run=True, **two)
    assert viewer.layers.selection.active is window.layer_of(second.result)

    (other,) = show(viewer, cells)
    window.after("frames of another kind dropped", open="cells", method="srqpi (recommended)", **nothing)
    assert other.scale.tolist() == [1.0, 1.0, 1.0]
    assert own_units(other)[-1] == "pixel"
    assert viewer.layers.extent.units is not None  # napari would draw none at all
    bar = viewer.canvas.overlays.scale_bar
    assert not bar.visible  # nobody knows how large this is
    window.session.set_value("pixel_um", 0.16)
    window.after("its pixel typed", open="cells", method="tie-fft (recommended)", run=True, **nothing)
    assert other.scale.tolist() == [1.0, 0.16, 0.16]
    assert own_units(other)[-1] == "micrometer"
    assert bar.visible
    window.select(frames)
    window.after("the first frames selected", open="toy", run=True, **two)
    window.select(other)
    window.after("the other frames selected", open="cells", run=True, **nothing)
    assert window.session.draft.values["pixel_um"] == 0.16  # what was typed stays
    window.select(window.layer_of(first.result))
    window.after("a field of the first frames selected", open="toy", run=True, **one)

    plain = viewer.add_image(np.zeros((6, 40, 40)), name="22")
    told = window.after("somebody else's picture dropped", open="toy", run=False, **one)
    assert own_units(plain) == ("pixel",) * 3
    assert viewer.layers.extent.units is not None
    assert not bar.visible
    assert "22, is no acquisition. These docks still hold toy" in told["remark"]
    viewer.layers.remove(plain)
    window.after("that picture deleted", open="toy", remark="", run=True, **one)
    viewer.add_points(np.zeros((1, 2)), name="my mark")
    window.after("a mark drawn on top", open="toy", remark="", run=True, **one)

    file = Result(toy.ToyField((40, 40), PIXEL), verdict=Verdict("red", "do not trust it"))
    from napari_neuralfield.widgets.view.layers import result_layers

    added = put(viewer, result_layers(file, title="old"))
    told = window.after(
        "a field file dropped", field="old", verdict="red: do not trust it", curve=0, note="", run=False, save=True,
        depth="old",
    )  # fmt: skip
    assert told["remark"] == (
        "The frames of old are not open; the acquisition open is toy. Select its frames to reconstruct it."
    )
    window.select(frames)
    window.after("the first frames selected again", open="toy", remark="", run=True, **two)
    window.select(added[-1])
    for layer in added:
        viewer.layers.remove(layer)
    window.after("the layers of that field deleted", open="toy", run=True, **nothing)

    window.select(other)
    viewer.layers.remove(other)
    told = window.after("the selected frames deleted", open="", run=False, **nothing)
    assert told["remark"] == "The frames of cells have been removed."
    window.select(window.layer_of(second.result))
    window.after("a field selected", open="toy", remark="", run=True, **two)
    viewer.layers.remove(frames)
    told = window.after("its frames deleted", open="", run=False, **{**two, "mood": ""})
    assert told["remark"] == "The frames of toy (steps 2, mood two) toy are not open."
    viewer.layers.clear()
    window.after("everything deleted", open="", run=False, **nothing)
    assert window.session.fields == []
    print(f"\n{window.table()}")
    values_typed(window, draft, cells)


def values_typed(window, draft, cells):
    """They reach frames, region and form at once, and nothing of one specimen is proposed for another."""
    session, form, region = window.session, window.reconstruct.form, window.reconstruct.region

    def empty(name):
        return form.options.editors[name].native.placeholderText()

    (frames,) = show(window.viewer, draft)
    region.draw()
    region.layer.add(np.array([[8, 8], [8, 40], [40, 40], [40, 8]]), shape_type="rectangle")
    assert region.corners_um() == (8, 8, 40, 40)
    zoom = window.viewer.scene.camera.zoom
    session.set_value("pixel_um", 2 * PIXEL)
    assert region.corners_um() == (16, 16, 80, 80)  # the same pixels
    assert frames.scale.tolist() == [1.0, 1.6, 1.6]
    assert window.viewer.scene.camera.zoom == pytest.approx(zoom / 2)  # the same picture on the screen
    (other,) = show(window.viewer, cells)
    assert region.corners_um() is None
    window.select(frames)
    assert region.corners_um() == (16, 16, 80, 80)
    session.set_value("pixel_um", PIXEL)

    form.choose_method("fpm-sequential")
    assert (empty("z_um"), empty("planes")) == ("automatic: -31.2 to 31.2", "automatic: 18")
    gains = form.options.editors["recover_gain"].native
    assert (empty("passes"), gains.itemText(0)) == ("automatic: 1", "automatic: no")
    form.options.editors["z_um"].native.setText("0")
    assert (empty("passes"), gains.itemText(0)) == ("automatic: 60", "automatic: yes")
    form.options.editors["z_um"].native.setText("-5, 5")
    assert empty("planes") == "automatic: 4"
    session.set_value("objective_na", 0.25)
    assert form.method == "fpm-sequential"  # it was chosen, and what was typed stays
    assert form.values()["z_um"] == (-5.0, 5.0)
    assert empty("planes") == "automatic: 6"
    form.remember()
    assert session.settings.get("options.fpm-sequential") == {}
    window.select(other)
    window.select(frames)
    assert form.values()["z_um"] == (-5.0, 5.0)  # nor is it lost while others are looked at
    again = dataclasses.replace(draft, frames=draft.frames.copy(), source="next.acq.h5")
    show(window.viewer, again)
    form.choose_method("fpm-sequential")
    assert "z_um" not in form.values()
    outdated(window)


def outdated(window):
    """A field says what was typed since it was made, in its dock and its layer's name."""
    session, said = window.session, window.reconstruct.fields.outdated
    window.run("three")
    layer = window.layer_of(session.shown.result)
    name = layer.name
    assert said.text() == ""
    before = session.draft.values["objective_na"]
    session.set_value("objective_na", 0.25)
    assert said.text() == "Made before Objective NA was changed to 0.25; run it again."
    assert layer.name == f"{name} (outdated)"
    session.set_value("objective_na", before)
    assert (said.text(), layer.name) == ("", name)
