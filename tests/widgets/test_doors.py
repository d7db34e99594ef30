"""What comes in through napari's own doors, by the road that a drop takes: ours without a question, theirs as ever."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import h5py
import npe2
import numpy as np
import pytest
import scipy.io
import tifffile
import yaml
from napari._qt.dialogs import qt_reader_dialog
from napari.components import ViewerModel
from npe2.manifest.utils import import_python_name

from napari_neuralfield.io import save_acquisition
from napari_neuralfield.registry import SIMULATORS
from napari_neuralfield.widgets.doors import opening
from napari_neuralfield.widgets.doors.ours import is_ours
from napari_neuralfield.widgets.kit.front_door import open_front_door
from napari_neuralfield.widgets.kit.session import KEY

ROOT = Path(__file__).parents[2]
SIDECAR = {"kind": "through_focus", "wavelength_um": 0.5, "objective_na": 0.5, "condenser_na": 0.1, "pixel_um": 1.0}
FRAMES = np.random.default_rng(0).integers(1, 200, (5, 24, 24)).astype(np.uint16)


def tiff_folder(folder, sidecar):
    folder.mkdir()
    for number, frame in enumerate(FRAMES):
        tifffile.imwrite(folder / f"{number}.tif", frame)
    if sidecar:
        (folder / "acquisition.yaml").write_text(yaml.safe_dump(sidecar))


def zarr_image(path, sidecar):
    import zarr

    group = zarr.open_group(str(path), mode="w", zarr_format=2)
    group.create_array("0", data=FRAMES, chunks=(1, 24, 24))
    axes = [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    scaled = [{"type": "scale", "scale": [1.0, 0.5, 0.5]}]
    scales = [{"path": "0", "coordinateTransformations": scaled}]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": scales}]
    if sidecar:
        (path / "acquisition.yaml").write_text(yaml.safe_dump(sidecar))


@pytest.fixture
def files(tmp_path, led_array):
    """Recordings of ours and of others, side by side."""
    ours = {**SIDECAR, "z_um": [-2, -1, 0, 1, 2]}
    save_acquisition(tmp_path / "first.acq.h5", led_array(leds=3, size=48))
    for name in ("plain.tif", "ours.tif", "theirs.tif", "typo.tif"):
        tifffile.imwrite(tmp_path / name, FRAMES)
    (tmp_path / "ours.yaml").write_text(yaml.safe_dump(ours))
    (tmp_path / "theirs.yaml").write_text("title: Monday\nexposure: 3\nPixelSize_um: 0.65\n")
    (tmp_path / "typo.yaml").write_text("kind: through_focas\nwavelength_um: 0.5\n")
    tiff_folder(tmp_path / "folder_plain", {})
    tiff_folder(tmp_path / "folder_ours", ours)
    zarr_image(tmp_path / "plain.ome.zarr", {})
    zarr_image(tmp_path / "ours.ome.zarr", SIDECAR)
    np.save(tmp_path / "plain.npy", FRAMES)
    np.save(tmp_path / "six.npy", np.concatenate([FRAMES, FRAMES[:1]]))
    neuph = np.random.default_rng(1).normal(size=(6, 24, 24)).astype(np.float32)
    np.save(tmp_path / "neuph.npy", neuph * (np.arange(24) > 0)[:, None])
    np.savez(tmp_path / "plain.npz", a=FRAMES)
    np.savez(tmp_path / "ours.npz", frames=FRAMES, **ours)
    with h5py.File(tmp_path / "plain.hdf5", "w") as file:
        file["data"] = FRAMES
    with h5py.File(tmp_path / "ours.hdf5", "w") as file:
        file["frames"], file["z_um"] = FRAMES, ours["z_um"]
        file.attrs.update(SIDECAR)
    scipy.io.savemat(tmp_path / "other.mat", {"weights": np.zeros(3)})
    (tmp_path / "bad.nfield").write_bytes(b"nothing of ours")
    (tmp_path / "bad.acq.h5").write_bytes(b"nothing of ours")
    return tmp_path


OURS = ("first.acq.h5", "ours.tif", "folder_ours", "ours.ome.zarr", "neuph.npy", "ours.npz", "ours.hdf5")
THEIRS = ("plain.tif", "theirs.tif", "folder_plain", "plain.ome.zarr", "plain.npy", "six.npy", "plain.npz")
WRONG = {
    "typo.tif": "kind is 'through_focas'; it must be one of", "plain.hdf5": "which dataset holds the frames",
    "other.mat": "the file holds weights", "bad.nfield": "not a field file", "bad.acq.h5": "not an HDF5 file",
}  # fmt: skip


def test_names_and_keys_tell_ours_from_theirs(files):
    found = {path.name for path in files.iterdir() if is_ours(path)}
    assert found == {*OURS, "typo.tif"}
    assert not is_ours(files / "missing.tif")
    assert not is_ours(files)  # sidecars in it are of files, not of the folder


def test_every_file_goes_to_its_reader_without_a_question(viewer, files, monkeypatch):
    """Three drops on the window, and all files into a viewer without one, which fails wherever napari would ask."""
    monkeypatch.setattr(opening, "open_one_by_one", lambda *_, **__: None)
    monkeypatch.setattr(qt_reader_dialog.QtReaderDialog, "exec_", lambda self: pytest.fail(f"{self._current_file}"))
    said = []
    monkeypatch.setattr("napari.utils.notifications.show_error", said.append)
    open_front_door()  # as at napari's start; the viewer's settings are fresh
    for name, ours in (("first.acq.h5", [True]), ("folder_plain", [False]), ("other.mat", [])):
        viewer.layers.clear()
        viewer.window._qt_viewer._qt_open([str(files / name)], stack=False)
        assert [KEY in layer.metadata for layer in viewer.layers] == ours
    assert "the file holds weights" in said.pop()

    def ours(name):
        return [KEY in layer.metadata for layer in ViewerModel().open(files / name, plugin=None)]

    assert [name for name in OURS if ours(name) != [True]] == []
    assert [name for name in THEIRS if ours(name) != [False]] == []
    assert not said
    for name, words in WRONG.items():
        assert ours(name) == [], name
        assert words in said.pop(), name


def test_the_door_is_open_before_anything_is_dropped(tmp_path):
    """napari looks for the manifest by its entry point, and that alone sets up the preference and the reader."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, name = project["entry-points"]["napari.manifest"]["napari-neuralfield"].split(":")
    code = f"""
import importlib.util, sys
from pathlib import Path
from napari.settings import get_settings
get_settings()
(folder,) = importlib.util.find_spec({module!r}).submodule_search_locations
assert (Path(folder) / {name!r}).is_file()
print(get_settings().plugins.extension2reader["*.acq.h5"])
import npe2
assert npe2.PluginManager.instance().commands.get("napari.get_reader").__name__ == "reader_in_front"
assert "torch" not in sys.modules
"""
    environment = {**os.environ, "NAPARI_CONFIG": str(tmp_path / "settings.yaml"), "PYTHONPATH": str(ROOT / "src")}
    found = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300)
    assert found.stdout.strip() == "napari-neuralfield", found.stderr


def test_there_is_a_sample_of_every_modality_and_each_can_be_made():
    manifest = npe2.PluginManifest.from_file(ROOT / "napari.yaml")
    commands = {command.id: command.python_name for command in manifest.contributions.commands}
    kinds = set()
    for offered in manifest.contributions.sample_data:
        sample = import_python_name(commands[offered.command])
        inspect.signature(SIMULATORS[sample.simulator]).bind(0, **sample.options)
        assert sample.look.count(". ") == 1, f"{sample.title}: two sentences"
        assert sample.look.endswith(".")
        kinds.add(sample.simulator)
    assert len(manifest.contributions.sample_data) == 14
    assert {"tilted-slide", "miscalibrated-board", "stained-slide", "coded-fpm", "multiplexed-cells"} < kinds
    assert {"coded", "far-field", "near-field", "mos2", "through-focus", "time-lapse"} < kinds
