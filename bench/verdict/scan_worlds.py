"""Random scans with known truth, small enough that an answer takes seconds, and one fault in half of them.

Three of five are far-field scans of `bench.scan_worlds` (half of them blind), the others near-field and coded ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_neuralfield.simulate.scans import coded, near_field

from ..scan_truth import fitted, without_slow
from ..scan_worlds import beam, drawn, made
from .scan_faults import FAULTS, SPOT, Scanned

FIRST = 40_000  # seed of the worlds' own: none that was used elsewhere


def recorded(seed: int, fault: str) -> tuple[Scanned, dict[str, Any]]:
    """The scan of a world and its truth.

    Parameters
    ----------
    seed : of the world. fault : one of FAULTS, or '' for none.
    """
    rng = np.random.default_rng([50, seed])
    kind = "far" if fault in SPOT else str(rng.choice(["far"] * 3 + ["near", "coded"]))
    acquisition, truth = {"far": _far, "near": _near, "coded": _coded}[kind](seed, fault, rng)
    return (FAULTS[fault](acquisition, rng) if fault else acquisition), truth


def error(result: Any, truth: Mapping[str, Any]) -> float:
    """Error of the complex object over the structure of the true one, what is slow left out; a flat one has 1."""
    target, pixel = truth["object"].astype(complex), truth["pixel_um"]
    y, x = (o + pixel * np.arange(n) for o, n in zip(truth["origin_um"], target.shape, strict=True))
    found = result.field.render([0.0], y, x)[0].detach().cpu().numpy().astype(complex)
    flat = without_slow(target, np.ones_like(target), truth["seen"])
    return fitted(found, target, truth["seen"])[0].get("fine", np.inf) / max(flat, 1e-9)


def _far(seed: int, fault: str, rng: np.random.Generator) -> tuple[Scanned, dict[str, Any]]:
    world: dict[str, Any] = {
        "side": 64, "frames": int(rng.integers(36, 64)), "counts": float(10 ** rng.uniform(3.7, 6)),
        "overlap": float(rng.uniform(0.6, 0.8)), "strength": float(rng.uniform(1, 2)),
    }  # fmt: skip
    world["spot"] = float(rng.uniform(0.25, 0.5) * 64)
    if fault == "few counts":
        world["counts"] = float(10 ** rng.uniform(1.3, 2.7))
    elif fault == "overlap":
        world["overlap"] = float(rng.uniform(-0.1, 0.35))
    elif fault == "raster":
        world |= {"path": "raster", "overlap": float(rng.uniform(0.2, 0.5)), "frames": 49}
    elif fault in ("lines run both ways", "lines exchanged"):
        world |= {"path": "jittered raster"}
    elif fault == "8 bits":
        world["counts"] = float(10 ** rng.uniform(5, 7))
    acquisition, truth, _ = made(FIRST + seed, **world)
    if rng.random() < 0.5:  # a probe of the right kind is given
        known = drawn(FIRST + seed) | world | {"waves": 0.0, "blur": 0.0}
        given = beam(known | {"spot": known["spot"] * rng.uniform(0.85, 1.15)}, rng)
        acquisition = acquisition.replace(probe=(known["counts"] ** 0.5 * given).astype(np.complex64))
    return acquisition, truth


def _near(seed: int, fault: str, rng: np.random.Generator) -> tuple[Scanned, dict[str, Any]]:
    counts = 10 ** (rng.uniform(-1.5, 0) if fault == "few counts" else rng.uniform(2, 4))
    return near_field(
        FIRST + seed, pixels=64, frames=int(rng.integers(16, 30)), spread=10.0, counts=counts, border=24,
        phantom=str(rng.choice(["cells", "texture", "star"])), distance_um=float(rng.uniform(600, 2000)),
    )  # fmt: skip


def _coded(seed: int, fault: str, rng: np.random.Generator) -> tuple[Scanned, dict[str, Any]]:
    photons = 10 ** (rng.uniform(-1, 0.5) if fault == "few counts" else rng.uniform(2.5, 4))
    return coded(
        FIRST + seed, pixels=24, upsampling=3, frames=int(rng.integers(20, 40)), spread=16.0, photons=photons,
        phantom=str(rng.choice(["cells", "texture", "star"])),
    )  # fmt: skip
