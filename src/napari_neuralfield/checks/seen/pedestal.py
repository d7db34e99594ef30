"""A constant under the frames: what is left where no light falls, as the darkest parts of the frames tell."""

from __future__ import annotations

import dataclasses

import numpy as np

from ...data.acquisition import Acquisition, LedArray, MultiplexedLed, Ptychography

BLOCK, FEWEST = 8, 64  # blocks along a frame's shorter side; pixels of a block at least
MOST = 48  # dark frames that are looked at
DARKEST, MORE, PIXELS = 0.02, 0.25, 5e3  # shares of all blocks, the darkest, that tell the floor; pixels it takes
RIM = 1.05  # of the objective's NA, beyond which an LED is surely dark field
DARK = 0.5  # of the bright field's light: a dark-field frame holds less
OVERWHELMING = 10.0  # times the light of the darkest blocks: no light is as even as that
CLEAR = 3.0  # times that light, of many LEDs (of one: once): a floor, if it does not grow with the light
GROWS = 0.5  # share of the light's growth that a constant does not show
TRIMMED = 0.998  # of a block's pixels; above lie hot ones
CHANCE = 2.0  # standard errors of the third moment
NOISE = 0.3  # deviations of a single pixel, below which a floor does no harm
PEAK = 2.0  # times the floor: so bright are the brightest blocks of a pattern, or it has no dark corner
ALIKE = 1.5  # exposures within this factor are one


@dataclasses.dataclass(frozen=True)
class Floor:
    """A constant under the dark frames.

    Parameters
    ----------
    counts : the constant.
    light : mean light of the median dark frame above it.
    certain : whether it is a constant and not evenly scattered light.
    frames : how many frames it was seen in.
    brightest : mean light of the brightest blocks above it.
    """

    counts: float
    light: float
    certain: bool
    frames: int
    brightest: float


def floor_of(acquisition: Acquisition, numbers: np.ndarray, means: np.ndarray, level: float) -> Floor | None:
    """The constant under the dark frames of an acquisition; None where no frame is dark or none lies there.

    Parameters
    ----------
    acquisition : its background, if any, is subtracted; its pedestal is not.
    numbers : of the frames to look at (n,).
    means : of these frames (n,), counts, less the background.
    level : of bright field at their exposure, counts.
    """
    if isinstance(acquisition, Ptychography):
        found = floor_under(acquisition, numbers, means) if acquisition.geometry == "far_field" else None
        return found if found is not None and found.brightest > PEAK * found.counts else None
    outside = claimed_dark(acquisition)
    if outside is None or not outside[numbers].any():
        return None
    dark = outside[numbers]
    found = floor_under(acquisition, numbers[dark], means[dark])
    if found is not None:
        dark &= means - found.counts < DARK * (level - found.counts)  # the others are not what the directions say
        found = floor_under(acquisition, numbers[dark], means[dark]) if dark.any() else None
    return found if found is not None and found.light < DARK * (level - found.counts) else None


def bright_level(acquisition: Acquisition, numbers: np.ndarray, light: np.ndarray) -> float:
    """Mean of the bright-field frames, as many of the brightest as the LED directions claim; in the unit of `light`.

    Parameters
    ----------
    acquisition : of LEDs.
    numbers : of frames (n,).
    light : mean of each (n,).
    """
    outside = claimed_dark(acquisition)
    bright = max(1, len(numbers) if outside is None else int((~outside[numbers]).sum()))
    return float(np.median(np.sort(light)[::-1][:bright]))


def claimed_dark(acquisition: Acquisition) -> np.ndarray | None:
    """Whether each frame should be dark field (frame,), by the LED directions; None for kinds without LEDs."""
    if isinstance(acquisition, LedArray):
        return np.asarray(np.hypot(*acquisition.illumination_na.T) > RIM * acquisition.objective_na)
    if isinstance(acquisition, MultiplexedLed):
        inside = np.hypot(*acquisition.led_na.T) < RIM * acquisition.objective_na
        patterns = np.asarray(acquisition.patterns)
        return np.asarray(~patterns[:, inside].any(axis=1) & patterns.any(axis=1))
    return None


def floor_under(acquisition: Acquisition, numbers: np.ndarray, means: np.ndarray) -> Floor | None:
    """The constant under some frames; None where there is none that matters.

    Light that falls on a block of pixels is uneven (coherent light is speckled: its third moment is twice the cube of
    its mean), camera noise is not skewed: the moments of the darkest blocks part constant, light and noise. Blocks are
    chosen by half of their pixels and measured by the other half, so that noise does not choose.

    Parameters
    ----------
    acquisition : its background, if any, is subtracted.
    numbers : of the frames (n,).
    means : of these frames (n,).
    """
    chosen = numbers[np.argsort(means)]
    chosen = chosen[np.unique(np.linspace(0, len(chosen) - 1, MOST).round().astype(int))]
    blocks = np.concatenate([_blocks(frame) for frame in _counts(acquisition, chosen)])
    if len(blocks) < 4:
        return None
    order = np.argsort(blocks[:, 0::2].mean(1))
    blocks = blocks[order, 1::2]
    few = int(np.clip(PIXELS // blocks.shape[1], DARKEST * len(order), MORE * len(order)))
    few, half = max(few, 1), len(order) // 2
    counts, light, noise = _moments(blocks[:few])
    brighter, more, _ = _moments(blocks[half : half + few])
    if not counts > NOISE * noise:
        return None
    grown = brighter / counts - 1 > GROWS * ((brighter + more) / (counts + light) - 1)
    single = isinstance(acquisition, LedArray)
    certain = counts > OVERWHELMING * light or (counts > (1 if single else CLEAR) * light and not grown)
    light_of = blocks.mean(1) - counts
    brightest = float(np.quantile(light_of, 0.98))
    return Floor(counts, max(float(np.median(light_of)), 0.0), bool(certain), len(numbers), brightest)


def _counts(acquisition: Acquisition, numbers: np.ndarray) -> np.ndarray:
    stack = np.stack([np.asarray(acquisition.frames[int(i)], np.float64) for i in numbers])
    return stack if acquisition.background is None else stack - np.asarray(acquisition.background, float)


def _blocks(frame: np.ndarray) -> np.ndarray:
    """Square pieces of a frame, flat (block, pixel), the brightest pixels of each brought down."""
    side = max(int(np.ceil(np.sqrt(FEWEST))), min(frame.shape) // BLOCK) | 1  # odd: every second pixel is a chequer
    rows, columns = (n // side for n in frame.shape)
    cut = frame[: rows * side, : columns * side].reshape(rows, side, columns, side)
    flat = cut.swapaxes(1, 2).reshape(rows * columns, side * side)
    return np.minimum(flat, np.quantile(flat, TRIMMED, axis=1, keepdims=True)) if flat.size else flat


def _moments(blocks: np.ndarray) -> tuple[float, float, float]:
    """Constant, mean light and deviation of the noise of some blocks (block, pixel), each with its own light."""
    mean = blocks.mean(1)
    off = blocks - mean[:, None]
    square = float((off**2).mean())
    chance = CHANCE * np.sqrt(15 / off.size) * square**1.5  # third moment of noise alone
    light = np.cbrt(max(float((off**3).mean()) - chance, 0.0) / 2)
    noise = np.sqrt(max(square - light**2, 0.0))
    return float(mean.mean() - light), float(light), float(noise)
