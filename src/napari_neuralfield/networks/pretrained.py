"""Weights of networks and what is known about how they were made: safetensors, read without pickle."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..data.names.plain_files import regular
from ..registry import NETWORKS
from ..types import InputError
from .encoder import LocalConditionalNetwork
from .srcnn import SuperResolutionCnn
from .unet import UNet

FORMAT = "neuralfield-weights"
VERSION = 1
OURS: dict[str, type[nn.Module]] = {  # so that a field opens without importing how its network is trained
    "neuph": LocalConditionalNetwork,
    "srqpi": UNet,
    "srcnn": SuperResolutionCnn,
}
SHIPPED = "weights"  # folder beside this file


@dataclasses.dataclass(frozen=True)
class Weights:
    """A network's numbers and its header.

    Parameters
    ----------
    tensors : of the network by name; those of a half-finished training begin with 'training.'.
    header : JSON-ready: `network` ('neuph', ...), `sizes` of the network, `optics`, `statistics` of the training's
        channels, `recipe` that made it, `steps`, `package_version`.
    source : what messages call them.
    """

    tensors: dict[str, torch.Tensor]
    header: dict[str, Any]
    source: str = "the weights"

    def network(self) -> Any:
        """The network of this kind and these sizes, filled.

        Raises
        ------
        InputError : where the numbers are not those of such a network.
        """
        try:
            network = architecture(self.header.get("network", "neuph"))(**self.header["sizes"])
            self.into(network)
        except (LookupError, TypeError, ValueError, RuntimeError):
            raise InputError(
                f"{self.source}: the numbers do not fit a network of the sizes that the file states; it was damaged or "
                "changed, so take another"
            ) from None
        if not all(bool(value.isfinite().all()) for value in network.parameters()):
            raise InputError(f"{self.source}: it holds numbers that are not finite; take other weights")
        return network

    def into(self, network: nn.Module) -> nn.Module:
        """Fill a network of the same sizes; what belongs to training is left out."""
        own = {name: value.float() for name, value in self.tensors.items() if not name.startswith("training.")}
        network.load_state_dict(own)
        return network.eval().requires_grad_(False)


def architecture(name: str) -> type[nn.Module]:
    """The class of the network called `name`, ours or a plug-in's.

    Raises
    ------
    InputError : where there is none.
    """
    found: type[nn.Module] = OURS[name] if name in OURS else NETWORKS[name].architecture
    return found


def load_weights(path: str | Path, network: str, channels: Sequence[str] | None = None) -> Weights:
    """Weights from a file.

    Parameters
    ----------
    path : of a .safetensors file.
    network : kind of network that they must be for ('neuph', ...); '' for any.
    channels : names of what it is shown, which must be theirs; None: not looked at.

    Raises
    ------
    InputError : where the file is missing, damaged, for another network or other inputs, or from a newer version.
    """
    from safetensors import SafetensorError, safe_open

    path, training = Path(path), f"neuralfield train {network or 'NAME'}"
    if path.exists() or path.is_symlink():
        regular(path)
    try:
        with safe_open(path, framework="pt") as file:
            said = dict(file.metadata() or {})
            ours = said.pop("format", None) == FORMAT
            header = {name: json.loads(value) for name, value in said.items()} if ours else {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; weights are made by: {training}") from None
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a file of weights ({error}); weights are .safetensors files") from None
    if not ours:
        raise InputError(f"{path}: the file does not say it holds weights for this program; make some with: {training}")
    version = header.pop("version", None)
    if version != VERSION:
        raise InputError(
            f"{path}: the weights are of version {version}, this program reads version {VERSION}; "
            f"make new ones with: {training}"
        )
    if network and header.get("network") != network:
        raise InputError(f"{path}: the weights are for {header.get('network')!r}, not for {network!r}; choose others")
    own = header.get("channels")
    if channels is not None and own is not None and list(own) != list(channels):
        raise InputError(
            f"{path}: the weights are for other inputs ({', '.join(map(str, own))}) than {network} makes of frames "
            f"({', '.join(channels)}); choose others"
        )
    return Weights(tensors, header, str(path))


def shipped(network: str) -> Weights:
    """The weights that come with the package."""
    with resources.as_file(resources.files(__package__) / SHIPPED / f"{network}.safetensors") as path:
        return load_weights(path, network)


def metadata(header: dict[str, Any]) -> dict[str, str]:
    """A header as safetensors keeps it."""
    return {"format": FORMAT, "version": str(VERSION)} | {name: json.dumps(value) for name, value in header.items()}
