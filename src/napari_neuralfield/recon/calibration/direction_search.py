"""The direction of every single LED, looked for on the hard-edged misfit itself.

As a direction moves, single bins of the object enter and leave the aperture, so the misfit has the shape of a V with
small steps, and a Newton step of it misses. With the object held, it is cheap to look: the directions around the
present one are tried on a shrinking pattern, and the best one is kept.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from ...forward import fourier
from .trial_microscope import OFFSET, Belief

Cost = Callable[[np.ndarray], np.ndarray]  # of shifts in bins (led, 2): (led,)
PATTERN = np.array([(np.sin(turn), np.cos(turn)) for turn in np.arange(8) * np.pi / 4])
SHRINK = 0.5
CLEAR, SIDE = 0.002, 1e-5  # of the NA that an LED keeps from its wrong side, and by how little it may fail to


def search_directions(
    belief: Belief, *, board: np.ndarray, spread: float, side: np.ndarray, reach_bins: float, rounds: int
) -> np.ndarray:
    """Better directions of the LEDs (led, 2), the object held.

    Parameters
    ----------
    belief : the microscope and the object as they are believed to be, and the frames.
    board : where the board would have the LEDs (led, 2).
    spread : how far from there they usually lie, NA, rms.
    side : 1 where a frame is bright field and its LED lies inside the objective's NA, -1 where outside (led,).
    reach_bins : radius of the first pattern, bins of the pupil's grid; halved in every one of `rounds`.
    """
    bin_na = np.array(belief.plan.bin) * belief.plan.wavelength_um
    shifts = [
        _best(_cost(belief, leds, board[leds], spread, side[leds]), len(leds), reach_bins, rounds)
        for leds in belief.chunks()
    ]
    return belief.microscope.na + np.concatenate(shifts) * bin_na


def _cost(belief: Belief, leds: np.ndarray, board: np.ndarray, spread: float, side: np.ndarray) -> Cost:
    """Misfit in units of its noise, and how little a direction is to be expected before the frames are asked."""
    plan, na, misfit = belief.plan, belief.microscope.na[leds], _misfit(belief, leds)
    weight = float(np.prod(plan.image_shape)) / belief.noise[leds]
    rim, bin_na = plan.cutoff * plan.wavelength_um, np.array(plan.bin) * plan.wavelength_um

    def cost(bins: np.ndarray) -> np.ndarray:
        tried = na + bins * bin_na
        wrong = np.maximum((np.hypot(*tried.T) - rim) * side + CLEAR * rim, 0) / rim
        unlikely = ((tried - board) ** 2).sum(axis=1) / spread**2 + (wrong / SIDE) ** 2
        return misfit(bins) * weight + unlikely

    return cost


def _best(cost: Cost, count: int, reach: float, rounds: int) -> np.ndarray:
    """Shift of least cost (count, 2) on a pattern that shrinks about the best shift so far.

    After each pattern the bottom of a paraboloid through its costs is tried as well.
    """
    best = np.zeros((count, 2))
    least = cost(best)
    for number in range(rounds):
        middle, length = best.copy(), reach * SHRINK**number
        tried = [middle + length * way for way in PATTERN]
        costs = [cost(shift) for shift in tried]
        tried.append(middle + length * _bottom(np.stack([least, *costs])))
        costs.append(cost(tried[-1]))
        for shift, value in zip(tried, costs, strict=True):
            better = value < least
            best[better], least = shift[better], np.minimum(least, value)
    return best


def _bottom(costs: np.ndarray) -> np.ndarray:
    """Where a paraboloid is lowest within the pattern (count, 2), in units of its reach; 0 where it has no bottom.

    `costs` are those of its middle and of each place of the pattern (1 + 8, count).
    """
    y, x = np.concatenate([np.zeros((1, 2)), PATTERN]).T
    terms = np.stack([np.ones_like(y), y, x, y * y / 2, x * x / 2, y * x], axis=1)
    _, gy, gx, yy, xx, yx = np.linalg.pinv(terms) @ costs
    determinant = yy * xx - yx**2
    hollow = (determinant > 0) & (yy > 0)
    safe = np.where(hollow, determinant, 1)
    place = np.stack([yx * gx - xx * gy, yx * gy - yy * gx], axis=1) / safe[:, None]
    place *= np.minimum(1, 1 / np.maximum(np.hypot(*place.T), 1e-12))[:, None]
    return np.where(hollow[:, None], place, 0)


def _misfit(belief: Belief, leds: np.ndarray) -> Cost:
    """Mean squared residual of `leds` (led,) as a function of their shift in bins (led, 2), each at its best gain."""
    microscope, plan, cut = belief.microscope, belief.plan, belief.windows(leds)
    if plan.pupil is not None:
        cut = cut * fourier.between_bins(plan, leds)
    phase = microscope.wavefront(plan, leds)
    fy, fx = fourier.pupil_frequencies(plan, leds)
    differences = [
        (ahead - behind, ahead - 2 * phase + behind)
        for axis in (1, 2)
        for ahead, behind in ((phase.roll(-1, axis), phase.roll(1, axis)),)
    ]
    gain, floor, variance = belief.brightness(leds)
    seen, weight = belief.roots(leds, variance), belief.weight

    def misfit(bins: np.ndarray) -> np.ndarray:
        y, x = torch.as_tensor(bins, dtype=torch.float32).T[:, :, None, None]
        inside = (fy + y * plan.bin[0]) ** 2 + (fx + x * plan.bin[1]) ** 2 <= plan.cutoff**2
        moved = phase
        for shift, (slope, bend) in zip((y, x), differences, strict=True):
            moved = moved + shift / 2 * slope + shift**2 / 2 * bend
        image = belief.images(cut * torch.polar(inside.to(phase.dtype), moved))
        light = gain * (image.real**2 + image.imag**2)
        model = torch.sqrt(light + floor + OFFSET * variance)
        residual, slope = (seen - model) * weight, light / model * weight
        by_gain = (residual * slope).mean(dim=(1, 2)) ** 2 / slope.square().mean(dim=(1, 2)).clamp(min=1e-20)
        return (residual.square().mean(dim=(1, 2)) - by_gain).double().numpy()

    return misfit
