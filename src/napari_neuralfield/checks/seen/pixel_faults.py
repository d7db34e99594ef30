"""Pixels that say nothing of the light: found, counted, masked where a kind has masks, else filled."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Literal

import numpy as np
from scipy import ndimage

from ...data.acquisition import Acquisition, Ptychography
from ...data.repairs import Repaired
from .frames import Check
from .look import Looked, darkness
from .no_data import FEW, dead_pixels, highest, hot_pixels, neighbour, silent_lines

MOSTLY = 0.5  # of the frames: a pixel that is struck in more is hot
AGAIN, SELDOM = 3, 0.05  # frames, and share of them, in which a blinking pixel is far above all around it, at least
AROUND, OFTEN = 15, 6.0  # pixels that tell how often speckles stand alone, and standard deviations above that
MANY = 0.2  # share of pixels without data that deserves a warning
MASK_BYTES = 2**27  # of a mask of every frame; where it would be larger, pixels are filled only
NEAR_BEAM = 0.06  # of a pattern's width around its brightest place: a narrow beam, not a hot pixel
PIECE, SHADE = 6, 0.15  # pixels, and share of the frame, of a shadow: at least, and at most
LIT = 30.0  # counts of all frames in pixels beside it: none would be there by chance only once in e^30
LASTING = 4.0  # a struck pixel of a scan is this many times the brightest that its neighbours ever show


@dataclasses.dataclass(frozen=True, eq=False)
class BadPixels:
    """Where there is no data.

    Parameters
    ----------
    gaps, dead, hot : of every frame (y, x): values that mean none, values that never change, values always too high.
    blinking : too high in some frames, again and again (y, x).
    at_times : frame -> positions (k,) of others in the flattened frame.
    """

    gaps: np.ndarray
    dead: np.ndarray
    hot: np.ndarray
    blinking: np.ndarray
    at_times: dict[int, np.ndarray]

    @property
    def always(self) -> np.ndarray:
        """Bad in every frame (y, x)."""
        return self.gaps | self.dead | self.hot | self.blinking

    @property
    def some(self) -> bool:
        """Whether there are any."""
        return bool(self.always.any() or self.at_times)


def bad_pixels(acquisition: Acquisition, seen: Looked) -> BadPixels:
    """Where the frames of an `acquisition`, as they were `seen`, hold no data."""
    good = np.isfinite(seen.brightest) & np.isfinite(seen.dimmest) & ~seen.gaps
    nothing = np.zeros(good.shape, bool)
    if not good.any():
        return BadPixels(nothing, nothing, nothing, nothing, {})
    still = good & (seen.brightest == seen.dimmest)
    gaps = seen.gaps.copy()
    dead, blinking = nothing, _blinking(seen.lone, seen.varying)
    if seen.varying > 1:
        gaps |= still & ((seen.brightest < 0) | (seen.brightest >= highest(acquisition.frames.dtype)))
    if seen.varying >= FEW:
        dead = still & ~gaps & silent_lines(still | ~good)
        dead |= dead_pixels(
            seen.brightest, seen.dimmest, seen.mean, good & ~gaps & ~dead,
            frames=seen.varying, whole=np.dtype(acquisition.frames.dtype).kind in "iu",
        )  # fmt: skip
        if isinstance(acquisition, Ptychography):
            dead |= _shaded(still & ~gaps, seen.mean * seen.varying, blinking)
    far = _far_from_beam(seen.mean) if isinstance(acquisition, Ptychography) else ~nothing
    left = good & ~gaps & ~dead
    hot = hot_pixels(seen.dimmest, left, bool(darkness(acquisition).any()), seen.rise) & far
    struck = _struck(acquisition, seen, far)
    counts = np.zeros(good.size, int)
    for places in struck.values():
        counts[places] += 1
    hot |= (counts.reshape(good.shape) > MOSTLY * seen.varying) & left & (seen.varying > 1)
    blinking &= far & left & ~hot
    always = gaps | dead | hot | blinking
    at_times = {}
    for frame in sorted({*seen.gaps_at, *struck} - set(seen.empty.tolist())):
        places = np.union1d(seen.gaps_at.get(frame, []), struck.get(frame, [])).astype(int)
        places = places[~always.flat[places]]
        if len(places):
            at_times[frame] = places
    return BadPixels(gaps, dead, hot, blinking, at_times)


def _blinking(lone: np.ndarray, frames: int) -> np.ndarray:
    """Pixels (y, x) that stand alone far more often than speckles do there.

    Parameters
    ----------
    lone : in how many of the `frames` each pixel (y, x) was far above all around it.
    """
    rate = ndimage.uniform_filter(np.minimum(lone, AGAIN).astype(float), AROUND).clip(0)
    return np.asarray(lone >= np.maximum(max(AGAIN, SELDOM * frames), rate + OFTEN * np.sqrt(rate) + 2))


def _shaded(still: np.ndarray, counts: np.ndarray, blinking: np.ndarray) -> np.ndarray:
    """Pieces (y, x) of pixels that never change beside ones that much light falls on, as behind a beamstop.

    Parameters
    ----------
    still : pixels that hold one value (y, x).
    counts : of all frames together (y, x).
    blinking : pixels that are too bright by themselves (y, x): no light beside a shadow.
    """
    lit = ndimage.minimum_filter(np.where(still, np.inf, np.where(blinking, 0, counts)), 3)
    nearest = ndimage.distance_transform_edt(still, return_distances=False, return_indices=True)
    pieces, _ = ndimage.label(still & (lit[tuple(nearest)] > LIT))
    size = np.bincount(pieces.ravel())
    taken = (size >= PIECE) & (size <= SHADE * still.size)
    taken[0] = False
    for edge in (pieces[0], pieces[-1], pieces[:, 0], pieces[:, -1]):  # dark borders are nothing special
        taken[edge[0]] &= not (edge == edge[0]).all()
    return taken[pieces]


def _far_from_beam(mean: np.ndarray) -> np.ndarray:
    """True away from the brightest place of the mean pattern (y, x)."""
    middle = np.unravel_index(int(np.argmax(mean)), mean.shape)
    y, x = np.ogrid[: mean.shape[0], : mean.shape[1]]
    return np.asarray(np.hypot(y - middle[0], x - middle[1]) > max(2.0, NEAR_BEAM * min(mean.shape)))


def _struck(acquisition: Acquisition, seen: Looked, far: np.ndarray) -> dict[int, np.ndarray]:
    """Frame -> positions of single pixels far too bright; in patterns only where no frame shows light beside them."""
    if not isinstance(acquisition, Ptychography):
        return seen.spikes
    found = {}
    for frame, places in seen.spikes.items():
        beside = neighbour(seen.brightest, places, 1)
        alone = far.flat[places] & (seen.brightest.flat[places] > LASTING * np.maximum(beside, 1e-30))
        if alone.any():
            found[frame] = places[alone]
    return found


def repaired(acquisition: Acquisition, bad: BadPixels) -> Acquisition:
    """With the `bad` pixels of an `acquisition` filled from good ones around, and masked where its kind has masks."""
    if not bad.some or bad.always.all():
        return acquisition
    changes: dict[str, object] = {"frames": Repaired(acquisition.frames, bad.always, bad.at_times)}
    if isinstance(acquisition, Ptychography):
        mask = ~bad.always if acquisition.mask is None else acquisition.mask & ~bad.always
        if mask.any():
            changes["mask"] = mask
        if bad.at_times and acquisition.frame_count * mask.size <= MASK_BYTES:
            good = acquisition.frame_mask
            good = np.ones(acquisition.frames.shape, bool) if good is None else good.copy()
            for frame, places in bad.at_times.items():
                good[frame].flat[places] = False
            changes["frame_mask"] = good
    return acquisition.replace(**changes)


def said_of_pixels(acquisition: Acquisition, seen: Looked, bad: BadPixels) -> Iterator[Check]:
    """What a user should know of the `bad` pixels of an `acquisition` whose frames were `seen`."""
    scan = isinstance(acquisition, Ptychography)
    known = getattr(acquisition, "mask", None)
    new = bad.always if known is None else bad.always & known
    done = "masked" if scan else "filled from the pixels around"
    values = ", ".join(f"{v:.10g}" for v in seen.gap_values)
    for name, which, what in (
        ("no_data", bad.gaps, f"no data ({values or 'the same negative value'})"),
        ("dead_pixels", bad.dead & ~bad.gaps, "dead, the same value although it changes around,"),
        ("hot_pixels", bad.hot & ~bad.gaps & ~bad.dead, "hot, far above those around,"),
        ("blinking_pixels", bad.blinking, "far above all around, again and again but not always,"),
    ):
        count = int((which & new).sum())
        if count:
            level: Literal["info", "warning"] = "warning" if count > MANY * new.size else "info"
            lines = _lines(which & new)
            share = 100 * count / new.size
            pixels = "1 pixel" if count == 1 else f"{count} pixels"
            text = f"{pixels} ({share:.2g} %){lines}: {what} {seen.where}; {done}."
            yield Check(name, level, count, "pixels", text)
    if bad.at_times:
        count = sum(len(places) for places in bad.at_times.values())
        frames = len(bad.at_times)
        pixels = "1 pixel" if count == 1 else f"{count} pixels"
        where = f"frame {min(bad.at_times)}" if frames == 1 else f"{frames} frames (such as frame {min(bad.at_times)})"
        text = f"{pixels} without data or far above those around in {where}; {done} there."
        yield Check("struck_pixels", "info", count, "pixels", text)


def _lines(which: np.ndarray) -> str:
    """', among them rows 3, 4' where whole lines are bad (y, x)."""
    parts = []
    for axis, what in ((1, "row"), (0, "column")):
        lines = np.flatnonzero(which.all(axis=axis))
        if len(lines):
            listed = ", ".join(map(str, lines[:8])) + (" ..." if len(lines) > 8 else "")
            parts.append(f"{what}{'s' if len(lines) > 1 else ''} {listed}")
    return f", among them {' and '.join(parts)}" if parts else ""
