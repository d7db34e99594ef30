"""How far the colours of stained slides are from the truth: simulated, reconstructed and rendered, in Delta E.

`python -m bench.colour [--slides 20] [--first 100]` prints a line for each slide and the mean: CIE 1976 and CIEDE2000
over the field without its borders, and how far focus and shift of red and blue are from theirs.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from skimage.color import deltaE_cie76, deltaE_ciede2000, rgb2lab

from napari_neuralfield import build_recipe, reconstruct
from napari_neuralfield.io.writers.shades import srgb
from napari_neuralfield.registry import SIMULATORS
from napari_neuralfield.types import Done

BORDER = 8  # pixels of the truth


def slide(seed: int) -> dict[str, float]:
    """Figures of the slide of a `seed`."""
    acquisition, truth = SIMULATORS["stained-slide"](seed)
    began = time.process_time()
    *_, done = reconstruct(acquisition, build_recipe("fpm-sequential"))
    assert isinstance(done, Done)
    seconds, field = time.process_time() - began, done.result.field
    axis = np.arange(truth["object"].shape[-1]) * truth["pixel_um"]
    seen = field.render_channels([0.0], axis, axis)[:, 0].numpy()
    inside = np.s_[BORDER:-BORDER, BORDER:-BORDER]
    one, other = (rgb2lab(srgb(np.moveaxis(np.abs(planes) ** 2, 0, -1)))[inside] for planes in (seen, truth["object"]))
    focus = np.array(field.z_um) - truth["focus_um"]
    return {
        "delta_e_76": float(deltaE_cie76(one, other).mean()),
        "delta_e_2000": float(deltaE_ciede2000(one, other).mean()),
        "focus_off_um": float(np.abs(focus).max()),
        "shift_off_um": float(np.abs(np.array(field.shift_um) - truth["shift_um"]).max()),
        "cpu_s": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slides", type=int, default=20)
    parser.add_argument("--first", type=int, default=100, help="seed of the first")
    options = parser.parse_args()
    every = []
    for seed in range(options.first, options.first + options.slides):
        every.append(slide(seed))
        print(seed, *(f"{name} {value:.3g}" for name, value in every[-1].items()), flush=True)
    for what, of in (("mean", np.mean), ("largest", np.max)):
        print(what, *(f"{name} {of([one[name] for one in every]):.3g}" for name in every[0]))


if __name__ == "__main__":
    main()
