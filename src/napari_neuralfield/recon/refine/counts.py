"""Frames of single LEDs as a fit compares them: counts of the LED's light, what is masked, and how large the noise is.

The root of a count has the same noise however bright it is, as far as the noise is that of photons; an offset under
the root makes that true of few counts too (Anscombe 1948).
"""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import torch

from ...data.acquisition import LedArray
from ...data.repairs import bad_pixels_of

SPIKE = 20  # pixels at the very highest value that make it the end of the camera's scale
FLOOR = 0.02  # of the median frame's mean: the offset before the noise is known
LEVELS = 12  # of brightness, over which the noise is looked at
SMOOTH, DARKEST = 5, 0.1  # pixels averaged, and share of places and frames, that show the light without LEDs
QUIET, MOST = 1e-4, 20.0  # of the median frame's mean: the least and the largest offset


@dataclasses.dataclass
class LedCounts:
    """What was measured.

    Parameters
    ----------
    light : counts over `scale` with everything subtracted that is known not to be the LED's (led, y, x), float32.
    good : whether a pixel says something (led, y, x), bool.
    exposure : of each frame (led,), the shortest 1.
    scale : counts that stand for 1: the brightest LEDs' mean at the shortest exposure.
    offset : under the root, over `scale`.
    variance : of a root, over `scale`, by the noise alone; 0 before it is known.
    """

    light: torch.Tensor
    good: torch.Tensor
    exposure: torch.Tensor
    scale: float
    offset: float
    variance: float = 0.0

    @property
    def roots(self) -> torch.Tensor:
        """What the fit compares (led, y, x)."""
        return torch.sqrt((self.light + self.offset).clamp(min=0))


def counts_of(acquisition: LedArray, device: torch.device) -> LedCounts:
    """The frames of an `acquisition`, on `device`."""
    count = acquisition.frame_count
    light, good = [], []
    highest = end_of_scale(acquisition)
    for led in range(count):
        raw = np.asarray(acquisition.frames[led])
        light.append(acquisition.intensity([led], per_exposure=False)[0])
        good.append(np.logical_not(bad_pixels_of(acquisition.frames, led)) & (raw < highest))
    exposure = np.ones(count) if acquisition.exposure is None else np.asarray(acquisition.exposure, dtype=float)
    exposure = exposure / exposure.min()
    stack = np.stack(light).astype(np.float32)
    means = stack.mean(axis=(1, 2))
    scale = float(np.quantile(means / exposure, 0.97))
    usual = float(np.median(np.maximum(means, 0))) or scale
    return LedCounts(
        light=torch.as_tensor(stack / scale, device=device),
        good=torch.as_tensor(np.stack(good), device=device),
        exposure=torch.as_tensor(exposure, dtype=torch.float32, device=device),
        scale=scale,
        offset=FLOOR * usual / scale,
    )


def end_of_scale(acquisition: LedArray) -> float:
    """The count at which the camera saturates: the highest, where many pixels hold it; infinite elsewhere."""
    tops = []
    for led in range(acquisition.frame_count):
        raw = np.asarray(acquisition.frames[led])
        tops.append((float(raw.max()), int((raw == raw.max()).sum())))
    highest = max(top for top, _ in tops)
    return highest if sum(n for top, n in tops if top == highest) >= SPIKE else np.inf


def with_noise(counts: LedCounts, predicted: torch.Tensor) -> LedCounts:
    """With the noise that is seen about the `predicted` light (led, y, x), over the same scale.

    The variance of a count grows linearly with it; the dimmer half of the frames, which model errors disturb least,
    tell how.
    """
    order = torch.argsort(predicted.mean(dim=(1, 2)))[: max(1, len(predicted) // 2)]
    good = counts.good[order]
    model, rest = predicted[order][good], (counts.light[order] - predicted[order])[good]
    steps = torch.linspace(0, 1, LEVELS + 1, device=model.device)
    level = torch.quantile(model[:: max(1, len(model) // 100_000)], steps)
    means, variances = [], []
    for low, high in pairwise(level):
        part = rest[(model >= low) & (model <= high)]
        if len(part) > 50:
            means.append(float(model[(model >= low) & (model <= high)].mean()))
            variances.append((1.4826 * float(part.abs().median())) ** 2)
    if len(means) < 3:
        return counts
    from scipy.optimize import nnls

    weight = 1 / np.maximum(np.array(variances), 1e-30)
    slope, read = nnls(np.stack([means, np.ones(len(means))], 1) * weight[:, None], np.array(variances) * weight)[0]
    usual = max(float(counts.light.mean(dim=(1, 2)).median()), 1e-9)
    least, slope = QUIET * usual, max(slope, read / (MOST * usual))
    offset = 0.375 * slope + (read / slope if slope > 0 else least)
    return dataclasses.replace(counts, offset=float(np.clip(offset, least, 1.0)), variance=slope / 4)


def ambient_light(counts: LedCounts, dark: np.ndarray) -> float:
    """Light that is there without any LED, over the scale, at an exposure of 1: what the dimmest places still show.

    Parameters
    ----------
    counts : the frames.
    dark : which are dark field (led,), bool; 0 is the answer where there are none.
    """
    if not dark.any():
        return 0.0
    frames, exposure = counts.light[torch.as_tensor(dark)], counts.exposure[torch.as_tensor(dark)]
    smooth = torch.nn.functional.avg_pool2d(frames[:, None], SMOOTH, stride=1)[:, 0]
    low = torch.quantile(smooth.flatten(1)[:, :: max(1, smooth[0].numel() // 100_000)], DARKEST, dim=1) / exposure
    return max(float(torch.quantile(low, DARKEST)), 0.0)
