"""Training regimes of NeuPh, beside DPC and quasi-Newton: `python -m bench.papers.neuph_tables --minutes 1`

Wang, Zhu, Li, Yang, Tian, Adv. Photon. Nexus 3, 056005 (2024). A group is five frames and the phase behind them, of
simulated cells under one microscope; the tests are more of the same, in no training. Networks are tiny.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from scipy.ndimage import uniform_filter
from skimage import data

from bench.markdown import grid
from napari_neuralfield import METHODS, Done, build_recipe
from napari_neuralfield.data.acquisition import MultiplexedLed
from napari_neuralfield.networks.pretrained import Weights
from napari_neuralfield.optics.patterns import halves_and_arcs
from napari_neuralfield.recon.engine.image_scores import Compared, figures, fourier_share
from napari_neuralfield.recon.patterns.network_inputs import CANONICAL, inputs_of
from napari_neuralfield.recon.training.material import KEPT_ASIDE, Material, Pair
from napari_neuralfield.recon.training.networks import recipe_for
from napari_neuralfield.recon.training.neuph import train
from napari_neuralfield.recon.training.pattern_stream import TrainingStream
from napari_neuralfield.recon.training.source import ONE_MICROSCOPE
from napari_neuralfield.recon.training.trainer import Trained

SIZE, PIXEL_UM = 96, 1.625  # of a frame, pixels and um
GROUP_SEED, TEST_SEED, TESTS = 11, 5077, 4
BORDER, FLAT_PX, FLAT_SHARE = 36, 25, 0.1  # fine pixels not judged; window and share of what counts as background
TINY = {
    "size": "published", "channels": 24, "blocks": 4, "schedule": "cosine", "learning_rate": 3e-3, "batch": 2,
    "patch_px": 24, "validate_every_s": 1e6, "minutes": 1e4, "seed": 1,
}  # fmt: skip
PHOTOGRAPHS = ("camera", "coins", "brick", "grass", "gravel", "moon", "page", "text")
SCENES = 16  # simulated of photographs, where there are any
REGIMES = {  # groups, share of the patches that come from them, decoder
    "photographs only": (0, 0.0, "coordinates"),
    "18 groups": (18, 1.0, "coordinates"),
    "16 groups": (16, 1.0, "coordinates"),
    "1 group": (1, 1.0, "coordinates"),
    "groups and photographs, 9:9": (9, 0.5, "coordinates"),
    "group and photographs, 1:17": (1, 1 / 18, "coordinates"),
    "18 groups, convolutional decoder": (18, 1.0, "convolution"),
}
Solver = Callable[[MultiplexedLed], np.ndarray]


def groups(count: int, seed: int) -> list[Pair]:
    """Simulated frames of one microscope and the phases behind them."""
    ticks = np.arange(-12, 13) * CANONICAL.pitch
    na = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1).reshape(-1, 2)
    na = na[np.hypot(*na.T) <= CANONICAL.limit]
    patterns = halves_and_arcs(na, 1.0, CANONICAL.axis_deg, CANONICAL.arcs_deg)
    stream = TrainingStream(CANONICAL, ONE_MICROSCOPE, boards=1, pool=1, seed=seed, size=SIZE)
    optics: dict[str, Any] = {"wavelength_um": 0.63, "objective_na": 0.1, "pixel_um": PIXEL_UM}
    made = []
    for number in range(count):
        clean, phase, _ = stream.scene()
        frames = (stream.noisy(clean) * float(patterns[:2].sum(1).mean())).numpy()
        acquisition = MultiplexedLed(frames=frames, led_na=0.1 * na, patterns=patterns, **optics)
        made.append(Pair(acquisition, phase.float().numpy(), PIXEL_UM / CANONICAL.upsampling, f"group {number}"))
    return made


def photographs() -> list[np.ndarray]:
    """Grey natural images (y, x) that come with scikit-image."""
    return [np.asarray(getattr(data, name)(), dtype=float) for name in PHOTOGRAPHS]


def given(pairs: Sequence[Pair], count: int) -> list[Pair]:
    """What to give a training, that puts every fifth pair aside, so that it learns the first `count`.

    It watches the last pair. One alone is given four times.
    """
    learnt, made = list(pairs[:count]) * (KEPT_ASIDE - 1 if count == 1 else 1), []
    for number, pair in enumerate(learnt, start=1):
        made.append(pair)
        if number % (KEPT_ASIDE - 1) == 0:
            made.append(pairs[-1])
    return made


def trained(regime: tuple[int, float, str], pairs: Sequence[Pair], steps: int) -> Weights:
    """A tiny network of a regime of `REGIMES`, after so many steps; the last of the pairs is only watched."""
    count, share, decoder = regime
    alone = share == 1.0
    values = {**TINY, "pairs_share": share, "decoder": decoder, "steps": steps, "pool": 8 if alone else SCENES}
    material = Material(pairs=given(pairs, count), images=() if alone else photographs())
    recipe: Any = recipe_for("neuph", values, None)
    return [event.weights for event in train(recipe, None, material) if isinstance(event, Trained)][-1]


@torch.no_grad()
def by_network(weights: Weights, acquisition: MultiplexedLed) -> np.ndarray:
    """A network's phase (Y, X), rad."""
    network: Any = weights.network()
    axis = torch.arange(SIZE * CANONICAL.upsampling) / CANONICAL.upsampling
    answer = network.on_grid(network.encode(inputs_of(acquisition).channels[None]), axis, axis)
    return np.asarray(answer[0, 0].float())


def by_method(method: str, values: dict[str, Any], acquisition: MultiplexedLed) -> np.ndarray:
    """A method's phase (Y, X), rad, on the pixels of the truth."""
    done = [e for e in METHODS[method].run(acquisition, build_recipe(method, values)) if isinstance(e, Done)]
    axis = np.arange(SIZE * CANONICAL.upsampling) * PIXEL_UM / CANONICAL.upsampling
    found = np.asarray(done[-1].result.field.render(0.0, axis, axis)[0])
    return np.angle(found) if np.iscomplexobj(found) else found


def flat(truth: np.ndarray) -> np.ndarray:
    """The tenth of the pixels (Y, X) round which the truth varies least."""
    spread = uniform_filter(truth**2, FLAT_PX) - uniform_filter(truth, FLAT_PX) ** 2
    return np.asarray(spread <= np.quantile(spread, FLAT_SHARE))


def row(solve: Solver, tests: Sequence[Pair]) -> dict[str, str]:
    """Figures of a solver, means over the tests, the mean offset of each removed."""
    inner, rows = slice(BORDER, -BORDER), []
    for pair in tests:
        truth = np.asarray(pair.phase_rad, dtype=float)[inner, inner]
        assert isinstance(pair.acquisition, MultiplexedLed)
        found = np.asarray(solve(pair.acquisition), dtype=float)[inner, inner]
        found = found - found.mean() + truth.mean()
        told = figures([Compared(found, truth, np.ones(truth.shape, bool), float(np.ptp(truth)))])
        spread = float((found - truth)[flat(truth)].std())
        rows.append([told["mse"], told["psnr_db"], told["ssim"], fourier_share(found - found.mean()), spread])
    mse, psnr, ssim, share, spread = np.mean(rows, 0)
    return {
        "MSE, rad^2": f"{mse:.4f}", "PSNR, dB": f"{psnr:.1f}", "SSIM": f"{ssim:.3f}", "FM": f"{share:.3f}",
        "background, rad": f"{spread:.3f}",
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0, help="of the processor for each regime, about")
    parser.add_argument("--step-s", type=float, default=0.1, help="processor's time of a step, as measured")
    parser.add_argument("--regimes", nargs="*", choices=list(REGIMES), default=list(REGIMES), help="that are trained")
    options = parser.parse_args()
    torch.set_num_threads(1)
    steps = max(1, round(60 * options.minutes / options.step_s))
    pairs, tests = groups(19, GROUP_SEED), groups(TESTS, TEST_SEED)
    truths = {id(pair.acquisition): pair.phase_rad for pair in tests}
    others: dict[str, Solver] = {
        "neuph, shipped": functools.partial(by_method, "neuph", {}),
        "neuph, shipped, polished": functools.partial(by_method, "neuph", {"polish": True}),
        "dpc": functools.partial(by_method, "dpc", {}),
        "quasi-newton": functools.partial(by_method, "quasi-newton", {}),
        "nothing": lambda acquisition: np.zeros((SIZE * CANONICAL.upsampling,) * 2),
        "the truth": lambda acquisition: truths[id(acquisition)] + 1.0,
    }
    rows = []
    for name, solve in others.items():
        began = time.process_time()
        told = row(solve, tests)
        rows.append({"who": name, **told, "CPU s": f"{time.process_time() - began:.0f}"})
        print(rows[-1], flush=True)
    for name in options.regimes:
        began = time.process_time()
        weights = trained(REGIMES[name], pairs, steps)
        spent = time.process_time() - began
        rows.append({"who": name, **row(functools.partial(by_network, weights), tests), "CPU s": f"{spent:.0f}"})
        print(rows[-1], flush=True)
    print(grid(rows), f"{steps} steps each; {time.process_time() / 60:.1f} CPU minutes in all", sep="\n\n")


if __name__ == "__main__":
    main()
