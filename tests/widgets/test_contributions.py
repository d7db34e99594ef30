"""What napari finds in the manifest, through napari itself."""

from __future__ import annotations

from pathlib import Path

import npe2
import numpy as np
import pytest

from napari_neuralfield.types import Extent, InputError, Result
from napari_neuralfield.widgets import contributions
from napari_neuralfield.widgets.kit.session import KEY, session_of

ROOT = Path(__file__).parents[2]
PLUGIN = "napari-neuralfield"


@pytest.fixture
def acquisition_file(tmp_path, led_array):
    from napari_neuralfield.io import save_acquisition

    path = tmp_path / "slide.acq.h5"
    save_acquisition(path, led_array(leds=3, size=48))
    return path


@pytest.fixture
def field_file(tmp_path):
    import torch

    from napari_neuralfield.fields.planes import planes_of_images
    from napari_neuralfield.io import save_result

    images = torch.ones(2, 32, 40, dtype=torch.complex64) * torch.tensor([1.0, 2.0])[:, None, None]
    field = planes_of_images(images, [-5.0, 5.0], Extent((-5, 5), (32, 40), 0.5, (3.0, 4.0)))
    path = tmp_path / "found.nfield"
    save_result(path, Result(field, title="found"))
    return path


def methods_loaded(viewer, qtbot):
    """Wait for the Reconstruct dock and its background import."""
    name = f"Reconstruct ({PLUGIN})"
    qtbot.waitUntil(lambda: name in viewer.window.dock_widgets)
    qtbot.waitUntil(lambda: getattr(viewer.window.dock_widgets[name], "library", None) is not None, timeout=60_000)


def test_the_manifest_names_things_that_exist():
    manifest = npe2.PluginManifest.from_file(ROOT / "napari.yaml")
    manifest.validate_imports()
    assert manifest.name == PLUGIN
    assert {w.display_name for w in manifest.contributions.widgets} == {"Acquisition", "Reconstruct", "Depth", "Train"}
    # A link in git; a copy in an sdist.
    assert (ROOT / "napari.yaml").read_bytes() == (ROOT / "src" / "napari_neuralfield" / "napari.yaml").read_bytes()


def test_keys_call_commands_and_preferences_begin_as_the_code_does():
    from app_model.types import KeyBinding

    from napari_neuralfield.widgets.kit.preferences import preference
    from napari_neuralfield.widgets.reconstruct import unfinished

    manifest = npe2.PluginManifest.from_file(ROOT / "napari.yaml")
    commands = {command.id: command for command in manifest.contributions.commands}
    for one in manifest.contributions.keybindings:
        assert commands[one.command].category == "Reconstruct"
        assert str(KeyBinding.from_str(one.key)) == one.key
    set_to = {key: value.default for key, value in manifest.contributions.configurations["runs"].properties.items()}
    assert set_to == {"notify": True, "checkpoint_seconds": unfinished.EVERY_S, "keep_days": unfinished.KEPT_DAYS}
    assert preference("runs", "no such thing", 7) == 7


def test_the_menus_are_ones_that_napari_lets_plugins_fill():
    from napari._app_model.constants._menus import is_menu_contributable

    manifest = npe2.PluginManifest.from_file(ROOT / "napari.yaml")
    assert manifest.contributions.menus
    assert all(is_menu_contributable(menu) for menu in manifest.contributions.menus)


def test_readers_leave_what_is_not_ours(tmp_path):
    for name in ("holiday.tif", "missing.h5"):
        assert contributions.acquisition_reader(str(tmp_path / name)) is None
    assert contributions.acquisition_reader([str(tmp_path / "a.acq.h5")]) is None
    assert contributions.field_reader("a.tif") is None


def test_a_folder_with_a_sidecar_is_ours(tmp_path, led_array):
    import tifffile
    import yaml

    acquisition = led_array(leds=2, size=32)
    for i in range(acquisition.frame_count):
        tifffile.imwrite(tmp_path / f"{i:03}.tif", np.asarray(acquisition.frames[i]))
    values = {k: getattr(v, "tolist", lambda v=v: v)() for k, v in acquisition.values().items() if k != "title"}
    (tmp_path / "acquisition.yaml").write_text(yaml.safe_dump({"kind": "led_array", **values}))
    read = contributions.acquisition_reader(str(tmp_path))
    ((frames, meta, kind),) = read(str(tmp_path))
    assert (frames.shape, kind) == ((4, 32, 32), "image")
    assert meta["metadata"][KEY]["draft"].missing() == []


def test_an_acquisition_dropped_on_the_viewer_opens_its_dock(make_napari_viewer, acquisition_file, qtbot):
    viewer = make_napari_viewer()
    (layer,) = viewer.open(acquisition_file, plugin=PLUGIN)
    assert layer.data.shape == (9, 48, 48)
    assert layer.contrast_limits[0] < layer.contrast_limits[1]
    assert session_of(viewer).acquisition().objective_na == 0.2
    qtbot.waitUntil(lambda: "Acquisition (napari-neuralfield)" in viewer.window.dock_widgets)
    methods_loaded(viewer, qtbot)


def test_a_field_dropped_on_the_viewer_can_be_slid_and_saved_again(make_napari_viewer, field_file, qtbot, tmp_path):
    from napari_neuralfield.io import load_result

    viewer = make_napari_viewer()
    phase, amplitude = viewer.open(field_file, plugin=PLUGIN)
    assert (phase.name, amplitude.name) == ("found phase", "found amplitude")
    assert amplitude.translate.tolist() == [3.0, 4.0]
    np.testing.assert_allclose(np.asarray(amplitude.data), 1.5, rtol=2e-3)  # half way between 1 and 2; half precision
    qtbot.waitUntil(lambda: "Depth (napari-neuralfield)" in viewer.window.dock_widgets)
    qtbot.waitUntil(lambda: hasattr(viewer.window.dock_widgets["Depth (napari-neuralfield)"], "form"))
    dock = viewer.window.dock_widgets["Depth (napari-neuralfield)"]
    assert (dock.form.slider.minimum(), dock.form.slider.maximum()) == (-5, 5)
    again = tmp_path / "again.nfield"
    assert amplitude.save(str(again), plugin=PLUGIN) == [str(again)]
    assert load_result(again).field.extent == load_result(field_file).field.extent


def test_a_layer_without_a_field_cannot_be_saved_as_one():
    with pytest.raises(InputError, match="layer 'cells' holds no field; choose a layer that"):
        contributions.write_field("a.nfield", None, {"name": "cells", "metadata": {}})


def test_a_damaged_file_is_said_and_the_viewer_lives_on(make_napari_viewer, tmp_path, acquisition_file, monkeypatch):
    bad = tmp_path / "bad.acq.h5"
    bad.write_bytes(b"not HDF5")
    with pytest.raises(InputError, match=r"bad\.acq\.h5"):  # no window to say it in
        contributions.acquisition_reader(str(bad))(str(bad))
    viewer, said = make_napari_viewer(), []
    monkeypatch.setattr("napari.utils.notifications.show_error", said.append)
    assert viewer.open(bad, plugin=PLUGIN) == []
    assert "bad.acq.h5: this is not an HDF5 file" in said[0]
    assert len(viewer.open(acquisition_file, plugin=PLUGIN)) == 1


def test_the_sample_is_simulated_once_and_opens_with_its_docks(
    make_napari_viewer, qtbot, led_array, monkeypatch, tmp_path
):
    import platformdirs

    from napari_neuralfield.registry import SIMULATORS

    assert "tilted-slide" in SIMULATORS
    made = []
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda name: str(tmp_path))
    fake = lambda seed: (made.append(led_array(leds=3, size=48)) or made[0], {})  # noqa: E731
    monkeypatch.setitem(SIMULATORS._entries, "tilted-slide", fake)
    viewer = make_napari_viewer()
    for _ in range(2):
        (layer,) = viewer.open_sample(PLUGIN, "tilted_slide")
        assert layer.name.startswith("tilted slide frames")
    assert len(made) == 1
    methods_loaded(viewer, qtbot)


def test_docks_open_once_and_the_plugin_menu_finds_them(make_napari_viewer, qtbot):
    viewer = make_napari_viewer()
    contributions.open_workbench(viewer)
    contributions.open_workbench(viewer)
    names = [name for name in viewer.window.dock_widgets if PLUGIN in name]
    assert sorted(names) == [f"{n} ({PLUGIN})" for n in ("Acquisition", "Depth", "Reconstruct")]
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Depth")
    assert widget is viewer.window.dock_widgets[f"Depth ({PLUGIN})"]
    assert viewer.canvas.overlays.scale_bar.visible
    methods_loaded(viewer, qtbot)
