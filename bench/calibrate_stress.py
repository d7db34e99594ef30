"""Random microscopes, calibrated one after the other: `python -m bench.calibrate_stress [N] [--first SEED]`.

Each is turned by up to 5 deg, shifted by up to 0.03 NA and 5 % too large or too small; its LEDs are jittered and
vary by 20 %, the pupil has astigmatism and coma of 0.3 to 0.8 rad and a little of what comes next, the sample lies
up to 6 um out of focus, and there is ambient light. Even seeds show cells, odd ones a texture. `best` is the PSNR
with everything known.
"""

from __future__ import annotations

import argparse
import time
import traceback
from typing import Any

import numpy as np

from . import calibration_truth
from .calibrate_job import reconstructed, returned

COLUMNS = {
    "seed": "{seed:4d}", "phantom": "{phantom:7s}", "turn deg": "{turn:+8.2f}", "shift NA": "{shift:8.4f}",
    "scale %": "{scale:+7.1f}", "z um": "{z:+5.1f}", "cal s": "{calibrate_s:5.1f}", "rec s": "{reconstruct_s:5.1f}",
    "PSNR": "{psnr:5.2f}", "best": "{best:5.2f}", "dir 1e-3": "{direction:8.3f}", "bright": "{bright:6.3f}",
    "gain %": "{gain:6.2f}", "zern rad": "{zernike:8.3f}", "other": "{other:5.3f}", "dz um": "{dz:+6.3f}",
    "bg %": "{background:+6.1f}", "misfit": "{misfit:6.4f}", "bad": "{outlier_frames}",
}  # fmt: skip


LOW_NA = {
    "objective_na": 0.1, "wavelength_um": 0.532, "pixel_um": 1.6, "upsampling": 4, "pixels": 96,
    "led_height_mm": 91.0, "led_limit_na": 0.3,
}  # fmt: skip


def microscope(seed: int, low_na: bool = False) -> dict[str, Any]:
    """Keyword arguments of `simulate.miscalibrated_board` for one random microscope."""
    from napari_neuralfield.optics.board import BoardPose

    rng = np.random.default_rng(1000 + seed)
    direction, length = rng.uniform(0, 2 * np.pi), 0.03 * np.sqrt(rng.uniform())
    shift = (length * np.sin(direction), length * np.cos(direction))
    rim = np.array([6, 6, 8, 8]) ** 0.5
    strong = rng.choice([-1, 1], 4) * rng.uniform(0.3, 0.8, 4) / rim
    weak = rng.uniform(-0.05, 0.05, 3)
    return {
        "phantom": ("cells", "texture")[seed % 2],
        "pose": BoardPose(np.deg2rad(rng.uniform(-5, 5)), shift, 1 + rng.uniform(-0.05, 0.05)),
        "jitter_na": rng.uniform(0.0005, 0.002),
        "gain_spread": 0.2,
        "zernike_rad": dict(zip(range(5, 12), [*strong, *weak], strict=True)),
        "z_um": rng.uniform(-6, 6) * (5 if low_na else 1),
        "ambient": rng.uniform(0.0005, 0.004),
        **(LOW_NA if low_na else {}),
    }


def spoilt(seed: int) -> dict[str, list[int]]:
    """One frame blocked, one saturated, one of noise."""
    bad = np.random.default_rng(2000 + seed).choice(129, 3, replace=False)
    return {name: [int(frame)] for name, frame in zip(("blocked", "saturated", "noise"), bad, strict=True)}


def trial(seed: int, options: dict[str, Any], spoil: bool = False, low_na: bool = False) -> dict[str, Any]:
    """Simulate, calibrate, reconstruct, compare; with `spoil` three frames are bad."""
    from napari_neuralfield.recon.calibration.recipe import CalibrationRecipe
    from napari_neuralfield.recon.calibration.stages import calibrate
    from napari_neuralfield.recon.engine.metrics import score_in_focus
    from napari_neuralfield.simulate.simulators import miscalibrated_board

    given = microscope(seed, low_na)
    acquisition, truth = miscalibrated_board(seed, **given, **(spoilt(seed) if spoil else {}))
    good = np.setdiff1d(np.arange(acquisition.frame_count), truth["bad_frames"])
    best = reconstructed(calibration_truth.ideal(acquisition, truth).subset(good))
    began = time.process_time()
    calibration, _ = returned(calibrate(acquisition, CalibrationRecipe(**options)))
    calibrated = time.process_time()
    result = reconstructed(calibration.acquisition(leave_out=True))
    ended = time.process_time()
    off = calibration_truth.compare(calibration, truth)
    pose, bad = given["pose"], sorted(outlier.frame for outlier in calibration.outlier_frames)
    return {
        "seed": seed, "phantom": given["phantom"], "turn": np.rad2deg(pose.turn_rad), "shift": np.hypot(*pose.shift),
        "scale": 100 * (pose.scale - 1), "z": given["z_um"], "calibrate_s": calibrated - began,
        "reconstruct_s": ended - calibrated, "psnr": score_in_focus(result.field, truth).amplitude_psnr_db,
        "best": score_in_focus(best.field, truth).amplitude_psnr_db, "direction": 1e3 * off["direction_rms_na"],
        "bright": 1e3 * off["direction_bright_rms_na"], "gain": 100 * off["gain_rms"], "zernike": off["zernike_rad"],
        "other": off["zernike_other_rad"], "dz": off["z_error_um"], "background": 100 * off["background_error"],
        "misfit": result.figures["relative_amplitude_error"],
        "outlier_frames": f"{bad} of {truth['bad_frames'].tolist()}",
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.calibrate_stress", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=8, metavar="N", help="microscopes; 8 where not given")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="seed of the first")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE", help="of the calibration")
    parser.add_argument("--spoil", action="store_true", help="one frame each blocked, saturated and of noise")
    parser.add_argument("--low-na", action="store_true", help="a 0.1 NA objective; the sample within 30 um of focus")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    print("  ".join(COLUMNS), flush=True)
    lost = []
    for seed in range(options.first, options.first + options.count):
        try:
            row = trial(seed, dict(text.split("=", 1) for text in options.option), options.spoil, options.low_na)
        except Exception:  # the next microscope is tried all the same
            traceback.print_exc()
            lost.append(np.inf)
            continue
        lost.append(row["best"] - row["psnr"])
        print("  ".join(text.format(**row).rjust(len(name)) for name, text in COLUMNS.items()), flush=True)
    worst = int(np.argmax(lost))
    print(f"below best: median {np.median(lost):.2f} dB, worst {lost[worst]:.2f} dB (seed {options.first + worst})")


if __name__ == "__main__":
    main()
