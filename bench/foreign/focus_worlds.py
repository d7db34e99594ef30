"""Foreign samples under foreign bright-field microscopes through focus, and how well each method sees them.

`python -m bench.foreign.focus_worlds [--set validation] [--each 4] [--planes 1 3] [--methods srqpi tie-fft ...]` prints
a line for each world and the means of each kind. The physics is the plain sum of `simulate.through_focus`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from napari_neuralfield.data.acquisition import Draft, ThroughFocus
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.recommended import recommended
from napari_neuralfield.simulate.through_focus import GUARD, abbe_frames, passed
from napari_neuralfield.types import Done, Result

from .scoring import Found, compared, light_of, within_of
from .shapes import TEST, VALIDATION, Draw

UPSAMPLING, FRAME, BORDER = 4, 96, 6
SEEDS = {"validation": 1_000, "test": 8_000_000}
FRESNEL = (0.08, 0.9)  # of the farthest plane: wavelength z / pixel^2


def world(draw: Draw, seed: int, planes: int) -> tuple[ThroughFocus, np.ndarray]:
    """An acquisition of some planes evenly through focus (one: above it), and its phase (y, x), rad, 4 x finer."""
    rng = np.random.default_rng(seed)
    phase = draw((FRAME + 2 * GUARD) * UPSAMPLING, UPSAMPLING, rng)
    wavelength, objective = float(rng.uniform(0.45, 0.68)), float(rng.choice([0.25, 0.4, 0.5, 0.75]))
    pixel = wavelength / objective * rng.uniform(1.4, 2.2)
    condenser = objective * float(rng.choice([0.0, rng.uniform(0.1, 0.5)]))
    farthest = pixel**2 / wavelength * float(np.exp(rng.uniform(*np.log(FRESNEL))))
    z_um = np.linspace(-farthest, farthest, planes) if planes > 1 else np.array([farthest])
    optics = {"wavelength_um": wavelength, "objective_na": objective, "condenser_na": condenser}
    absorbed = rng.uniform(0, 0.08) * (phase - phase.min()) * (rng.random() < 0.3)
    light = passed(phase.shape, z_um, pixel_um=pixel / UPSAMPLING, **optics)  # type: ignore[arg-type]
    frames = abbe_frames(np.exp(1j * phase - absorbed), light, UPSAMPLING)[:, GUARD:-GUARD, GUARD:-GUARD]
    frames = frames * (1 + rng.normal(0, np.exp(rng.uniform(np.log(0.0015), np.log(0.008))), frames.shape))
    values = {**optics, "pixel_um": pixel, "z_um": z_um}
    made = Draft("through_focus", (frames * 1000).astype(np.float32), values, f"world-{seed}").complete()
    assert isinstance(made, ThroughFocus)
    inner = slice(GUARD * UPSAMPLING, -GUARD * UPSAMPLING)
    return made, phase[inner, inner]


def scores(result: Result, acquisition: ThroughFocus, phase: np.ndarray) -> dict[str, float]:
    """As `scoring.compared`, of the phase on the truth's pixels, borders left out."""
    return compared(found_by(result, acquisition), phase, BORDER * UPSAMPLING, within_of(result, UPSAMPLING))


def found_by(result: Result, acquisition: ThroughFocus) -> torch.Tensor:
    """The phase (Y, X) on the truth's pixels."""
    axis = (np.arange(FRAME * UPSAMPLING) - (UPSAMPLING - 1) / 2) * acquisition.pixel_um / UPSAMPLING
    return result.field.render(0.0, axis, axis)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=list(SEEDS), default="validation")
    parser.add_argument("--each", type=int, default=4, help="worlds of each kind")
    parser.add_argument("--planes", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--weights", default="")
    parser.add_argument("--methods", nargs="+", default=["srqpi", "tie-fft", "recommended"])
    parser.add_argument("--out", type=Path, help="lines of JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = Found(options.out)
    for kind, draw in (VALIDATION if options.set == "validation" else TEST).items():
        for planes in options.planes:
            for number in range(options.each):
                acquisition, phase = world(draw, SEEDS[options.set] + number, planes)
                for name in options.methods:
                    method, chosen = recommended(acquisition) if name == "recommended" else (name, {})
                    if planes == 1 and method.startswith("tie"):
                        continue
                    if options.weights and method == "srqpi":
                        chosen = {**chosen, "weights": options.weights}
                    *_, last = reconstruct(acquisition, build_recipe(method, chosen))
                    assert isinstance(last, Done)
                    row = scores(last.result, acquisition, phase)
                    row["explained"] = last.result.figures.get("contrast_explained", np.nan)
                    found.add(f"{kind}, {planes}", f"{name}, {planes}", light_of(last.result), row, world=number)
    found.end()


if __name__ == "__main__":
    main()
