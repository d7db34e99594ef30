"""How long a network takes from one frame to a 4 x finer phase, and how much memory: `python -m bench.srqpi_speed`.

A frame of 512 x 512 pixels becomes a phase of 2048 x 2048, by the network in the package and, on a smaller frame, by
one of the published size with random numbers; one thread, processor seconds, each in a process of its own for its peak
memory. `--device cuda` instead gives milliseconds by the clock on a graphics card, both at the full size.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

import numpy as np
import torch

from napari_neuralfield.data.acquisition import ThroughFocus
from napari_neuralfield.fields.super_resolved import SuperResolvedField
from napari_neuralfield.networks.pretrained import shipped
from napari_neuralfield.networks.unet import UNet
from napari_neuralfield.recon.focus.network_inputs import Defocus, inputs_of

from .worker import peak_mb

NAME = "srqpi"
WARMING, REPEATS = 3, 10


def network(which: str) -> Any:
    """The network of the package, or one of the published size with random numbers."""
    if which == "shipped":
        return shipped(NAME).network()
    torch.manual_seed(0)
    return UNet().eval().requires_grad_(False)  # its defaults are the paper's


def recorded(pixels: int) -> ThroughFocus:
    """A frame of noise: time does not depend on what is seen."""
    noise = np.random.default_rng(0).normal(1, 0.02, (1, pixels, pixels)).astype(np.float32)
    return ThroughFocus(
        frames=noise, wavelength_um=0.53, objective_na=0.4, condenser_na=0.16, pixel_um=2.6, z_um=np.array([4.0]),
        source="noise",
    )  # fmt: skip


def answer(made: Any, acquisition: ThroughFocus, device: torch.device) -> torch.Tensor:
    """The whole phase (Y, X) of the frame: its channels, then the network piece by piece."""
    channels = inputs_of(torch.from_numpy(acquisition.frames[0]).to(device), Defocus.of(acquisition, 0))
    field = SuperResolvedField.of(NAME, made, channels, acquisition.pixel_um)
    return field.pixels(*(slice(0, n) for n in field.extent.shape))[0]


@torch.no_grad()
def on_processor(which: str, pixels: int) -> dict[str, Any]:
    """Processor seconds and peak memory, MB."""
    torch.set_num_threads(1)
    made, acquisition = network(which), recorded(pixels)
    before, began = peak_mb(), time.process_time()
    found = answer(made, acquisition, torch.device("cpu"))
    seconds = time.process_time() - began
    assert bool(torch.isfinite(found).all())
    return {"which": which, "pixels": pixels, "cpu_s": seconds, "peak_mb": peak_mb(), "before_mb": before}


@torch.no_grad()
def on_card(which: str, pixels: int, device: torch.device) -> dict[str, Any]:
    """Median milliseconds of the network in half precision, and of all from frame to phase in single precision."""
    made, acquisition = network(which).to(device), recorded(pixels)
    channels = inputs_of(torch.from_numpy(acquisition.frames[0]).to(device), Defocus.of(acquisition, 0))[None]
    half = channels.to(memory_format=torch.channels_last)

    def alone() -> None:
        with torch.autocast(device.type, torch.float16):
            made(half)

    whole = milliseconds(lambda: answer(made, acquisition, device))
    made = made.to(memory_format=torch.channels_last)
    return {"which": which, "pixels": pixels, "whole_ms": whole, "network_ms": milliseconds(alone)}


def milliseconds(work: Any) -> float:
    """Median time by the clock of `work` on the card."""
    times = []
    for _ in range(WARMING + REPEATS):
        torch.cuda.synchronize()
        began = time.perf_counter()
        work()
        torch.cuda.synchronize()
        times.append(1e3 * (time.perf_counter() - began))
    return float(np.median(times[WARMING:]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.srqpi_speed", description=__doc__)
    parser.add_argument("--pixels", type=int, default=512, help="side of the frame")
    parser.add_argument("--published-pixels", type=int, default=128, help="likewise for the published size; 0: none")
    parser.add_argument("--device", default="cpu", help="cpu, or a graphics card such as cuda")
    parser.add_argument("--one", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    device = torch.device(options.device)
    if options.one:
        print(json.dumps(on_processor(options.one, options.pixels)))
        return
    if device.type != "cpu":
        for which in ("shipped", "published"):
            row = on_card(which, options.pixels, device)
            print(
                f"{which}, {options.pixels} x {options.pixels}: {row['whole_ms']:.1f} ms from frame to phase in single "
                f"precision, {row['network_ms']:.1f} ms the network alone in half precision"
            )
        return
    for which, pixels in (("shipped", options.pixels), ("published", options.published_pixels)):
        if pixels:
            command = [sys.executable, "-m", "bench.srqpi_speed", "--one", which, "--pixels", str(pixels)]
            row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            print(
                f"{which}, {pixels} x {pixels}: {row['cpu_s']:.2f} s of processor, peak {row['peak_mb']:.0f} MB, "
                f"{row['before_mb']:.0f} of them before the frame",
                flush=True,
            )


if __name__ == "__main__":
    main()
