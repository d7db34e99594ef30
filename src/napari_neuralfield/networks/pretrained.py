"""Weights of networks and what is known about how they were made: safetensors, read without pickle."""

from __future__ import annotations

import dataclasses
import json
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..types import InputError

FORMAT = "neuralfield-weights"
VERSION = 1
SHIPPED = "weights"  # folder beside this file


@dataclasses.dataclass(frozen=True)
class Weights:
    """A network's numbers and its header.

    Parameters
    ----------
    tensors : of the network by name; those of a half-finished training begin with 'training.'.
    header : JSON-ready: `network` ('neuph', ...), `sizes` of the network, `optics`, `statistics` of the training's
        channels, `recipe` that made it, `steps`, `package_version`.
    """

    tensors: dict[str, torch.Tensor]
    header: dict[str, Any]

    def into(self, network: nn.Module) -> nn.Module:
        """Fill a network of the same sizes; what belongs to training is left out."""
        own = {name: value.float() for name, value in self.tensors.items() if not name.startswith("training.")}
        network.load_state_dict(own)
        return network.eval().requires_grad_(False)


def load_weights(path: str | Path, network: str) -> Weights:
    """Weights for a kind of network ('neuph', ...) from a file.

    Raises
    ------
    InputError : where the file is missing, damaged, for another network or from a newer version.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    try:
        with safe_open(path, framework="pt") as file:
            header = {k: json.loads(v) if k not in ("format",) else v for k, v in (file.metadata() or {}).items()}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; weights are made by: neuralfield train {network}") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise InputError(f"{path}: not a file of weights ({error}); weights are .safetensors files") from None
    if header.get("format") != FORMAT:
        raise InputError(
            f"{path}: the file does not say it holds weights for this program; make some with: neuralfield train "
            f"{network}"
        )
    if int(header.get("version", 0)) != VERSION:
        raise InputError(
            f"{path}: the weights are of version {header.get('version')}, this program reads version {VERSION}; "
            f"make new ones with: neuralfield train {network}"
        )
    if header.get("network") != network:
        raise InputError(f"{path}: the weights are for {header.get('network')!r}, not for {network!r}; choose others")
    return Weights(tensors, {k: v for k, v in header.items() if k not in ("format", "version")})


def shipped(network: str) -> Weights:
    """The weights that come with the package."""
    with resources.as_file(resources.files(__package__) / SHIPPED / f"{network}.safetensors") as path:
        return load_weights(path, network)


def metadata(header: dict[str, Any]) -> dict[str, str]:
    """A header as safetensors keeps it."""
    return {"format": FORMAT, "version": str(VERSION)} | {name: json.dumps(value) for name, value in header.items()}
