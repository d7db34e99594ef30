"""Blind far-field scans of many kinds, counted: `python -m bench.scan_worlds [N] [--first SEED] [--method NAME]`.

Aperture, defocus of either sign, central stop, aberrations, counts of a frame (1e3 to 1e6), overlap (55 to 80 %), path
and partial coherence of each scan are random; the file says nothing of the probe. `ncc` is |<found, true>| of the
complex object where it was lit, slope of the phase and common shift taken out; `flat` is that of an empty object.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from .scan_truth import aligned

GOOD = 0.95
FARTHEST = 8  # pixels by which object and probe may lie elsewhere together
WAVELENGTH_UM, DISTANCE_UM, DETECTOR_UM = 1.5e-4, 2e6, 55.0
COLUMNS = (
    "seed", "side", "frames", "spot", "radius", "stop", "waves", "blur", "counts", "overlap", "path", "object",
    "flat", "misfit", "floor", "cpu", "ncc",
)  # fmt: skip


def drawn(seed: int) -> dict[str, Any]:
    """What is random of the world of this seed; lengths in pixels of the object, `radius` in cycles per pixel."""
    rng = np.random.default_rng(70_000 + seed)
    side = int(rng.choice([64, 80, 96]))
    found: dict[str, Any] = {
        "side": side,
        "frames": int(rng.integers(80, 150)),
        "radius": float(rng.uniform(0.14, 0.3)),
        "stop": float(rng.choice([0.0, rng.uniform(0.2, 0.5)])),
        "sign": int(rng.choice([-1, 1])),
        "spot": float(rng.uniform(0.18, 0.55) * side),
        "waves": float(rng.choice([0.0, 0.0, rng.uniform(0.05, 0.2)])),
        "blur": float(rng.choice([0.0, 0.0, rng.uniform(0.2, 0.5)])),
        "counts": float(10 ** rng.uniform(3, 6)),
        "overlap": float(rng.uniform(0.55, 0.8)),
        "path": str(rng.choice(["spiral", "spiral", "jittered raster"])),
        "object": str(rng.choice(["cells", "texture", "star", "bars"])),
        "strength": float(rng.uniform(1.0, 2.0)),
    }
    return found


def beam(world: dict[str, Any], rng: np.random.Generator) -> np.ndarray:
    """The probe (mode, y, x) of total energy 1: an aperture, out of focus, aberrated, of a source that is no point.

    Geometry alone makes a spot of `spot` pixels; one of fewer than an Airy disc is in focus.
    """
    n, radius = world["side"], world["radius"]
    fy, fx = np.fft.fftfreq(n)[:, None], np.fft.fftfreq(n)[None, :]
    f = np.hypot(fy, fx)
    open_part = np.clip((radius - f) * n + 0.5, 0, 1) * np.clip((f - world["stop"] * radius) * n + 0.5, 0, 1)
    y, x = fy / radius, fx / radius
    terms = (y * y - x * x, 2 * x * y, (3 * f**2 / radius**2 - 2) * y, (3 * f**2 / radius**2 - 2) * x)
    bent = sum(c * t for c, t in zip(rng.normal(0, 1, 4), terms, strict=True))
    bent *= world["waves"] / max(float(np.sqrt((bent**2 * open_part).sum() / open_part.sum())), 1e-9)
    wide = max(0.0, world["spot"] - 1.22 / radius)
    phase = np.pi * world["sign"] * wide / (2 * radius) * f**2 + 2 * np.pi * bent
    wave = open_part * np.exp(1j * (phase - 2 * np.pi * (n // 2) * (fy + fx)))
    if not world["blur"]:
        probe = np.fft.ifft2(wave)[None]
    else:
        moves = world["blur"] * 0.61 / radius * np.array([[a, b] for a in (-1, 0, 1) for b in (-1, 0, 1)])
        shares = np.array([a * b for a in (1, 2, 1) for b in (1, 2, 1)]) / 16
        every = [np.sqrt(s) * np.fft.ifft2(wave * np.exp(-2j * np.pi * (m[0] * fy + m[1] * fx)))
                 for s, m in zip(shares, moves, strict=True)]  # fmt: skip
        _, size, right = np.linalg.svd(np.reshape(every, (9, -1)), full_matrices=False)
        probe = (size[:5, None] * right[:5]).reshape(-1, n, n)
    return probe / np.linalg.norm(probe)


def made(seed: int, **changes: Any) -> tuple[Any, dict[str, np.ndarray], dict[str, Any]]:
    """The scan of this `seed`, its truth, and what was drawn; `changes` are values of `drawn` that are set."""
    from napari_neuralfield.data.acquisition import Ptychography
    from napari_neuralfield.simulate.phantoms import PHANTOMS
    from napari_neuralfield.simulate.recording import recorded
    from napari_neuralfield.simulate.scan_optics import far_field_frames, spiral
    from napari_neuralfield.simulate.scans import _truth
    from napari_neuralfield.simulate.spectra import low_pass

    world, rng = drawn(seed) | changes, np.random.default_rng(seed)
    n, pixel = world["side"], WAVELENGTH_UM * DISTANCE_UM / (world["side"] * DETECTOR_UM)
    probe = beam(world, rng)
    light = (np.abs(probe) ** 2).sum(0)
    lit = 2 * float(np.sqrt(light.sum() ** 2 / (light**2).sum() / np.pi))
    step = (1 - world["overlap"]) * lit
    count = world["frames"]
    if world["path"] == "spiral":
        points = spiral(count, step) + rng.uniform(0, 1, 2)
    else:
        points = step * np.stack(np.divmod(np.arange(count), int(np.ceil(count**0.5))), 1)
        points = points + (world["path"] != "raster") * rng.uniform(-0.25, 0.25, points.shape) * step
    corners = points - np.floor(points.min(0)) + n
    reach = np.ceil(corners.max(0)).astype(int) + 2 * n
    thick = 1 + PHANTOMS[world["object"]]((int(reach[0]), int(reach[1])), rng)[0].sum(0)
    thick = np.abs(thick) * np.exp(1j * world["strength"] * np.angle(thick))
    sample = low_pass(thick, 1.0, 0.4)
    frames = far_field_frames(sample, world["counts"] ** 0.5 * probe, corners)
    acquisition = recorded(
        Ptychography, rng.poisson(frames).astype(np.float32), "blind far-field scan", geometry="far_field",
        wavelength_um=WAVELENGTH_UM, detector_pixel_um=DETECTOR_UM, distance_um=DISTANCE_UM, object_pixel_um=pixel,
        positions_um=corners * pixel,
    )  # fmt: skip
    return acquisition, _truth(sample, corners, corners, light, pixel) | {"probe": probe}, world | {"lit": lit}


def likeness(result: Any, truth: dict[str, Any]) -> float:
    """|<found, true>| of the object where it was seen, the whole pixels of the common shift tried one by one."""
    target, pixel, seen = truth["object"].astype(complex), truth["pixel_um"], truth["seen"]
    y, x = (o + pixel * np.arange(-FARTHEST, n + FARTHEST) for o, n in zip(truth["origin_um"], seen.shape, strict=True))
    found = result.field.render([0.0], y, x)[0].detach().cpu().numpy().astype(complex)
    shape = tuple(2 * n for n in seen.shape)

    def moved(at: tuple[int, ...]) -> np.ndarray:
        return found[at[0] : at[0] + seen.shape[0], at[1] : at[1] + seen.shape[1]]

    def rough(at: tuple[int, ...]) -> float:
        here = moved(at)
        return float(np.abs(np.fft.fft2(here * target.conj() * seen, shape)).max() / np.linalg.norm(here[seen]))

    best = max(np.ndindex(2 * FARTHEST + 1, 2 * FARTHEST + 1), key=rough)
    return float(np.sqrt(1 - aligned(moved(best), target, seen)["error"] ** 2))


def trial(seed: int, method: str, options: dict[str, Any]) -> dict[str, Any]:
    """What became of the world of this seed."""
    from napari_neuralfield import Done, Note, build_recipe, reconstruct

    acquisition, truth, world = made(seed)
    frames = acquisition.intensity()
    target = truth["object"][truth["seen"]]
    began = time.process_time()
    for event in reconstruct(acquisition, build_recipe(method, options)):
        if isinstance(event, Note):
            print(f"   {seed}: {event.text}", flush=True)
        if isinstance(event, Done):
            result = event.result
    cpu = time.process_time() - began
    return world | {
        "seed": seed, "cpu": cpu, "ncc": likeness(result, truth),
        "flat": abs(target.sum()) / np.sqrt(target.size * (np.abs(target) ** 2).sum()),
        "spot": world["sign"] * world["lit"],
        "misfit": result.figures["relative_amplitude_error"],
        "floor": np.sqrt(np.minimum(0.25, frames).sum() / frames.sum()),
    }  # fmt: skip


def told(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)[:8]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scan_worlds", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=10, metavar="N", help="scans; 10 where not given")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="seed of the first")
    parser.add_argument("--method", default="residual-field", help="the recommended one where not given")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the method")
    given = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    options: dict[str, Any] = dict(text.split("=", 1) for text in given.option)
    print(*(name.rjust(8) for name in COLUMNS), flush=True)
    rows = []
    for seed in range(given.first, given.first + given.count):
        rows.append(trial(seed, given.method, options))
        print(*(told(rows[-1][name]).rjust(8) for name in COLUMNS), flush=True)
    good = sum(row["ncc"] >= GOOD for row in rows)
    print(f"{good} of {len(rows)} with ncc >= {GOOD}; {sum(row['cpu'] for row in rows) / len(rows):.1f} CPU s each")


if __name__ == "__main__":
    main()
