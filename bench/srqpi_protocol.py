"""The published protocol for a single defocused frame, on fields of our own: `python -m bench.srqpi_protocol score`

Fields of 2048^2 pixels of 0.65 um are imaged by a simulator that shares nothing with the training's: Gaussian noise of
0.01 of the light on each pixel, then 4 x 4 of them to a frame of 512^2. A field is cut into patches of 256^2; as published,
1,300 of them to train on (20 fields) and 100 to test (of two other fields). SSIM is of each patch, its mean offset
removed, with the range of the whole field as data range.

    python -m bench.srqpi_protocol make FOLDER          pairs of the matched case, for `neuralfield train srqpi --pairs`
    python -m bench.srqpi_protocol score [--matched W]  the table
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import torch
from skimage.metrics import structural_similarity

from napari_neuralfield.data.acquisition import ThroughFocus
from napari_neuralfield.data.simulate_through_focus import abbe_frames, passed, protocol_field
from napari_neuralfield.forward.brightfield import binned
from napari_neuralfield.io import save_acquisition
from napari_neuralfield.networks.pretrained import Weights, load_weights, shipped
from napari_neuralfield.recon.single_frame import frame_field

FIELD, PATCH, TESTED = 2048, 256, 100
FINE_UM, BINNING, WAVELENGTH_UM, OBJECTIVE_NA = 0.65, 4, 0.53, 0.4
NOISE = 0.01  # of the light, on a fine pixel
TRAIN_SEEDS, TEST_SEEDS = range(100, 121), (1, 2)  # 21 fields of 64 patches, two of 64
MATCHED_UM = 4.0


def imaged(phase: np.ndarray, z_um: float, coherence: float, seed: int) -> ThroughFocus:
    """One noisy frame of a field (Y, X) that repeats at its borders."""
    condenser = coherence * OBJECTIVE_NA
    light = passed(
        phase.shape, [z_um], wavelength_um=WAVELENGTH_UM, objective_na=OBJECTIVE_NA, condenser_na=condenser,
        pixel_um=FINE_UM,
    )  # fmt: skip
    frame = abbe_frames(np.exp(1j * phase), light, BINNING)
    noise = np.random.default_rng(seed).normal(0, NOISE / BINNING, frame.shape)  # the mean over a pixel's fine ones
    return ThroughFocus(
        frames=(frame + noise).astype(np.float32), wavelength_um=WAVELENGTH_UM, objective_na=OBJECTIVE_NA,
        condenser_na=condenser, pixel_um=FINE_UM * BINNING, z_um=np.array([z_um]), source=f"z {z_um:g} um",
    )  # fmt: skip


def make(folder: Path) -> None:
    """Pairs of the matched case: +4 um, coherent."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in TRAIN_SEEDS:
        phase = protocol_field(seed, FIELD, FINE_UM)
        save_acquisition(folder / f"field_{seed}.acq.h5", imaged(phase, MATCHED_UM, 0.0, seed))
        with h5py.File(folder / f"field_{seed}.truth.h5", "w") as file:
            file.create_dataset("phase_rad", data=phase, compression="gzip", compression_opts=1)
            file.attrs["pixel_um"] = FINE_UM


def patches(image: np.ndarray) -> Iterator[np.ndarray]:
    for y in range(0, image.shape[0], PATCH):
        for x in range(0, image.shape[1], PATCH):
            yield image[y : y + PATCH, x : x + PATCH]


def similar(answer: np.ndarray, truth: np.ndarray) -> tuple[list[float], list[float]]:
    """SSIM and PSNR (dB) of each patch."""
    span, ssim, psnr = float(np.ptp(truth)), [], []
    for a, t in zip(patches(answer), patches(truth), strict=True):
        a = a - a.mean() + t.mean()
        ssim.append(float(structural_similarity(t, a, data_range=span)))
        psnr.append(float(10 * np.log10(span**2 / np.mean((a - t) ** 2))))
    return ssim, psnr


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
            acquisition = imaged(phase, z_um, coherence, 1000 + seed)
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
    commands.add_parser("make").add_argument("folder", type=Path)
    score = commands.add_parser("score")
    score.add_argument("--weights", type=Path, help="of srqpi, in place of those of the package")
    score.add_argument("--srcnn", type=Path, help="of srcnn, in place of those of the package")
    score.add_argument("--matched", type=Path, help="trained for the matched case")
    score.add_argument("--z-um", type=float, nargs="*", default=[float(z) for z in range(1, 14)])
    score.add_argument("--coherence", type=float, nargs="*", default=[0.0, 0.1, 0.2, 0.3, 0.4])
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.command == "make":
        make(options.folder)
        return
    fields = {seed: protocol_field(seed, FIELD, FINE_UM) for seed in TEST_SEEDS}
    adaptive = load_weights(options.weights, "srqpi") if options.weights else shipped("srqpi")
    three = load_weights(options.srcnn, "srcnn") if options.srcnn else shipped("srcnn")
    print("| network | z, um | coherence | SSIM | PSNR, dB | CPU s |\n|---|---|---|---|---|---|")
    print(f"| none: truth on frame pixels, interpolated | | | {judged(None, fields, 0, 0)} |")
    if options.matched:
        found = judged(load_weights(options.matched, "srqpi"), fields, MATCHED_UM, 0.0)
        print(f"| trained for this case | {MATCHED_UM:g} | 0 | {found} |")
    for z in options.z_um:
        print(f"| shipped | {z:g} | 0 | {judged(adaptive, fields, z, 0.0)} |", flush=True)
    for coherence in options.coherence:
        print(f"| shipped | {MATCHED_UM:g} | {coherence:g} | {judged(adaptive, fields, MATCHED_UM, coherence)} |")
    for z in (1.0, MATCHED_UM, 13.0):
        if z in options.z_um:
            print(f"| SRCNN | {z:g} | 0 | {judged(three, fields, z, 0.0)} |")


if __name__ == "__main__":
    main()
