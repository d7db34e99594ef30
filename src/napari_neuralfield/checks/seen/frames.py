"""What the frames themselves say: saturation, gaps, negative and constant frames. Reads a bounded number of them."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator
from typing import Literal

import numpy as np

from ...data.acquisition import Acquisition
from ...data.derived import SCANS
from ...data.frames import evenly_chosen, good_pixels, is_full, no_data

MAX_FRAMES = 256
MAX_BYTES = 36 * 2**20  # read in all, and unpacked for it; what is said of a recording must come at once
MAX_BYTES_OF_SCAN = 256 * 2**20  # a detector's single pixels are told by many frames
MAX_PIXELS = 6 * 2**20  # of a frame; of a larger one, unless all of it is needed, the middle


@dataclasses.dataclass(frozen=True)
class Check:
    """One finding: a number with its unit where there is one, and a sentence for the user."""

    name: str
    level: Literal["ok", "info", "warning"]
    value: float | None
    unit: str
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Survey:
    """Statistics of the frames looked at, before background and exposure are taken out.

    `means` and `spreads` are per frame looked at (NaN where a frame holds values that are not finite);
    `top` is the largest value, `top_pixels` how many pixels hold it, `next_pixels` how many hold the next lower one.
    `brightest` and `dimmest` are the largest and smallest value of every pixel (y, x).
    """

    looked_at: np.ndarray
    total: int
    means: np.ndarray
    spreads: np.ndarray
    pixels: int
    negative_pixels: int
    lowest: float
    top: float
    top_pixels: int
    next_pixels: int
    brightest: np.ndarray
    dimmest: np.ndarray

    @property
    def where(self) -> str:
        """Which frames were looked at, for a sentence."""
        return looked_at(self.looked_at, self.total)


def looked_at(numbers: np.ndarray, total: int) -> str:
    """'in all frames', or in how many: those of `numbers` (n,) among `total`."""
    if len(numbers) == total:
        return "in all frames" if total > 1 else "in the frame"
    return f"in {len(numbers)} evenly chosen of {total} frames"


class Counting:
    """The figures of a `Survey`, added up frame by frame."""

    def __init__(self) -> None:
        self.means: list[float] = []
        self.spreads: list[float] = []
        self.tops: Counter[float] = Counter()
        self.negative, self.pixels, self.lowest = 0, 0, np.inf

    def add(self, frame: np.ndarray) -> bool:
        """Count one frame (y, x); whether all its values are finite."""
        finite = bool(frame.size and np.isfinite(frame).all())  # a damaged page may hold no pixel
        self.means.append(float(frame.mean(dtype=np.float64)) if finite else np.nan)
        self.spreads.append(float(np.ptp(frame)) if finite else np.nan)
        if finite:
            self.negative += int((frame < 0).sum())
            self.pixels += frame.size
            self.lowest = min(self.lowest, float(frame.min()))
            self.tops.update(_highest_two(frame))
        return finite

    def survey(self, numbers: np.ndarray, total: int, brightest: np.ndarray, dimmest: np.ndarray) -> Survey:
        """What was counted.

        Parameters
        ----------
        numbers : of the frames that were counted (n,), of `total`.
        total : how many frames there are.
        brightest, dimmest : largest and smallest value of every pixel (y, x).
        """
        (top, top_pixels), (_, next_pixels), *_ = [*sorted(self.tops.items(), reverse=True), (0.0, 0), (0.0, 0)]
        return Survey(
            looked_at=numbers, total=total, means=np.array(self.means), spreads=np.array(self.spreads),
            pixels=self.pixels, negative_pixels=self.negative, lowest=self.lowest,
            top=top, top_pixels=top_pixels, next_pixels=next_pixels, brightest=brightest, dimmest=dimmest,
        )  # fmt: skip


def frames_to_look_at(acquisition: Acquisition) -> np.ndarray:
    """Numbers of every frame, or of evenly chosen ones where there are more than 256 or they take too long to read.

    That is 36 MiB, of a scan 256.
    """
    total, frame_bytes = acquisition.frame_count, int(np.prod(acquisition.frame_shape))
    frame_bytes *= np.dtype(acquisition.frames.dtype).itemsize
    most = MAX_BYTES_OF_SCAN if acquisition.kind in SCANS else MAX_BYTES
    each = max(frame_bytes, min(_cost_bytes(acquisition.frames), most))
    return evenly_chosen(total, min(total, MAX_FRAMES, max(4, most // each)))


def _cost_bytes(frames: object) -> int:
    """What must be read and unpacked for one frame, where that is more than the frame; asked through what wraps it."""
    wraps = ("given", "measured", "frames", "raw")
    inner = next((getattr(frames, name) for name in wraps if hasattr(frames, name)), None)
    own = int(getattr(frames, "cost_bytes", 0))
    return own if own or inner is None or inner is frames else _cost_bytes(inner)


def survey(acquisition: Acquisition) -> Survey:
    """Look at the frames of an `acquisition`, at some where they are many.

    Frames that a reader corrects are looked at as the camera gave them; of very large ones only the middle is. Masked
    pixels that hold no data count as 0.
    """
    part = middle_part(acquisition)
    frames, good = getattr(part.frames, "measured", part.frames), good_pixels(part)
    numbers, counting = frames_to_look_at(part), Counting()
    brightest, dimmest = np.full(part.frame_shape, -np.inf), np.full(part.frame_shape, np.inf)
    for number in numbers:
        frame = np.asarray(frames[int(number)])
        if good is not None:
            masked = ~(good if good.ndim == 2 else good[number])
            frame = np.where(masked & no_data(frame), 0, frame)
        if counting.add(frame):
            np.maximum(brightest, frame, out=brightest)
            np.minimum(dimmest, frame, out=dimmest)
    return counting.survey(numbers, part.frame_count, brightest, dimmest)


def middle_part(acquisition: Acquisition) -> Acquisition:
    """What is looked at of very large frames; of others, and of a scan's, whose detector is checked whole, all."""
    rows, columns = acquisition.frame_shape
    if acquisition.kind in SCANS or rows * columns <= MAX_PIXELS:
        return acquisition
    high = min(rows, max(MAX_PIXELS // columns, int(MAX_PIXELS**0.5)))
    wide = min(columns, MAX_PIXELS // high)
    top, left = (rows - high) // 2, (columns - wide) // 2
    return acquisition.replace(pupil=None).crop(slice(top, top + high), slice(left, left + wide))


def _highest_two(frame: np.ndarray) -> dict[float, int]:
    """The two highest values of a frame, and the number of pixels that hold each."""
    below = frame[frame < frame.max()]
    return {float(part.max()): int((part == part.max()).sum()) for part in (frame, below) if part.size}


def frame_checks(seen: Survey) -> Iterator[Check]:
    """Findings that hold for frames of any kind."""
    flat = seen.looked_at[seen.spreads == 0]
    share = seen.top_pixels / max(seen.pixels, 1)
    even = len(flat) == len(seen.looked_at)
    if is_full(seen.top, seen.top_pixels, seen.top_pixels if even else seen.next_pixels):
        said = (
            f"{seen.top_pixels} pixels ({100 * share:.2g} %) {seen.where} hold the very highest value, {seen.top:g}: "
            "the camera was probably saturated; a shorter exposure is better."
        )
        yield Check("saturation", "warning", share, "share of pixels", said)
    elif seen.pixels:
        yield Check("saturation", "ok", share, "share of pixels", f"No sign of saturation {seen.where}.")
    if seen.negative_pixels:
        share = seen.negative_pixels / seen.pixels
        said = (
            f"{100 * share:.2g} % of the pixels {seen.where} are below zero (down to {seen.lowest:g}), as after "
            "subtracting a dark frame; they hold noise and no light."
        )
        yield Check("negative_values", "info" if share < 0.2 else "warning", share, "share of pixels", said)


def steady_light(seen: Survey) -> Iterator[Check]:
    """Frames of these kinds should be about equally bright."""
    usual = float(np.nanmedian(seen.means)) if np.isfinite(seen.means).any() else 0.0
    dark = seen.looked_at[seen.means < 0.2 * usual]
    if not usual > 0 and np.isfinite(seen.means).any():
        said = f"No light {seen.where}: check the shutter and what was subtracted."
        yield Check("dark_frames", "warning", len(seen.looked_at), "frames", said)
    elif len(dark):
        said = f"{named(dark)} {'is' if len(dark) == 1 else 'are'} much darker than the others"
        yield Check("dark_frames", "warning", len(dark), "frames", f"{said}; the light or the shutter may have failed.")


def well_sampled(pixel_um: float, finest_um: float, remark: str) -> Check:
    """Finding about a pixel that is fine enough, or nearly so.

    Parameters
    ----------
    pixel_um : of the camera, at the sample.
    finest_um : half a period of the finest detail in the light's amplitude; that of its intensity is half as large.
    remark : what follows where the pixel samples the amplitude only.
    """
    said = f"The camera pixel, {pixel_um:.3g} um at the sample,"
    if pixel_um <= finest_um / 2:
        return Check("sampling", "ok", pixel_um, "um", f"{said} resolves all that the objective passes.")
    said = (
        f"{said} samples the light's amplitude (at most {finest_um:.3g} um) but not the finest detail of its intensity "
        f"({finest_um / 2:.3g} um); {remark}."
    )
    return Check("sampling", "info", pixel_um, "um", said)


def named(indices: np.ndarray, what: str = "Frame") -> str:
    """'Frames 1, 2, 3': `what` they are and their `indices` (n,), at most eight of them."""
    return f"{what}{'s' if len(indices) > 1 else ''} {listed(indices)}"


def listed(indices: np.ndarray) -> str:
    """'1, 2, 3', at most eight of them."""
    return ", ".join(str(int(i)) for i in indices[:8]) + (" ..." if len(indices) > 8 else "")
