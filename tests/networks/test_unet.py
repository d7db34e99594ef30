"""The networks for single frames: parts of a field are those of the whole, whatever its size."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from napari_neuralfield.fields import super_resolved
from napari_neuralfield.fields.super_resolved import SuperResolvedField, turned
from napari_neuralfield.networks import unet
from napari_neuralfield.networks.srcnn import SuperResolutionCnn
from napari_neuralfield.networks.unet import UNet

TINY = (4, 6, 8, 8, 6)
KINDS: dict[str, tuple[str, Any]] = {
    "pixels": ("srqpi", lambda: UNet(widths=TINY, norm="none", entry="pixels", outputs=2, head=4)),
    "published": ("srqpi", lambda: UNet(widths=TINY, norm="batch", entry="bicubic")),
    "srcnn": ("srcnn", SuperResolutionCnn),
}


def made(name: str) -> tuple[str, nn.Module]:
    """A network in use, its batch norms no longer at 0 and 1."""
    torch.manual_seed(3)
    kind, build = KINDS[name]
    network = build()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.1, 0.6)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return kind, network.eval().requires_grad_(False)


@pytest.mark.parametrize("name", KINDS)
def test_small_pieces_of_a_field_are_the_network_on_the_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(super_resolved, "TILE", 32)
    monkeypatch.setattr(super_resolved, "PIECE", 32)
    kind, network = made(name)
    channels = torch.randn(4, 245, 77, generator=torch.Generator().manual_seed(0))
    field = SuperResolvedField.of(kind, network, channels, 2.6)
    boxes = []
    answered = field._answer
    monkeypatch.setattr(field, "_answer", lambda *box: boxes.append(box) or answered(*box))
    pieces = field.pixels(slice(0, 245 * 4), slice(0, 77 * 4))
    with torch.no_grad():
        whole = sum(turned(network(turned(channels[None], n))[0], n, back=True) for n in field.turns) / 2
    assert len(boxes) == 8 * 3
    assert pieces.shape == whole.shape == (network.outputs, 980, 308)
    assert whole.std() > 1e-3
    assert (pieces - whole).abs().max() < 1e-5 * whole.abs().max()


@pytest.mark.parametrize(("rows", "columns"), [(32, 32), (33, 47), (64, 50), (79, 34)])
@pytest.mark.parametrize("name", KINDS)
def test_any_size_is_answered_four_times_finer(name: str, rows: int, columns: int) -> None:
    _, network = made(name)
    assert network(torch.randn(2, 4, rows, columns)).shape == (2, network.outputs, rows * 4, columns * 4)


@pytest.mark.parametrize("name", KINDS)
def test_nothing_beyond_the_margin_matters_to_a_tile(name: str) -> None:
    _, network = made(name)
    margin, tile = network.margin, 16
    assert margin % network.multiple == 0
    first = margin + 2 * network.multiple
    images = torch.randn(1, 4, 32, 2 * first + tile)
    touched = images.clone()
    touched[..., : first - margin] += 5
    touched[..., first + tile + margin :] -= 5
    one, two = (network(given)[..., first * 4 : (first + tile) * 4] for given in (images, touched))
    assert torch.equal(one, two)
    touched[..., first - 1] += 5
    assert not torch.equal(network(touched)[..., first * 4 : (first + tile) * 4], one)


@pytest.mark.parametrize("name", ["pixels", "published"])
def test_the_last_layers_in_bands_are_those_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _, network = made(name)
    images = torch.randn(1, 4, 80, 48)
    with torch.no_grad():
        monkeypatch.setattr(unet, "BAND", 10_000)
        at_once = network(images)
        monkeypatch.setattr(unet, "BAND", 24)
        in_bands = network(images)
    assert torch.allclose(at_once, in_bands, atol=1e-6)


def test_the_published_size_is_as_large_as_published() -> None:
    count = sum(p.numel() for p in UNet(inputs=1).parameters())
    assert count == pytest.approx(31e6, rel=0.01)
    assert sum(p.numel() for p in SuperResolutionCnn(inputs=1).parameters()) == 64 * 82 + 32 * 65 + 32 * 25 + 1
