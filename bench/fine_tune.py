"""Does fine-tuning help a microscope whose LED board is another? `python -m bench.fine_tune --pitch 1.3 --limit 3.0`

Scenes are simulated under the other board; the shipped weights are trained on for some steps in several ways, and
each is judged on the same unseen scenes, under the other board and under the usual one.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch

from napari_neuralfield.data.acquisition import MultiplexedLed
from napari_neuralfield.networks.pretrained import Weights, shipped
from napari_neuralfield.optics.patterns import halves_and_arcs
from napari_neuralfield.recon.patterns.network_inputs import CANONICAL, inputs_of
from napari_neuralfield.recon.training.material import Material
from napari_neuralfield.recon.training.networks import recipe_for
from napari_neuralfield.recon.training.neuph import train
from napari_neuralfield.recon.training.pattern_stream import Board, TrainingStream, Variety
from napari_neuralfield.recon.training.trainer import Trained

SIZE, SCENES, SEED = 96, 8, 77  # frame pixels, unseen scenes, and the seed of both
WAYS = ("usual", "like", "frames")
Scene = tuple[MultiplexedLed, torch.Tensor]


def scenes(pitch: float, limit: float) -> list[Scene]:
    """Acquisitions and phases (Y, X) under a board of `pitch` (of the usual one) that ends at `limit` NA."""
    ticks = np.arange(-12, 13) * CANONICAL.pitch * pitch
    na = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1).reshape(-1, 2)
    na = na[np.hypot(*na.T) <= limit]
    patterns = halves_and_arcs(na, 1.0, CANONICAL.axis_deg, CANONICAL.arcs_deg)
    stream = TrainingStream(
        CANONICAL, Variety(), boards=1, pool=1, seed=SEED, size=SIZE,
        board=lambda optics, variety, size, rng: Board(optics, na, patterns, 0.0, size),
    )  # fmt: skip
    made = []
    for _ in range(SCENES):
        clean, phase, _ = stream.scene()
        frames = (stream.noisy(clean) * float(patterns[:2].sum(1).mean())).numpy()
        optics: dict[str, Any] = {"wavelength_um": 0.63, "objective_na": 0.1, "pixel_um": 1.625}
        made.append((MultiplexedLed(frames=frames, led_na=0.1 * na, patterns=patterns, **optics), phase.float()))
    return made


@torch.no_grad()
def score(weights: Weights, judged: list[Scene]) -> tuple[float, float]:
    """Mean over scenes of the rms error without its mean, rad, and of the correlation."""
    network = weights.network()
    axis, rows = torch.arange(SIZE * CANONICAL.upsampling) / CANONICAL.upsampling, []
    for acquisition, truth in judged:
        answer = network.on_grid(network.encode(inputs_of(acquisition).channels[None]), axis, axis)[0, 0]
        both = torch.stack([answer.flatten(), truth.flatten()])
        rows.append((float((answer - truth).std()), float(torch.corrcoef(both)[0, 1])))
    error, correlation = np.mean(rows, axis=0)
    return float(error), float(correlation)


def material(way: str, example: MultiplexedLed) -> Material:
    """Of the three ways: the usual boards, boards like the example's, and its frames too."""
    if way == "usual":
        return Material()
    return Material(like=example, frames=example if way == "frames" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pitch", type=float, default=1.3, help="of the LEDs, over the usual one")
    parser.add_argument("--limit", type=float, default=3.0, help="steepest LED, over the objective's NA")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--frames-weight", type=float, default=5.0)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    options = parser.parse_args()
    start, other, usual = shipped("neuph"), scenes(options.pitch, options.limit), scenes(1.0, CANONICAL.limit)

    def tell(name: str, weights: Weights, seconds: float) -> None:
        there, here = score(weights, other), score(weights, usual)
        print(
            f"| {name} | {seconds:.0f} | {there[0]:.4f} | {there[1]:.3f} | {here[0]:.4f} | {here[1]:.3f} |", flush=True
        )

    print(
        "| trained on | CPU s | error of the example, rad | of all | correlation | on the usual board | correlation |"
    )
    print("|---|---|---|---|---|---|---|")
    tell(f"as shipped ({start.header['steps']} steps)", start, 0)
    chosen = {"steps": options.steps, "frames_weight": options.frames_weight, "validate_every_s": 1e9, "seed": 1}
    recipe: Any = recipe_for("neuph", chosen, start)
    for way in options.ways:
        began = time.process_time()
        last = [event for event in train(recipe, start, material(way, other[0][0])) if isinstance(event, Trained)][-1]
        tell(f"{way}, {options.steps} steps", last.weights, time.process_time() - began)


if __name__ == "__main__":
    main()
