"""How the docks look: both themes, narrow windows, words on every button, and nothing that jumps."""

from __future__ import annotations

import numpy as np
import pytest
import toy
from qtpy.QtWidgets import QAbstractButton, QComboBox, QScrollArea, QWidget
from window import docks_of, show

from napari_neuralfield.data.acquisition import Draft
from napari_neuralfield.widgets.kit import theme
from napari_neuralfield.widgets.kit.docks import open_docks
from napari_neuralfield.widgets.kit.parts import label, pretty

pytestmark = pytest.mark.usefixtures("errors")


@pytest.fixture
def scan():
    """A far-field scan, whose dock holds the most."""
    from napari_neuralfield.registry import SIMULATORS

    made = SIMULATORS["far-field"](0)[0]
    return Draft("ptychography", made.frames, made.values(), "scan.acq.h5")


@pytest.fixture(autouse=True)
def dark_again():
    yield
    theme.THEME.set_light(False)


def every_dock(viewer, qtbot):
    open_docks(viewer, "Train")
    return [*docks_of(viewer, qtbot), viewer.window.dock_widgets["Train (napari-neuralfield)"]]


def wordless(dock: QWidget) -> list[str]:
    """Buttons and boxes that say nothing while the mouse rests on them; those inside of a Qt widget are its own."""
    parts = [*dock.findChildren(QAbstractButton), *dock.findChildren(QComboBox)]
    return [f"{type(p).__name__} {getattr(p, 'text', str)()!r}" for p in parts if not p.toolTip() and _ours(p)]


def _ours(part: QWidget) -> bool:
    return not part.objectName().startswith(("qt_", "ScrollLeft", "ScrollRight"))


def too_wide(dock: QWidget, width: int) -> list[str]:
    """Scrolled contents of a dock of this width that need more."""
    return [
        f"{type(dock).__name__}: {area.widget().minimumSizeHint().width()} of {area.viewport().width()}"
        for area in dock.findChildren(QScrollArea)
        if area.widget().minimumSizeHint().width() > width - (dock.width() - area.viewport().width())
    ]


def bottom(part: QWidget) -> int:
    return part.mapToGlobal(part.rect().bottomLeft()).y()


def test_docks_speak_fit_and_follow_the_theme(viewer, scan, draft, qtbot):
    toy.register()
    viewer.window.resize(1280, 720)
    show(viewer, draft)
    docks = every_dock(viewer, qtbot)
    acquisition, reconstruct, _, train = docks
    for layers in (draft, scan):  # one dock each, filled with the most it holds
        show(viewer, layers)
        reconstruct.tiles.show()
        reconstruct.tiles.tick.setChecked(True)
        qtbot.wait(400)
        for dock in docks:
            assert wordless(dock) == [], dock
        for dock in (acquisition, reconstruct, train):
            assert dock.minimumSizeHint().width() <= 325
            assert too_wide(dock, 325) == []

    background = acquisition.plot.plot.backgroundBrush().color().name()
    viewer.theme = "light"
    assert acquisition.plot.plot.backgroundBrush().color().lightness() > 200
    assert theme.ON_LIGHT[theme.QUIET] in reconstruct.form.summary.styleSheet()
    reconstruct.form.add_note("odd", "warning")
    assert theme.ON_LIGHT[theme.WARN] in super(type(reconstruct.form.notes), reconstruct.form.notes).text()
    viewer.theme = "dark"
    assert acquisition.plot.plot.backgroundBrush().color().name() == background
    assert theme.QUIET in reconstruct.form.summary.styleSheet()

    reconstruct.parent().raise_()
    qtbot.wait(100)
    assert reconstruct.findChild(QScrollArea).height() >= 160  # some of the options, with Depth open
    assert viewer.window._qt_window.height() == 720
    before = bottom(reconstruct.form.run_button), bottom(reconstruct.form.save_button)
    reconstruct.form.plot.add(1, 0.5)
    reconstruct.form.set_state("done", running=True, paused=False, ready=True, found=True)
    reconstruct.form.show_error("an orange sentence that takes more than one line of the dock, so that others move")
    qtbot.wait(100)
    assert (bottom(reconstruct.form.run_button), bottom(reconstruct.form.save_button)) == before

    acquisition.parent().raise_()
    acquisition._say("")
    qtbot.wait(100)
    line = next(iter(acquisition.form.editors.values())).native
    at = line.mapToGlobal(line.rect().topLeft())
    acquisition._say("words " * 60)
    qtbot.wait(100)
    assert line.mapToGlobal(line.rect().topLeft()) == at


def test_lengths_are_in_the_unit_that_needs_no_exponent():
    assert pretty("a pixel of 4.015e-05 um, 1.28e+04 um away, 0.3 um") == "a pixel of 40.15 pm, 12.8 mm away, 0.3 µm"


def test_colours_are_exchanged_and_nothing_else(qtbot):
    words = label(f"<span style='color:{theme.WARN}'>odd</span> #123456", theme.QUIET)
    qtbot.addWidget(words)
    assert len(set(theme.ON_LIGHT) | set(theme.ON_DARK)) == 2 * len(theme.ON_LIGHT)  # there and back
    theme.THEME.set_light(True)
    seen = super(type(words), words).text()
    assert seen == f"<span style='color:{theme.ON_LIGHT[theme.WARN]}'>odd</span> #123456"
    assert words.text() == f"<span style='color:{theme.WARN}'>odd</span> #123456"
    theme.THEME.set_light(False)
    assert super(type(words), words).text() == words.text()
    assert theme.is_light("light")
    assert not theme.is_light("dark")


def test_the_status_bar_has_units(viewer, draft, qtbot):
    from napari_neuralfield.widgets.kit.session import KEY, session_of

    session_of(viewer)
    show(viewer, draft)
    viewer.add_image(
        np.full((8, 8), 0.5, np.float32), name="phase", units=("um", "um"), metadata={KEY: {"quantity": "phase"}}
    )
    viewer.add_image(np.zeros((8, 8)), name="somebody's")

    def said(name: str, value: str) -> str:
        layer = viewer.layers.selection.active = viewer.layers[name]
        place = f"[{', '.join(['0.00'] * (layer.ndim - 2) + ['2.40', '3.00'])}]"
        about = {"layer_name": name, "layer_base": name, "source_type": "", "plugin": ""}
        viewer.status = {**about, "coords": place, "value": value, "coordinates": f"{place}: {value}"}
        return viewer.status["coordinates"]

    assert said("phase", "0.5") == "[2.40, 3.00] µm: 0.5 rad (29°)"
    assert said("toy frames", "117") == "frame 0, [2.40, 3.00] µm: 117"
    assert said("somebody's", "1") == "[2.40, 3.00]: 1"
    assert "0.5 rad" in said("phase", "0.5")
    assert "0.5 rad" in viewer.window._qt_window.statusBar()._coordinates.text()
