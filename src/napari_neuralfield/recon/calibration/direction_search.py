"""The direction of every single LED, looked for on the hard-edged misfit itself.

As a direction moves, single bins of the object enter and leave the aperture, so the misfit has the shape of a V with
small steps, and a Newton step of it misses. With the object held, it is cheap to look: the directions around the
present one are tried on a shrinking pattern, and the best one is kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import torch

from ...forward import fourier
from .gauss_newton import CHUNK, OFFSET, rooted, sampler
from .trial_microscope import TrialMicroscope

Cost = Callable[[np.ndarray], np.ndarray]  # of shifts in bins (led, 2): (led,)
PATTERN = np.array([(np.sin(turn), np.cos(turn)) for turn in np.arange(8) * np.pi / 4])
SHRINK = 0.5
CLEAR, SIDE = 0.002, 1e-5  # of the NA that an LED keeps from its wrong side, and by how little it may fail to


def search_directions(
    microscope: TrialMicroscope,
    plan: fourier.Windows,
    spectrum: torch.Tensor,
    counts: torch.Tensor,
    *,
    noise: np.ndarray,
    board: np.ndarray,
    spread: float,
    side: np.ndarray,
    reach_bins: float,
    rounds: int,
    stride: int,
    region: torch.Tensor | None = None,
) -> np.ndarray:
    """Better directions of the LEDs (led, 2), the object held.

    Parameters
    ----------
    spectrum, counts, noise, region, stride : as for `gauss_newton.linearise`.
    board : where the board would have them (led, 2); spread : how far from there they usually lie, NA, rms.
    side : 1 where a frame is bright field and its LED lies inside the objective's NA, -1 where outside (led,).
    reach_bins : radius of the first pattern, bins of the pupil's grid; halved in every one of `rounds`.
    """
    pixels, bin_na = float(np.prod(plan.image_shape)), np.array(plan.bin) * plan.wavelength_um
    region = torch.ones(plan.image_shape) if region is None else region
    parts = []
    for start in range(0, len(counts), CHUNK):
        leds = np.arange(start, min(start + CHUNK, len(counts)))
        misfit = _misfit(microscope, plan, spectrum, counts[leds], leds, noise[leds], region, stride)
        belief = Belief(microscope.na[leds], board[leds], spread, side[leds], plan.cutoff * plan.wavelength_um)
        cost = _sum(misfit, pixels / noise[leds], belief, bin_na)
        parts.append(_best(cost, len(leds), reach_bins, rounds) * bin_na)
    return microscope.na + np.concatenate(parts)


@dataclasses.dataclass(frozen=True)
class Belief:
    """What is known of some LEDs before their frames are asked: all (led, 2) or (led,), as in `search_directions`."""

    na: np.ndarray
    board: np.ndarray
    spread: float
    side: np.ndarray
    objective_na: float

    def cost(self, tried: np.ndarray) -> np.ndarray:
        """How little directions `tried` (led, 2) are to be expected (led,)."""
        rim = self.objective_na
        wrong = np.maximum((np.hypot(*tried.T) - rim) * self.side + CLEAR * rim, 0) / rim
        found: np.ndarray = ((tried - self.board) ** 2).sum(axis=1) / self.spread**2 + (wrong / SIDE) ** 2
        return found


def _sum(misfit: Cost, weight: np.ndarray, belief: Belief, bin_na: np.ndarray) -> Cost:
    """Misfit in units of its noise, and belief, together as a function of shifts in bins."""
    return lambda bins: misfit(bins) * weight + belief.cost(belief.na + bins * bin_na)


def _best(cost: Cost, count: int, reach: float, rounds: int) -> np.ndarray:
    """Shift of least cost (count, 2) on a pattern that shrinks about the best shift so far."""
    best = np.zeros((count, 2))
    least = cost(best)
    for number in range(rounds):
        middle = best.copy()
        for way in PATTERN:
            tried = middle + reach * SHRINK**number * way
            value = cost(tried)
            better = value < least
            best[better], least = tried[better], np.minimum(least, value)
    return best


def _misfit(
    microscope: TrialMicroscope,
    plan: fourier.Windows,
    spectrum: torch.Tensor,
    counts: torch.Tensor,
    leds: np.ndarray,
    noise: np.ndarray,
    region: torch.Tensor,
    stride: int,
) -> Cost:
    """Mean squared residual of `leds` (led,) as a function of their shift in bins (led, 2), each at its best gain."""
    rows, columns = plan.box
    cut = torch.stack([spectrum[y : y + rows, x : x + columns] for y, x in plan.corner[leds].tolist()])
    if plan.pupil is not None:
        cut = cut * fourier.between_bins(plan, leds)
    phase = microscope.phase(microscope.phases(plan, leds))
    fy, fx = fourier.pupil_frequencies(plan, leds)
    differences = [
        (ahead - behind, ahead - 2 * phase + behind)
        for axis in (1, 2)
        for ahead, behind in ((phase.roll(-1, axis), phase.roll(1, axis)),)
    ]
    gain, floor, variance = (
        torch.as_tensor(values, dtype=torch.float32)[:, None, None]
        for values in (microscope.gain[leds], microscope.floor[leds], noise)
    )
    seen = rooted(counts[:, ::stride, ::stride], variance)
    view, weight = sampler(plan, stride), region[::stride, ::stride]

    def misfit(bins: np.ndarray) -> np.ndarray:
        y, x = torch.as_tensor(bins, dtype=torch.float32).T[:, :, None, None]
        inside = (fy + y * plan.bin[0]) ** 2 + (fx + x * plan.bin[1]) ** 2 <= plan.cutoff**2
        moved = phase
        for shift, (slope, bend) in zip((y, x), differences, strict=True):
            moved = moved + shift / 2 * slope + shift**2 / 2 * bend
        image = view(cut * torch.polar(inside.to(phase.dtype), moved))
        light = gain * (image.real**2 + image.imag**2)
        model = torch.sqrt(light + floor + OFFSET * variance)
        residual, slope = (seen - model) * weight, light / model * weight
        by_gain = (residual * slope).mean(dim=(1, 2)) ** 2 / slope.square().mean(dim=(1, 2)).clamp(min=1e-20)
        found: np.ndarray = (residual.square().mean(dim=(1, 2)) - by_gain).double().numpy()
        return found

    return misfit
