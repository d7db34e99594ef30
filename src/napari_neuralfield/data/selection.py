"""Some of the frames of an acquisition, and a part of its field."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ..types import Extent, InputError
from .acquisition import Acquisition, CodedPtychography, LedArray, Ptychography

USED = "used_frames"  # numbers, in a result's calibration, of the frames that it was made of where not of all
LEAST = 32  # pixels along a side of a region: the fewest that methods can use
Slices = tuple[slice, slice]
Region = tuple[float, float, float, float]


@dataclasses.dataclass(frozen=True, eq=False)
class Selected:
    """What was chosen of an acquisition.

    Parameters
    ----------
    acquisition : of the chosen frames and region.
    numbers : that its frames have in the whole (n,).
    origin_um : (y, x) in the whole of the point that lies at (0, 0) um of `acquisition`.
    """

    acquisition: Acquisition
    numbers: np.ndarray
    origin_um: tuple[float, float] = (0.0, 0.0)


def select(
    acquisition: Acquisition,
    frames: Sequence[int] | None = None,
    leave_out: Sequence[int] = (),
    region_um: Region | None = None,
) -> Selected:
    """Some frames and a region of an acquisition.

    Pictures (of LEDs, patterns of LEDs, through focus, behind a coded surface) are cut to the region. A diffraction
    pattern cannot be cut: of a scan those frames are kept whose window has its centre in the region of the object.

    Parameters
    ----------
    acquisition : whole.
    frames : numbers of those to keep, in that order; None: all.
    leave_out : numbers of those to do without.
    region_um : (y0, x0, y1, x1), um of the acquisition; None: all of it.

    Raises
    ------
    InputError : where nothing would be left, or a region cannot be cut.
    """
    every = np.arange(acquisition.frame_count) if frames is None else np.asarray(frames, int)
    numbers = every[~np.isin(every, np.asarray(leave_out, int))]
    if region_um is not None and isinstance(acquisition, Ptychography):
        numbers = numbers[_inside(acquisition, region_um)[numbers]]
    if not len(numbers):
        what = "lies in the region" if region_um is not None else "is left"
        raise InputError(f"{acquisition.source or 'the acquisition'}: no frame {what}; choose more of them")
    found = acquisition
    if len(numbers) < acquisition.frame_count or (np.diff(numbers) < 0).any():
        found = acquisition.subset(numbers)
    if region_um is None or isinstance(acquisition, Ptychography):
        return Selected(found, numbers)
    step = pixel_of(acquisition)
    y, x = region_slices(region_um, step, acquisition.frame_shape)
    return Selected(_cropped(found, y, x), numbers, (y.start * step, x.start * step))


def pixel_of(acquisition: Acquisition) -> float:
    """Pixel of an acquisition's frames, um: at the sample, or of the sensor behind a coded surface."""
    if isinstance(acquisition, CodedPtychography):
        return acquisition.sensor_pixel_um
    if isinstance(acquisition, Ptychography):
        return acquisition.object_pixel_um
    return float(getattr(acquisition, "pixel_um", 1.0))


def extent_of(acquisition: Acquisition) -> Extent:
    """Where a region may lie: the frame, or of a scan all windows together."""
    step = pixel_of(acquisition)
    if not isinstance(acquisition, Ptychography):
        return Extent((0.0, 0.0), acquisition.frame_shape, step)
    low, high = acquisition.positions_um.min(0), acquisition.positions_um.max(0)
    rows, columns = (int(np.ceil(r / step)) + n for r, n in zip(high - low, acquisition.frame_shape, strict=True))
    return Extent((0.0, 0.0), (rows, columns), step, (float(low[0]), float(low[1])))


def _inside(acquisition: Ptychography, region_um: Region) -> np.ndarray:
    """Whether the centre of each frame's window lies in the region (frame,)."""
    centre = acquisition.positions_um + np.array(acquisition.frame_shape) * acquisition.object_pixel_um / 2
    return np.asarray(((centre >= region_um[:2]) & (centre <= region_um[2:])).all(axis=1))


def _cropped(acquisition: Acquisition, y: slice, x: slice) -> Acquisition:
    if isinstance(acquisition, LedArray) and acquisition.coded_surface is not None:
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: a region cannot be cut from frames behind a coded surface in "
            "the image plane; leave the region out"
        )
    return acquisition.crop(y, x)


def region_slices(corners_um: Region, pixel_um: float, shape: tuple[int, int], least: int = LEAST) -> Slices:
    """(y, x) slices, of even length, of the frame pixels under a rectangle.

    Parameters
    ----------
    corners_um : (y0, x0, y1, x1), um.
    pixel_um : pixel of the frame, um.
    shape : (y, x) of the frame.
    least : the fewest pixels along a side that a method can use.

    Raises
    ------
    InputError : where less than `least` pixels of the frame lie under it.
    """
    slices = []
    for axis, name in ((0, "high"), (1, "wide")):
        start = max(0, round(corners_um[axis] / pixel_um))
        stop = min(shape[axis], round(corners_um[axis + 2] / pixel_um))
        stop -= (stop - start) % 2
        if stop - start < least:
            raise InputError(
                f"the region is {max(stop - start, 0)} pixels {name} inside the frame; it must be at least {least}, "
                "so draw it larger"
            )
        slices.append(slice(start, stop))
    return slices[0], slices[1]
