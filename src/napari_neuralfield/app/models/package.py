"""A network as a package of bioimage.io: TorchScript that takes raw frames, an example, the model card."""

from __future__ import annotations

import datetime
import hashlib
import io
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from ... import __version__
from ...data.acquisition import Acquisition, MultiplexedLed, ThroughFocus
from ...io.native.atomic import writing
from ...networks import cards
from ...networks.pretrained import Weights, load_weights, shipped
from ...recon.focus.network_inputs import CHANNELS as FRAME
from ...recon.patterns.network_inputs import CHANNELS as PATTERNS
from ...registry import SIMULATORS
from ...types import InputError
from .raw_frames import RawModel, raw_model

FORMAT = "0.5.4"
EXAMPLES = {"neuph": "multiplexed-cells", "srqpi": "through-focus", "srcnn": "through-focus"}
CITE = {
    "neuph": ("Wang, Zhu, Li, Yang, Tian, Adv. Photon. Nexus 3, 056005 (2024)", "10.1117/1.APN.3.5.056005"),
    "srqpi": ("Zhou, Jin, Lu, Li, Zuo, Laser Photonics Rev. 18, 2300488 (2024)", "10.1002/lpor.202300488"),
    "srcnn": ("Dong, Loy, He, Tang, IEEE TPAMI 38, 295 (2016)", "10.1109/TPAMI.2015.2439281"),
}  # fmt: skip
AGREES = 1e-3  # rad, of the answer read back


def weights_named(network: str, path: Path | None) -> Weights:
    """Weights of a `network` from a file `path`, or those of the package.

    Raises
    ------
    InputError : where no such network can be exported, or the file holds none of its weights.
    """
    if network not in EXAMPLES:
        raise InputError(f"network {network!r} cannot be exported; those that can are {', '.join(EXAMPLES)}")
    channels = PATTERNS if network == "neuph" else FRAME
    return shipped(network) if path is None else load_weights(path, network, channels)


def export_model(target: Path, weights: Weights, like: Acquisition | None) -> RawModel:
    """Write `target`, .zip: the network of `weights` for raw frames of the microscope of `like`.

    Where `like` is None, for that of the virtual microscope of its kind.

    Raises
    ------
    InputError : where it cannot be written, or the network does not take such frames.
    """
    name = weights.header["network"]
    acquisition = SIMULATORS[EXAMPLES[name]](0)[0] if like is None else like
    if not isinstance(acquisition, MultiplexedLed | ThroughFocus):
        raise InputError(f"{acquisition.source or 'the acquisition'}: no network takes frames of {acquisition.kind}")
    model = raw_model(weights, acquisition)
    script, answer = scripted(model)
    card = cards.shown(Path(weights.source))
    files = {
        "weights.pt": script, "test_input.npy": _npy(model.frames.numpy()), "test_output.npy": _npy(answer),
        "README.md": f"# {name}\n\n{model.microscope}\n\n{cards.markdown(card, 'Model card')}".encode(),
    }  # fmt: skip
    described = yaml.safe_dump(_description(name, model, files, card), sort_keys=False, allow_unicode=True)
    files["rdf.yaml"] = described.encode()
    with writing(target) as path, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, content in files.items():
            archive.writestr(file, content)
    return model


def scripted(model: RawModel) -> tuple[bytes, np.ndarray]:
    """A `model` as TorchScript, which other programs run without this package, and its answer (1, 1, Y, X), rad."""
    with warnings.catch_warnings(), torch.enable_grad():  # the processor's own layers have no gradient, nor a script
        warnings.simplefilter("ignore")  # deprecated, and the only form that Java programs run; frames are of one size
        traced = torch.jit.trace(model.module, model.frames, check_trace=False)
        kept = io.BytesIO()
        torch.jit.save(traced, kept)
        kept.seek(0)
        answer = torch.jit.load(kept)(model.frames)
        away = float((answer - model.module(model.frames)).abs().max())
    if away > AGREES:
        raise InputError(f"the exported network is {away:.2g} rad from its original; report it, nothing is written")
    return kept.getvalue(), answer.detach().numpy()


def _npy(values: np.ndarray) -> bytes:
    kept = io.BytesIO()
    np.save(kept, values)
    return kept.getvalue()


def _description(name: str, model: RawModel, files: dict[str, bytes], card: cards.Card) -> dict[str, Any]:
    """rdf.yaml: see https://bioimage-io.github.io/spec-bioimage-io."""

    def file(key: str) -> dict[str, str]:
        return {"source": key, "sha256": hashlib.sha256(files[key]).hexdigest()}

    _, count, rows, columns = model.frames.shape
    names = [f"pattern{i}" for i in range(count)] if count > 1 else ["frame"]
    text, doi = CITE[name]
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {
        "type": "model", "format_version": FORMAT, "name": f"napari-neuralfield {name}", "version": "1.0.0",
        "description": f"{card['intended_use']} {model.microscope}"[:1000], "timestamp": now,
        "authors": [{"name": "The napari-neuralfield developers"}], "license": "BSD-3-Clause",
        "cite": [{"text": text, "doi": doi}], "documentation": "README.md",
        "tags": ["quantitative-phase-imaging", "napari-neuralfield", name],
        "inputs": [{
            "id": "frames", "axes": _axes(names, rows, columns), "test_tensor": file("test_input.npy"),
            "data": {"type": "float32"}, "description": "raw intensities, any unit",
        }],
        "outputs": [{
            "id": "phase", "axes": _axes(["phase"], rows * model.upsampling, columns * model.upsampling),
            "test_tensor": file("test_output.npy"), "data": {"type": "float32", "unit": "arbitrary unit"},
            "description": "phase in radians; its constant is not measured",
        }],
        "weights": {"torchscript": {**file("weights.pt"), "pytorch_version": torch.__version__.partition("+")[0]}},
        "config": {"napari-neuralfield": {"package_version": __version__, "card": card}},
    }  # fmt: skip


def _axes(names: list[str], rows: int, columns: int) -> list[dict[str, Any]]:
    return [
        {"type": "batch", "size": 1},
        {"type": "channel", "channel_names": names},
        {"type": "space", "id": "y", "size": rows},
        {"type": "space", "id": "x", "size": columns},
    ]
