"""FPM-INR's patch-size curve against per-slice fits: `python -m bench.papers.fpm_inr_tables --sizes 32 48 64`

Zhou, Feng, Guo, Lin, Liang, Metzler, Yang, Optica 10, 1679 (2023). Frames of a tilted slide of cells, whose depths are
known: time, memory of the result, and the error of every cell in its own focus.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch

from bench.markdown import grid
from napari_neuralfield import METHODS, Done, build_recipe
from napari_neuralfield.data.acquisition import LedArray
from napari_neuralfield.recon.engine.image_scores import aligned
from napari_neuralfield.simulate.simulators import tilted_slide
from napari_neuralfield.types import Field

SEED, TILT_UM = 3, 6.0
Ways = dict[str, tuple[str, dict[str, Any]]]  # method and options by name
WAYS: Ways = {"fpm-inr, distilled": ("fpm-inr", {}), "fpm-per-slice": ("fpm-per-slice", {})}
THICK = {"pixels": 32, "objective_na": 0.4, "led_limit_na": 0.38, "pixel_um": 0.25, "tilt_um": 15.0}
THICK_WAYS: Ways = {
    "fpm-inr, published": ("fpm-inr", {
        "fit": "published", "features": 24, "depth_nodes": 6, "uniform_depths": 6, "random_depths": 3, "epochs": 6,
        "output": "polar", "interpolation": "bilinear",
    }),
    "fpm-inr, distilled": ("fpm-inr", {"features": 24}),
    "fpm-per-slice, 121 planes": ("fpm-per-slice", {"planes": 121, "passes": 5}),
}  # fmt: skip


def held(field: Field) -> int:
    """Bytes of all that a field consists of."""
    return sum(tensor.numel() * tensor.element_size() for tensor in field.state_dict().values())


def errors(field: Field, truth: Any) -> tuple[float, float]:
    """Mean squared error of the amplitude, and relative error of the complex field, of the cells in their own focus."""
    count, pixel = truth["object"].shape[-1], float(truth["pixel_um"])
    axis, depths = np.arange(count) * pixel, np.asarray(truth["cell_z_um"])
    squares, differences, energy = [], 0.0, 0.0
    for mask, z in zip(np.asarray(truth["cell_masks"], bool), depths, strict=True):
        if not mask.any():
            continue
        found = aligned(np.asarray(field.render(float(z), axis, axis)[0]), truth["object"], mask)
        squares.append((np.abs(found) - np.abs(truth["object"]))[mask] ** 2)
        differences += float((np.abs(found - truth["object"])[mask] ** 2).sum())
        energy += float((np.abs(truth["object"])[mask] ** 2).sum())
    return float(np.concatenate(squares).mean()), (differences / energy) ** 0.5


def row(way: str, ways: Ways, acquisition: LedArray, truth: Any, tilt_um: float) -> dict[str, str]:
    """What one of the `ways` takes over depths of -tilt_um to tilt_um, and how far off it is."""
    method, values = ways[way]
    began, z_um = time.process_time(), (-tilt_um, tilt_um)
    done = [e for e in METHODS[method].run(acquisition, build_recipe(method, {**values, "z_um": z_um}))
            if isinstance(e, Done)]  # fmt: skip
    spent, field = time.process_time() - began, done[-1].result.field
    square, relative = errors(field, truth)
    return {
        "frame, px": str(acquisition.frame_shape[0]), "who": way, "CPU s": f"{spent:.1f}",
        "result, MB": f"{held(field) / 1e6:.2f}", "L2 of amplitude": f"{square:.2e}", "error": f"{relative:.3f}",
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[32, 48, 64], help="of the frames, pixels per axis")
    torch.set_num_threads(1)
    worlds: list[tuple[dict[str, Any], Ways]] = [
        ({"pixels": pixels, "tilt_um": TILT_UM}, WAYS) for pixels in parser.parse_args().sizes
    ]
    for part in (worlds, [(THICK, THICK_WAYS)]):
        rows = []
        for world, ways in part:
            acquisition, truth = tilted_slide(SEED, **world)
            rows += [row(way, ways, acquisition, truth, world["tilt_um"]) for way in ways]
            print(rows[-len(ways) :], flush=True)
        print(grid(rows), flush=True)
    print(f"{time.process_time() / 60:.1f} CPU minutes in all")


if __name__ == "__main__":
    main()
