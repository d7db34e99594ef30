"""How much of the object is noise, frequency by frequency, and the object without it.

The frames are drawn again from what was fitted, once without noise and once with the noise that was seen in them, and
fitted for a while from where the object stands. What differs in the end is noise: Wiener's filter keeps of every
frequency the share that is not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import torch

from ...optics.grids import centred_spectrum, image_of
from .fit import Fit

STEPS = 40  # of each of the two
SHARE = 2.0  # as few steps show about half of the noise's power
RING = 2  # bins of the frame wide, in which the noise is the same
AROUND = 7  # bins whose mean power is the object's


def without_noise(fit: Fit, seed: int) -> Iterator[torch.Tensor]:
    """Filter the object of a `fit` whose noise is known; yields the misfit of every step that this takes.

    `seed` : of the noise that is drawn.
    """
    counts, given, away = fit.counts, fit.object, fit.bins_from_axis
    if counts.variance <= 0:
        return
    predicted, slope = fit.frames(), 4 * counts.variance
    read = max((counts.offset - 0.375 * slope) * slope, 0.0)
    spread = torch.sqrt(slope * predicted.clamp(min=0) + read)
    draw = torch.Generator().manual_seed(seed)
    drawn = predicted + spread * torch.randn(predicted.shape, generator=draw).to(predicted.device)
    ends = []
    try:
        for light in (predicted, drawn):
            fit.object, fit.draw = given, np.random.default_rng(seed)
            fit.counts = dataclasses.replace(counts, light=light)
            yield from fit.descend(STEPS, ())
            ends.append(centred_spectrum(fit.object))
    finally:
        fit.counts, fit.object = counts, given
    fit.unfiltered = given
    fit.object = image_of(centred_spectrum(given) * share_of_object(centred_spectrum(given), ends[1] - ends[0], away))


def share_of_object(spectrum: torch.Tensor, noise: torch.Tensor, away: np.ndarray) -> torch.Tensor:
    """Share of the power that is the object's, real (y, x), 0 to 1.

    Parameters
    ----------
    spectrum : of object and noise (y, x).
    noise : a sample of the noise alone (y, x).
    away : distance from the zero frequency (y, x), bins of the frame.
    """
    from scipy.ndimage import uniform_filter

    ring = (away / RING).astype(int)
    count = np.bincount(ring.ravel())
    power = np.bincount(ring.ravel(), (noise.abs() ** 2).cpu().numpy().ravel()) / np.maximum(count, 1)
    level = SHARE * power[ring]
    seen = uniform_filter((spectrum.abs() ** 2).cpu().numpy(), AROUND)
    kept = np.clip(1 - level / np.maximum(seen, 1e-30), 0, 1)
    return torch.as_tensor(kept, dtype=torch.float32, device=spectrum.device)
