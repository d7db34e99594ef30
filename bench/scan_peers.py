"""Our engines beside pty-chi on one far-field scan: `python -m bench.scan_peers [FILE] [--passes N] [--start found]`.

JSON on stdout. Two splits: three of four frames to work on and the fourth to predict, and the other way round. Nobody
sees the frames to be predicted, nobody corrects positions, all begin with the same probe and a flat object. That probe
is the file's, or the mean frame in focus where there is none; with `--start found` what our trials start from, which
costs the seconds of `search_s`. CPU seconds, one thread.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import json
import sys
import time
from typing import Any

import torch

from . import peer_ptychi
from .calibrate_job import returned
from .cases import folder

SCAN = "far_field_siemens/siemens-star-small.npz.bz2"
EVERY = 4
PEERS = (("least-squares", 32), ("rpie", 8), ("rpie", 32))  # method, and frames at once


def engines() -> dict[str, Any]:
    """Our engines by method name."""
    from napari_neuralfield.recon.scan.least_squares import Batches
    from napari_neuralfield.recon.scan.pie import sequential
    from napari_neuralfield.recon.scan.wasp import Averaging

    return {
        "epie": sequential,
        "rpie": sequential,
        "wasp": Averaging,
        "least-squares": Batches,
    }


def ours(problem: Any, state: Any, method: str, passes: int) -> tuple[Any, float]:
    """The state after all passes that begin with `state`, and CPU seconds."""
    from napari_neuralfield import build_recipe
    from napari_neuralfield.recon.scan.passes import solve_scan

    recipe = build_recipe(method, {"passes": passes, "correct_positions": False})
    began = time.process_time()
    engine = engines()[method](problem, state, recipe)
    with torch.no_grad():
        for _ in solve_scan(problem, recipe, engine):
            pass
    return engine.waves.state(), time.process_time() - began


def first(problem: Any, recipe: Any, start: str) -> Any:
    """What all begin with: the state that our trials find, or that of the file."""
    from napari_neuralfield.forward.scan_problem import first_state
    from napari_neuralfield.recon.scan.probe_search import start_of

    if start != "found":
        return first_state(problem, recipe.modes, recipe.seed_probe)
    (_, state), _ = returned(start_of(problem, recipe))
    return state


def rows(acquisition: Any, passes: int, start: str = "given") -> list[dict[str, Any]]:
    """One row per split and engine, ours and the peer's where there is one."""
    from napari_neuralfield import build_recipe
    from napari_neuralfield.recon.scan.setup import problem_of

    recipe = build_recipe("rpie", {"hold_out": EVERY})
    whole, found = problem_of(acquisition, recipe), []
    for split, train, test in (("3 of 4", whole.train, whole.held), ("every 4th", whole.held, whole.train)):
        problem = dataclasses.replace(whole, train=train, held=train[:0])
        jobs: list[tuple[str, str, int]] = [("ours", method, 0) for method in engines()]
        if peer_ptychi.python():
            jobs += [("pty-chi", method, batch) for method, batch in PEERS]
        began = time.process_time()
        begin = first(problem, recipe, start)
        told = {"split": split, "start": start, "search_s": time.process_time() - began, "passes": passes}
        for who, method, batch in jobs:
            if who == "ours":
                state, seconds = ours(problem, copy.deepcopy(begin), method, passes)
            else:
                state, seconds = peer_ptychi.reconstruct(problem, begin, method, passes, batch)
            row = {**told, "who": who, "method": method, "batch": batch, "cpu_s": seconds}
            found.append({**row, "error": problem.error(state), "held_out_error": problem.error(state, test)})
            print(found[-1], file=sys.stderr, flush=True)
    return found


def main() -> None:
    from napari_neuralfield import open_acquisition

    parser = argparse.ArgumentParser(prog="python -m bench.scan_peers", description=__doc__)
    parser.add_argument("file", nargs="?", default=str(folder("NEURALFIELD_DATA", "data") / SCAN))
    parser.add_argument("--passes", type=int, default=30)
    parser.add_argument("--start", choices=("given", "found"), default="given")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(json.dumps(rows(open_acquisition(options.file), options.passes, options.start), indent=1))


if __name__ == "__main__":
    main()
