"""The white of frames in colour: how bright a place without a sample is in each.

It is taken where the user says that nothing is, else in the flattest of the bright places that all colours share:
bright and flat is what can be seen of emptiness, so the place is always named.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.ndimage

from ..types import InputError
from .acquisition import Acquisition, LedArray

SIDE = 12  # the place's side is the frame's shorter one over this
SMALLEST = 6  # pixels of it, at least
BRIGHT = 0.93  # of the brightest place, that an empty one is at least in every colour
FLAT = 0.05  # of its brightness, that an empty place varies besides the noise of its pixels
EDGE = 0.5  # sides from the border, where frames are often worst


@dataclasses.dataclass(frozen=True)
class EmptyPlace:
    """A place taken for empty.

    region_um : y0, x0, y1, x1. brightness : of each colour there (channel,), exposure and white divided out.
    unevenness : deviation inside over brightness, single pixels' noise left out, of the worst colour.
    given : the user named the place.
    """

    region_um: tuple[float, float, float, float]
    brightness: np.ndarray
    unevenness: float
    given: bool = False

    @property
    def doubtful(self) -> bool:
        """Nothing in the frames looks empty."""
        return not self.given and self.unevenness > FLAT

    @property
    def sentence(self) -> str:
        """What was taken for white, why, and what to do about it."""
        place = ", ".join(f"{value:.4g}" for value in self.region_um)
        if self.given:
            return f"white is taken at the empty place {place} um (y0, x0, y1, x1)"
        uneven = f"{100 * self.unevenness:.2g} %"
        if self.doubtful:
            return (
                f"no place of the frames looks empty: the flattest bright one, {place} um (y0, x0, y1, x1), varies by "
                f"{uneven}, so the white may be wrong; name an empty place as empty_um, or give white"
            )
        return (
            f"white is taken at {place} um (y0, x0, y1, x1), the flattest bright place of all colours (it varies by "
            f"{uneven}); if there is something, name an empty place as empty_um"
        )


def bright_frame(acquisition: Acquisition) -> int:
    """The frame of an `acquisition` of one colour on which white is looked for: light along the axis, near focus."""
    if isinstance(acquisition, LedArray):
        return int(np.argmin(np.hypot(*np.asarray(acquisition.illumination_na).T)))
    depths = getattr(acquisition, "z_um", None)
    return 0 if depths is None else int(np.argmin(np.abs(depths)))


def empty_place(acquisition: Acquisition) -> EmptyPlace:
    """Where frames of several colours are empty.

    Raises
    ------
    InputError : where the place that the user names lies outside the frames.
    """
    colours = acquisition.colours()
    frames = np.stack([one.intensity([bright_frame(one)])[0] for one in colours])
    pixel = float(getattr(acquisition, "pixel_um", 1.0))
    if acquisition.empty_um is not None:
        return _given(acquisition, frames, pixel)
    side = max(SMALLEST, min(frames.shape[1:]) // SIDE)
    boxes = [_boxes(frame.astype(np.float64), side) for frame in frames]
    share = np.min([mean / mean.max() for mean, _ in boxes], axis=0)
    uneven = np.max([spread / np.maximum(mean, 1e-12) for mean, spread in boxes], axis=0)
    uneven[share < min(BRIGHT, float(share.max()))] = np.inf
    y, x = np.unravel_index(int(np.argmin(uneven)), uneven.shape)
    margin = int(EDGE * side)
    rows, columns = (slice(int(at) + margin, int(at) + margin + side) for at in (y, x))
    return _place(frames, (rows, columns), pixel, given=False)


def _boxes(frame: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation of the square places of `side` pixels, away from the borders (y, x)."""
    smooth = scipy.ndimage.uniform_filter(frame, max(2, side // 3), mode="nearest")
    mean = scipy.ndimage.uniform_filter(smooth, side, mode="nearest")
    square = scipy.ndimage.uniform_filter(smooth**2, side, mode="nearest")
    margin = int(EDGE * side)
    inside = tuple(slice(margin + side // 2, n - margin - (side - side // 2) + 1) for n in frame.shape)
    return mean[inside], np.sqrt(np.maximum(square - mean**2, 0))[inside]


def _place(frames: np.ndarray, box: tuple[slice, slice], pixel_um: float, *, given: bool) -> EmptyPlace:
    inside = frames[:, box[0], box[1]].astype(np.float64)
    brightness = np.median(inside, axis=(1, 2))
    fine = max(2, min(inside.shape[1:]) // 3)
    smooth = scipy.ndimage.uniform_filter(inside, (0, fine, fine), mode="nearest")
    uneven = float((smooth.std(axis=(1, 2)) / np.maximum(brightness, 1e-12)).max())
    (top, bottom), (left, right) = ((part.start * pixel_um, part.stop * pixel_um) for part in box)
    return EmptyPlace((top, left, bottom, right), brightness, uneven, given)


def _given(acquisition: Acquisition, frames: np.ndarray, pixel_um: float) -> EmptyPlace:
    y0, x0, y1, x1 = np.round(np.asarray(acquisition.empty_um) / pixel_um).astype(int)
    rows, columns = frames.shape[1:]
    if not (0 <= y0 < y1 <= rows and 0 <= x0 < x1 <= columns):
        place = ", ".join(f"{value:g}" for value in np.asarray(acquisition.empty_um))
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: empty_um is {place}; it must be y0, x0, y1, x1 in um inside "
            f"the frames, 0, 0, {rows * pixel_um:.4g}, {columns * pixel_um:.4g}, and hold a pixel"
        )
    return _place(frames, (slice(y0, y1), slice(x0, x1)), pixel_um, given=True)
