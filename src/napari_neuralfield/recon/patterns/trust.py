"""Whether to believe a phase from five LED patterns, in one sentence, without knowing the truth.

Three questions: do the frames come back when the phase is put under the microscope's LEDs again; do the frames look
like those that the network was trained on; how large is the error to be expected beside the phase.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import torch

from ...data.acquisition import MultiplexedLed
from ..engine.told import expectation
from .misfit import PatternMisfit
from .start import best_shared, border_of, on_object_grid

Level = Literal["green", "amber", "red"]
EXPLAINED, HALF_EXPLAINED = 0.75, 0.4  # correlation of re-simulated with measured frames, the worse of bright and dark
DIM = 2.0  # measured dark field over re-simulated, above which fine detail is missing from the phase
WIDE = 0.25  # a statistic this far outside the training's range, in widths of that range, is strange
UNSURE, VERY_UNSURE = 0.35, 1.0  # expected error over the phase's own deviation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resimulated:
    """What the microscope would have seen of a phase.

    Parameters
    ----------
    frames : in the units of the acquisition's (frame, y, x).
    difference : root of them less root of the measured, over the mean root of each measured frame (frame, y, x).
    residual : norm of the difference of roots over the norm of the measured roots (frame,).
    correlation : with the measured frames (frame,).
    misfit : mean square of the difference of roots in units of the frames' noise (frame,); 1 is perfect.
    gain : brightness of each frame, beside its LEDs', that fits best; it is in `frames` (frame,).
    dark : True where no LED of a frame lies inside the objective's NA (frame,).
    absorbed : the share of the phase that is absorbed, as fitted; nan where an absorption was given.
    aberration : rad of each Noll term {index: coefficient}.
    """

    frames: np.ndarray
    difference: np.ndarray
    residual: np.ndarray
    correlation: np.ndarray
    misfit: np.ndarray
    gain: np.ndarray
    dark: np.ndarray
    absorbed: float
    aberration: dict[int, float]

    @property
    def explained(self) -> float:
        """Mean correlation of the dark-field frames; of all frames where none is dark."""
        return float(self.correlation[self.dark].mean() if self.dark.any() else self.correlation.mean())

    @property
    def explained_bright(self) -> float:
        """Mean correlation of the bright-field frames; of all frames where none is bright."""
        return float(self.correlation.mean() if self.dark.all() else self.correlation[~self.dark].mean())

    @property
    def missing(self) -> float:
        """How many times brighter the measured dark field is than the phase makes it; 1 where there is none."""
        return float(self.gain[self.dark].mean() / self.gain[~self.dark].mean()) if self.dark.any() else 1.0


def resimulate(
    acquisition: MultiplexedLed,
    phase: torch.Tensor,
    *,
    upsampling: int = 6,
    absorption: torch.Tensor | None = None,
    aberration: Mapping[int, float] | None = None,
    trust_brightness: bool = True,
    border: int | None = None,
) -> Resimulated:
    """The frames a phase gives, with what it leaves open (absorption, aberration, brightness) chosen in its favour.

    Parameters
    ----------
    acquisition : the measured frames.
    phase : rad (Y, X), `upsampling` pixels per frame pixel; sample (0, 0) on pixel (0, 0); its device computes.
    absorption : negative logarithm of amplitude (Y, X); None: the share of the phase that fits best.
    aberration : rad of Noll terms; None: defocus and astigmatism that fit best.
    trust_brightness : the frames' brightness beside each other was measured; otherwise it is fitted as well.
    border : as in `polish`.
    """
    border = border_of(acquisition) if border is None else border
    noll = (4, 5, 6) if aberration is None else tuple(aberration)
    model = PatternMisfit(acquisition, noll=noll, border=border, device=phase.device)
    found = on_object_grid(model, (phase - phase.mean()).detach().float(), upsampling)
    known = None
    if absorption is not None:
        known = on_object_grid(model, absorption.detach().to(phase.device).float(), upsampling)
    coefficients = None if aberration is None else list(aberration.values())
    shared = best_shared(model, found, absorption=known, aberration=coefficients, gains=not trust_brightness)
    absorbed = shared.absorption(found) if known is None else known
    shown = model.frames(found, absorbed, shared.aberration, shared.gain).double().cpu().numpy()
    measured = model.intensity.double().cpu().numpy()
    gain = _best_gain(np.sqrt(shown), np.sqrt(measured))
    shown *= gain[:, None, None] ** 2
    difference, residual = _differences(np.sqrt(shown), np.sqrt(measured))
    apart = np.sqrt(shown + model.offset) - model.amplitude.double().cpu().numpy()
    return Resimulated(
        frames=(shown * model.scale).astype(np.float32),
        difference=difference,
        residual=residual,
        correlation=np.array([_correlation(a, b) for a, b in zip(shown, measured, strict=True)]),
        misfit=np.square(apart).mean((1, 2)) / model.variance,
        gain=gain**2 * np.exp(shared.gain.double().cpu().numpy()),
        dark=_dark_frames(acquisition),
        absorbed=float(shared.share) if known is None else math.nan,
        aberration={index: float(value) for index, value in zip(model.noll, shared.aberration, strict=True)},
    )


def _dark_frames(acquisition: MultiplexedLed) -> np.ndarray:
    """True for each frame whose LEDs all lie outside the objective's NA (frame,)."""
    bright = np.hypot(*np.asarray(acquisition.led_na).T) < acquisition.objective_na
    dark: np.ndarray = np.asarray(acquisition.patterns) @ bright == 0
    return dark


def _best_gain(shown: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Factor of each frame of roots (frame, y, x) that brings it nearest to the measured (frame,)."""
    gain: np.ndarray = (shown * measured).sum((1, 2)) / np.maximum(np.square(shown).sum((1, 2)), 1e-30)
    return gain


def _differences(shown: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of roots: the difference over each frame's mean (frame, y, x) float32, and its relative norm (frame,)."""
    difference = shown - measured
    mean = np.maximum(measured.mean((1, 2), keepdims=True), 1e-30)
    residual = np.sqrt(np.square(difference).sum((1, 2)) / np.maximum(np.square(measured).sum((1, 2)), 1e-30))
    return (difference / mean).astype(np.float32), residual


def _correlation(one: np.ndarray, two: np.ndarray) -> float:
    """Pearson's, 0 where one of them is flat."""
    one, two = one - one.mean(), two - two.mean()
    norm = float(np.linalg.norm(one) * np.linalg.norm(two))
    return float((one * two).sum()) / norm if norm > 0 else 0.0


def statistics(inputs: torch.Tensor) -> dict[str, float]:
    """What distinguishes one microscope's frames from another's, of a network's inputs.

    Parameters
    ----------
    inputs : channels (channel, y, x): two bright-field halves, three dark-field arcs, the DPC phase; more are ignored.
    """
    bright, dark, phase = inputs[:2].double(), inputs[2:5].double(), inputs[5].double()
    contrast = [float(channels.std((-2, -1)).mean()) for channels in (bright, dark)]
    means = dark.mean((-2, -1))
    return {
        "contrast of the bright field": contrast[0],
        "contrast of the dark field": contrast[1],
        "brightness of the dark field": float(means.mean()),
        "evenness of the dark-field frames": float(means.min() / means.max().clamp(min=1e-12)),
        "correlation of the bright-field halves": _correlation(*bright.cpu().numpy()),
        "correlation of the dark-field arcs": _mean_correlation(dark.cpu().numpy()),
        "grain of the bright field": _grain(bright),
        "grain of the dark field": _grain(dark),
        "strength of the DPC phase": float(phase.std()),
        "grain of the DPC phase": _grain(phase[None]),
    }


def _mean_correlation(frames: np.ndarray) -> float:
    return float(np.mean([_correlation(one, two) for one, two in itertools.combinations(frames, 2)]))


def _grain(frames: torch.Tensor) -> float:
    """Difference of neighbours over the spread of frames (frame, y, x): how fine, or noisy, they are."""
    steps = frames.diff(dim=-1).square().mean() + frames.diff(dim=-2).square().mean()
    return float((steps / 2 / frames.var((-2, -1)).mean().clamp(min=1e-12)).sqrt())


def compare(found: Mapping[str, float], training: Mapping[str, tuple[float, float]]) -> list[str]:
    """A sentence for each statistic outside what the network was trained on, the farthest first.

    Parameters
    ----------
    found : from `statistics`.
    training : low and high percentile of each name; names that only one side knows are passed over.
    """
    outside = []
    for name, value in found.items():
        if name not in training:
            continue
        low, high = training[name]
        width = max(high - low, 1e-9)
        beyond = max(low - value, value - high) / width if np.isfinite(value) else math.inf
        if beyond > WIDE:
            side = "above" if value > high else "below"
            outside.append((beyond, f"{name} {value:.3g} is {side} the {low:.3g} to {high:.3g} of the training"))
    return [sentence for _, sentence in sorted(outside, key=lambda pair: -pair[0])]


@dataclasses.dataclass(frozen=True)
class PhaseVerdict:
    """A traffic light.

    Parameters
    ----------
    sentence : why, for a microscopist.
    details : the figures behind it, a line each.
    """

    level: Level
    sentence: str
    details: list[str]


def verdict(
    resimulated: Resimulated | None = None,
    strange: Sequence[str] | None = None,
    expected: float | None = None,
    doubts: Sequence[str] = (),
) -> PhaseVerdict:
    """One sentence from what there is: the worst answer decides.

    Parameters
    ----------
    resimulated : what the microscope would have seen; None where that was not looked at.
    strange : from `compare`; None where nothing was compared.
    expected : error of a pixel, in the mean, over the deviation of the phase; None where nobody knows.
    doubts : about the network, or about its use for such frames, a sentence each.
    """
    answers = [_of_frames(resimulated), _of_statistics(strange), _of_error(expected), _of_doubts(doubts)]
    known = [answer for answer in answers if answer is not None]
    if not known:
        return PhaseVerdict("amber", "Nothing was checked, so nothing is known about how far to trust this phase.", [])
    order: tuple[Level, ...] = ("red", "amber", "green")
    level: Level = min((answer[0] for answer in known), key=order.index)
    sentence = next(answer[1] for answer in known if answer[0] == level)
    return PhaseVerdict(level, sentence, [line for answer in known for line in answer[2]])


Answer = tuple[Level, str, list[str]]


def _of_frames(seen: Resimulated | None) -> Answer | None:
    if seen is None:
        return None
    details = [
        f"frame {i} ({'dark' if dark else 'bright'} field): correlation {r:.2f}, relative amplitude error {e:.3f}, "
        f"brightness x {g:.2f}"
        for i, (dark, r, e, g) in enumerate(zip(seen.dark, seen.correlation, seen.residual, seen.gain, strict=True))
    ]
    worse = min(seen.explained_bright, seen.explained)
    score = f"bright field {seen.explained_bright:.2f}, dark field {seen.explained:.2f} of 1"
    if worse < HALF_EXPLAINED:
        sentence = (
            f"The measured images do not come back from this phase ({score}): do not trust it, and check NA, pixel, "
            "wavelength and the order of the patterns."
        )
        return "red", sentence, details
    if worse < EXPLAINED:
        sentence = f"The measured images come back from this phase only in part ({score}): trust shapes, not detail."
        return "amber", sentence, details
    if seen.missing > DIM:
        sentence = (
            f"The dark field is {seen.missing:.1f} times brighter than this phase makes it: fine detail is too weak."
        )
        return "amber", sentence, details
    return "green", f"The measured images come back from this phase ({score}): it can be trusted.", details


def _of_statistics(strange: Sequence[str] | None) -> Answer | None:
    if strange is None:
        return None
    if not strange:
        return "green", "The images look like those the network was trained on.", []
    others = f" and {len(strange) - 1} more" if len(strange) > 1 else ""
    return (
        "amber",
        f"The images differ from the network's training ({strange[0]}{others}): compare with the bright field.",
        list(strange),
    )


def _of_doubts(doubts: Sequence[str]) -> Answer | None:
    return ("amber", f"The network may not fit these images: {doubts[0]}.", list(doubts)) if doubts else None


def _of_error(expected: float | None) -> Answer | None:
    if expected is None:
        return None
    said = expectation(expected)
    if expected < UNSURE:
        return "green", f"The phase is known well: {said}.", [said]
    if expected < VERY_UNSURE:
        return "amber", f"The phase is uncertain: {said}, so see the uncertainty layer.", [said]
    return "red", f"Do not trust this phase: {said}.", [said]
