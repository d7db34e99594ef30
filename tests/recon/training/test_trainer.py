"""`neuralfield train`: from options to weights, stopped, resumed, gone on from; and every mistake in one line."""

from __future__ import annotations

import signal
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
from training_scene import led_patterns

from napari_neuralfield.cli import commands as cli
from napari_neuralfield.cli import train as training
from napari_neuralfield.io import save_acquisition
from napari_neuralfield.io.native.weights_file import save_weights
from napari_neuralfield.networks.encoder import LocalConditionalNetwork
from napari_neuralfield.networks.pretrained import Weights, load_weights
from napari_neuralfield.recon.patterns.network_inputs import CANONICAL
from napari_neuralfield.recon.training import source as training_source
from napari_neuralfield.recon.training.pattern_stream import TrainingStream, Variety, random_board

TINY = ("--pool", "8", "--channels", "8", "--blocks", "1", "--patch-px", "16", "--batch", "2", "--half-precision", "no")
SHORT = (*TINY, "--steps", "3")


@pytest.fixture(autouse=True)
def small_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_source, "SCENE_PX", 24)
    monkeypatch.setattr(training_source, "VALIDATION", 4)


@pytest.fixture
def pair_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pairs"
    folder.mkdir()
    acquisition, phase = led_patterns()
    save_acquisition(folder / "one.acq.h5", acquisition)
    with h5py.File(folder / "one.truth.h5", "w") as file:
        file["phase_rad"] = phase
        file.attrs["pixel_um"] = 1.625 / 6
    return folder


def test_train_writes_small_weights_a_picture_and_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "W.safetensors"
    assert cli.main(["train", "neuph", *SHORT, "-o", str(target)]) == 0
    said = capsys.readouterr().out
    assert "after 3 steps" in said
    assert "rad, correlation" in said
    assert f"--weights {target}" in said
    weights = load_weights(target, "neuph")
    assert {value.dtype for value in weights.tensors.values()} == {torch.float16}
    assert weights.header["steps"] == 3
    assert weights.header["history"] == []
    assert weights.header["sizes"]["channels"] == 8
    assert "bright 1 std" in weights.header["statistics"]
    from PIL import Image

    with Image.open(tmp_path / "W.png") as picture:
        assert picture.width > 1000
        assert picture.height > 1500


def test_ctrl_c_keeps_what_was_trained_and_resume_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target, show = tmp_path / "W.safetensors", training.terminal.show

    def interrupting(bar: object, event: object) -> None:
        show(bar, event)  # type: ignore[arg-type]
        signal.raise_signal(signal.SIGINT)  # os.kill ends the process on Windows

    monkeypatch.setattr(training.terminal, "show", interrupting)
    assert cli.main(["train", "neuph", *SHORT, "-o", str(target)]) == 130
    place = tmp_path / "W.partial.safetensors"
    said = capsys.readouterr().err
    assert f"what was trained is in {place}; the same command with --resume goes on" in said
    assert not target.exists()
    half = load_weights(place, "neuph")
    assert half.header["steps"] == 1
    assert "training.count" in half.tensors
    monkeypatch.undo()
    monkeypatch.setattr(training_source, "SCENE_PX", 24)
    assert cli.main(["train", "neuph", *SHORT, "-o", str(target)]) == 2
    assert "holds an interrupted training of this output; go on with it, or add --overwrite" in capsys.readouterr().err
    assert cli.main(["train", "neuph", "--resume", str(place), "-o", str(target)]) == 0
    assert not place.exists()
    assert load_weights(target, "neuph").header["steps"] == 3  # the recipe of the first run goes on
    assert cli.main(["train", "neuph", "--resume", str(target), "-o", str(tmp_path / "V.safetensors")]) == 2
    assert "finished after 3 steps" in capsys.readouterr().err
    again = ["train", "neuph", "--from", str(target), *SHORT, "-o", str(tmp_path / "V.safetensors")]
    assert cli.main(again) == 0
    assert [past["steps"] for past in load_weights(tmp_path / "V.safetensors", "neuph").header["history"]] == [3]


def test_the_convolution_decoder_trains_too(tmp_path: Path) -> None:
    target = tmp_path / "W.safetensors"
    assert cli.main(["train", "neuph", *SHORT, "--decoder", "convolution", "-o", str(target)]) == 0
    assert load_weights(target, "neuph").header["sizes"]["decoder"] == "convolution"


def test_everything_a_user_may_give_at_once(pair_folder: Path, tmp_path: Path) -> None:
    from PIL import Image

    images = tmp_path / "images"
    images.mkdir()
    noise = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(images / "grass.png")
    target = tmp_path / "W.safetensors"
    given = ("--pairs", str(pair_folder), "--images", str(images), "--frames", str(pair_folder / "one.acq.h5"))
    options = tuple("40" if value == "16" else value for value in SHORT)
    assert cli.main(["train", "neuph", *options, *given, "-o", str(target)]) == 0
    assert load_weights(target, "neuph").header["recipe"]["images"] == str(images)


def test_mistakes_are_one_sentence(pair_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ("-o", str(tmp_path / "W.safetensors"))
    odd, other = tmp_path / "odd.safetensors", tmp_path / "other.safetensors"
    odd.write_bytes(b"nothing of ours")
    network = LocalConditionalNetwork(groups=((0,),), channels=8, blocks=1)
    save_weights(other, Weights(network.state_dict(), {"network": "srqpi", "sizes": network.sizes}), half=True)
    lone = tmp_path / "lone"
    lone.mkdir()
    cases = {
        ("neuphh", *out): "network 'neuphh' is not known; what can be trained is neuph",
        ("srqpi", "--patch-px", "40", *out): "option patch_px is 40",
        ("neuph", "-o", str(tmp_path / "W.h5")): "must end in .safetensors",
        ("neuph", "--resume", str(odd), *out): "not a file of weights",
        ("neuph", "--resume", str(tmp_path / "no.safetensors"), *out): "there is no such file",
        ("neuph", "--from", str(other), *out): "the weights are for 'srqpi', not for 'neuph'",
        ("neuph", "--from", str(odd), "--resume", str(odd), *out): "so choose one",
        ("neuph", "--from", "shipped", "--channels", "8", *out): "a network keeps its sizes",
        ("neuph", "--minutes", "-3", *out): "option minutes of train neuph is -3",
        ("neuph", "--mintes", "3", *out): "option 'mintes' is not one of train neuph",
        ("neuph", "--pairs", str(lone), *out): "which holds no pair",
        ("neuph", "--pairs-share", "1", *out): "no measured pairs are given",
        ("neuph", "--pairs", str(pair_folder), *out): "smaller patch_px",
        ("neuph", "--images", str(lone), *out): "which holds no picture",
        ("neuph", "--like", str(tmp_path / "no.acq.h5"), *out): "there is no such file or folder",
    }
    for arguments, expected in cases.items():
        assert cli.main(["train", *arguments]) == 2, arguments
        said = capsys.readouterr().err
        assert expected in said, said
        assert said.count("\n") == 1, said


def test_methods_lists_the_options_of_train(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["methods", "train"]) == 0
    said = capsys.readouterr().out
    assert "train neuph" in said
    assert "--pairs-share" in said
    assert "(min, default 60" in said


def test_default_options_make_the_same_scenes_as_ever() -> None:
    """Weights are reproducible only where the stream is."""
    stream = TrainingStream(CANONICAL, Variety(), size=24, patch=16, pool=8, boards=2, seed=5)
    same = TrainingStream(CANONICAL, Variety(), size=24, patch=16, pool=8, boards=2, seed=5, board=random_board)
    one, two = stream.batch(3), same.batch(3)
    assert torch.equal(one[0], two[0])
    assert torch.equal(one[1], two[1])
    assert one[0].shape == (3, 7, 16, 16)
    assert one[1].shape == (3, 96, 96)
