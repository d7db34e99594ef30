"""Values that mean 'no data', and pixels that say nothing of the light: gaps, dead, stuck, hot and struck ones."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.ndimage

MARKS = {2.0**bits - below for bits in (15, 16, 31, 32, 63, 64) for below in (1, 2)}  # of formats and detectors
FLOAT_MARKS = {float(np.float32(mark)) for mark in MARKS}
LOW_MARKS = {-(2.0**15), -(2.0**31), -(2.0**63), -9999.0, -999.0}
FAR = 8.0  # a mark is this many times the largest of all other values
ABSURD = 1e6  # times nearly all values of a frame: no light
ABSURD_AMONG_FEW = 1e12  # times half of the lit pixels, where few are lit
SAMPLE = 2**14  # pixels of a frame that tell what is usual
CANDIDATES = 256  # brightest pixels of a frame that are looked at one by one
ISOLATED = 8.0  # a struck or hot pixel is this many times its neighbours: no optical image is so sharp,
PATCH = 1024  # pixels along a side, in the middle, that tell how rough an image is
STANDS_OUT = 20.0  # this many deviations above them,
SHARP, RISES = 4.0, 8.0  # a lone pixel of a pattern: times the brightest around it, and deviations above
COUNTS, FEW_LEVELS = 40.0, 64  # so many steps of the few grey levels of a faint frame: not chance
BEYOND = 1.5  # and this many times as far above the middle as nearly all others
FEW = 8  # frames from which on a pixel that never changes is dead
SURE = 8.0  # standard errors
AROUND = 7  # pixels along a side of what is around a dead one
CHANCE = 8.0  # quanta around a pixel that never got one: not chance
OFTEN = 3.0  # bright frames, at least, in the light around it
LEVELS = 1.5  # grey levels by which the pixels around it must vary


def gaps_of(frame: np.ndarray) -> np.ndarray | None:
    """True where a `frame` (y, x) holds no data: NaN, infinity, or a value far beyond all light; None: nowhere."""
    bad: np.ndarray | None = None
    if frame.dtype.kind == "f":
        bad = ~np.isfinite(frame)
        if bad.all():
            return bad
        size = np.abs(frame[~bad] if bad.any() else frame)
        usual = ABSURD * float(np.quantile(sample(size), 0.999))
        if (size > 0).any():  # hardly any pixel may be lit, or several absurd ones lie together
            among_few = ABSURD_AMONG_FEW * float(np.median(sample(size[size > 0])))
            usual = min(usual, among_few) if usual > 0 else among_few
        if usual > 0:
            with np.errstate(invalid="ignore", over="ignore"):
                bad |= np.abs(frame) > usual
    good = True if bad is None or not bad.any() else ~bad
    low, high = float(np.min(frame, initial=0, where=good)), float(np.max(frame, initial=0, where=good))
    if _is_a_mark(high, frame.dtype):
        rest = float(np.max(frame, initial=0, where=good & (frame < high)))
        if rest == high - 1:  # detectors write one for gaps and one for bad pixels
            high, rest = rest, float(np.max(frame, initial=0, where=good & (frame < rest)))
        if FAR * rest < high:
            bad = (frame >= high) if bad is None else bad | (frame >= high)
    if low in LOW_MARKS:
        rest = float(np.min(frame, initial=0, where=good & (frame > low)))
        if FAR * rest > low:
            bad = (frame == low) if bad is None else bad | (frame == low)
    return bad if bad is not None and bad.any() else None


def _is_a_mark(value: float, kind: np.dtype) -> bool:
    """Whether the highest value of a frame of this type is one that is written for none."""
    if kind == np.uint8:
        return value == 255
    return value in MARKS or (kind == np.float32 and value in FLOAT_MARKS)


def highest(kind: np.dtype) -> float:
    """The highest value of a type of whole numbers, as float32 holds it; infinite for others."""
    return float(np.float32(np.iinfo(kind).max)) if kind.kind in "iu" else np.inf


def sample(values: np.ndarray) -> np.ndarray:
    """Some of the `values`, evenly chosen, flat."""
    flat = np.ravel(values)
    return np.asarray(flat[:: max(1, flat.size // SAMPLE)])


@dataclasses.dataclass(frozen=True)
class Usual:
    """What is usual in a frame: values that 2, 50 and 99.9 % of its pixels do not exceed, and their deviation."""

    low: float
    middle: float
    high: float
    deviation: float


def usual_in(frame: np.ndarray, bad: np.ndarray | None, dark: bool) -> Usual:
    """What is usual in a frame, from some of its pixels.

    Parameters
    ----------
    frame : (y, x).
    bad : pixels without data (y, x); None: all hold data.
    dark : whether it is dark somewhere: its lowest values are no light; else 0 is.
    """
    some = sample(frame if bad is None else frame[~bad]).astype(float)
    low, middle, high = (float(v) for v in np.quantile(some, [0.02, 0.5, 0.999]))
    deviation = 1.4826 * float(np.median(np.abs(some - middle)))
    levels = np.unique(some)
    step = float(np.diff(levels).min()) if 1 < len(levels) < FEW_LEVELS else 0.0
    return Usual(low if dark else min(low, 0.0), middle, high, max(deviation, COUNTS * step / STANDS_OUT))


def spikes_of(frame: np.ndarray, bad: np.ndarray | None, usual: Usual) -> np.ndarray:
    """Positions (k,) in the flattened `frame` (y, x) of single bright pixels where optics allow none.

    Parameters
    ----------
    frame : (y, x).
    bad : pixels without data (y, x), not looked at; None: all hold data.
    usual : what is usual in it.
    """
    above = max(BEYOND * (usual.high - usual.middle), STANDS_OUT * usual.deviation)
    with np.errstate(invalid="ignore"):
        bright = frame > usual.middle + above
    if bad is not None:
        bright &= ~bad
    places = np.flatnonzero(bright)
    if not 0 < len(places) <= CANDIDATES:
        return np.zeros(0, int)
    beside = neighbour(frame, places, 1, bad)
    return places[_alone(frame.flat[places], beside, usual.low, STANDS_OUT * usual.deviation)]


def lone(frame: np.ndarray, usual: Usual) -> np.ndarray:
    """True where a pixel (y, x) is far above all eight around it, as no pattern of a probe within its window is.

    Parameters
    ----------
    frame : (y, x), a diffraction pattern.
    usual : what is usual in it.
    """
    wide = np.pad(np.nan_to_num(frame.astype(np.float32) - usual.low), 1)
    rows, columns = frame.shape
    steps = [(a, b) for a in (0, 1, 2) for b in (0, 1, 2) if (a, b) != (1, 1)]
    beside = np.maximum.reduce([wide[a : a + rows, b : b + columns] for a, b in steps])
    value = wide[1:-1, 1:-1]
    quantum = float(np.min(value, initial=np.inf, where=value > 0))  # where most pixels are 0 nothing deviates
    return np.asarray((value > SHARP * beside) & (value - beside > RISES * max(usual.deviation, quantum)))


def _alone(value: np.ndarray, beside: np.ndarray, low: float, above: float) -> np.ndarray:
    over = np.maximum(beside - low, 0)
    return np.asarray((value - low > ISOLATED * over) & (value - beside > max(above, 0.0)))


def neighbour(image: np.ndarray, places: np.ndarray, rank: int, bad: np.ndarray | None = None) -> np.ndarray:
    """The brightest (`rank` 1), second brightest, ... of the eight neighbours of some pixels (k,).

    Parameters
    ----------
    image : (y, x).
    places : positions of the pixels in the flattened image (k,).
    bad : neighbours that do not count (y, x); infinite where too few are left.
    """
    y, x = np.unravel_index(places, image.shape)
    around = []
    for a, b in ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)):
        yy, xx = y + a, x + b
        inside = (yy >= 0) & (yy < image.shape[0]) & (xx >= 0) & (xx < image.shape[1])
        yy, xx = np.clip(yy, 0, image.shape[0] - 1), np.clip(xx, 0, image.shape[1] - 1)
        if bad is not None:
            inside &= ~bad[yy, xx]
        around.append(np.where(inside, image[yy, xx], -np.inf))
    found = np.sort(np.stack(around).astype(float), axis=0)[-rank]
    return np.where(np.isfinite(found), found, np.inf)


def _second_beside(image: np.ndarray) -> np.ndarray:
    """The second brightest of the four pixels beside each (y, x); the second brightest of all eight is no darker."""
    wide = np.pad(image, 1, constant_values=-np.inf)
    up, down, left, right = wide[:-2, 1:-1], wide[2:, 1:-1], wide[1:-1, :-2], wide[1:-1, 2:]
    first = np.minimum(np.maximum(up, down), np.maximum(left, right))
    return np.maximum(first, np.maximum(np.minimum(up, down), np.minimum(left, right)))


def hot_pixels(dimmest: np.ndarray, good: np.ndarray, dark: bool, above: float) -> np.ndarray:
    """True where a pixel (y, x) is never as dark as what lies round it.

    Parameters
    ----------
    dimmest : the least that each pixel has shown (y, x).
    good : pixels that hold data (y, x).
    dark : whether some frames are dark somewhere.
    above : by how much it must exceed its second brightest neighbour, in the frames' unit.
    """
    usual = usual_in(dimmest, ~good, dark)
    shown = np.where(good, dimmest, usual.low)
    middle = tuple(slice((n - m) // 2, (n - m) // 2 + m) for n, m in ((n, min(n, PATCH)) for n in shown.shape))
    rough = np.abs(shown[middle] - scipy.ndimage.median_filter(shown[middle], 3))[good[middle]]
    above = max(above, STANDS_OUT * 1.4826 * float(np.median(rough))) if rough.size else above
    places = np.flatnonzero(good & (shown - _second_beside(shown) > above))
    found = np.zeros(dimmest.shape, bool)
    if len(places):
        found.flat[places] = _alone(shown.flat[places], neighbour(shown, places, 2), usual.low, above)
    return found


def dead_pixels(
    brightest: np.ndarray, dimmest: np.ndarray, mean: np.ndarray, good: np.ndarray, *, frames: int, whole: bool
) -> np.ndarray:
    """True where a pixel (y, x) never changes although those around it do.

    Parameters
    ----------
    brightest, dimmest, mean : of every pixel over the frames (y, x).
    good : pixels that hold data (y, x).
    frames : how many were looked at.
    whole : the values are whole numbers, of which a faint one may not change by chance.
    """
    still = good & (brightest == dimmest)
    if frames < FEW or not still.any():
        return np.zeros(still.shape, bool)
    lively = (good & ~still).astype(np.float32)
    count = scipy.ndimage.uniform_filter(lively, AROUND, mode="constant") * AROUND**2
    number = np.maximum(count, 1)

    def around(values: np.ndarray) -> np.ndarray:
        masked = np.where(lively > 0, values, 0).astype(np.float64)
        return np.asarray(scipy.ndimage.uniform_filter(masked, AROUND, mode="constant") * AROUND**2 / number)

    swing, level = around(brightest.astype(float) - dimmest), around(mean)
    apart = np.abs(np.where(good, mean, 0) - level) * np.sqrt(frames) > SURE * swing / 2
    often = level * frames > OFTEN * swing  # one bright frame may miss a pixel
    varied = (swing > 4 * LEVELS) if whole else (dimmest != 0)
    if whole or (brightest[good] == np.round(brightest[good])).all():  # single quanta may all have missed it
        faint = scipy.ndimage.percentile_filter(np.where(lively > 0, mean, level), 25, AROUND)
        still = still & ((dimmest != 0) | (faint * frames > CHANCE))
    return still & _between(lively > 0) & (apart | (often & varied & (frames >= 2 * FEW)))


def _between(lively: np.ndarray) -> np.ndarray:
    """True where a pixel (y, x) lies close between two lively ones, above and below it or on both sides."""
    near = np.zeros(lively.shape, bool)
    for axis in (0, 1):
        sides = []
        for sign in (1, -1):
            side = np.zeros(lively.shape, bool)
            for step in range(1, AROUND // 2 + 1):
                moved = np.roll(lively, sign * step, axis)
                edge = slice(0, step) if sign > 0 else slice(-step, None)
                moved[(slice(None),) * axis + (edge,)] = False
                side |= moved
            sides.append(side)
        near |= sides[0] & sides[1]
    return near


def silent_lines(still: np.ndarray) -> np.ndarray:
    """True in whole rows and columns that never change, between others that do (y, x); `still` (y, x) pixels do not."""
    found = np.zeros(still.shape, bool)
    for axis in (0, 1):
        share = (~still).mean(axis=1 - axis)
        lively = np.flatnonzero(share > 0.25)
        silent = np.flatnonzero(share == 0)
        if len(lively):
            inner = silent[(silent > lively.min()) & (silent < lively.max())]
            found[(slice(None),) * axis + (inner,)] = True
    return found
