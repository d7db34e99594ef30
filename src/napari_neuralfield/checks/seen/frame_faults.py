"""Single frames against the others: twice the same, another exposure, another field, an LED that gave no light."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.ndimage
from scipy.sparse.csgraph import connected_components

from ...data.acquisition import Acquisition, LedArray, ThroughFocus
from .frames import Check, named
from .look import Looked

NEIGHBOURS = 4  # LEDs next to one that tell what light is to be expected
NONE, DIM = 0.03, 0.25  # of the least light of the neighbours: no light at all, too little
NOTICEABLE = 5.0  # standard errors of a frame's mean by which the neighbours' light must be seen
JUMP, TIGHT = 1.3, 3.0  # a step of brightness; times the steps within either side of it
INSIDE = 0.85  # of the objective's NA: surely bright field
ALIKE, APART = 0.6, 0.3  # correlation of pictures of one field; times that, of another
SLOW = 8.0  # pixels of a small picture, wider than which brightness is the lamp's
FEWEST = 5  # pictures that can tell one of another field


def odd_frames(acquisition: Acquisition, seen: Looked) -> Iterator[Check]:
    """What a user should know of single frames of an `acquisition`, as they were `seen`."""
    yield from _twice(seen)
    if isinstance(acquisition, LedArray):
        yield from _dim(acquisition, seen)
        yield from _jump(acquisition, seen)
    yield from _elsewhere(acquisition, seen)


def named_in_runs(numbers: np.ndarray) -> str:
    """'Frames 3 to 9, 12': ascending `numbers` (n,), those in a row together."""
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    parts = [str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}" for run in runs]
    return f"Frame{'s' if len(numbers) > 1 else ''} {', '.join(parts[:8])}{' ...' if len(parts) > 8 else ''}"


def light_of(acquisition: Acquisition, seen: Looked) -> np.ndarray:
    """Mean of the frames `seen` (n,) of an `acquisition`, per exposure, less what is subtracted."""
    dark: np.ndarray | float = float(acquisition.pedestal or 0)
    if acquisition.background is not None:
        dark = float(np.mean(acquisition.background))
    ambient = getattr(acquisition, "ambient", None)
    if ambient is not None:
        dark = dark + np.asarray(ambient, float)[seen.numbers]
    times = 1.0 if acquisition.exposure is None else np.asarray(acquisition.exposure, float)[seen.numbers]
    return np.asarray((seen.means - dark) / times)


def unlit(acquisition: Acquisition, seen: Looked) -> np.ndarray:
    """Numbers of the frames `seen` of an `acquisition` whose LED gave no light, though all around it did."""
    if not isinstance(acquisition, LedArray):
        return np.zeros(0, int)
    light, least, clear = _expected(acquisition, seen)
    return seen.numbers[clear & (light < NONE * least)]


def _expected(acquisition: LedArray, seen: Looked) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Light of each frame, the least of its neighbours that should be no brighter, and whether that is clearly seen."""
    light, na = light_of(acquisition, seen), np.asarray(acquisition.illumination_na)[seen.numbers]
    radius = np.hypot(*na.T)
    count = len(light)
    least, clear = np.full(count, np.nan), np.zeros(count, bool)
    if count <= 2 * NEIGHBOURS:
        return light, least, clear
    for i in range(count):
        outward = np.flatnonzero((radius >= 0.98 * radius[i]) & (np.arange(count) != i))
        if len(outward) < NEIGHBOURS:
            continue
        away = np.hypot(*(na[outward] - na[i]).T)
        nearest = outward[np.argsort(away)[:NEIGHBOURS]]
        if np.sort(away)[NEIGHBOURS - 1] > acquisition.objective_na:
            continue
        least[i] = light[nearest].min()
        clear[i] = least[i] > NOTICEABLE * np.sqrt(max(acquisition.frame_count, 1)) * _error(light, radius)
    return light, least, clear


def _error(light: np.ndarray, radius: np.ndarray) -> float:
    """How much the light of the outermost, dimmest frames scatters: what cannot be told from none."""
    outer = light[np.argsort(radius)[-max(4, len(light) // 10) :]]
    return 1.4826 * float(np.median(np.abs(outer - np.median(outer)))) / max(1.0, np.sqrt(len(light)))


def _dim(acquisition: LedArray, seen: Looked) -> Iterator[Check]:
    light, least, clear = _expected(acquisition, seen)
    outside = (
        np.hypot(*acquisition.illumination_na[seen.numbers].T) > acquisition.objective_na
    )  # of others `leds` tells
    dim = seen.numbers[clear & outside & (light >= NONE * least) & (light < DIM * least)]
    if len(dim):
        one = len(dim) == 1
        text = (
            f"{named(dim)} {'holds' if one else 'hold'} less than a quarter of the light of the frames of neighbouring "
            f"LEDs: {'that LED is' if one else 'those LEDs are'} dim or flickered. Give exposure, or leave "
            f"{'it' if one else 'them'} out."
        )
        yield Check("dim_frames", "warning", len(dim), "frames", text)


def _twice(seen: Looked) -> Iterator[Check]:
    first: dict[tuple[int, float], int] = {}
    pairs = []
    for number, checksum, mean in zip(seen.numbers, seen.sums, seen.means, strict=True):
        before = first.setdefault((checksum, float(mean)), int(number))
        if before != number:
            pairs.append((before, int(number)))
    if pairs:
        listed = ", ".join(f"{a} and {b}" for a, b in pairs[:4]) + (" ..." if len(pairs) > 4 else "")
        text = (
            f"Frames {listed} are the same to the last bit, which no camera records twice: one was stored in the "
            "other's place. Check which frame is which, and leave out what is double."
        )
        yield Check("same_frames", "warning", len(pairs), "pairs of frames", text)


def _jump(acquisition: LedArray, seen: Looked) -> Iterator[Check]:
    """Bright frames whose brightness falls into two groups."""
    inside = np.hypot(*np.asarray(acquisition.illumination_na)[seen.numbers].T) < INSIDE * acquisition.objective_na
    light = light_of(acquisition, seen)[inside]
    if len(light) < 4 or not (light > 0).all():
        return
    order = np.argsort(light)
    steps = np.diff(np.log(light[order]))
    at = int(steps.argmax())
    within = max(float(np.ptp(np.log(light[part]))) for part in (order[: at + 1], order[at + 1 :]))
    if not (steps[at] > np.log(JUMP) and steps[at] > TIGHT * within):
        return
    numbers = seen.numbers[inside]
    low, high = numbers[order[: at + 1]], numbers[order[at + 1 :]]
    factor = float(np.median(light[order[at + 1 :]]) / np.median(light[order[: at + 1]]))
    if min(len(low), len(high)) < 2:  # of single frames `leds` tells
        return
    few, other, said = (high, low, f"{factor:.3g}") if len(high) <= len(low) else (low, high, f"{1 / factor:.3g}")
    text = (
        f"{named_in_runs(np.sort(few))} {'is' if len(few) == 1 else 'are'} {said} times as bright as the other "
        f"{len(other)} bright-field frames, which exposure does not say. If exposure, gain or lamp differed, give "
        f"exposure: {said} there and 1 elsewhere."
    )
    yield Check("exposure_jump", "warning", factor, "times", text)


def _elsewhere(acquisition: Acquisition, seen: Looked) -> Iterator[Check]:
    """Pictures of one sample that do not show what the others show."""
    chosen = _pictures(acquisition, seen)
    if len(chosen) < FEWEST:
        return
    alike = np.abs(_correlations(seen.thumbs[chosen]))
    np.fill_diagonal(alike, 0)
    best = np.sort(alike, axis=1)[:, -2]
    usual = float(np.median(best))
    if usual < ALIKE:
        return
    _, group = connected_components(alike > APART * usual, directed=False)
    largest = np.bincount(group).argmax()
    other = seen.numbers[chosen][group != largest]
    if not 0 < len(other) <= len(chosen) // 2:
        return
    one = len(other) == 1
    what = "bright-field frames" if isinstance(acquisition, LedArray) else "frames"
    text = (
        f"{named_in_runs(other)} {'does' if one else 'do'} not show what the other {len(chosen) - len(other)} {what} "
        "show: the stage may have moved, or "
        f"{'it belongs' if one else 'they belong'} to another recording. Leave {'it' if one else 'them'} out."
    )
    yield Check("another_field", "warning", len(other), "frames", text)


def _pictures(acquisition: Acquisition, seen: Looked) -> np.ndarray:
    """Places among the frames `seen` of those that show one sample in the same way."""
    if isinstance(acquisition, LedArray) and acquisition.coded_surface is None:
        ratio = np.hypot(*np.asarray(acquisition.illumination_na)[seen.numbers].T) / acquisition.objective_na
        return np.flatnonzero(ratio < INSIDE)
    if isinstance(acquisition, ThroughFocus):
        z = np.asarray(acquisition.z_um)[seen.numbers]
        values, counts = np.unique(z, return_counts=True)
        return np.flatnonzero(z == values[counts.argmax()])
    return np.zeros(0, int)


def _correlations(thumbs: np.ndarray) -> np.ndarray:
    """Correlation of every two small pictures (n, y, x), slow brightness taken out: (n, n)."""
    slow = scipy.ndimage.gaussian_filter(thumbs.astype(float), (0, SLOW, SLOW))
    flat = (thumbs / np.maximum(slow, 1e-12 + 0.02 * thumbs.mean((1, 2), keepdims=True))).reshape(len(thumbs), -1)
    flat = flat - flat.mean(1, keepdims=True)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray((flat / np.maximum(norm, 1e-30)) @ (flat / np.maximum(norm, 1e-30)).T)
