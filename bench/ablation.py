"""The residual field and its ablations: `python -m bench.ablation [WORDS...] [--write FILE]`.

A small far-field scan, spiral and raster, and a coded one, by our own simulators. A row is one scan, one share of
its frames and one variant: the field with and without prior, by each head, w and loss, and the classical engines. Rows
whose name `SCENE FRAMES VARIANT` holds every one of WORDS are run. `error` is against the truth, see `scan_truth`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .markdown import grid
from .scan_truth import compare

SEED = 3
SCENES: dict[str, tuple[str, dict[str, Any]]] = {
    "far field, spiral": ("far-field", {"pixels": 48, "spot": 25.0, "frames": 60, "counts": 5e4, "phantom": "cells"}),
    "far field, raster": ("far-field", {"pixels": 48, "spot": 25.0, "frames": 64, "counts": 5e4, "phantom": "cells",
                                        "path": "raster"}),
    "coded": ("coded", {"pixels": 32, "upsampling": 2, "frames": 40, "spread": 12.0}),
}  # fmt: skip
SHARES = {"100 %": 1.0, "50 %": 0.5, "25 %": 0.25, "15 %": 0.15}
RATES = {"far": {"phasor": 1e-3}, "coded": {"phasor": 1e-2, "other": 3e-2}}  # the best of a few tried on another seed
HEADS = ("phasor", "tanh", "crelu", "zrelu", "modulus-relu", "modrelu")
STEPS: dict[str, Any] = {"prior": "flat", "encoding": "hash", "table_log2": 14, "levels": 8, "epochs": 10,
                         "finish_epochs": 0}  # fmt: skip
ALONE = {"prior": "none", "epochs": 60}  # without a prior all has to be found
ENGINES = ("epie", "wasp", "least-squares")
Variant = tuple[str, dict[str, Any], str | None]


def variants(share: str, scene: str) -> dict[str, Variant]:
    """Method, options and preset by name; heads, w and losses are compared at half of the frames of two scenes."""
    found: dict[str, Variant] = {name: (name, {}, None) for name in ENGINES}
    found["residual-field, default"] = ("residual-field", {}, None)
    found["residual on flat, linear head"] = ("residual-field", {**STEPS}, None)
    found["no residual (prior none), linear head"] = ("residual-field", {**STEPS, **ALONE}, None)
    if scene.endswith("raster"):
        found["residual-field, raster"] = ("residual-field", {}, "raster")
        return found
    if share != "50 %":
        return found
    for head in HEADS:
        found[f"head {head}"] = ("residual-field", of_head(head, scene), None)
    for w in (1.0, 5.0, 20.0):
        found[f"head phasor, w {w:g}"] = ("residual-field", of_head("phasor", scene) | {"frequency": w}, None)
    none = of_head("phasor", scene) | {"prior": "none"}
    found["no residual (prior none), head phasor"] = ("residual-field", none, None)
    real = of_head("phasor", scene) | {"complex_first": False}
    found["head phasor, first layer real"] = ("residual-field", real, None)
    found["optimizer rmsprop, linear head"] = ("residual-field", {**STEPS, "optimizer": "rmsprop"}, None)
    found["published"] = ("residual-field", {"levels": 8, "table_log2": 14}, "published")
    return found


def of_head(head: str, scene: str) -> dict[str, Any]:
    """Options of a field with this head for frames of a scene, at a rate that suits both."""
    rates = RATES[scene.split()[0]]
    rate = rates.get(head, rates.get("other"))
    return {**STEPS, "head": head, "complex_first": True, "frequency": 10.0} | ({} if rate is None else {"rate": rate})


def rows(words: list[str]) -> Iterator[dict[str, Any]]:
    """One row after the other, as it is measured, of those whose name holds all `words`."""
    from napari_neuralfield import Done, build_recipe, reconstruct
    from napari_neuralfield.registry import SIMULATORS

    for scene, (simulator, options) in SCENES.items():
        acquisition, truth = SIMULATORS[simulator](SEED, **options)  # type: ignore[call-arg]
        for share, part in SHARES.items():
            count = acquisition.frame_count
            kept = np.unique(np.round(np.linspace(0, count - 1, max(3, round(part * count)))).astype(int))
            for name, (method, given, preset) in variants(share, scene).items():
                if not all(word in f"{scene} {share} {name}" for word in words):
                    continue
                began = time.process_time()
                some = acquisition.subset(kept)
                for event in reconstruct(some, build_recipe(method, given, preset)):
                    if isinstance(event, Done):
                        result = event.result
                seconds = time.process_time() - began
                some_truth = {key: value[kept] if key == "positions_um" else value for key, value in truth.items()}
                yield {"scene": scene, "frames": share, "what": name, "cpu": seconds, **compare(result, some_truth)}


def table(found: list[dict[str, Any]]) -> str:
    """Errors as Markdown: a line for each scene and variant, a column for each share of the frames."""
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for row in found:
        line = lines.setdefault(
            (row["scene"], row["what"]),
            {"file": row["scene"], "what": row["what"], **dict.fromkeys(SHARES, ""), "CPU s": ""},
        )
        line[row["frames"]] = f"{row['error']:.3f}"
        line["CPU s"] = f"{max(row['cpu'], float(line['CPU s'] or 0)):.1f}"
    return grid(list(lines.values()))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ablation", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORDS", help="of the names of the rows; all where not given")
    parser.add_argument("--write", type=Path, metavar="FILE", help="where the table goes too")
    given = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    found = []
    for row in rows(given.words):
        found.append(row)
        print(f"{row['scene']}, {row['frames']}, {row['what']}: {row['error']:.4f}, {row['cpu']:.1f} s", flush=True)
        if given.write:
            given.write.write_text(table(found) + "\n", encoding="utf-8")
    print(table(found))


if __name__ == "__main__":
    main()
