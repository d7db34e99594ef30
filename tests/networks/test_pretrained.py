"""Weights of a network: what comes with the package is read, what is not weights says what it is."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from napari_neuralfield.io.native.weights_file import save_weights
from napari_neuralfield.networks.encoder import LocalConditionalNetwork
from napari_neuralfield.networks.pretrained import Weights, load_weights, metadata, shipped
from napari_neuralfield.types import InputError

SIZES: dict[str, Any] = {"groups": [[0, 1, 2, 3, 4, 5, 6]], "channels": 4, "blocks": 1, "width": 4, "depth": 2}


def small() -> Weights:
    torch.manual_seed(0)
    network = LocalConditionalNetwork(**SIZES)
    return Weights(network.state_dict(), {"network": "neuph", "sizes": network.sizes})


def stored(path: Path, **header: Any) -> Path:
    """Sound weights of a small network with other words in the header; None leaves one out."""
    words = metadata(small().header) | header
    save_file(small().tensors, path, {name: value for name, value in words.items() if value is not None})
    return path


def test_the_shipped_weights_make_a_network() -> None:
    weights = shipped("neuph")
    network = weights.network()
    assert not network.training
    assert not any(value.requires_grad for value in network.parameters())
    assert sum(len(group) for group in network.groups) == len(weights.header["channels"]) == 7
    assert weights.header["optics"]["upsampling"] == 6
    assert set(weights.header["trust"])
    assert Path(weights.source).name == "neuph.safetensors"


@pytest.mark.parametrize("half", [False, True])
def test_round_trip(tmp_path: Path, half: bool) -> None:
    weights = small()
    training = {"training.count": torch.tensor(3.0)}
    save_weights(tmp_path / "w.safetensors", dataclasses.replace(weights, tensors=weights.tensors | training), half)
    found = load_weights(tmp_path / "w.safetensors", "neuph")
    assert found.header == weights.header
    assert found.tensors["training.count"].dtype == torch.float32
    own = found.network().state_dict()
    for name, value in weights.tensors.items():
        assert own[name].dtype == torch.float32
        assert torch.allclose(own[name], value, rtol=1e-3 if half else 0, atol=1e-6 if half else 0)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"format": None}, "the file does not say it holds weights for this program"),
        ({"network": '"srqpi"'}, "the weights are for 'srqpi', not for 'neuph'; choose others"),
        ({"version": "9"}, "of version 9, this program reads version 1; make new ones with: neuralfield train neuph"),
        ({"version": '"new"'}, "of version new, this program reads version 1"),
        ({"version": None}, "of version None"),
        ({"sizes": "{oh"}, "not a file of weights"),
    ],
)
def test_weights_of_something_else(tmp_path: Path, header: dict[str, str | None], said: str) -> None:
    path = stored(tmp_path / "w.safetensors", **header)
    with pytest.raises(InputError, match=rf"w\.safetensors: .*{said}"):
        load_weights(path, "neuph")


def test_files_that_are_no_weights(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.safetensors: there is no such file; .*: neuralfield train neuph"):
        load_weights(tmp_path / "none.safetensors", "neuph")
    (tmp_path / "words.txt").write_text("hello")
    (tmp_path / "cut.safetensors").write_bytes(stored(tmp_path / "w.safetensors").read_bytes()[:2000])
    for name in ("words.txt", "cut.safetensors"):
        with pytest.raises(InputError, match=r"not a file of weights .*; weights are \.safetensors files"):
            load_weights(tmp_path / name, "neuph")
    with pytest.raises(InputError, match=r"this is a folder where a file is expected; name the file"):
        load_weights(tmp_path, "neuph")


def test_numbers_that_do_not_fit() -> None:
    weights, said = small(), "taken: the numbers do not fit a network of the sizes"
    name = next(iter(weights.tensors))
    fewer = {key: value for key, value in weights.tensors.items() if key != name}
    for tensors, sizes in (
        (fewer, SIZES),
        (weights.tensors, SIZES | {"width": 8}),
        (weights.tensors, SIZES | {"flavour": 2}),
        (weights.tensors, {}),
    ):
        header = {"sizes": sizes} if sizes else {}
        with pytest.raises(InputError, match=said):
            Weights(tensors, header, "taken").network()
    broken = weights.tensors | {name: torch.full_like(weights.tensors[name], np.nan)}
    with pytest.raises(InputError, match="taken: it holds numbers that are not finite; take other weights"):
        Weights(broken, weights.header, "taken").network()
