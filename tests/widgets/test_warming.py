"""Large imports beside a window: nothing is looked through for cycles meanwhile, nor what they left ever again."""

from __future__ import annotations

import gc
import sys
import types

import pytest

from napari_neuralfield.widgets.kit import warming


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
