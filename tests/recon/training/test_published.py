"""`--size published`: the papers' networks and trainings, what their weights say of themselves, and a phase by them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from defocus_scene import through_focus
from training_scene import led_patterns

from napari_neuralfield.cli import commands as cli
from napari_neuralfield.io import save_acquisition
from napari_neuralfield.networks.encoder import LocalConditionalNetwork
from napari_neuralfield.networks.pretrained import load_weights
from napari_neuralfield.networks.unet import UNet
from napari_neuralfield.recon.focus.network_inputs import Defocus
from napari_neuralfield.recon.focus.network_inputs import inputs_of as frame_inputs
from napari_neuralfield.recon.patterns.network_inputs import inputs_of, light_of
from napari_neuralfield.recon.training import focus_source, neuph, source, srqpi
from napari_neuralfield.recon.training.material import NOTHING
from napari_neuralfield.recon.training.networks import recipe_for
from napari_neuralfield.recon.training.recipe import TrainNeuPhRecipe, TrainSrqpiRecipe
from napari_neuralfield.recon.training.step_size import StepSize
from napari_neuralfield.types import InputError

FEW = ("--pool", "8", "--batch", "2", "--steps", "2")


@pytest.fixture(autouse=True)
def small_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, side in ((source, 24), (focus_source, 32)):
        monkeypatch.setattr(module, "SCENE_PX", side)
        monkeypatch.setattr(module, "VALIDATION", 2)


def test_the_networks_are_as_large_as_published() -> None:
    with torch.device("meta"):
        one = LocalConditionalNetwork(**neuph.sizes(TrainNeuPhRecipe(size="published")))
        two = UNet(**srqpi.sizes(TrainSrqpiRecipe(size="published")))
    count = [sum(p.numel() for p in network.parameters()) for network in (one, two)]
    assert count[0] == pytest.approx(29.9e6, rel=2e-3)
    assert count[1] == pytest.approx(31.0e6, rel=2e-3)
    assert [len(group) for group in one.groups] == [2, 3, 1]
    assert one.first.in_channels * 9 + one.place.in_features == 3460
    assert [*(layer.out_features for layer in one.hidden), one.last.out_features] == [256, 256, 256, 256, 1]


def test_they_are_shown_plain_frames() -> None:
    """Intensities over the bright field's mean and DPC's phase; the defocused frame over its mean."""
    acquisition, _ = led_patterns()
    network = LocalConditionalNetwork(**neuph.sizes(TrainNeuPhRecipe(size="published", channels=4, blocks=1)))
    seen: list[torch.Tensor] = []
    for encoder in network.encoders:
        encoder.register_forward_pre_hook(lambda _, given: seen.append(given[0][0]))
    inputs = inputs_of(acquisition)
    network.encode(inputs.channels[None])
    na = np.asarray(acquisition.led_na) / acquisition.objective_na
    frames = acquisition.intensity() / light_of(na, np.asarray(acquisition.patterns))[:, None, None]
    frames = torch.from_numpy(frames / frames[:2].mean()).float()
    torch.testing.assert_close(torch.cat(seen[:2]), frames, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(seen[2][0], inputs.channels[5])

    stack, _ = through_focus()
    unet = UNet(**srqpi.sizes(TrainSrqpiRecipe(size="published", base=4)))
    unet.down[0].register_forward_pre_hook(lambda _, given: seen.append(given[0][0]))
    frame = torch.from_numpy(stack.intensity()[2])
    unet.eval()(frame_inputs(frame, Defocus.of(stack, 2))[None])
    assert seen[-1].shape == (1, 192, 192)
    assert float(seen[-1].mean()) == pytest.approx(1, abs=1e-3)
    corner = torch.nn.functional.interpolate((frame / frame.mean())[None, None], scale_factor=4, mode="bicubic")
    torch.testing.assert_close(seen[-1], corner[0], atol=1e-5, rtol=1e-4)


def test_settings_are_the_papers_unless_typed() -> None:
    recipe = recipe_for("neuph", {"size": "published"})
    assert (recipe.batch, recipe.patch_px, recipe.learning_rate, recipe.loss) == (5, 48, 1e-4, "l1")
    assert (recipe.schedule, recipe.steps, recipe.patch_px**2) == ("plateau", 500 * recipe.EPOCH, 2304)
    assert recipe_for("neuph", {"size": "published", "minutes": 5, "batch": 3}).steps is None
    other = recipe_for("srqpi", {"size": "published"})
    assert (other.batch, other.patch_px, other.learning_rate, other.loss) == (8, 64, 0.01, "mse")
    assert (other.schedule, other.steps) == ("constant", 200 * other.EPOCH)
    assert other.fresnel_min * 2.6**2 / 0.55 == pytest.approx(1, rel=1e-3)  # um
    assert other.fresnel_max * 2.6**2 / 0.55 == pytest.approx(13, rel=1e-3)
    assert recipe_for("neuph", {}).schedule == "cosine"


def test_a_plateau_makes_steps_smaller() -> None:
    schedule = StepSize("plateau")
    schedule.looked(1.0)
    for _ in range(10):
        schedule.looked(0.99995)
    assert schedule.rate(0, 0.5) == 1
    schedule.looked(0.99995)
    assert schedule.rate(0, 0.5) == pytest.approx(0.2)
    again = StepSize("plateau")
    again.take_up(schedule.state())
    assert (again.best, again.waited, again.share) == (schedule.best, schedule.waited, schedule.share)


@pytest.mark.parametrize(
    ("name", "tiny", "paper"),
    [
        ("neuph", ("--channels", "4", "--blocks", "1", "--patch-px", "16"), "Nexus 3, 056005"),
        ("srqpi", ("--base", "4", "--patch-px", "32"), "Rev. 18, 2300488"),
    ],
)
def test_trained_said_so_and_used(name: str, tiny: tuple[str, ...], paper: str, tmp_path: Path,
                                  monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    monkeypatch.setattr(TrainNeuPhRecipe, "EPOCH", 2)
    target, frames = tmp_path / "W.safetensors", tmp_path / "frames.acq.h5"
    save_acquisition(frames, (led_patterns() if name == "neuph" else through_focus())[0])
    assert cli.main(["train", name, "--size", "published", *FEW, *tiny, "-o", str(target)]) == 0
    header = load_weights(target, name).header
    assert paper in header["published"]["paper"]
    assert "batch 2, published" in " ".join(header["published"]["deviations"])
    assert not any(said.startswith("learning_rate") for said in header["published"]["deviations"])
    assert header["published"]["unknown"]
    assert header["sizes"]["outputs"] == 1
    used = ["reconstruct", str(frames), "--method", name, "--weights", str(target), "-o", str(tmp_path / "A.nfield")]
    assert cli.main(used) == 0
    again = ["train", name, "--from", str(target), "--size", "small", "--steps", "1"]
    assert cli.main([*again, "-o", str(tmp_path / "B.safetensors")]) == 2


def test_ours_cannot_go_on_as_published() -> None:
    recipe = recipe_for("neuph", {"channels": 8, "blocks": 1, "steps": 1, "batch": 1, "patch_px": 16, "pool": 8})
    *_, last = neuph.train(recipe)
    with pytest.raises(InputError, match=r"option size asks for knee 0\.02 but the weights to go on from have None"):
        recipe_for("neuph", {"size": "published", "channels": 8, "blocks": 1}, last.weights)


def test_one_microscope_and_no_other() -> None:
    recipe = TrainNeuPhRecipe(size="published", pool=8, patch_px=16)
    stream = source.source_of(recipe, NOTHING, 0)
    assert len(stream.boards) == 1
    channels, _ = stream.batch(2)
    assert not channels[:, 6].any()
