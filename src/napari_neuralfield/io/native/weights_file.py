"""Weights of a network to a file: whole or not at all, in half precision where their training is over."""

from __future__ import annotations

from pathlib import Path

from ...networks.pretrained import Weights, metadata
from ...types import InputError
from .tensor_file import save_tensors


def save_weights(path: str | Path, weights: Weights, half: bool) -> None:
    """Write `path`, .safetensors, as `networks.pretrained.load_weights` reads it.

    Parameters
    ----------
    weights : numbers and header of a network.
    half : store the network's numbers in half precision; what training needs stays in single.

    Raises
    ------
    InputError : where it cannot be written, or numbers are not finite.
    """
    from ...fields.finite import what_is_not_finite

    if said := what_is_not_finite(weights.tensors):
        raise InputError(f"{path}: nothing is written, for the training has run away ({said}); lower its learning_rate")
    tensors = {
        name: value.half() if half and value.is_floating_point() and not name.startswith("training.") else value
        for name, value in weights.tensors.items()
    }
    save_tensors(path, {name: value.contiguous() for name, value in tensors.items()}, metadata(weights.header))
