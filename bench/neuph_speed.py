"""How long a local conditional network takes from five frames to a 6 x finer phase: ours against a direct port.

`python -m bench.neuph_speed [--pixels 250] [--no-port]`. One thread, processor seconds, each candidate in a process
of its own for its peak memory: the published size by the direct port and by ours (the same random weights, so the
answers are compared), and the network that comes with the package.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_neuralfield.fields.local_conditional import LocalConditionalField
from napari_neuralfield.fields.placement import Placement
from napari_neuralfield.networks.encoder import LocalConditionalNetwork
from napari_neuralfield.networks.pretrained import shipped
from napari_neuralfield.types import Extent

from . import plain_neuph
from .worker import peak_mb

PUBLISHED: dict[str, Any] = {}  # the defaults are the paper's: 3 encoders, 32 blocks of 128, perceptron 256 x 5
UPSAMPLING = 6
OUT = Path(__file__).parent / "out"


def network(which: str) -> LocalConditionalNetwork:
    """The published size with fixed random weights, or the shipped network."""
    if which == "shipped":
        weights = shipped("neuph")
        made = LocalConditionalNetwork(**weights.header["sizes"])
        weights.into(made)
        return made
    torch.manual_seed(0)
    made = LocalConditionalNetwork(**PUBLISHED).eval().requires_grad_(False)
    with torch.no_grad():
        made.last.weight *= 30  # so that the answer has the size of a phase
    return made


def channels(which: LocalConditionalNetwork, pixels: int) -> torch.Tensor:
    """Input (channel, y, x)."""
    count = sum(len(group) for group in which.groups)
    return torch.randn(count, pixels, pixels, generator=torch.Generator().manual_seed(1))


def measure(candidate: str, pixels: int) -> dict[str, Any]:
    """Seconds and peak memory of one candidate; its answer goes to a file."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    made = network("shipped" if candidate == "shipped" else "published")
    images = channels(made, pixels)
    axis = plain_neuph.grid_axis(pixels, UPSAMPLING)
    before = peak_mb()
    began = time.process_time()
    if candidate == "port":
        answer = plain_neuph.render(made, images[None], UPSAMPLING)[0]
    else:
        extent = Extent((0.0, 0.0), (pixels * UPSAMPLING,) * 2, 1 / UPSAMPLING)
        field = LocalConditionalField.of(made, images, Placement(1.0), extent)
        answer = field.render(0.0, axis.numpy(), axis.numpy())[0]
    seconds = time.process_time() - began
    np.save(OUT / f"neuph_{candidate}.npy", answer.numpy())
    return {"candidate": candidate, "cpu_s": seconds, "peak_mb": peak_mb(), "before_mb": before}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.neuph_speed", description=__doc__)
    parser.add_argument("--pixels", type=int, default=250, help="side of the frames")
    parser.add_argument("--no-port", action="store_true", help="leave the direct port out: it takes minutes")
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    if options.one:
        print(json.dumps(measure(options.one, options.pixels)))
        return
    rows = []
    for candidate in ("ours", "shipped", *(() if options.no_port else ("port",))):
        command = [sys.executable, "-m", "bench.neuph_speed", "--one", candidate, "--pixels", str(options.pixels)]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print(f"{candidate}: {rows[-1]['cpu_s']:.2f} s of processor, peak {rows[-1]['peak_mb']:.0f} MB", flush=True)
    if not options.no_port:
        ours, port = (np.load(OUT / f"neuph_{name}.npy") for name in ("ours", "port"))
        difference = float(np.abs(ours - port).max())
        seconds = {row["candidate"]: row["cpu_s"] for row in rows}
        print(
            f"port / ours {seconds['port'] / seconds['ours']:.1f}, port / shipped "
            f"{seconds['port'] / seconds['shipped']:.0f}; largest difference {difference:.2g} of an answer whose "
            f"deviation is {float(port.std()):.2g}"
        )


if __name__ == "__main__":
    main()
