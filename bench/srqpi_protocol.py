"""The published protocol for a single defocused frame, on fields of our own: `python -m bench.srqpi_protocol score`

Fields of 2048^2 pixels of 0.65 um are imaged by a simulator that shares nothing with the training's: Gaussian noise of
0.01 of the light on each pixel, then 4 x 4 of them to a frame of 512^2. Two fields are cut into patches of 256^2, 100
of which are judged: SSIM of each patch, its mean offset removed, with the range of the whole field as data range. As
published, a network is trained on fields of the same kind: for the case alone (matched: +4 um, coherent), for +1 to
+13 um, and for coherences of 0 to 0.4 at +4 um. Here one training serves the last two, it goes on from the shipped
weights, and it never sees a field twice; the shipped network, which never saw such fields, stands beside them.

    python -m bench.srqpi_protocol train matched|adaptive --minutes 12 -o WEIGHTS.safetensors
    python -m bench.srqpi_protocol score [--matched W] [--adaptive W]
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from skimage.metrics import structural_similarity

from napari_neuralfield.data.acquisition import ThroughFocus
from napari_neuralfield.io.native.weights_file import save_weights
from napari_neuralfield.networks.pretrained import Weights, load_weights, shipped
from napari_neuralfield.optics.grids import binned
from napari_neuralfield.recon.focus.single_frame import frame_field
from napari_neuralfield.recon.training.focus_source import variety_of
from napari_neuralfield.recon.training.focus_stream import DefocusStream
from napari_neuralfield.recon.training.material import NOTHING
from napari_neuralfield.recon.training.networks import recipe_for
from napari_neuralfield.recon.training.srqpi import DefocusTask
from napari_neuralfield.recon.training.trainer import Batch, Trained, Validation, run_training
from napari_neuralfield.simulate.through_focus import abbe_frames, passed, protocol_field

FIELD, PATCH, TESTED, SEED_ASIDE = 2048, 256, 100, 5
FINE_UM, BINNING, WAVELENGTH_UM, OBJECTIVE_NA = 0.65, 4, 0.53, 0.4
NOISE = 0.01  # of the light, on a fine pixel
TEST_SEEDS = (1, 2)
MATCHED_UM = 4.0


def imaged(phase: np.ndarray, z_um: Sequence[float], coherence: float, seed: int) -> ThroughFocus:
    """A noisy frame at each depth of a field (Y, X) that repeats at its borders."""
    condenser = coherence * OBJECTIVE_NA
    light = passed(
        phase.shape, z_um, wavelength_um=WAVELENGTH_UM, objective_na=OBJECTIVE_NA, condenser_na=condenser,
        pixel_um=FINE_UM,
    )  # fmt: skip
    frame = abbe_frames(np.exp(1j * phase), light, BINNING)
    noise = np.random.default_rng(seed).normal(0, NOISE / BINNING, frame.shape)  # the mean over a pixel's fine ones
    return ThroughFocus(
        frames=(frame + noise).astype(np.float32), wavelength_um=WAVELENGTH_UM, objective_na=OBJECTIVE_NA,
        condenser_na=condenser, pixel_um=FINE_UM * BINNING, z_um=np.array(z_um, float), source=f"z {z_um} um",
    )  # fmt: skip


class FieldTask(DefocusTask):
    """The training of a network on parts of such fields, imaged as the shipped network's scenes are."""

    def source(self, seed: int) -> DefocusStream:
        return self._stream(seed, self.recipe.pool, self.recipe.patches_per_scene)

    def aside(self) -> Batch:
        return self._stream(SEED_ASIDE, 16, 1.0).batch(16)

    def _stream(self, seed: int, pool: int, per_scene: float) -> DefocusStream:
        return DefocusStream(
            dataclasses.replace(variety_of(self.recipe, None), uneven=0.0, haze_rad=0.0, finest=(0.0, 0.0),
                                closed=0.5),
            patch=self.recipe.patch_px, pool=pool, per_scene=per_scene, seed=seed,
            draw=lambda size, unit, rng: protocol_field(int(rng.integers(10, 2**31)), size, FINE_UM),
        )  # fmt: skip


def recipe_of(z_um: tuple[float, float], coherence: tuple[float, float]) -> dict[str, float]:
    """Options of a training on such frames, least and most of either."""
    scale = WAVELENGTH_UM / (FINE_UM * BINNING) ** 2
    return {
        "noise_min": NOISE / BINNING, "noise_max": NOISE / BINNING, "below": 0.0,
        "fresnel_min": z_um[0] * scale, "fresnel_max": z_um[1] * scale,
        "coherence_min": coherence[0], "coherence_max": coherence[1],
    }  # fmt: skip


def train(case: str, start: Weights, minutes: float, target: Path) -> None:
    """Weights for such fields, one case or all of them."""
    ranges = recipe_of((0.95, 13.3), (0.0, 0.42))
    if case == "matched":
        ranges = recipe_of((MATCHED_UM, MATCHED_UM), (0.0, 0.0))
    usual: Mapping[str, float] = {"learning_rate": 5e-4, "validate_every_s": 120.0}
    recipe = recipe_for("srqpi", {"minutes": minutes, **usual, **ranges}, start)
    for event in run_training(FieldTask, recipe, start, NOTHING, lambda: False):
        if isinstance(event, Validation):
            print(f"{event.seconds:.0f} s: {event.error_rad:.4f} rad, {event.correlation:.4f}", flush=True)
        elif isinstance(event, Trained):
            save_weights(target, event.weights, half=event.finished)


def patches(image: np.ndarray) -> Iterator[np.ndarray]:
    for y in range(0, image.shape[0], PATCH):
        for x in range(0, image.shape[1], PATCH):
            yield image[y : y + PATCH, x : x + PATCH]


def similar(answer: np.ndarray, truth: np.ndarray) -> tuple[list[float], list[float]]:
    """SSIM and PSNR (dB) of each patch."""
    span, ssim, psnr = float(np.ptp(truth)), [], []
    for a, t in zip(patches(answer), patches(truth), strict=True):
        alike, error = agreement(a, t, span)
        ssim.append(alike)
        psnr.append(float(20 * np.log10(span / error)))
    return ssim, psnr


def agreement(answer: np.ndarray, truth: np.ndarray, span: float) -> tuple[float, float]:
    """SSIM, with data range `span`, and error, rad, of a phase (y, x) without its mean offset."""
    moved = answer - answer.mean() + truth.mean()
    return float(structural_similarity(truth, moved, data_range=span)), float(np.sqrt(np.mean((moved - truth) ** 2)))


def judged(weights: Weights | None, fields: dict[int, np.ndarray], z_um: float, coherence: float) -> str:
    """SSIM, PSNR and CPU seconds per field, in words; of the truth on frame pixels where there are no weights."""
    ssim: list[float] = []
    psnr: list[float] = []
    began = time.process_time()
    spent = 0.0
    for seed, phase in fields.items():
        if weights is None:
            coarse = binned(torch.from_numpy(phase), BINNING)[None, None]
            answer = torch.nn.functional.interpolate(coarse, scale_factor=BINNING, mode="bicubic")[0, 0].numpy()
        else:
            acquisition = imaged(phase, [z_um], coherence, 1000 + seed)
            began = time.process_time()
            field = frame_field(acquisition, weights, 0)
            answer = field.render(0.0, *field.extent.axes())[0].numpy()
            spent += time.process_time() - began
        found = similar(answer, phase)
        ssim += found[0]
        psnr += found[1]
    return f"{np.mean(ssim[:TESTED]):.4f} | {np.mean(psnr[:TESTED]):.2f} | {spent / len(fields):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    learn = commands.add_parser("train")
    learn.add_argument("case", choices=("matched", "adaptive"))
    learn.add_argument("--minutes", type=float, default=12.0)
    learn.add_argument("--weights", type=Path, help="to go on from, in place of those of the package")
    learn.add_argument("-o", dest="target", type=Path, required=True)
    score = commands.add_parser("score")
    score.add_argument("--weights", type=Path, help="of srqpi, in place of those of the package")
    score.add_argument("--no-srcnn", action="store_true")
    score.add_argument("--srcnn", type=Path, help="of srcnn, in place of those of the package")
    score.add_argument("--matched", type=Path, help="trained for the matched case")
    score.add_argument("--adaptive", type=Path, help="trained for all cases")
    score.add_argument("--z-um", type=float, nargs="*", default=[float(z) for z in range(1, 14)])
    score.add_argument("--coherence", type=float, nargs="*", default=[0.0, 0.1, 0.2, 0.3, 0.4])
    options = parser.parse_args()
    torch.set_num_threads(1)
    shipped_or_given = load_weights(options.weights, "srqpi") if options.weights else shipped("srqpi")
    if options.command == "train":
        train(options.case, shipped_or_given, options.minutes, options.target)
        return
    fields = {seed: protocol_field(seed, FIELD, FINE_UM) for seed in TEST_SEEDS}
    print("| network | z, um | coherence | SSIM | PSNR, dB | CPU s |\n|---|---|---|---|---|---|")
    print(f"| none: truth on frame pixels, interpolated | | | {judged(None, fields, 0, 0)} |")
    networks = {"shipped": shipped_or_given}
    if options.adaptive:
        networks["trained on such fields"] = load_weights(options.adaptive, "srqpi")
    if options.matched:
        found = judged(load_weights(options.matched, "srqpi"), fields, MATCHED_UM, 0.0)
        print(f"| trained for this case | {MATCHED_UM:g} | 0 | {found} |", flush=True)
    for name, weights in networks.items():
        for z in options.z_um:
            print(f"| {name} | {z:g} | 0 | {judged(weights, fields, z, 0.0)} |", flush=True)
        for coherence in options.coherence:
            found = judged(weights, fields, MATCHED_UM, coherence)
            print(f"| {name} | {MATCHED_UM:g} | {coherence:g} | {found} |", flush=True)
    if not options.no_srcnn:
        three = load_weights(options.srcnn, "srcnn") if options.srcnn else shipped("srcnn")
        for z in (1.0, MATCHED_UM, 13.0):
            print(f"| SRCNN, shipped | {z:g} | 0 | {judged(three, fields, z, 0.0)} |", flush=True)


if __name__ == "__main__":
    main()
