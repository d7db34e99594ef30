"""Stacks of frames that are read only where they are indexed, and values that must fit them in size."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from ..optics.electrons import are_counts, dose_of
from ..types import InputError
from .colours import check_colours
from .derived import Values
from .quantity import Quantity

FULL_SCALES = {2**bits - 1 for bits in (8, 10, 12, 14, 16)}
LOOKED_AT = 64  # frames, by which a dose is told
SAME_DOSE = 1e-3  # what is scaled to it already stays
LARGEST = 2**31 - 1  # no counter of photons reaches it, but gaps of 32-bit detectors hold it, in floats too
BELOW_ZERO = 0.01  # share of the values, and of dark pixels, from which on noise below zero is looked at
DIM = 0.5  # standard deviations: the mean of a dark pixel is less


class Frames(Protocol):
    """Lazy, picklable (frame, y, x) stack: reads only what is indexed."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype: ...

    def __getitem__(self, key: Any) -> np.ndarray: ...


@dataclasses.dataclass(frozen=True)
class FrameSelection:
    """Some frames of a stack, or a rectangle of them, still lazy."""

    frames: Frames
    indices: tuple[int, ...]
    y: slice
    x: slice

    @property
    def shape(self) -> tuple[int, ...]:
        _, rows, columns = self.frames.shape
        return (len(self.indices), len(range(rows)[self.y]), len(range(columns)[self.x]))

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(self.frames.dtype)

    def __getitem__(self, key: Any) -> np.ndarray:
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        chosen = np.asarray(self.indices)[first]
        stack = [np.asarray(self.frames[(int(i), self.y, self.x)])[rest or ...] for i in np.atleast_1d(chosen)]
        return stack[0] if chosen.ndim == 0 else np.stack(stack)


@dataclasses.dataclass(frozen=True)
class ScaledFrames:
    """A stack times a factor, still lazy."""

    frames: Frames
    factor: float

    @property
    def shape(self) -> tuple[int, ...]:
        return self.frames.shape

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    def __getitem__(self, key: Any) -> np.ndarray:
        return np.multiply(self.frames[key], self.factor, dtype=np.float64).astype(np.float32)


def in_electrons(frames: Frames, values: Values) -> Frames:
    """Frames that are no counts, such as normalised ones, scaled to the dose that is said; else as they are.

    Parameters
    ----------
    frames : (frame, y, x).
    values : of an acquisition: `dose_per_angstrom2` and `positions_um` count; not checked yet.
    """
    try:
        dose, positions = float(values["dose_per_angstrom2"]), np.asarray(values["positions_um"], dtype=float)
    except (KeyError, TypeError, ValueError):
        return frames
    if not dose > 0 or positions.shape != (frames.shape[0], 2):
        return frames  # the check of that value says what is wrong with it
    some = np.stack([np.asarray(frames[int(n)], dtype=float) for n in evenly_chosen(frames.shape[0], LOOKED_AT)])
    now = dose_of(float(np.where(no_data(some), 0, some).sum((1, 2)).mean()), positions)
    if are_counts(some) or not now > 0 or abs(now / dose - 1) < SAME_DOSE:
        return frames
    return ScaledFrames(frames, dose / now)


def good_pixels(
    acquisition: object,
    frames: slice | np.ndarray = slice(None),
    region: tuple[slice, slice] = (slice(None), slice(None)),
) -> np.ndarray | None:
    """True where pixels are good: (y, x), or (frame, y, x) where frames differ; None where nothing is masked.

    Parameters
    ----------
    acquisition : of any kind; those of a scan may have a `mask` (y, x), a `frame_mask` (frame, y, x), or both.
    frames : which are asked for.
    region : (y, x), pixels.
    """
    mask, each = getattr(acquisition, "mask", None), getattr(acquisition, "frame_mask", None)
    if each is None:
        return None if mask is None else mask[region]
    good: np.ndarray = each[frames][:, *region]
    return good if mask is None else good & mask[region]


def no_data(frame: np.ndarray) -> np.ndarray:
    """Where a frame holds what stands for no value at all: not finite, below 0, or the most that its type can hold."""
    frame = frame.astype(np.float32) if frame.dtype == np.float16 else frame  # which ends far below LARGEST
    largest = np.iinfo(frame.dtype).max if frame.dtype.kind in "ui" else LARGEST
    return ~np.isfinite(frame) | (frame < 0) | (frame >= min(largest, LARGEST))


def is_full(top: float, pixels: int, below: int) -> bool:
    """Whether the highest value `top` is the end of the detector's scale.

    Parameters
    ----------
    top : the highest value of all frames.
    pixels, below : how many pixels hold it, and the next lower one.
    """
    return pixels >= 4 and (pixels > 2 * below or top in FULL_SCALES)


def full_pixels(frames: Frames, good: np.ndarray | None = None) -> np.ndarray | None:
    """Where pixels hold the end of the detector's scale (frame, y, x); None where none does.

    Parameters
    ----------
    frames : as the camera gave them, where a reader corrects them.
    good : of `good_pixels`; the others are not looked at.
    """
    raw = getattr(frames, "measured", frames)
    top = end_of_scale(raw, good)
    if top is None:
        return None
    found = np.stack([np.asarray(raw[i]) == top for i in range(raw.shape[0])])
    return found if good is None else found & good


def end_of_scale(raw: Frames, good: np.ndarray | None = None) -> float | None:
    """The end of the detector's scale where pixels hold it, else None; one frame after the other is looked at.

    Parameters
    ----------
    raw : as the camera gave them.
    good : of `good_pixels`; the others are not looked at.
    """
    counts: Counter[float] = Counter()
    for number in range(raw.shape[0]):
        frame = np.asarray(raw[number])
        seen = frame[
            np.isfinite(frame) if good is None else np.isfinite(frame) & (good if good.ndim == 2 else good[number])
        ]
        for _ in range(2):  # the two highest of all frames are among the two highest of each
            if seen.size:
                highest = seen.max()
                counts[highest.item()] += int((seen == highest).sum())
                seen = seen[seen < highest]
    if len(counts) < 2:
        return None
    (top, pixels), (_, below), *_ = sorted(counts.items(), reverse=True)
    return top if top > 0 and is_full(float(top), pixels, below) else None


def noise_beside_counting(counts: np.ndarray, good: np.ndarray | None) -> float:
    """Variance of dark pixels beyond what they count: of a camera, of a floor taken off; 0 where none is seen.

    Added to counts, and to those expected, it makes roots as steady as those of photons: Anscombe's transform.

    Parameters
    ----------
    counts : (frame, y, x), some below zero where a floor has been taken off.
    good : pixels that count, (y, x) or (frame, y, x); None: all.
    """
    used = np.ones(counts.shape, bool) if good is None else np.broadcast_to(good, counts.shape)
    if (used & (counts < 0)).sum() < BELOW_ZERO * used.sum():
        return 0.0
    times = used.sum(0)
    mean = counts.sum(0, where=used, dtype=np.float64) / np.maximum(times, 1)
    spread = np.square(counts - mean).sum(0, where=used, dtype=np.float64) / np.maximum(times - 1, 1)
    return dark_noise(mean, spread, times)


def dark_noise(mean: np.ndarray, spread: np.ndarray, times: np.ndarray) -> float:
    """Variance of dark pixels beyond what they count; 0 where they are too few to tell.

    Parameters
    ----------
    mean, spread : of every pixel over the frames (y, x), and its variance.
    times : in how many frames it counts (y, x).
    """
    dark = (times > 1) & (spread > 0) & (mean < DIM * np.sqrt(spread))
    if dark.sum() < BELOW_ZERO * dark.size:
        return 0.0
    return max(0.0, float(np.median(spread[dark] - np.maximum(mean[dark], 0))))


def evenly_chosen(count: int, most: int) -> np.ndarray:
    """Indices of at most `most` out of `count` frames, evenly spaced, the first and the last among them."""
    return np.unique(np.linspace(0, count - 1, most).round().astype(int))


def order_of_use(light: np.ndarray, before: np.ndarray | None = None) -> np.ndarray:
    """Numbers of the frames (frame,) in an order that neither their place in a file nor the camera's turn decides.

    Parameters
    ----------
    light : of each frame (frame,), such as the sum of its roots, which hardly two share: the brightest comes first.
    before : what comes before that (frame,), such as how oblique the light is: the smallest first.
    """
    first = np.zeros(len(light)) if before is None else np.asarray(before, float)
    return np.lexsort((-np.asarray(light, float), np.round(first / max(float(np.abs(first).max(initial=0)), 1e-30), 6)))


def check_frames(frames: Frames, where: str) -> None:
    """Raise an InputError naming `where`, unless `frames` is a (frame, y, x) stack of real numbers."""
    if len(frames.shape) != 3:
        raise InputError(f"{where}: frames have shape {tuple(frames.shape)}; they must be (frame, y, x)")
    if min(frames.shape) < 1:
        raise InputError(
            f"{where}: frames have shape {tuple(frames.shape)}; the file holds no pixels, so record it again"
        )
    if tuple(frames.shape[1:]) == (1, 1):
        raise InputError(
            f"{where}: a frame has one pixel, for the frames have shape {tuple(frames.shape)}; if the axes lie in "
            "another order, name them in the sidecar, such as axes: yxn"
        )
    if np.dtype(frames.dtype).kind not in "uif":
        raise InputError(f"{where}: frames are of type {frames.dtype}; they must be real intensities")


def check_finite(stack: np.ndarray, indices: np.ndarray, where: str, good: np.ndarray | None = None) -> None:
    """Refuse values that are not finite; where a pixel is masked they become 0.

    Parameters
    ----------
    stack : frames (frame, y, x), changed in place.
    indices : their numbers (frame,).
    where : the file, for the error.
    good : of `good_pixels`; None where nothing is masked.

    Raises
    ------
    InputError : naming the first frame that holds one.
    """
    finite = np.isfinite(stack)
    if not finite.all() and good is not None:
        stack[~finite & ~good] = 0
        finite |= ~good
    if not finite.all():
        raise InputError(
            f"{where}: frame {int(indices[np.argmin(finite.all(axis=(1, 2)))])} holds values that are not finite (NaN "
            "or infinity); every pixel needs a number, so repair or leave out that frame, or mask such pixels"
        )


def check_lengths(kind: str, known: Mapping[str, Quantity], values: Values, frames: Frames, where: str) -> None:
    """Raise an InputError where an array of `values` does not fit the frames or the others.

    Parameters
    ----------
    kind : of the acquisition.
    known : what each value may be, by name.
    values : checked one by one already.
    frames : (frame, y, x).
    where : the file, for errors.
    """
    check_colours(values, int(frames.shape[0]), where)
    _check_windows(kind, values, frames, where)
    sizes: dict[str, tuple[int, str]] = {
        name: (int(n), "the frames") for name, n in zip(("frame", "y", "x"), frames.shape, strict=True)
    }
    for name, value in values.items():
        for axis, wanted in enumerate(known[name].shape):
            n = value.shape[axis]
            if isinstance(wanted, int):
                if n != wanted:
                    raise InputError(f"{where}: {name} has shape {value.shape}; axis {axis} must have length {wanted}")
                continue
            expected, owner = sizes.setdefault(wanted, (n, name))
            if n != expected:
                turned = wanted == "frame" and n in frames.shape[1:]
                remedy = "if they lie along another axis, say axes: yxn in the sidecar" if turned else ""
                raise InputError(
                    f"{where}: {name} has {n} entries along '{wanted}' but {owner} have {expected}; "
                    f"they must agree, so {remedy or 'add or remove the odd ones'}"
                )


def _check_windows(kind: str, values: Values, frames: Frames, where: str) -> None:
    """Probe, coded surface and mask of a scan."""
    window: tuple[int, ...] = tuple(int(n) for n in frames.shape[1:])
    if "probe" in values and values["probe"].shape[1:] != window:
        size = _by(values["probe"].shape[1:])
        raise InputError(
            f"{where}: probe has {size} pixels but a frame {_by(window)}; they must agree, so crop or pad the probe, "
            "or leave it out to start from the frames"
        )
    if kind == "coded_ptychography" and "coded_surface" in values:
        fine = tuple(n * values["upsampling"] for n in window)
        if values["coded_surface"].shape != fine:
            raise InputError(
                f"{where}: coded_surface has {_by(values['coded_surface'].shape)} pixels but frames of {_by(window)} "
                f"split {values['upsampling']} times have {_by(fine)}; give the surface on the fine pixels"
            )
    for name in ("mask", "frame_mask"):
        if name in values and not values[name].any():
            raise InputError(
                f"{where}: {name} calls every pixel bad; it must be True (1) where a pixel is good, so invert it or "
                "leave it out"
            )


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
