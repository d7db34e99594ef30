"""`neuralfield export-model`: packages that take raw frames and answer as the network does here."""

from __future__ import annotations

import io
import zipfile
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from defocus_scene import through_focus
from training_scene import led_patterns

from napari_neuralfield.cli import commands as cli
from napari_neuralfield.data.acquisition import MultiplexedLed
from napari_neuralfield.io import save_acquisition
from napari_neuralfield.networks.pretrained import shipped
from napari_neuralfield.recon.focus.single_frame import frame_field
from napari_neuralfield.recon.patterns.neuph import field_of


def exported(name: str, folder: Path, frames: object, *more: str) -> tuple[dict, dict[str, bytes]]:
    """Description and files of the package for these frames."""
    save_acquisition(folder / "frames.acq.h5", frames)
    typed = ["export-model", name, "--like", str(folder / "frames.acq.h5"), "-o", str(folder / "model.zip"), *more]
    assert cli.main(typed) == 0
    with zipfile.ZipFile(folder / "model.zip") as archive:
        files = {entry: archive.read(entry) for entry in archive.namelist()}
    return yaml.safe_load(files["rdf.yaml"]), files


def check_files(described: dict, files: dict[str, bytes]) -> None:
    """What the description names is there, of the sizes and sums that it tells."""
    named = [described["inputs"][0]["test_tensor"], described["outputs"][0]["test_tensor"]]
    named.append(described["weights"]["torchscript"])
    for one in named:
        assert sha256(files[one["source"]]).hexdigest() == one["sha256"]
    for end, key in ((described["inputs"][0], "test_input.npy"), (described["outputs"][0], "test_output.npy")):
        values = np.load(io.BytesIO(files[key]))
        sizes = [axis.get("size", len(axis.get("channel_names", ()))) for axis in end["axes"]]
        assert sizes == list(values.shape)
        assert values.dtype == np.float32
    assert b"Where it fails" in files["README.md"]


def answer(files: dict[str, bytes], frames: np.ndarray) -> torch.Tensor:
    """The exported module by itself, on frames (frame, y, x)."""
    module = torch.jit.load(io.BytesIO(files["weights.pt"]))
    with torch.no_grad():
        return module(torch.tensor(frames)[None])[0, 0]


def turned(acquisition: MultiplexedLed) -> MultiplexedLed:
    """The same sample with its axes exchanged and the frames in another order."""
    frames = acquisition.intensity().swapaxes(1, 2)[[2, 0, 4, 1, 3]]
    na, patterns = np.asarray(acquisition.led_na), np.asarray(acquisition.patterns)
    return acquisition.replace(
        frames=np.ascontiguousarray(frames[:, ::-1]), led_na=np.stack([-na[:, 1], na[:, 0]], 1),
        patterns=patterns[[2, 0, 4, 1, 3]],
    )  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("as_given", [True, False])
def test_raw_patterns_give_the_phase_of_neuph(tmp_path: Path, as_given: bool) -> None:
    whole = led_patterns(48)[0].crop(slice(0, 40), slice(0, 36))
    acquisition = whole if as_given else turned(whole)
    described, files = exported("neuph", tmp_path, acquisition)
    check_files(described, files)
    field, _ = field_of(acquisition, shipped("neuph"))
    expected = field.render(0.0, *field.extent.axes())[0]
    found = answer(files, 7e4 * acquisition.intensity())
    assert found.shape == expected.shape == tuple(6 * n for n in acquisition.frame_shape)
    torch.testing.assert_close(found, expected, atol=2e-3, rtol=0)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("name", ["srqpi", "srcnn"])
def test_a_raw_frame_gives_the_phase_of_the_network(name: str, tmp_path: Path) -> None:
    acquisition, _ = through_focus(48)
    described, files = exported(name, tmp_path, acquisition)
    check_files(described, files)
    field = frame_field(acquisition, shipped(name), 2)
    field.turns = (0,)  # the network once, as it is
    expected = field.render(0.0, *field.extent.axes())[0]
    torch.testing.assert_close(answer(files, 500 * acquisition.intensity([2])), expected, atol=2e-3, rtol=0)
    assert described["config"]["napari-neuralfield"]["card"]["network"] == name


def test_mistakes_are_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    patterns, stack = led_patterns(48)[0], through_focus(48)[0]
    places = {
        "coarse": patterns.replace(pixel_um=1.3 * patterns.pixel_um), "stack": stack,
        "far": stack.replace(z_um=np.array([-90.0, 0.0, 90.0])),
    }  # fmt: skip
    for name, acquisition in places.items():
        save_acquisition(tmp_path / f"{name}.acq.h5", acquisition)
    cases = {
        ("neuph", "coarse"): "nor resamples them",
        ("neuph", "stack"): "which the network neuph does not take",
        ("srqpi", "far"): "the network was trained at",
        ("dpc", "stack"): "network 'dpc' cannot be exported",
    }
    for (network, frames), expected in cases.items():
        typed = ["export-model", network, "--like", str(tmp_path / f"{frames}.acq.h5"), "-o", str(tmp_path / "M.zip")]
        assert cli.main(typed) == 2
        said = capsys.readouterr().err
        assert expected in said
        assert said.count("\n") == 1
        assert not (tmp_path / "M.zip").exists()
