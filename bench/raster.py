"""Grid artefacts of raster scans: `python -m bench.raster [N] [--first SEED] [--phantom NAME] [--picture FILE]`.

Where the probe of an exactly regular scan is solved for, object * f and probe / f give the same frames for every factor
f that repeats with the scan's step, so that what is wrong with the first probe can stay in the object as a grid.
`grid` is the rms of what repeats with the step in object / truth, `others` the same for steps a little shorter and
longer, which is what chance leaves; slow changes over more than a step are taken out before.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from .scan_truth import fitted

SCENE = "far-field-raster"
STEP_PX = 20
CANDIDATES: dict[str, tuple[str, str | None]] = {"epie": ("epie", None), "field": ("residual-field", "raster")}
ENLARGED = 2


def image_of(result: Any, truth: dict[str, Any]) -> np.ndarray:
    """The object (y, x) on the pixels of the truth."""
    pixel = truth["pixel_um"]
    y, x = (o + pixel * np.arange(n) for o, n in zip(truth["origin_um"], truth["object"].shape, strict=True))
    return result.field.render([0.0], y, x)[0].detach().cpu().numpy().astype(complex)


def repeated(ratio: np.ndarray, seen: np.ndarray, step: int) -> float:
    """Rms of the part of `ratio` (y, x) that repeats every `step` pixels along both axes, its mean aside."""
    y, x = np.indices(ratio.shape) % step
    cell, cells = (y * step + x)[seen], step**2
    count = np.bincount(cell, minlength=cells)
    mean = sum(
        unit * np.bincount(cell, part[seen], cells) / np.maximum(count, 1)
        for unit, part in ((1, ratio.real), (1j, ratio.imag))
    )[count > 0]
    return float(np.sqrt((np.abs(mean - mean.mean()) ** 2).mean()))


def grid_of(found: np.ndarray, truth: dict[str, Any], step: int = STEP_PX) -> tuple[dict[str, float], np.ndarray]:
    """Error and artefact of an object (y, x); and the object without the scale, ramp and shift that no frame tells."""
    seen = truth["seen"]
    values, target, factor = fitted(found, truth["object"].astype(complex), seen)
    plain = found / factor
    ratio = np.where(seen, plain * target.conj() / np.maximum(np.abs(target) ** 2, 0.05), 0)
    smooth = gaussian_filter(ratio.real, 1.5 * step) + 1j * gaussian_filter(ratio.imag, 1.5 * step)
    weight = gaussian_filter(seen.astype(float), 1.5 * step)
    ratio = np.where(seen, ratio * weight / np.where(np.abs(smooth) > 1e-9, smooth, 1), 0)
    others = [repeated(ratio, seen, step + more) for more in (-3, -2, 2, 3)]
    return {"error": values["error"], "grid": repeated(ratio, seen, step), "others": float(np.mean(others))}, plain


def trial(seed: int, phantom: str | None) -> tuple[dict[str, dict[str, float]], dict[str, np.ndarray], np.ndarray]:
    """Figures and object (y, x) of every candidate on one scan; and its truth's lit part as slices."""
    from napari_neuralfield import Done, build_recipe, reconstruct
    from napari_neuralfield.registry import SIMULATORS

    more = {} if phantom is None else {"phantom": phantom}
    acquisition, truth = SIMULATORS[SCENE](seed, **more)  # type: ignore[call-arg]
    rows, images = {}, {}
    for name, (method, preset) in CANDIDATES.items():
        began = time.process_time()
        for event in reconstruct(acquisition, build_recipe(method, {}, preset)):
            if isinstance(event, Done):
                result = event.result
        seconds = time.process_time() - began
        rows[name], images[name] = grid_of(image_of(result, truth), truth)
        rows[name] |= {"misfit": result.figures["relative_amplitude_error"], "cpu": seconds}
    images["truth"] = truth["object"].astype(complex)
    return rows, images, truth["seen"]


def picture(images: dict[str, np.ndarray], seen: np.ndarray) -> Image.Image:
    """Phase above amplitude, one object (y, x) beside the other, in the grey values of the truth."""
    y, x = (slice(at.min(), at.max() + 1) for at in np.nonzero(seen))
    truth = images["truth"][y, x]
    spread = [(np.angle(truth).min(), np.angle(truth).max()), (np.abs(truth).min(), np.abs(truth).max())]
    height, width, head = (ENLARGED * truth.shape[0], ENLARGED * truth.shape[1], 22)
    sheet = Image.new("L", (len(images) * (width + 4) - 4, 2 * (height + head)), 255)
    draw = ImageDraw.Draw(sheet)
    for column, (name, image) in enumerate(images.items()):
        for row, (what, part, (low, high)) in enumerate(
            zip(("phase", "amplitude"), (np.angle(image), np.abs(image)), spread, strict=True)
        ):
            room = 0.15 * (high - low)
            grey = np.clip((part[y, x] - low + room) / (high - low + 2 * room), 0, 1)
            tile = Image.fromarray((255 * grey).astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
            place = column * (width + 4), row * (height + head)
            draw.text((place[0] + 4, place[1] + 4), f"{name}: {what}", fill=0, font_size=14)
            sheet.paste(tile, (place[0], place[1] + head))
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.raster", description=__doc__)
    parser.add_argument("count", nargs="?", type=int, default=1, metavar="N", help="scans; 1 where not given")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="seed of the first")
    parser.add_argument("--phantom", metavar="NAME", help="instead of the scene's")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="where the objects of the first are drawn")
    given = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    print("seed  method   error    grid  others  misfit   cpu s")
    for seed in range(given.first, given.first + given.count):
        rows, images, seen = trial(seed, given.phantom)
        for name, row in rows.items():
            figures = "  ".join(f"{row[key]:6.4f}" for key in ("error", "grid", "others", "misfit"))
            print(f"{seed:4d}  {name:6s}  {figures}  {row['cpu']:6.1f}", flush=True)
        if given.picture and seed == given.first:
            picture(images, seen).save(given.picture, optimize=True)


if __name__ == "__main__":
    main()
