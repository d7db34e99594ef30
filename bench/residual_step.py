"""How long one optimizer step of a residual field takes: ours against a direct port of the paper, one thread.

`python -m bench.residual_step [--pixels 256] [--rounds 5]`. A step renders the whole field, predicts one coded frame,
differentiates and moves every parameter. Rounds take turns between the candidates, so that a busy machine is as
unkind to one as to the other; the median counts. The parts are measured by themselves.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from napari_neuralfield.fields.residual import ResidualField
from napari_neuralfield.recon.engine.adam import Adam
from napari_neuralfield.types import Extent

from . import plain_residual

PUBLISHED = {"encoding": "hash", "cap": False, "head": "phasor"}
PRESETS: dict[str, dict[str, Any]] = {
    "published": PUBLISHED,
    "published, levels end at the pixels": {**PUBLISHED, "cap": True},
    "hash pyramid, linear": {"encoding": "hash", "cap": False, "head": "linear"},
    "multigrid, relu": {"head": "relu"},
    "default: multigrid, linear": {},
}


def scene(pixels: int, binning: int = 4) -> tuple[torch.Tensor, ...]:
    """Measured amplitudes (1, y, x), and the optics that `plain_residual.frame` takes."""
    rng = torch.Generator().manual_seed(0)
    surface = torch.polar(torch.ones(pixels, pixels), 6 * torch.rand(pixels, pixels, generator=rng))
    f = torch.fft.fftfreq(pixels)
    kernel = torch.exp(-40j * (f[:, None] ** 2 + f[None, :] ** 2))
    amplitude = 0.5 + torch.rand(1, pixels // binning, pixels // binning, generator=rng)
    return amplitude, surface, kernel, torch.tensor([[1.3, 2.2]])


def forward_loss(field: torch.Tensor, amplitude: torch.Tensor, *optics: torch.Tensor) -> torch.Tensor:
    """The same loss of the same frame as the port's."""
    predicted = torch.sqrt(plain_residual.frame(field, *optics, 4) + 1e-12)
    return torch.nn.functional.smooth_l1_loss(predicted, amplitude) + 0.1 * plain_residual.haar(field) / field.numel()


def our_step(options: dict[str, Any], pixels: int) -> tuple[Callable[[], Any], ResidualField]:
    """One step of ours, as a function of nothing."""
    amplitude, *optics = scene(pixels)
    field = ResidualField(extent=Extent((0, 0), (pixels, pixels), 0.4), **options)
    optimizer = Adam(field.parameters(), 1e-3)
    return lambda: optimizer.step(forward_loss(field.at_pixels(), amplitude, *optics)), field


def plain_step(pixels: int) -> Callable[[], Any]:
    """One step of the direct port."""
    amplitude, *optics = scene(pixels)
    torch.manual_seed(0)
    model = plain_residual.PlainResidual((pixels, pixels))
    optimizer = plain_residual.adamw(model)
    return lambda: plain_residual.step(model, optimizer, amplitude, *optics, 4)


def cpu_ms(action: Callable[[], Any], times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        action()
    return 1e3 * (time.process_time() - began) / times


def parts_ms(field: ResidualField, pixels: int) -> dict[str, float]:
    """What a step is made of: pyramid and head forth and back, the frame's model forth and back."""
    amplitude, *optics = scene(pixels)
    features = field.pyramid().detach().requires_grad_()
    back = torch.randn_like(features)
    numbers = [features, *field.head.parameters()]
    image = field.at_pixels().detach().requires_grad_()
    out = torch.randn(2, features.shape[1])
    actions = {
        "pyramid_ms": lambda: torch.autograd.grad(field.pyramid(), list(field.pyramid.parameters()), back),
        "head_ms": lambda: torch.autograd.grad(field.head(features), numbers, out),
        "frame_ms": lambda: torch.autograd.grad(forward_loss(image, amplitude, *optics), [image]),
    }
    return {name: statistics.median(cpu_ms(action, 1) for _ in range(7)) for name, action in actions.items()}


def measure(pixels: int, rounds: int) -> list[dict[str, Any]]:
    """A row per candidate: CPU milliseconds of a step, times faster than the port, and its parts."""
    ours = {name: our_step(options, pixels) for name, options in PRESETS.items()}
    steps = {"direct port": plain_step(pixels), **{name: step for name, (step, _) in ours.items()}}
    found: dict[str, list[float]] = {name: [] for name in steps}
    for number in range(rounds + 1):
        for name, step in steps.items():
            spent = cpu_ms(step, 1 if name == "direct port" else 4)
            if number:  # the first warms up
                found[name].append(spent)
    medians = {name: statistics.median(spent) for name, spent in found.items()}
    rows = []
    for name, spent in medians.items():
        parts = parts_ms(ours[name][1], pixels) if name in ours else {}
        rows.append({"preset": name, "step_ms": spent, "times": medians["direct port"] / spent, **parts})
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| preset | step ms | times faster | pyramid | head | frame |",
        "| :--- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        parts = [f"{row[name]:.1f}" if name in row else "" for name in ("pyramid_ms", "head_ms", "frame_ms")]
        lines.append(f"| {row['preset']} | {row['step_ms']:.1f} | {row['times']:.1f} | {' | '.join(parts)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.residual_step", description=__doc__)
    parser.add_argument("--pixels", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", help="rows instead of a table")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = measure(options.pixels, options.rounds)
    print(json.dumps(rows, indent=1) if options.json else table(rows))


if __name__ == "__main__":
    main()
