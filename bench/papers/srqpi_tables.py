"""Cross tests of defocus and coherence, as in the paper on DL-SRQPI: `python -m bench.papers.srqpi_tables --minutes 10`

Zhou, Jin, Lu, Li, Zuo, Laser Photonics Rev. 18, 2300488 (2024). Networks trained at one defocus, or one coherence, are
tested at every one, beside one trained on all, SRCNN, the shipped U-Net, and the transport of intensity from two
planes. Fields and frames are those of `bench.srqpi_protocol`, smaller; fields of the tests are in no training.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from bench.markdown import grid
from bench.srqpi_protocol import FINE_UM, MATCHED_UM, TEST_SEEDS, FieldTask, agreement, imaged, recipe_of
from napari_neuralfield import METHODS, Done, build_recipe
from napari_neuralfield.networks.pretrained import Weights, shipped
from napari_neuralfield.recon.focus.single_frame import frame_field
from napari_neuralfield.recon.training.material import NOTHING
from napari_neuralfield.recon.training.networks import recipe_for
from napari_neuralfield.recon.training.trainer import Trained, run_training
from napari_neuralfield.simulate.through_focus import protocol_field

DEFOCUS_UM, COHERENCES = (1.0, 4.0, 7.0, 10.0, 13.0), (0.0, 0.2, 0.4)
FIELD = 256  # fine pixels; a frame is 64 x 64
TINY = {"base": 16, "patch_px": 32, "pool": 24, "batch": 8, "learning_rate": 3e-3, "validate_every_s": 1e6}
BORDER = 24  # fine pixels that are not judged
SCENES_S, STEP_S = 2.7, 0.065  # processor's time of a training's scenes, and of a step, as measured on one core
TRANSPORT = ("tie-fft", "tie-dct", "tie-tv")
Case = tuple[float, float]  # defocus, um, and coherence
Solver = Callable[[np.ndarray, Case, int], np.ndarray]  # of a phase that is imaged, a case and a seed


def trained(z_um: tuple[float, float], coherence: tuple[float, float], steps: int) -> Weights:
    """A tiny network for ranges of defocus and coherence, after so many steps."""
    recipe = recipe_for("srqpi", {**TINY, "minutes": 1e4, "steps": steps, **recipe_of(z_um, coherence)}, None)
    events = run_training(FieldTask, recipe, None, NOTHING, lambda: False)
    return [event.weights for event in events if isinstance(event, Trained)][-1]


def by_network(weights: Weights, phase: np.ndarray, case: Case, seed: int) -> np.ndarray:
    """What a network makes (Y, X) of the frame at the case's defocus."""
    field = frame_field(imaged(phase, [case[0]], case[1], seed), weights, 0)
    return np.asarray(field.render(0.0, *field.extent.axes())[0])


def by_transport(method: str, phase: np.ndarray, case: Case, seed: int) -> np.ndarray:
    """What a method makes (Y, X) of two frames, below and above the focus."""
    stack = imaged(phase, [-case[0], case[0]], case[1], seed)
    done = [e for e in METHODS[method].run(stack, build_recipe(method, {})) if isinstance(e, Done)]
    field = done[-1].result.field
    return np.asarray(field.render(0.0, *field.extent.axes())[0])


def cell(solve: Solver, case: Case) -> str:
    """Mean SSIM and error over the fields of the tests."""
    inner = slice(BORDER, -BORDER)
    found = []
    for seed in TEST_SEEDS:
        phase = protocol_field(seed, FIELD, FINE_UM)
        answer = solve(phase, case, 1000 + seed)
        found.append(agreement(answer[inner, inner], phase[inner, inner], float(np.ptp(phase))))
    ssim, rmse = np.mean(found, 0)
    return f"{ssim:.3f}, {rmse:.3f}"


def table(solvers: dict[str, Solver], cases: Sequence[Case], names: Sequence[str]) -> str:
    """SSIM and error, rad, of every solver in every case."""
    rows = []
    for who, solve in solvers.items():
        rows.append({"who": who, **{name: cell(solve, case) for name, case in zip(names, cases, strict=True)}})
    return grid(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="of the processor for all trainings, about")
    each = 60 * parser.parse_args().minutes / (len(DEFOCUS_UM) + len(COHERENCES) + 2)
    steps = max(1, round((each - SCENES_S) / STEP_S))
    torch.set_num_threads(1)
    usual: dict[str, Solver] = {
        f"{name}, shipped": functools.partial(by_network, shipped(name)) for name in ("srqpi", "srcnn")
    }
    usual |= {f"{method}, two planes": functools.partial(by_transport, method) for method in TRANSPORT}
    parts = (
        ("z", "um", DEFOCUS_UM, [(z, 0.0) for z in DEFOCUS_UM]),
        ("S", "", COHERENCES, [(MATCHED_UM, s) for s in COHERENCES]),
    )
    for letter, unit, values, cases in parts:
        ranges = {f"trained at {letter} = {v:g} {unit}".strip(): (v, v) for v in values}
        ranges[f"trained at {letter} = {values[0]:g} to {values[-1]:g} {unit}".strip()] = (values[0], values[-1])
        own: dict[str, Solver] = {}
        for name, span in ranges.items():
            here = (span, (0.0, 0.0)) if letter == "z" else ((MATCHED_UM, MATCHED_UM), span)
            weights = trained(*here, steps)
            print(f"{name}, {steps} steps: {time.process_time():.0f} s", flush=True)
            own[name] = functools.partial(by_network, weights)
        print(table({**own, **usual}, cases, [f"{letter} = {v:g} {unit}".strip() for v in values]), flush=True)
    print(f"{time.process_time() / 60:.1f} CPU minutes in all")


if __name__ == "__main__":
    main()
