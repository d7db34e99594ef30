"""Random scans, reconstructed one after the other: `python -m bench.scan_stress KIND METHOD [N] [--first SEED]`.

KIND is far-field, far-field-raster, near-field, coded, coded-open, coded-surface-unknown or coded-fpm. Phantom,
overlap, number of frames, brightness and, with --positions PX, errors of the positions differ from seed to seed.
`misfit` is the relative amplitude error of the frames, `floor` that of perfect frames with the same noise.
"""

from __future__ import annotations

import argparse
import ast
import time
import traceback
from collections.abc import Callable
from typing import Any

import numpy as np

from .scan_truth import compare

COLUMNS = {
    "seed": "{seed:4d}", "phantom": "{phantom:7s}", "frames": "{frames:6d}", "light": "{light:8.2g}",
    "overlap": "{overlap:7.2f}", "cpu s": "{cpu:6.1f}", "error": "{error:6.4f}", "fine": "{fine:6.4f}",
    "misfit": "{misfit:6.4f}",
    "floor": "{floor:6.4f}", "shift px": "{shift_px:8.3f}", "ramp rad": "{ramp_rad:8.3f}",
    "pos given": "{before_px:9.3f}", "found px": "{positions_px:8.3f}",
}  # fmt: skip


def scene(kind: str, seed: int, positions_px: float) -> tuple[dict[str, Any], float]:
    """Keyword arguments of the simulator of `kind` for one random scan, and counts that intensity 1 stands for."""
    rng = np.random.default_rng(3000 + seed)
    phantom = ("cells", "texture", "star", "bars")[seed % 4]
    wrong = {"position_error_px": positions_px}
    if kind.startswith("far-field"):
        light = 10 ** rng.uniform(4.5, 6.5)
        path = "raster" if kind.endswith("raster") else "spiral"
        return {
            "phantom": phantom, "frames": int(rng.integers(60, 140)), "overlap": rng.uniform(0.55, 0.8),
            "counts": light, "path": path, **wrong,
        }, 1.0  # fmt: skip
    if kind == "near-field":
        return {
            "phantom": phantom, "frames": int(rng.integers(12, 40)), "spread": rng.uniform(8, 20),
            "counts": 10 ** rng.uniform(2.5, 4), **wrong,
        }, 1.0  # fmt: skip
    light = 10 ** rng.uniform(2.7, 3.7)
    if kind == "coded-fpm":
        return {"phantom": phantom, "electrons": 30 * light}, 30 * light
    given = {"phantom": phantom, "frames": int(rng.integers(20, 100)), "photons": light, **wrong}
    if kind == "coded-surface-unknown":
        given |= {"phantom": "smear", "surface_known": False, "frames": int(rng.integers(80, 160))}
    if kind == "coded-open":
        given |= {"periodic": False, "border": 192, "object_to_surface_um": 60.0, "surface_to_sensor_um": 120.0}
    return given, light


def simulator(kind: str) -> Callable[..., tuple[Any, dict[str, Any]]]:
    from napari_neuralfield.simulate.coded_fpm import coded_fpm
    from napari_neuralfield.simulate.scans import coded, far_field, near_field

    known: dict[str, Callable[..., tuple[Any, dict[str, Any]]]]
    known = {"far": far_field, "near": near_field, "coded": coded}
    return coded_fpm if kind == "coded-fpm" else known[kind.split("-")[0]]


def trial(
    kind: str, method: str, seed: int, positions_px: float, options: dict[str, Any], same: dict[str, Any]
) -> dict[str, Any]:
    """Simulate, reconstruct, compare."""
    from napari_neuralfield import Done, Note, build_recipe, reconstruct

    given, one = scene(kind, seed, positions_px)
    given |= same
    acquisition, truth = simulator(kind)(seed, **given)
    frames = acquisition.intensity()
    began = time.process_time()
    for event in reconstruct(acquisition, build_recipe(method, options)):
        if isinstance(event, Note) and event.level == "warning":
            print(f"   seed {seed}: {event.text}", flush=True)
        if isinstance(event, Done):
            result = event.result
    cpu = time.process_time() - began
    # the root of n counts deviates by 1/2, less where there are hardly any
    noise = np.minimum(0.25, frames * one) / one
    return {
        "seed": seed, "phantom": given["phantom"], "frames": acquisition.frame_count, "cpu": cpu,
        "light": given.get("counts", one), "overlap": given.get("overlap", np.nan),
        "misfit": result.figures["relative_amplitude_error"], "floor": float(np.sqrt(noise.sum() / frames.sum())),
        "positions_px": np.nan, "before_px": np.nan, **compare(result, truth),
    }  # fmt: skip


def read(text: str) -> Any:
    """A number or a word, as typed."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scan_stress", description=__doc__)
    parser.add_argument("kind", metavar="KIND")
    parser.add_argument("method", metavar="METHOD")
    parser.add_argument("count", nargs="?", type=int, default=8, metavar="N", help="scans; 8 where not given")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="seed of the first")
    parser.add_argument("--positions", type=float, default=0.0, metavar="PX", help="largest error of the positions")
    parser.add_argument("--scene", action="append", default=[], metavar="NAME=VALUE", help="of every simulation")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the method")
    given = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    print("  ".join(COLUMNS), flush=True)
    options = dict(text.split("=", 1) for text in given.option)
    same = {name: read(value) for name, value in (text.split("=", 1) for text in given.scene)}
    errors = []
    for seed in range(given.first, given.first + given.count):
        try:
            row = trial(given.kind, given.method, seed, given.positions, options, same)
        except Exception:  # the next scan is tried all the same
            traceback.print_exc()
            errors.append(np.inf)
            continue
        errors.append(row["error"])
        print("  ".join(text.format(**row).rjust(len(name)) for name, text in COLUMNS.items()), flush=True)
    worst = int(np.argmax(errors))
    print(f"error: median {np.median(errors):.4f}, worst {errors[worst]:.4f} (seed {given.first + worst})")


if __name__ == "__main__":
    main()
