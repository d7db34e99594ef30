"""Large imports beside a window: nothing is looked through for cycles meanwhile, nor what they left until it closes."""

from __future__ import annotations

import gc
import sys
import types
import weakref
from typing import Any

import pytest
from qtpy.QtWidgets import QMainWindow

from napari_neuralfield.widgets.kit import threads, warming


def test_what_a_large_import_leaves_is_not_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen: list[bool] = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(gc.isenabled()))

    @warming.importing()
    def load(modules: int) -> bool:
        for number in range(modules):
            monkeypatch.setitem(sys.modules, f"some_{modules}_{number}", types.ModuleType("some"))
        return gc.isenabled()

    assert load(3) is False
    assert frozen == []
    with warming.importing():
        assert load(2 * warming.MANY) is False
        assert not gc.isenabled()  # another import goes on
    assert frozen == [False, False]
    assert gc.isenabled()
    with pytest.raises(ImportError), warming.importing():
        raise ImportError
    assert gc.isenabled()


def test_a_window_that_closes_can_go(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Window(QMainWindow):
        pass

    monkeypatch.setattr(threads, "make_room", gc.freeze)
    gone: list[bool] = []
    window = Window()
    window.myself = window
    weakref.finalize(window, gone.append, True)
    threads.Background().run(lambda: None, lambda _: None, lambda _: None).join()  # a thread of ours, the first
    window.close()
    del window
    gc.collect()
    assert gone
