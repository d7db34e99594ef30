"""MoS2 in a 4D-STEM over dose and frames: `python -m bench.electrons [--dose D ...] [--method NAME ...]`.

`seen` is the phase of the columns of atoms less that of the hollows of their hexagons, over the root of the mean
variance of both: below 2 they cannot be told apart one by one. `r` is the correlation of phase with the truth.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

METHODS = ("epie+probe", "epie", "wasp", "least-squares", "residual-field")  # +probe: it is solved for in any case


def hollows(truth: dict[str, Any]) -> np.ndarray:
    """Middles of the hexagons (hollow, 2), um: beyond each Mo, opposite to where its sulphur lies."""
    atoms, numbers = truth["atoms_um"], truth["atom_numbers"]
    metal, sulphur = atoms[numbers == 42], atoms[numbers == 16]
    near = np.linalg.norm(sulphur - metal[len(metal) // 2], axis=1).argmin()
    return metal - (sulphur[near] - metal[len(metal) // 2])


def phase_of(result: Any, truth: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Found and true phase (y, x), their pixels along y and along x, um; the found one's mean taken from the truth."""
    seen = truth["seen"]
    y, x = (o + truth["pixel_um"] * np.arange(n) for o, n in zip(truth["origin_um"], seen.shape, strict=True))
    found = result.field.render([0.0], y, x)[0].detach().cpu().numpy()
    turn = (found * truth["object"].conj())[seen].sum()
    return np.angle(found * np.conj(turn)), np.angle(truth["object"]), y, x


def scores(result: Any, truth: dict[str, Any]) -> dict[str, float]:
    """`seen` and `r`, see above."""
    found, true, y, x = phase_of(result, truth)
    seen, pixel = truth["seen"], truth["pixel_um"]

    def at(places: np.ndarray) -> np.ndarray:
        row, column = np.round((places - [y[0], x[0]]) / pixel).astype(int).T
        inside = (row >= 0) & (column >= 0) & (row < len(y)) & (column < len(x))
        row, column = row[inside], column[inside]
        return found[row[seen[row, column]], column[seen[row, column]]]

    columns, empty = at(np.unique(np.round(truth["atoms_um"], 9), axis=0)), at(hollows(truth))
    apart = (columns.mean() - empty.mean()) / np.sqrt((columns.var() + empty.var()) / 2)
    return {"seen": float(apart), "r": float(np.corrcoef(found[seen], true[seen])[0, 1])}


def solved(acquisition: Any, method: str, options: dict[str, Any]) -> Any:
    from napari_neuralfield import Done, build_recipe, reconstruct

    for event in reconstruct(acquisition, build_recipe(method, options)):
        if isinstance(event, Done):
            result = event.result
    return result


def picture(path: Path, phases: list[np.ndarray]) -> None:
    """Phases (y, x) side by side, as an image."""
    from PIL import Image

    tiles = [np.clip((p - np.quantile(p, 0.02)) / (np.ptp(np.quantile(p, [0.02, 0.995])) + 1e-9), 0, 1) for p in phases]
    grey = np.kron((255 * np.concatenate(tiles, 1)).astype(np.uint8), np.ones((2, 2), np.uint8))
    Image.fromarray(grey).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.electrons", description=__doc__)
    parser.add_argument("--dose", type=float, nargs="*", default=[5e2, 1e3, 3e3, 1e4])
    parser.add_argument("--method", nargs="*", default=METHODS)
    parser.add_argument("--every", type=int, nargs="*", default=[1, 2], help="every n-th frame is used")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pictures", type=Path, help="folder for a picture of each dose: truth, then the methods")
    given = parser.parse_args()
    import torch

    from napari_neuralfield.simulate.electrons import mos2
    from napari_neuralfield.types import InputError

    torch.set_num_threads(1)
    print(f"{'e/A^2':>8} {'frames':>6} {'method':>16} {'seen':>6} {'r':>6} {'cpu s':>6}", flush=True)
    for dose in given.dose:
        whole, truth = mos2(given.seed, dose=dose)
        for every in given.every:
            part = whole.subset(np.arange(0, whole.frame_count, every)) if every > 1 else whole
            phases = [np.where(truth["seen"], np.angle(truth["object"]), 0)]
            for method in given.method:
                began = time.process_time()
                try:
                    name, solve_probe = method.removesuffix("+probe"), method.endswith("+probe")
                    result = solved(part, name, {"update_probe": True} if solve_probe else {})
                except InputError as error:
                    print(f"{dose:8g} {part.frame_count:6d} {method:>16} {error}", flush=True)
                    phases.append(np.zeros_like(phases[0]))
                    continue
                found, cpu = scores(result, truth), time.process_time() - began
                phases.append(np.where(truth["seen"], phase_of(result, truth)[0], 0))
                print(
                    f"{dose:8g} {part.frame_count:6d} {method:>16} {found['seen']:6.2f} {found['r']:6.3f} {cpu:6.1f}",
                    flush=True,
                )
            if given.pictures:
                picture(given.pictures / f"mos2_{dose:g}_{part.frame_count}.png", phases)


if __name__ == "__main__":
    main()
