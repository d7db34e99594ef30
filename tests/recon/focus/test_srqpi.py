"""Phase of one frame by a network of a few numbers: which frame, what is refused, what is said."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from defocus_scene import through_focus

from napari_neuralfield.data.acquisition import ThroughFocus
from napari_neuralfield.fields.super_resolved import SuperResolvedField
from napari_neuralfield.io.native.weights_file import save_weights
from napari_neuralfield.networks.pretrained import Weights
from napari_neuralfield.networks.srcnn import SuperResolutionCnn
from napari_neuralfield.networks.unet import UNet
from napari_neuralfield.recon import recommended
from napari_neuralfield.recon.engine.recipe import build, run
from napari_neuralfield.recon.focus import single_frame
from napari_neuralfield.recon.focus.single_frame import beyond_training, checked_frame, frame_field
from napari_neuralfield.types import Done, InputError, Note


@pytest.fixture(scope="module")
def cells() -> ThroughFocus:
    return through_focus(48)[0]


@pytest.fixture(scope="module")
def weights() -> dict[str, Weights]:
    torch.manual_seed(0)
    networks = {
        "srqpi": UNet(widths=(4, 4, 4, 4, 4), norm="none", entry="pixels", outputs=2, head=4),
        "srcnn": SuperResolutionCnn(),
    }
    return {
        name: Weights(dict(network.state_dict()), {"network": name, "sizes": network.sizes, "recipe": {}})
        for name, network in networks.items()
    }


@pytest.fixture(autouse=True)
def in_the_box(weights: dict[str, Weights], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_frame, "shipped", weights.__getitem__)


def events(acquisition: ThroughFocus, method: str = "srqpi", **options: Any) -> tuple[list[str], Done]:
    found = list(run(acquisition, build(method, options)))
    assert isinstance(found[-1], Done)
    return [event.text for event in found if isinstance(event, Note)], found[-1]


@pytest.mark.parametrize("method", ["srqpi", "srcnn"])
def test_the_answer_is_the_network_of_the_best_frame(
    method: str, cells: ThroughFocus, weights: dict[str, Weights]
) -> None:
    said, done = events(cells, method, match_heights=False)
    assert said[0] == "phase of frame 2 alone, taken at z = +4 um"
    field = done.result.field
    assert isinstance(field, SuperResolvedField)
    assert field.extent.shape == (192, 192)
    assert field.extent.pixel_um == pytest.approx(0.65)
    direct = frame_field(cells, weights[method], 2)
    y, x = field.extent.axes()
    assert torch.equal(field.render(0.0, y, x), direct.render(0.0, y, x))
    assert done.result.optics["frame_z_um"] == 4.0
    assert 0 < done.result.figures["relative_amplitude_error"] < 1


def test_another_frame_other_weights_and_an_even_field(
    cells: ThroughFocus, weights: dict[str, Weights], tmp_path: Any
) -> None:
    said, _ = events(cells, frame=0)
    assert "frame 0 alone, taken at z = -4 um" in said[0]
    save_weights(tmp_path / "W.safetensors", weights["srqpi"], half=False)
    _, done = events(cells, weights=str(tmp_path / "W.safetensors"), match_heights=False)
    y, x = done.result.field.extent.axes()
    plain = frame_field(cells, weights["srqpi"], 2).render(0.0, y, x)
    assert torch.allclose(done.result.field.render(0.0, y, x), plain, atol=1e-6)
    ramp = np.linspace(0.6, 1.4, 48, dtype=np.float32)
    lit = cells.replace(frames=cells.intensity() * ramp)
    even, uneven = (frame_field(lit, weights["srqpi"], 2, flatten=flatten) for flatten in (True, False))
    reference = frame_field(cells, weights["srqpi"], 2, flatten=True).channels[0]
    assert (even.channels[0] - reference).std() < 0.1 * (uneven.channels[0] - reference).std()


@pytest.mark.parametrize(("change", "number", "expected"), [
    ({"frames": np.ones((3, 48, 31), np.float32)}, None, "the frames are 48 x 31 pixels; the network .* at least 32"),
    ({}, 3, "option frame is 3 but the file holds frames 0 to 2"),
    ({}, 1, r"frame 1 is in focus \(z_um is 0\).* choose a frame 0.765 um or more away"),
    ({"z_um": np.zeros(3)}, None, "frame 0 is in focus"),
])  # fmt: skip
def test_frames_that_cannot_be_used(cells: ThroughFocus, change: Any, number: int | None, expected: str) -> None:
    with pytest.raises(InputError, match=f"domes: .*{expected}"):
        checked_frame(cells.replace(**change), number)


def test_a_frame_without_light_or_with_holes(cells: ThroughFocus, weights: dict[str, Weights]) -> None:
    dark = cells.replace(background=2 * np.ones((48, 48), np.float32))
    with pytest.raises(InputError, match="light"):
        frame_field(dark, weights["srqpi"], 2)
    frames = cells.intensity()
    frames[2, 3, 3] = np.nan
    with pytest.raises(InputError, match="frame 2 holds values that are not finite"):
        frame_field(dataclasses.replace(cells, frames=frames), weights["srqpi"], 2)


def test_what_lies_beyond_the_training_is_said(cells: ThroughFocus, weights: dict[str, Weights]) -> None:
    known = weights["srqpi"]
    assert list(beyond_training(cells, known, 2)) == []
    far, open_ = cells.replace(z_um=np.array([-4.0, 0.0, 30.0])), cells.replace(condenser_na=0.3)
    (note,) = beyond_training(far, known, 2)
    assert note.level == "warning"
    assert "frame 2 is 30 um out of focus" in note.text
    assert "trained at 0.765 to 15.3 um" in note.text
    (note,) = beyond_training(open_, known, 2)
    assert "the condenser is opened to 0.75 of the objective's aperture" in note.text
    assert "coherence_max=0.75" in note.text
    fixed = Weights(known.tensors, {**known.header, "known": {"fresnel": [0.1, 0.1]}})  # of one microscope alone
    (note,) = beyond_training(cells, fixed, 2)
    assert "trained at 1.28 to 1.28 um" in note.text
    wide = Weights(known.tensors, {**known.header, "recipe": {"fresnel_max": 4.0, "coherence_max": 0.9}})
    assert [*beyond_training(far, wide, 2), *beyond_training(open_, wide, 2)] == []


def test_recommended_is_the_network_where_it_knows_a_frame(cells: ThroughFocus) -> None:
    assert recommended(cells) == ("focus-auto", {})
    assert recommended(cells.subset([2])) == ("srqpi", {})
    assert recommended(cells.replace(condenser_na=0.4))[0] == "tie-fft"  # beyond the training
    assert recommended(cells.replace(z_um=np.array([-0.3, 0.0, 0.3])))[0] == "tie-fft"
    near = cells.subset([2]).replace(z_um=np.array([0.3]))
    assert recommended(near)[0] == "defocus-field"  # one plane
