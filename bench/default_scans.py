"""The recommended road against every engine of ours: `python -m bench.default_scans [--first SEED] [--worlds N]`.

Few frames and few counts, scenes of every kind, a far field and a near field, X-rays and electrons. All roads start
from the same probe and positions (searched for once), so that they differ in what they do from there. Frames that
none of them saw judge: `held` is the relative amplitude error, `deviance` twice Poisson's log-likelihood below its best
per detector pixel (1 and less: noise, by light). `truth` is the object's error where it was seen, see `scan_truth`.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from .scan_truth import compare

ENGINES = ("epie", "rpie", "wasp", "least-squares")
RECOMMENDED = "recommended"
MOST = 1.02  # of the best engine's error: no more than noise apart
KINDS = ("texture", "cells", "star", "photograph", "weak", "strong", "near field", "electrons")


def photograph(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """A complex image (y, x) like a photograph's: things before one another, each with its shade and grain."""
    y, x = np.indices(shape)
    shade, height = np.full(shape, 0.8), np.zeros(shape)
    for _ in range(shape[0] * shape[1] // 500):
        at, size, turn = rng.uniform(0, 1, 2) * shape, rng.gamma(2, 5.0, 2) + 2, rng.uniform(0, np.pi)
        along = (y - at[0]) * np.cos(turn) + (x - at[1]) * np.sin(turn)
        across = (x - at[1]) * np.cos(turn) - (y - at[0]) * np.sin(turn)
        box = rng.random() < 0.5
        inside = (
            np.maximum(abs(along / size[0]), abs(across / size[1]))
            if box
            else np.hypot(along / size[0], across / size[1])
        )
        cover = 1 / (1 + np.exp(np.clip((inside - 1) * size.min() * 2, -50, 50)))
        tilt = 1 + 0.2 * np.clip(along / size[0], -1, 1)
        shade += cover * (rng.uniform(0.4, 1.0) * tilt - shade)
        height += cover * (rng.uniform(0, 1.2) * tilt - height)
    return np.asarray(np.clip(shade, 0.2, 1.2) * np.exp(1j * height))


def drawn(seed: int, kind: str) -> dict[str, Any]:
    """What is random of the world of this seed and kind."""
    rng = np.random.default_rng([90_000 + seed, KINDS.index(kind)])
    every = int(rng.choice([2, 3, 7]))
    return {
        "every": every,
        "used": int(rng.integers(40, 70)) if every < 7 else int(rng.integers(24, 40)),
        "counts": float(10 ** rng.uniform(3, 4.7)),
        "spot": float(rng.uniform(20, 32)) * rng.choice([-1, 1]),
        "overlap": {2: 0.78, 3: 0.82, 7: 0.88}[every],  # of all frames
    }


def far_field(world: dict[str, Any], kind: str, seed: int) -> tuple[Any, dict[str, Any]]:
    from napari_neuralfield.data.acquisition import Ptychography
    from napari_neuralfield.simulate.phantoms import PHANTOMS
    from napari_neuralfield.simulate.recording import recorded
    from napari_neuralfield.simulate.scan_optics import far_field_frames, focused_probe, spiral
    from napari_neuralfield.simulate.scans import _truth
    from napari_neuralfield.simulate.spectra import low_pass

    from .scan_worlds import DETECTOR_UM, DISTANCE_UM, WAVELENGTH_UM

    rng, n, spot = np.random.default_rng(seed), 64, world["spot"]
    count = world["used"] * world["every"]
    pixel = WAVELENGTH_UM * DISTANCE_UM / (n * DETECTOR_UM)
    points = spiral(count, (1 - world["overlap"]) * abs(spot)) + rng.uniform(0, 1, 2)
    corners = points - np.floor(points.min(0)) + n
    reach = tuple(int(v) for v in np.ceil(corners.max(0)) + 2 * n)
    name, strength = {"weak": ("smear", 0.5), "strong": ("texture", 2.0)}.get(kind, (kind, 1.0))
    thick = photograph(reach, rng) if name == "photograph" else 1 + PHANTOMS[name](reach, rng)[0].sum(0)
    sample = low_pass(np.abs(thick) * np.exp(1j * strength * np.angle(thick)), 1.0, 0.4)
    beam = world["counts"] ** 0.5 * focused_probe(n, spot, stop=float(rng.choice([0.0, 0.3])))
    acquisition = recorded(
        Ptychography, rng.poisson(far_field_frames(sample, beam, corners)).astype(np.float32), kind,
        geometry="far_field", wavelength_um=WAVELENGTH_UM, detector_pixel_um=DETECTOR_UM, distance_um=DISTANCE_UM,
        object_pixel_um=pixel, positions_um=corners * pixel,
    )  # fmt: skip
    return acquisition, _truth(sample, corners, corners, (np.abs(beam) ** 2).sum(0), pixel)


def made(seed: int, kind: str) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """The whole scan, its truth, and what was drawn."""
    from napari_neuralfield.simulate.electrons import mos2
    from napari_neuralfield.simulate.scans import near_field

    world = drawn(seed, kind)
    if kind == "electrons":
        dose = float(np.random.default_rng(seed).choice([1e3, 3e3, 1e4]))
        world |= {"every": 2, "used": 128, "counts": dose * 1.5**2}
        return *mos2(seed, dose=dose), world
    if kind == "near field":
        world |= {"used": 12, "every": 2, "counts": float(np.random.default_rng(seed).choice([2.0, 20.0, 200.0]))}
        options = {"pixels": 64, "frames": 24, "counts": world["counts"], "border": 32, "distance_um": 600.0}
        return *near_field(seed, phantom="cells" if seed % 2 else "texture", **options), world
    return *far_field(world, kind, seed), world


def last(events: Iterator[Any]) -> Any:
    """The result that `events` end in."""
    from napari_neuralfield import Done, Note

    result = None
    for event in events:
        if isinstance(event, Note) and event.level == "warning":
            print(f"   {event.text}", flush=True)
        result = event.result if isinstance(event, Done) else result
    return result


def started(acquisition: Any, every: int) -> tuple[Any, Any]:
    """Problem and state from which all roads start, and no held-out frames in it."""
    from napari_neuralfield.recon.scan.background import with_background
    from napari_neuralfield.recon.scan.recipe import ScanRecipe
    from napari_neuralfield.recon.scan.scan_rotation import turned
    from napari_neuralfield.recon.scan.setup import problem_of
    from napari_neuralfield.recon.scan.whole_scan import placed

    recipe, answer = ScanRecipe(use_every=every), []

    def events() -> Iterator[Any]:
        problem = problem_of((yield from turned(acquisition, recipe)), recipe)
        held, problem = problem.held, dataclasses.replace(problem, held=problem.held[:0])
        problem, state = yield from placed(problem, recipe)
        problem = yield from with_background(dataclasses.replace(problem, held=held[:0]), state, recipe.seed)
        answer.extend((problem, state))

    last(events())
    return answer[0], answer[1]


def roads() -> dict[str, Any]:
    """Every road as a function of problem and state that gives events."""
    import torch

    from napari_neuralfield import build_recipe
    from napari_neuralfield.recon.residual.method import classical_state, residual_of
    from napari_neuralfield.recon.scan.least_squares import Batches
    from napari_neuralfield.recon.scan.passes import solve_scan
    from napari_neuralfield.recon.scan.pie import sequential
    from napari_neuralfield.recon.scan.setup import result_of
    from napari_neuralfield.recon.scan.wasp import Averaging
    from napari_neuralfield.types import Done

    makers = {"epie": sequential, "rpie": sequential, "wasp": Averaging, "least-squares": Batches}

    def engine(name: str) -> Any:
        def events(problem: Any, state: Any) -> Iterator[Any]:
            recipe: Any = build_recipe(name, {})
            one = makers[name](problem, state, recipe)
            with torch.no_grad():
                yield from solve_scan(problem, recipe, one)
                yield Done(result_of(problem, one.waves.state(), recipe, 0.0))

        return events

    def recommended(problem: Any, state: Any) -> Iterator[Any]:
        recipe: Any = build_recipe("residual-field", {})
        state = yield from classical_state(problem, state, recipe)
        yield from residual_of(problem, state, recipe, 0.0)

    return {name: engine(name) for name in ENGINES} | {RECOMMENDED: recommended}


def judged(problem: Any, result: Any, frames: Any) -> tuple[float, float]:
    """Relative amplitude error, and deviance per pixel, of `frames` by a result."""
    import torch

    from napari_neuralfield.forward.ptychography import predict
    from napari_neuralfield.recon.verdict.scan_frames import rebuilt

    rebuilt_problem, state = rebuilt(problem.acquisition, result)
    rebuilt_problem = dataclasses.replace(rebuilt_problem, measured=problem.measured)
    scan, measured = problem.scan, problem.measured
    with torch.no_grad():
        seen = predict(state.object_array, state.probe, scan, frames, position=state.position, kernel=problem.kernel)
        seen = (
            measured.shown(seen, frames).square().double().clamp(min=1e-3 * float(measured.amplitude.square().mean()))
        )
        counts = measured.amplitude[frames].square().double()
        off = 2 * (seen - counts + torch.special.xlogy(counts, counts / seen))
        deviance = float(problem.masked(off, frames).sum() / (measured.pixels * len(frames)))
    return rebuilt_problem.error(state, frames), deviance


def rows(seed: int, kind: str, names: list[str]) -> Iterator[dict[str, Any]]:
    """A row for each road of one world."""
    import torch

    acquisition, truth, world = made(seed, kind)
    began = time.process_time()
    problem, state = started(acquisition, world["every"])
    start = time.process_time() - began
    every = torch.arange(problem.scan.frames)
    frames = every[~torch.isin(every, problem.train)]
    for name, road in roads().items():
        if names and name not in names:
            continue
        began = time.process_time()
        result = last(road(problem, state.copy()))
        cpu = time.process_time() - began
        held, deviance = judged(problem, result, frames)
        error = compare(SimpleNamespace(field=result.field, calibration={}), truth)["error"]
        told = {"kind": kind, "seed": seed, "every": world["every"], "frames": len(problem.train)}
        yield told | {
            "counts": world["counts"], "road": name, "held": held, "deviance": deviance, "truth": error, "cpu": cpu,
            "start": start,
        }  # fmt: skip


def lost(found: list[dict[str, Any]], by: str) -> list[str]:
    """Where the recommended road is behind an engine by more than `MOST`, judged `by` a column."""
    worlds = {(row["kind"], row["seed"]) for row in found}
    behind = []
    for world in sorted(worlds):
        here = {row["road"]: row[by] for row in found if (row["kind"], row["seed"]) == world}
        best = min((name for name in here if name != RECOMMENDED), key=here.__getitem__)
        if here[RECOMMENDED] > MOST * here[best]:
            behind.append(f"{world[0]} {world[1]}: {best} {here[best]:.4f}, recommended {here[RECOMMENDED]:.4f}")
    return behind


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.default_scans", description=__doc__)
    parser.add_argument("--first", type=int, default=0, metavar="SEED")
    parser.add_argument("--worlds", type=int, default=1, metavar="N", help="seeds of each kind")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=KINDS)
    parser.add_argument("--roads", nargs="*", default=[], help="all where not given")
    given = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    found = []
    for seed in range(given.first, given.first + given.worlds):
        for kind in given.kinds:
            for row in rows(seed, kind, given.roads):
                found.append(row)
                print(
                    f"{kind:>11} {seed:5d} every {row['every']} {row['frames']:3d} frames {row['counts']:8.0f} counts "
                    f"{row['road']:>14} held {row['held']:.4f} deviance {row['deviance']:.4f} truth {row['truth']:.4f} "
                    f"{row['cpu']:.1f} s (start {row['start']:.1f})",
                    flush=True,
                )
    for by in ("held", "deviance", "truth"):
        behind = lost(found, by) if not given.roads or RECOMMENDED in given.roads else []
        print(f"by {by}: behind in {len(behind)}", *behind, sep="\n   ")


if __name__ == "__main__":
    main()
