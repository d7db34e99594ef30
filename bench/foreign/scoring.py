"""Scores of a phase against its truth, and the means of many."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from napari_neuralfield.recon.engine.image_scores import ssim_map
from napari_neuralfield.types import Result

WRONG = 0.6  # error over the truth's deviation from which a phase is wrong
ALIKE = 0.1  # deviation of the logarithm of misfits below which they tell nothing of a power


def compared(found: torch.Tensor, phase: np.ndarray, border: int, within: np.ndarray | None = None) -> dict[str, float]:
    """PSNR (dB over the truth's range), SSIM, error (rad) and its share of the truth's deviation, of phases (y, x).

    Both without their mean and without `border` pixels; of a complex `found` its angle. Where the errors' 68 % are said
    to lie `within` so many rad (y, x), the share that does, too, and how many times as much would hold 68 %.
    """
    one, two = _inner(found, phase, border)
    span = float(two.max() - two.min())
    error = float(np.sqrt(np.mean((one - two) ** 2)))
    covered = {}
    if within is not None:
        ratio = ratios(found, phase, border, within)
        covered = {"covered": float((ratio < 1).mean()), "times_for_68": float(np.quantile(ratio, 0.68))}
    return {
        "psnr_db": 20 * np.log10(span / error), "ssim": float(ssim_map(one, two, span).mean()), "rmse_rad": error,
        "relative": error / float(two.std()), **covered,
    }  # fmt: skip


def light_of(result: Result) -> str:
    """The light that a user sees beside a `result`; '' where there is none."""
    return result.verdict.level if result.verdict else str(result.optics.get("trust_level", ""))


def within_of(result: Result, upsampling: int) -> np.ndarray | None:
    """The uncertainty beside a phase, rad, on pixels `upsampling` finer than the frames' (Y, X); None without one."""
    known = result.calibration.get("uncertainty_rad")
    return None if known is None else np.kron(known.astype(np.float32), np.ones((upsampling, upsampling), np.float32))


def ratios(found: torch.Tensor, phase: np.ndarray, border: int, within: np.ndarray) -> np.ndarray:
    """Size of the error of each pixel over what it is said to lie `within` (y, x), rad; all else as in `compared`."""
    one, two = _inner(found, phase, border)
    return np.abs(one - two) / np.maximum(within[border:-border, border:-border], 1e-9)


def _inner(found: torch.Tensor, phase: np.ndarray, border: int) -> tuple[np.ndarray, np.ndarray]:
    """Both phases (y, x), rad, without their `border` and mean; of a complex `found` the angle."""
    angle = (found.angle() if found.is_complex() else found).cpu().numpy()
    inner = (slice(border, -border),) * 2
    one, two = (image[inner] - image[inner].mean() for image in (angle, phase))
    return one, two


def interval_of(worlds: Sequence[tuple[np.ndarray, float]]) -> dict[str, float]:
    """Factor and power of the `Widening` with which 68 % of all errors lie within the scale that a network tells.

    Parameters
    ----------
    worlds : of each the `ratios` without widening, and the misfit of its answer; every world counts the same.
    """
    misfits = np.maximum([misfit for _, misfit in worlds], 1.0)
    far = np.log([np.quantile(ratio, 0.68) for ratio, _ in worlds])
    alike = np.log(misfits).std() < ALIKE
    power = 0.0 if alike else round(max(float(np.polyfit(np.log(misfits), far, 1)[0]), 0.0), 2)
    left = [
        np.quantile(ratio, np.linspace(0.005, 0.995, 100)) / m**power
        for (ratio, _), m in zip(worlds, misfits, strict=True)
    ]
    return {"factor": round(float(np.quantile(np.concatenate(left), 0.68)), 2), "power": power}


def means(rows: Mapping[tuple[str, str], Sequence[Mapping[str, float]]]) -> None:
    """Print the means of `rows`, lists of scores by (kind, method): of each, and of each method."""
    for (kind, name), found in rows.items():
        print(f"{kind:18} {name:16}", "  ".join(f"{w} {np.mean([r[w] for r in found]):.3f}" for w in found[0]))
    for name in dict.fromkeys(name for _, name in rows):
        every = [row for (_, one), found in rows.items() if one == name for row in found]
        print(f"{'all':18} {name:16}", "  ".join(f"{w} {np.mean([r[w] for r in every]):.3f}" for w in every[0]))


def green_but_wrong(lights: Mapping[str, Sequence[tuple[str, float]]]) -> None:
    """Print how many of the green answers of each method, (light, relative error) by name, are wrong."""
    for name, found in lights.items():
        green = [error for light, error in found if light == "green"]
        wrong = sum(error > WRONG for _, error in found)
        print(
            f"{name}: {len(green)} of {len(found)} green, {sum(e > WRONG for e in green)} of them wrong; {wrong} wrong"
        )


class Found:
    """Scores as they come: a printed line for each world, and at the end the means and the lights.

    Parameters
    ----------
    out : file that gets the lines as JSON; None: none does.
    """

    def __init__(self, out: Path | None) -> None:
        self.out = out
        self.rows = defaultdict[tuple[str, str], list[dict[str, float]]](list)
        self.lights = defaultdict[str, list[tuple[str, float]]](list)

    def add(self, kind: str, name: str, light: str, row: dict[str, float], **about: int) -> None:
        """The scores `row` and the `light` of a method `name` on a world of a `kind`; `about` says which."""
        self.rows[kind, name].append(row)
        self.lights[name].append((light, row["relative"]))
        line = {"kind": kind, **about, "method": name, "light": light, **row}
        print("  ".join(f"{v:.3f}" if isinstance(v, float) else str(v) for v in line.values()), flush=True)
        if self.out:
            with self.out.open("a") as file:
                file.write(json.dumps(line) + "\n")

    def end(self) -> None:
        """Print the means and the lights."""
        means(self.rows)
        green_but_wrong(self.lights)
