"""What tests of the window share: a viewer, folders of their own, a small draft, and what the docks say."""

from __future__ import annotations

import gc

import pytest

from napari_neuralfield.data.acquisition import Draft


@pytest.fixture(autouse=True)
def own_folders(tmp_path, monkeypatch):
    """Settings and checkpoints of the tests, not the user's."""
    import platformdirs

    monkeypatch.setattr(platformdirs, "user_config_dir", lambda name: str(tmp_path / "config"))
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path / "cache"))


@pytest.fixture(autouse=True)
def loaded_for_good():
    """What is loaded by now is not looked through again each time napari's fixture looks for what is left."""
    gc.freeze()


@pytest.fixture
def draft(led_array):
    acquisition = led_array(leds=3, size=64)
    return Draft("led_array", acquisition.frames, acquisition.values(), "toy.acq.h5")


@pytest.fixture
def errors(monkeypatch):
    """What the docks say in notifications."""
    said: list[str] = []
    for name in ("acquisition.dock", "reconstruct.dock", "reconstruct.runs", "reconstruct.several", "depth.dock"):
        monkeypatch.setattr(f"napari_neuralfield.widgets.{name}.show_error", said.append)
    return said


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)
