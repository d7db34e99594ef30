"""safetensors whose bytes depend on what they hold alone: the library writes the names of its header in any order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from .atomic import writing

if TYPE_CHECKING:
    import torch

COUNT = 8  # bytes of the header's length, little-endian; what follows the header is aligned to as many


def save_tensors(path: str | Path, tensors: Mapping[str, torch.Tensor], header: Mapping[str, str]) -> None:
    """Write a safetensors file, whole or not at all.

    Parameters
    ----------
    path : of the file.
    tensors : by name, contiguous and on the processor.
    header : metadata by name.

    Raises
    ------
    InputError : where it cannot be written.
    """
    from safetensors.torch import save

    readable = {name: text.encode("utf-8", "replace").decode() for name, text in header.items()}  # names of any bytes
    content = memoryview(save(dict(tensors), metadata=readable))
    end = COUNT + int.from_bytes(content[:COUNT], "little")
    told = json.loads(bytes(content[COUNT:end]))
    told["__metadata__"] = dict(sorted(told["__metadata__"].items()))
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % COUNT)
    with writing(path) as temporary, temporary.open("wb") as file:
        for part in (len(text).to_bytes(COUNT, "little"), text, content[end:]):
            file.write(part)
