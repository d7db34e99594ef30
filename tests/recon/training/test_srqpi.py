"""`neuralfield train srqpi` and `srcnn`: what they learn from, going on, and every mistake in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from defocus_scene import through_focus
from training_scene import led_patterns

from napari_neuralfield.cli import commands as cli
from napari_neuralfield.io import save_acquisition
from napari_neuralfield.networks.pretrained import Weights, load_weights
from napari_neuralfield.recon.focus.network_inputs import Defocus, best_frame
from napari_neuralfield.recon.training import focus_source as defocus_source
from napari_neuralfield.recon.training.focus_source import variety_of
from napari_neuralfield.recon.training.material import NOTHING
from napari_neuralfield.recon.training.networks import recipe_for
from napari_neuralfield.recon.training.recipe import TrainDefocusRecipe, TrainSrcnnRecipe, TrainSrqpiRecipe
from napari_neuralfield.recon.training.srqpi import DefocusTask, train
from napari_neuralfield.recon.training.trainer import Trained, Trainer
from napari_neuralfield.types import InputError, Note

SMALL = ("--pool", "8", "--patch-px", "32", "--batch", "2", "--half-precision", "no")
SHORT = (*SMALL, "--steps", "3")
TINY = ("--base", "4")
VALUES: dict[str, Any] = {"pool": 8, "patch_px": 32, "batch": 2, "half_precision": False, "base": 4}


@pytest.fixture(autouse=True)
def small_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defocus_source, "SCENE_PX", 32)
    monkeypatch.setattr(defocus_source, "VALIDATION", 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pair, a stack that can be made coarse, a single plane, images, and a pair of LED patterns."""
    from PIL import Image

    made = tmp_path_factory.mktemp("material")
    for name in ("pairs", "patterns", "images", "lone"):
        (made / name).mkdir()
    acquisition, phase = through_focus(48)
    led, other = led_patterns(32)
    for place, pixel, frames, truth in (("pairs", 0.65, acquisition, phase), ("patterns", 1.625 / 6, led, other)):
        save_acquisition(made / place / "one.acq.h5", frames)
        with h5py.File(made / place / "one.truth.h5", "w") as file:
            file["phase_rad"] = truth
            file.attrs["pixel_um"] = pixel
    rng = np.random.default_rng(0)
    frames = 1 + 0.02 * rng.standard_normal((3, 132, 140)).astype(np.float32)
    save_acquisition(made / "stack.acq.h5", acquisition.replace(frames=frames, pixel_um=0.65))
    save_acquisition(made / "plane.acq.h5", acquisition.subset([2]))
    save_acquisition(made / "focus.acq.h5", acquisition.subset([1]))
    Image.fromarray(rng.integers(0, 255, (60, 60, 3), dtype=np.uint8)).save(made / "images" / "grass.png")
    return made


@pytest.mark.parametrize(("name", "tiny"), [("srqpi", TINY), ("srcnn", ())])
def test_weights_a_picture_and_a_phase_made_with_them(name: str, tiny: tuple[str, ...], tmp_path: Path,
                                                      folder: Path) -> None:  # fmt: skip
    target = tmp_path / "W.safetensors"
    assert cli.main(["train", name, *SHORT, *tiny, "-o", str(target)]) == 0
    weights = load_weights(target, name)
    assert weights.header["steps"] == 3
    assert weights.header["channels"][0] == "contrast"
    assert "contrast std" in weights.header["statistics"]
    assert (tmp_path / "W.png").is_file()
    used = ["reconstruct", str(folder / "pairs" / "one.acq.h5"), "--method", name, "--weights", str(target)]
    assert cli.main([*used, "-o", str(tmp_path / "A.nfield")]) == 0


def test_the_published_setting_trains(tmp_path: Path) -> None:
    target = tmp_path / "W.safetensors"
    published = ("--size", "published", "--loss", "mse", "--learning-rate", "0.01", "--batch", "8")
    options = [*TINY, "--pool", "8", "--patch-px", "32", "--steps", "2", "--half-precision", "no"]
    assert cli.main(["train", "srqpi", *published, *options, "-o", str(target)]) == 0
    sizes = load_weights(target, "srqpi").header["sizes"]
    assert (sizes["norm"], sizes["entry"], sizes["outputs"]) == ("batch", "bicubic", 1)
    assert sizes["widths"] == [4, 8, 16, 32, 64]


def test_everything_a_user_may_give_at_once(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--pairs", folder / "pairs", "--stack", folder / "stack.acq.h5", "--images", folder / "images", "--like",
             folder / "plane.acq.h5")  # fmt: skip
    target = tmp_path / "W.safetensors"
    assert cli.main(["train", "srqpi", *SHORT, *TINY, *map(str, given), "-o", str(target)]) == 0
    assert "measured pairs: 2 to train on, 0 kept aside" in capsys.readouterr().out
    assert load_weights(target, "srqpi").header["known"]["fresnel"] == [0.31361, 0.31361]  # 4 um at 2.6 um, in all
    alone = ["--stack", str(folder), "--pairs-share", "1"]
    assert cli.main(["train", "srqpi", *SHORT, *TINY, *alone, "-o", str(target), "--overwrite"]) == 2
    assert "plane" in capsys.readouterr().err  # the folder also holds a single plane
    alone[1] = str(folder / "stack.acq.h5")
    assert cli.main(["train", "srqpi", *SHORT, *TINY, *alone, "-o", str(target), "--overwrite"]) == 0


def test_like_is_the_microscope_and_the_noise_of_a_file() -> None:
    acquisition, _ = through_focus(48)
    defocus = Defocus.of(acquisition, best_frame(acquisition))
    found = variety_of(TrainDefocusRecipe(), acquisition)
    assert found.fresnel == pytest.approx((defocus.fresnel,) * 2)
    assert found.below == 0
    assert found.coherence == pytest.approx((0.4, 0.4))
    assert found.noise[0] < 0.0025 < found.noise[1] < 2 * found.noise[0]
    assert variety_of(TrainDefocusRecipe(noise_min=0.02, noise_max=0.03), acquisition).noise == (0.02, 0.03)
    assert variety_of(TrainDefocusRecipe(), None).noise == (0.0015, 0.008)


class Same:
    """A source that gives the same patches at every step."""

    def __init__(self) -> None:
        torch.manual_seed(5)
        self.given = torch.randn(2, 4, 32, 32), 0.2 * torch.randn(2, 128, 128)

    def batch(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.given

    def apart(self) -> Same:
        return self


@pytest.mark.parametrize("recipe", [
    TrainSrqpiRecipe(**VALUES, steps=6), TrainSrqpiRecipe(**VALUES, steps=6, size="published", loss="mse"),
    TrainSrcnnRecipe(**{k: v for k, v in VALUES.items() if k != "base"}, steps=6),
], ids=["small", "published", "srcnn"])  # fmt: skip
def test_a_training_that_is_resumed_ends_as_one_that_was_not(
    recipe: TrainDefocusRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DefocusTask, "source", lambda self, seed: Same())
    device = torch.device("cpu")
    task = DefocusTask(recipe, NOTHING, device)
    whole, half = (Trainer(task, recipe, None, device) for _ in range(2))
    for _ in range(6):
        whole.step()
    for _ in range(3):
        half.step()
    resumed = Trainer(task, recipe, half.weights(resumable=True), device)
    for _ in range(3):
        resumed.step()
    assert resumed.steps == 6
    for one, two in ((whole.network, resumed.network), (whole.mean, resumed.mean)):
        for name, value in one.state_dict().items():
            assert torch.allclose(value.float(), two.state_dict()[name].float(), atol=1e-6), name


def test_stopped_resumed_and_gone_on_from(tmp_path: Path) -> None:
    recipe = recipe_for("srqpi", {**VALUES, "steps": 4})
    stop = iter([False, True])
    *_, last = train(recipe, stopped=lambda: next(stop))
    assert isinstance(last, Trained)
    assert not last.finished
    assert last.weights.header["steps"] == 2
    again = recipe_for("srqpi", {}, last.weights, resume=True)
    assert again == recipe  # its own options
    *_, done = train(again, last.weights)
    assert (done.finished, done.weights.header["steps"], done.weights.header["history"]) == (True, 4, [])
    tuned = recipe_for("srqpi", {**{k: v for k, v in VALUES.items() if k != "base"}, "steps": 2}, done.weights)
    assert (tuned.base, tuned.learning_rate) == (4, 3e-4)  # sizes are kept, the rate is lower
    *_, after = train(tuned, done.weights)
    assert [past["steps"] for past in after.weights.header["history"]] == [4]


def test_weights_of_another_size_are_refused_by_the_option_that_asks() -> None:
    *_, last = train(recipe_for("srqpi", {**VALUES, "steps": 1}))
    weights: Weights = last.weights
    for values, expected in (
        ({"base": 8}, r"option base asks for widths \[8, 12, 16, 20, 16\] but .* have \[4, 6, 8, 10, 8\]"),
        ({"size": "published"}, "option size asks for entry bicubic but .* have pixels"),
        ({"norm": "group"}, "option norm asks for group but .* have none"),
        ({"loss": "mse"}, "option loss asks for outputs 1 but .* have 2"),
    ):
        with pytest.raises(InputError, match=expected):
            recipe_for("srqpi", values, weights)
    with pytest.raises(InputError, match="finished after 1 steps"):
        recipe_for("srqpi", {}, weights, resume=True)


def test_methods_says_what_each_training_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["methods", "train"]) == 0
    said = capsys.readouterr().out
    assert "takes through_focus" in said[said.index("train srqpi") :]
    assert "--stack" in said


def test_the_share_of_measured_patches_may_be_none(folder: Path) -> None:
    from napari_neuralfield.cli.train import prepare

    values = {**VALUES, "steps": 1, "pairs": str(folder / "pairs"), "pairs_share": 0.0}
    entry, recipe, weights, material = prepare("srqpi", values)
    assert len(material.pairs) == 1
    assert not any(isinstance(event, Note) for event in entry.run(recipe, weights, material, lambda: False))


def test_mistakes_are_one_sentence(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ("-o", str(tmp_path / "W.safetensors"))
    *_, last = train(recipe_for("srcnn", {**{k: v for k, v in VALUES.items() if k != "base"}, "steps": 1}))
    from napari_neuralfield.io.native.weights_file import save_weights

    save_weights(tmp_path / "srcnn.safetensors", last.weights, half=True)
    cases = {
        ("srqpi", "--pairs", folder / "patterns"): "none of its pairs are bright-field frames (through_focus)",
        ("neuph", "--pairs", folder / "pairs"): "none of its pairs are frames of LED patterns (multiplexed_led)",
        ("srqpi", "--pairs", folder / "lone"): "which holds no pair",
        ("srqpi", "--pairs-share", "1"): "nothing measured is given",
        ("srqpi", "--stack", folder / "plane.acq.h5"): "has planes at 1 depth",
        ("srqpi", "--stack", folder / "pairs" / "one.acq.h5"): "become 12 x 12",
        ("srqpi", "--stack", folder / "patterns" / "one.acq.h5"): "it must be bright-field frames (through_focus)",
        ("srqpi", "--images", folder / "lone"): "which holds no picture",
        ("srqpi", "--like", folder / "patterns" / "one.acq.h5"): "it must be bright-field frames (through_focus)",
        ("srqpi", "--like", folder / "focus.acq.h5"): "frame 0 is in focus",
        ("neuph", "--like", folder / "plane.acq.h5"): "it must be frames of LED patterns (multiplexed_led)",
        ("srqpi", "--patch-px", "40"): "option patch_px is 40",
        ("srqpi", "--patch-px", "16"): "at least 32",
        ("srqpi", "--pairs", folder / "pairs", "--patch-px", "64"): "smaller patch_px",
        ("srqpi", "--fresnel-min", "1.5"): "train srqpi should have fresnel_min below fresnel_max, not 1.5 and 1.2",
        ("srqpi", "--from", tmp_path / "srcnn.safetensors"): "the weights are for 'srcnn', not for 'srqpi'",
        ("srcnn", "--from", tmp_path / "srcnn.safetensors", "--loss", "mse"): "option loss asks for outputs 1",
        ("srcnn", "--resume", tmp_path / "srcnn.safetensors"): "finished after 1 steps",
        ("srcnn", "--base", "4"): "option 'base' is not one of train srcnn",
        ("srqpi", "--channels", "4"): "option 'channels' is not one of train srqpi",
    }
    for arguments, expected in cases.items():
        assert cli.main(["train", *map(str, arguments), "--steps", "1", *out]) == 2, arguments
        said = capsys.readouterr().err
        assert expected in said, said
        assert said.count("\n") == 1, said
