"""Every dock says what to do next, from an empty window to a field."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
import torch
from qtpy.QtWidgets import QApplication, QWidget
from window import docks_of, show

from napari_neuralfield.fields.planes import planes_of_images
from napari_neuralfield.types import Extent, Result, Verdict
from napari_neuralfield.widgets.kit import docks
from napari_neuralfield.widgets.kit.next_step import NOTHING_OPEN, SAMPLES
from napari_neuralfield.widgets.kit.session import Shown, session_of
from napari_neuralfield.widgets.view.trust_facts import judged


def plane(**more):
    field = planes_of_images(torch.ones(1, 8, 8, dtype=torch.complex64), [0.0], Extent((0.0, 0.0), (8, 8), 0.5))
    return Result(field, **more)


def test_from_an_empty_window_to_a_field(viewer, qtbot, draft):
    acquisition, reconstruct, depth = docks_of(viewer, qtbot)
    framed = lambda button: "border: 2px" in button.styleSheet()  # noqa: E731
    assert SAMPLES in acquisition.title.text()
    assert acquisition.next_button.isHidden()
    assert reconstruct.form.state.text() == NOTHING_OPEN
    assert "Reconstruct, or drop" in depth.form.state.text()
    assert not framed(reconstruct.form.run_button)
    show(viewer, draft)
    assert not acquisition.next_button.isHidden()
    session_of(viewer).set_value("wavelength_um", None)
    assert acquisition.next_button.isHidden()
    session_of(viewer).set_value("wavelength_um", 0.5)
    acquisition.next_button.click()
    qtbot.waitUntil(lambda: not reconstruct.form.run_button.visibleRegion().isEmpty())
    assert framed(reconstruct.form.run_button)
    assert not framed(reconstruct.form.depth_button)
    session_of(viewer).set_shown(Shown(plane(), 0.0, "found"))
    reconstruct._set_state("done")
    assert framed(reconstruct.form.depth_button)
    assert not framed(reconstruct.form.run_button)


@pytest.mark.parametrize(("level", "words"), [("green", "can be trusted"), ("amber", "twice"), ("red", "do not")])
def test_an_error_has_its_verdict_beside_it(level, words):
    assert words in judged(plane(verdict=Verdict(level, "because")))
    assert "nothing here can judge" in judged(plane())


def test_on_a_slow_machine_too_docks_open_in_turn(qtbot, monkeypatch):
    """Each takes longer than the next one waits, and lets the window work in between."""
    open_now, said = [], []

    def slow(viewer, name, front):
        until = time.monotonic() + 0.1
        while time.monotonic() < until:
            QApplication.processEvents()
        open_now.append(name)
        assert front in open_now

    monkeypatch.setattr(docks, "open_docks", slow)
    window = QWidget()
    qtbot.addWidget(window)
    viewer = SimpleNamespace(window=SimpleNamespace(_qt_window=window))
    docks.open_one_by_one(viewer, "Acquisition", "Reconstruct", "Depth", then=lambda: said.append("shown"))
    qtbot.waitUntil(lambda: said == ["shown"])
    assert open_now == ["Acquisition", "Reconstruct", "Depth"]
