"""Foreign samples under foreign LED-pattern microscopes, and how well networks and DPC see them.

`python -m bench.foreign.pattern_worlds [--set validation] [--each 4] [--weights FILE] [--methods neuph ...]` prints a
line for each world and the means of each kind. The physics is the plain sum of `simulate.patterns`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from napari_neuralfield.data.acquisition import Draft, MultiplexedLed
from napari_neuralfield.optics.patterns import halves_and_arcs
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.simulate.led_optics import aberrated_pupil
from napari_neuralfield.simulate.patterns import pattern_frames
from napari_neuralfield.types import Done, Result

from .scoring import Found, compared, light_of, within_of
from .shapes import TEST, VALIDATION, Draw

UPSAMPLING, FRAME, BORDER = 6, 72, 4
SEEDS = {"validation": 0, "test": 7_000_000}
CANONICAL = 1.625 * 0.1 / 0.63  # frame pixel, wavelengths / NA


def world(draw: Draw, seed: int) -> tuple[MultiplexedLed, np.ndarray]:
    """An acquisition, and its phase (y, x), rad, 6 x finer than its frames."""
    rng = np.random.default_rng(seed)
    phase = draw(FRAME * UPSAMPLING, UPSAMPLING, rng)
    na = float(rng.choice([0.1, 0.13, 0.16, 0.25, 0.3]))
    wavelength = float(rng.uniform(0.45, 0.68))
    pixel = CANONICAL * wavelength / na * rng.uniform(0.85, 1.12)
    limit, pitch = na * rng.uniform(3.0, 4.2), na * rng.uniform(0.35, 0.7)
    ticks = np.arange(-14, 15) * pitch
    leds = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1).reshape(-1, 2)
    if rng.random() < 0.3:  # rings of LEDs
        leds = np.concatenate([_ring(radius, pitch) for radius in np.arange(0, limit, pitch)])
    leds = leds[np.hypot(*leds.T) <= min(limit, 0.97)]
    axis, arcs = float(rng.choice([0, 45, 90, 135])), rng.uniform(0, 120)
    patterns = halves_and_arcs(leds, na, axis, [arcs, arcs + 120, arcs + 240])
    absorbed = rng.uniform(0, 0.25) * (phase - phase.min()) * (rng.random() < 0.6)
    pupil = aberrated_pupil({n: float(rng.normal(0, 0.2)) for n in (5, 6, 7, 8)}, na / wavelength)
    depth = wavelength / na**2
    frames = pattern_frames(
        np.exp(1j * phase - absorbed), leds, patterns, objective_na=na, wavelength_um=wavelength, pixel_um=pixel,
        upsampling=UPSAMPLING, z_um=float(rng.normal(0, 0.08)) * depth, pupil=pupil,
    )  # fmt: skip
    frames = frames / patterns[0].sum() + rng.uniform(0, 0.002)
    electrons = float(np.exp(rng.uniform(np.log(1500), np.log(30000))))
    noisy = rng.poisson(frames * electrons) + rng.normal(0, rng.uniform(0, 4), frames.shape)
    values = {"objective_na": na, "wavelength_um": wavelength, "pixel_um": pixel, "led_na": leds, "patterns": patterns}
    made = Draft("multiplexed_led", noisy.astype(np.float32), values, f"world-{seed}").complete()
    assert isinstance(made, MultiplexedLed)
    return made, phase


def _ring(radius: float, pitch: float) -> np.ndarray:
    turns = np.linspace(0, 2 * np.pi, max(1, round(2 * np.pi * radius / pitch)), endpoint=False)
    return radius * np.stack([np.sin(turns), np.cos(turns)], 1)


def scores(result: Result, acquisition: MultiplexedLed, phase: np.ndarray) -> dict[str, float]:
    """As `scoring.compared`, of the phase on the truth's pixels, borders left out."""
    return compared(found_by(result, acquisition), phase, BORDER * UPSAMPLING, within_of(result, UPSAMPLING))


def found_by(result: Result, acquisition: MultiplexedLed) -> torch.Tensor:
    """The phase (Y, X) on the truth's pixels."""
    axis = np.arange(FRAME * UPSAMPLING) * acquisition.pixel_um / UPSAMPLING
    return result.field.render(0.0, axis, axis)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=list(SEEDS), default="validation")
    parser.add_argument("--each", type=int, default=4, help="worlds of each kind")
    parser.add_argument("--weights", default="")
    parser.add_argument("--methods", nargs="+", default=["dpc", "neuph"])
    parser.add_argument("--out", type=Path, help="lines of JSON")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = Found(options.out)
    for kind, draw in (VALIDATION if options.set == "validation" else TEST).items():
        for number in range(options.each):
            acquisition, phase = world(draw, SEEDS[options.set] + number)
            for name in options.methods:
                method, _, preset = name.partition(":")
                chosen: dict[str, object] = {"weights": options.weights} if method == "neuph" else {}
                *_, last = reconstruct(acquisition, build_recipe(method, chosen, preset=preset or None))
                assert isinstance(last, Done)
                row = scores(last.result, acquisition, phase)
                found.add(kind, name, light_of(last.result), row, world=number)
    found.end()


if __name__ == "__main__":
    main()
