"""What frames of LED patterns say: which is which, whether they are swapped, and how the LED board is mounted."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..data.acquisition import MultiplexedLed
from ..optics.illumination import ORIENTATIONS, orient
from ..optics.patterns import PatternName, describe, turn_from
from ..types import InputError
from .halves import find_halves
from .seen.frames import Check, Survey, named

SMALLEST = 32  # pixels along a side
OPPOSITE_DEG = 30.0
UNEVEN_DEG = 25.0  # that the gaps between arcs may differ from 120
CLEARLY = 1.25  # another orientation must explain the dark field this much better
USABLE = 0.08  # correlation below which an orientation is not judged
THINNER = 0.08  # correlation
LARGEST = 512  # pixels along a side that are looked at


@dataclasses.dataclass(frozen=True)
class FiveFrames:
    """The frames that NeuPh takes: two opposite bright-field halves and three dark-field arcs, in the file's order.

    bright, dark : indices of the frames.
    axis_deg : direction of the light of the first half; x right, y down.
    arcs_deg : directions of the light of the arcs.
    """

    bright: tuple[int, int]
    dark: tuple[int, int, int]
    axis_deg: float
    arcs_deg: tuple[float, float, float]


def five_frames(acquisition: MultiplexedLed) -> FiveFrames:
    """Which frames are the five that NeuPh takes.

    Raises
    ------
    InputError : where there are other patterns, fewer or more.
    """
    names = _names(acquisition)
    halves, arcs = ([i for i, n in enumerate(names) if n.kind == kind] for kind in ("half", "arc"))
    where = acquisition.source or "the acquisition"
    rule = (
        "neuph needs 5 patterns, two opposite bright-field halves and three dark-field arcs; correct led_na, patterns "
        "or objective_na, or use dpc or quasi-newton"
    )
    if (len(names), len(halves), len(arcs)) != (5, 2, 3):
        raise InputError(f"{where}: its {len(names)} frames are {_listed(names)}; {rule}")
    first, second = (names[i].angle_deg for i in halves)
    if abs(turn_from(second, first + 180)) > OPPOSITE_DEG:
        raise InputError(f"{where}: the bright-field halves lie towards {first:.0f} and {second:.0f} degrees; {rule}")
    angles = [names[i].angle_deg for i in arcs]
    around = np.sort(angles)
    if np.abs(np.diff([*around, around[0] + 360]) - 120).max() > UNEVEN_DEG:
        said = ", ".join(f"{a:.0f}" for a in angles)
        raise InputError(f"{where}: the dark-field arcs lie towards {said} degrees, not 120 apart; {rule}")
    return FiveFrames((halves[0], halves[1]), (arcs[0], arcs[1], arcs[2]), first, (angles[0], angles[1], angles[2]))


def pattern_checks(acquisition: MultiplexedLed, seen: Survey) -> Iterator[Check]:
    """Findings about the patterns of an `acquisition`, whose frames were `seen`."""
    names = _names(acquisition)
    empty = [i for i, n in enumerate(names) if n.kind == "empty"]
    if empty:
        said = f"'patterns' light no LED for {named(np.array(empty), 'frame')}; they may be in the wrong order."
        yield Check("patterns", "warning", len(empty), "frames", said)
    lit = int(acquisition.patterns.any(axis=0).sum())
    yield Check("patterns", "info", lit, "LEDs", f"{len(names)} patterns light {lit} LEDs in all: {_listed(names)}.")
    rows, columns = acquisition.frame_shape
    if min(rows, columns) < SMALLEST:
        said = f"The frames have {rows} x {columns} pixels; below {SMALLEST} the borders reach everywhere"
        yield Check("size", "warning", min(rows, columns), "pixels", f"{said}, so take a larger region.")
    yield from _swapped(acquisition, names, seen)
    yield from _halves(acquisition, names, seen)
    yield from _orientation(acquisition)


def _swapped(acquisition: MultiplexedLed, names: list[PatternName], seen: Survey) -> Iterator[Check]:
    """Bright field is brighter than dark field."""
    light = dict(zip(seen.looked_at.tolist(), seen.means, strict=True))
    if acquisition.background is not None:
        light = {i: mean - float(np.mean(acquisition.background)) for i, mean in light.items()}
    if acquisition.exposure is not None:
        light = {i: mean / acquisition.exposure[i] for i, mean in light.items()}
    bright = {i: v for i, v in light.items() if names[i].kind in ("half", "bright", "mixed") and np.isfinite(v)}
    dark = {i: v for i, v in light.items() if names[i].kind in ("arc", "dark") and np.isfinite(v)}
    if not bright or not dark:
        return
    top = max(dark, key=dark.__getitem__)
    dim = sorted(i for i, v in bright.items() if v <= dark[top])
    if dim:
        said = (
            f"Darker than frame {top} although the patterns say bright field and frame {top} dark field: frames and "
            "patterns are in different orders, or the exposures differ (then give 'exposure') "
            f"({named(np.array(dim), 'frame')})."
        )
        yield Check("swapped", "warning", len(dim), "frames", said)
    else:
        yield Check("swapped", "ok", 0, "frames", "Bright-field frames are brighter than dark-field frames.")


def _halves(acquisition: MultiplexedLed, names: list[PatternName], seen: Survey) -> Iterator[Check]:
    """Whether opposite halves of the bright field are opposite in the frames too."""
    found = find_halves(acquisition, names) if np.isfinite(seen.means).all() else None
    if found is None:
        return
    pairs = " and ".join(f"{i} with {j}" for i, j in found.pairs)
    before, after = (f"{100 * share:.0f} %" for share in found.explained)
    fits = ""
    if found.better_deg is not None:
        line = ", ".join(f"{{half: {angle:.0f}}}" for angle in found.better_deg)
        fits = f"one phase explains {after} of their differences with patterns: [{line}] for {_frames(found.frames)}"
    if found.wrong:
        said = (
            "Opposite bright-field halves must show a sample's phase with opposite signs, but frames that the patterns "
            f"call opposite do not (correlation {found.given:.2f}); those that do are {pairs} ({found.paired:.2f})."
        )
        remedy = "; write that in the sidecar (half a turn of all fits as well, with the phase inverted)."
        said += f" {fits[0].upper()}{fits[1:]}{remedy}" if fits else " No order of the patterns that was tried fits."
        yield Check("halves", "warning", found.given, "correlation", said)
    elif fits:
        said = (
            f"The frames pair as the patterns say, but along other axes: {fits}, as given {before}; correct the "
            "patterns or led_na (half a turn of all fits as well, with the phase inverted)."
        )
        yield Check("halves", "warning", found.explained[0], "share", said)
    else:
        said = (
            f"Opposite bright-field halves show the sample's phase with opposite signs (correlation {found.given:.2f})."
        )
        yield Check("halves", "ok", found.given, "correlation", said)


def _frames(numbers: list[int]) -> str:
    return "frames " + ", ".join(map(str, numbers))


def _orientation(acquisition: MultiplexedLed) -> Iterator[Check]:
    """Whether the board is mounted as the file says, where the five frames of NeuPh tell."""
    try:
        scores = orientation_scores(acquisition, five_frames(acquisition))
    except InputError:  # other patterns, or values that are not finite, which other checks name
        return
    edges, thick = scores[ORIENTATIONS[0][0]]
    top = max(score.edges for score in scores.values())
    best = max((name for name, score in scores.items() if score.edges > top - 1e-6), key=lambda n: scores[n].thick)
    if top < USABLE:
        text = "The frames do not show how the LED board is mounted; look whether cells come out brighter than around."
        yield Check("board", "info", edges, "correlation", text)
    elif top > CLEARLY * max(edges, 0):
        text = (
            f"The edges that light up in the dark-field frames fit an LED board that is {best} (correlation {top:.2f}; "
            f"as given {edges:.2f}); correct led_na or the 'leds' of the sidecar."
        )
        yield Check("board", "warning", edges, "correlation", text)
    elif thick < -THINNER:
        text = (
            f"Where the specimen takes light away its phase is lower than around (correlation {thick:.2f}), as if "
            "cells were dents; the LED board is probably turned by half a turn, so reverse the signs of led_na."
        )
        yield Check("board", "warning", thick, "correlation", text)
    else:
        text = f"Edges light up in the dark-field frames that the LED directions tell (correlation {edges:.2f})."
        yield Check("board", "ok", edges, "correlation", text)


class Mounting(NamedTuple):
    """How a mounting of the board fits: `edges` the right edges light up, `thick` what takes light has more phase."""

    edges: float
    thick: float


def orientation_scores(acquisition: MultiplexedLed, frames: FiveFrames) -> dict[str, Mounting]:
    """How well each mounting of the board explains which edges are bright in which dark-field arc, by name.

    An edge deflects light along its phase gradient: it lights up in the arc whose light travels against that. The
    phase is that of the bright-field halves (differential phase contrast) under the same mounting. In focus, half a
    turn of the board inverts the phase and nothing else; only that thicker parts are darker in bright field tells the
    two apart.

    Parameters
    ----------
    acquisition : with the five patterns of NeuPh.
    frames : which of its frames is which.
    """
    y, x = (slice((n - m) // 2, (n - m) // 2 + m) for n, m in
            ((n, min(n, LARGEST)) for n in acquisition.frame_shape))  # fmt: skip
    stack = acquisition.intensity(np.array([*frames.bright, *frames.dark]), (y, x)).astype(float)
    left, right, dark = stack[0], stack[1], stack[2:]
    total = np.maximum(left + right, max(0.05 * (left + right).mean(), 1e-30))
    shown = np.fft.fft2((left - right) / total)
    dark = dark / np.maximum(dark.mean(axis=(1, 2), keepdims=True), 1e-30)
    uneven = dark - dark.mean(axis=0)
    frequency = [np.fft.fftfreq(n, acquisition.pixel_um) for n in left.shape]
    fy, fx = frequency[0][:, None], frequency[1][None, :]
    scores = {}
    for name, turn in ORIENTATIONS:
        na = orient(acquisition.led_na, turn)
        weights = np.asarray(acquisition.patterns)[list(frames.bright)]
        transfer = _phase_transfer(weights, na, fy, fx, acquisition)
        phase = np.conj(transfer) * shown / (np.abs(transfer) ** 2 + 0.02)
        towards = np.deg2rad([frames.arcs_deg])[0]
        units = orient(np.stack([np.sin(towards), np.cos(towards)], axis=-1), turn)
        slopes = [-np.fft.ifft2(2j * np.pi * (u[0] * fy + u[1] * fx) * phase).real for u in units]
        fit = np.mean([_correlation(s, d) for s, d in zip(slopes, uneven, strict=True)])
        scores[name] = Mounting(float(fit), -_correlation(np.fft.ifft2(phase).real, left + right))
    return scores


def _phase_transfer(
    weights: np.ndarray, na: np.ndarray, fy: np.ndarray, fx: np.ndarray, acquisition: MultiplexedLed
) -> np.ndarray:
    """Transfer of weak phase to (left - right) / (left + right) (Tian, Waller, Opt. Express 23, 11394 (2015))."""
    cutoff = acquisition.objective_na / acquisition.wavelength_um
    sums = np.zeros((2, *np.broadcast_shapes(fy.shape, fx.shape)))
    for led in np.flatnonzero(weights.any(axis=0)):
        sy, sx = na[led] / acquisition.wavelength_um
        above = np.hypot(fy + sy, fx + sx) <= cutoff
        below = np.hypot(fy - sy, fx - sx) <= cutoff
        sums += weights[:, led, None, None] * (above.astype(float) - below)
    return 1j * (sums[0] - sums[1]) / weights.sum()


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    a, b = one - one.mean(), other - other.mean()
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale > 0 else 0.0


def _names(acquisition: MultiplexedLed) -> list[PatternName]:
    return describe(acquisition.led_na, acquisition.patterns, acquisition.objective_na)


def _listed(names: list[PatternName]) -> str:
    words = [name.words for name in names]
    return ", ".join(words[:8]) + (f" and {len(words) - 8} more" if len(words) > 8 else "")
