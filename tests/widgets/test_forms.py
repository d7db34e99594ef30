"""The forms of every recipe and of every kind of acquisition, and magicgui widgets for other plug-ins."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any, Literal

import lapse_scene
import magicgui
import numpy as np
import pytest
import scan_scene
from qtpy.QtWidgets import QLabel, QWidget

import napari_neuralfield.recon  # noqa: F401  so that the methods are there
from napari_neuralfield.data.acquisition import KINDS, Draft, quantities
from napari_neuralfield.optics.probe import NAMES
from napari_neuralfield.recon.calibration.recipe import CalibrationRecipe
from napari_neuralfield.recon.engine.recipe import Recipe, checked, option, options_of
from napari_neuralfield.registry import METHODS, NETWORKS
from napari_neuralfield.types import InputError
from napari_neuralfield.widgets.acquisition.form import QuantityForm
from napari_neuralfield.widgets.kit.forms import OptionForm, caption
from napari_neuralfield.widgets.kit.parts import Fold, Place
from napari_neuralfield.widgets.kit.session import Session
from napari_neuralfield.widgets.kit.settings import Settings
from napari_neuralfield.widgets.kit.value_widgets import (
    AngleRad,
    Choice,
    DepthsUm,
    LengthUm,
    Switch,
    Unit,
    ValueEdit,
)
from napari_neuralfield.widgets.reconstruct.automatic import automatic

RECIPES = {
    **{name: METHODS[name].recipe for name in METHODS},
    **{f"train {name}": training.recipe for name, training in NETWORKS.items()},
    "calibrate": CalibrationRecipe,
}


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Odd(Recipe):
    colour: Colour = option(Colour.RED, "of the light")
    filter: Colour | None = option(None, "before the camera")
    way: Literal["up", "down"] = option("up", "where to go")
    table: Path | None = option(None, "of measured values")
    folder: Path = option(Path("data"), "of the frames")
    weights: list[float] = option([1.0, 2.0], "of the frames", unit="um")
    names: list[str] | None = option(None, "of the frames", advanced=True)
    tilt: float | None = option(None, "of the stage", unit="rad", ge=-1.0, le=1.0)
    z_um: tuple[float, float] | float | None = option(None, "one depth, or a range", unit="um")
    exact: bool | None = option(None, "more exactly")
    quick: bool = option(False, "less exactly")


@pytest.fixture
def odd(qtbot: Any) -> OptionForm:
    form = OptionForm(options_of(Odd))
    qtbot.addWidget(form)
    return form


def other(editor: Any, default: object) -> object:
    """A value that the editor can hold and that is not the default; the default where it has no other."""
    if isinstance(editor, Switch):
        return not default
    if isinstance(editor, Choice):
        return next(c for c in editor.choices if c not in (None, default))
    wanted = editor.wanted
    several = (1.0, 2.0) if "float" in str(wanted.type) else (1, 2)
    number = {int: 7, float: 0.25, str: "a name"}.get(wanted.type, several)
    if not isinstance(number, int | float):
        return number
    low, high = (-1e9 if wanted.low is None else wanted.low), (1e9 if wanted.high is None else wanted.high)
    return next(v for v in (number, low + 1, low + (high - low) / 2) if low <= v <= high and v != default)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_has_a_form_that_gives_back_what_is_set(name: str, qtbot: Any) -> None:
    infos = options_of(RECIPES[name])
    form = OptionForm(infos)
    qtbot.addWidget(form)
    assert form.values() == {}
    assert list(form.editors) == [info.name for info in infos]
    wanted = {info.name: other(form.editors[info.name], info.default) for info in infos}
    form.set_values(wanted)
    assert form.values() == wanted
    form.set_values({})
    assert form.values() == {}
    assert all(form.editors[info.name].tooltip.startswith(info.help) for info in infos)
    folds = form.findChildren(Fold)
    assert [fold.button.text() for fold in folds] == ["More options"]
    assert not folds[0].button.isChecked()


def test_what_is_left_open_is_said_for_every_method(led_array: Any, qtbot: Any) -> None:
    """In the words of options that there are, and only of those that are left open."""
    na = np.array([[0.0, 0.1], [0.1, 0.0]])
    values = {"wavelength_um": 0.5, "objective_na": 0.2, "pixel_um": 0.8, "led_na": na, "patterns": np.eye(2)}
    patterns = Draft("multiplexed_led", np.ones((2, 32, 32), np.float32), values).complete()
    scenes = [led_array(leds=5), patterns, scan_scene.far_field()[0], scan_scene.coded()[0]]
    scenes += [lapse_scene.time_lapse(3)]
    said: dict[str, dict[str, str]] = {}
    for acquisition in scenes:
        for name in (name for name in METHODS if acquisition.kind in METHODS[name].kinds):
            known, infos = automatic(acquisition, name, {}), options_of(RECIPES[name])
            assert set(known) <= {info.name for info in infos}
            form = OptionForm(infos)
            qtbot.addWidget(form)
            form.show_automatic(known)
            assert form.values() == {}
            said[f"{name} {acquisition.kind}"] = known
    assert said["rpie ptychography"]["passes"] == "30"
    assert said["sparse-pixels coded_ptychography"]["iterations"] == "40"
    assert said["residual-field led_array"]["batch"] == "8"
    assert said["srqpi through_focus"] == {"time": "all 3", "frame": "each", "weights": "the package's"}
    assert {name.split()[0] for name in said} >= {name for name in METHODS if not name.startswith("toy")}


def test_enumerations_paths_and_lists_can_be_chosen(odd: OptionForm) -> None:
    values = {
        "colour": Colour.BLUE, "filter": Colour.RED, "way": "down", "table": Path("t.csv"), "folder": Path("/f"),
        "weights": [0.5], "names": ["a", "b"], "tilt": 0.1, "z_um": (-1.0, 1.0), "exact": False, "quick": True,
    }  # fmt: skip
    odd.set_values(values)
    assert odd.values() == values
    assert checked(Odd, odd.values(), "odd").filter is Colour.RED
    odd.set_values({"colour": "blue", "table": "t.csv"})  # as a settings file holds them
    assert odd.values() == {"colour": Colour.BLUE, "table": Path("t.csv")}
    odd.editors["z_um"].native.setText("-5:5 nm")
    odd.editors["tilt"].native.setText("9 deg")
    assert odd.values()["z_um"] == (-0.005, 0.005)
    assert odd.values()["tilt"] == pytest.approx(np.pi / 20)


def test_what_is_remembered_can_be_set_again(odd: OptionForm, tmp_path: Path) -> None:
    values = {"colour": Colour.BLUE, "table": Path("t.csv"), "weights": [3.0]}
    Settings(tmp_path / "s.json").set("options.odd", values)
    odd.set_values(Settings(tmp_path / "s.json").get("options.odd"))
    assert odd.values() == values


def test_what_cannot_be_used_turns_red_while_it_is_typed(odd: OptionForm) -> None:
    edit = odd.editors["tilt"]
    assert edit.placeholder == "automatic"
    edit.placeholder = "automatic: 0; if thick -20.9 to 20.9"
    assert edit.tooltip.endswith("left empty: automatic: 0; if thick -20.9 to 20.9")
    edit.placeholder = "automatic"
    for text, reason in (("9", "9 is too large; it must be at most 1"), ("2 mm", "is in mm"), ("x", "not a number")):
        edit.native.setText(text)
        assert "#d9534f" in edit.native.styleSheet()
        assert reason in edit.tooltip
        assert edit.tooltip.endswith("of the stage [rad]")
        with pytest.raises(InputError, match=f"option tilt: .*{reason}"):
            odd.values()
    edit.native.setText("")
    assert (edit.native.styleSheet(), edit.tooltip, odd.values()) == ("", "of the stage [rad]", {})


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_acquisition_has_a_form(kind: str, qtbot: Any) -> None:
    draft, session = Draft(kind, np.zeros((2, 8, 8), np.float32), {}, "f.tif"), Session()
    session.set_draft(draft)
    form = QuantityForm(session, draft)
    qtbot.addWidget(form)
    for name in draft.missing():
        editor = form.editors[name]
        framed = editor.text if not isinstance(editor, ValueEdit | Choice) else editor
        assert "#e8a33d" in framed.native.styleSheet(), name
    edit = form.editors["wavelength_um"]
    assert (edit.label, edit.placeholder) == (caption("Wavelength", "um"), "not given")
    edit.native.setText("532 nm")
    edit.native.editingFinished.emit()
    assert session.draft.values["wavelength_um"] == 0.532
    form.mark(session.draft)
    assert edit.native.styleSheet() == ""
    described = set(NAMES) if kind == "ptychography" else set()
    assert set(form.editors) <= set(quantities(kind)) | described


def test_other_plugins_annotate_their_functions(qtbot: Any) -> None:
    def moved(by: Any, turn: Any, depths: Any, pitch: Any, stop: Any = None) -> object:
        return by, turn, depths, pitch, stop

    moved.__annotations__ = {  # magicgui knows annotations that are text only by their full names
        "by": LengthUm, "turn": AngleRad, "depths": DepthsUm, "pitch": Annotated[float, Unit("mm")],
        "stop": LengthUm | None,
    }  # fmt: skip
    shift = magicgui.magicgui(moved)
    for name, text in (("by", "250 nm"), ("turn", "180 deg"), ("depths", "-1:1"), ("pitch", "400 um")):
        shift[name].native.setText(text)
    assert shift() == (0.25, np.pi, (-1.0, 1.0), 0.4, None)
    assert shift["stop"].placeholder == "automatic"


def test_a_new_widget_takes_the_place_of_the_last(qtbot: Any) -> None:
    window = QWidget()
    place, first, second = Place(window), QLabel("1"), QLabel("2")
    qtbot.addWidget(window)
    window.show()
    place.put(first)
    place.put(second)
    assert not first.isVisible()
    assert place.itemAt(0).widget() is second
    assert place.count() == 1
