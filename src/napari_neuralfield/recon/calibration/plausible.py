"""What no real microscope is like: single LEDs of many times their neighbours' light, pupils and boards far off."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from ...optics.board import BoardPose
from .outlier_frames import around
from .solver import Calibrator

MOST = 2.5  # times the light of the LEDs around, or as little a part of it
AT_THE_RIM, MOST_AT_THE_RIM = 0.04, 1.35  # of the NA: a soft rim cuts the light of such LEDs, which is not their own
ABERRATED_RAD = 3.0  # rms
SHIFTED, SCALED = 0.5, 0.25  # of the NA, share
UNSEEN = 0.05  # of the ambient light, below which an LED's own cannot be told
DARKER, IMPOSSIBLE = 3.0, 30.0  # bright-field over dark-field LEDs: odd, and no microscope's


@dataclasses.dataclass(frozen=True)
class JudgedGains:
    """Gains of which the implausible ones are those of the LEDs around.

    gain : of each LED (led,). odd, at_the_rim : LEDs whose gain was replaced (k,), the latter for the pupil's rim.
    dim : LEDs whose frames are as dark as their gain says (k,), which stays.
    """

    gain: np.ndarray
    odd: np.ndarray
    at_the_rim: np.ndarray
    dim: np.ndarray


def judged(
    gain: np.ndarray, given: np.ndarray, light: np.ndarray, *, na: np.ndarray, objective_na: float
) -> JudgedGains:
    """Gains, those that cannot be replaced by what the LEDs around have.

    Parameters
    ----------
    gain, given : brightness of each LED as found and as its exposure says (led,).
    light : mean of each frame without ambient light (led,), 0 where too little is seen to tell.
    na, objective_na : directions (led, 2), and the NA that parts bright from dark field.
    """
    share, seen = np.log(gain / given), np.log(np.maximum(light, 1e-7) / given)
    rim = np.abs(np.hypot(*na.T) / objective_na - 1) < AT_THE_RIM
    smooth = _smooth(share, na, objective_na, ~rim)
    away, seen_away = share - smooth, seen - _smooth(seen, na, objective_na, ~rim)
    at_the_rim = rim & (np.abs(away) > np.log(MOST_AT_THE_RIM))
    far = ~rim & (np.abs(away) > np.log(MOST))
    dim = far & (away < 0) & ((light <= 0) | (seen_away < away / 2))
    odd = far & ~dim
    mended = np.where(at_the_rim | odd, np.exp(smooth) * given, gain)
    return JudgedGains(mended, *(np.flatnonzero(some) for some in (odd, at_the_rim, dim)))


def replace_odd_gains(calibrator: Calibrator, outliers: np.ndarray) -> Iterator[tuple[str, bool]]:
    """Gains that are not plausible become those of the LEDs around; yields what was done and whether it is a warning.

    Parameters
    ----------
    calibrator : at its end; its gains change.
    outliers : frames that are named anyway (k,).
    """
    m, given, objective_na = calibrator.microscope, calibrator.nominal.gain, calibrator.acquisition.objective_na
    light = np.maximum(calibrator.energies() - (1 + UNSEEN) * calibrator.without_bias().floor, 0)
    found = judged(m.gain, given, light, na=m.na, objective_na=objective_na)
    yield from gain_sentences(found, m.gain, outliers)
    ratio = light_ratio(m.gain, given, m.na, objective_na)
    if text := light_sentence(ratio):
        yield text, impossible(ratio)
    calibrator.change(m.changed(gain=found.gain))


def _smooth(values: np.ndarray, na: np.ndarray, objective_na: float, counted: np.ndarray) -> np.ndarray:
    """Median of `values` (led,) over the LEDs around that are `counted` (led,)."""
    found = values.copy()
    sure = np.flatnonzero(counted)
    if len(sure) < 2:
        return found
    found[sure] = around(values[sure], na[sure], objective_na)
    for led in np.flatnonzero(~counted):
        some = np.append(sure, led)
        found[led] = around(values[some], na[some], objective_na)[-1]
    return found


def gain_sentences(found: JudgedGains, gain: np.ndarray, outliers: np.ndarray) -> Iterator[tuple[str, bool]]:
    """What was replaced, a sentence and whether it is a warning.

    Parameters
    ----------
    found : the judgement.
    gain : as it was found (led,).
    outliers : frames that are named anyway (k,).
    """
    odd = np.setdiff1d(found.odd, outliers)
    if len(odd):
        ratio = gain[odd] / found.gain[odd]
        yield (
            f"the light of {_leds(odd)} came out as {_span(ratio)} times that of the LEDs around, which is not "
            "plausible, so that of the LEDs around is taken",
            True,
        )
    dim = np.setdiff1d(found.dim, outliers)
    if len(dim):
        give = "gives" if len(dim) == 1 else "give"
        yield f"{_leds(dim)} {give} far less light than the LEDs around; dead or blocked?", False
    rim = np.setdiff1d(found.at_the_rim, outliers)
    if len(rim):
        yield (
            f"{_leds(rim)} {'lies' if len(rim) == 1 else 'lie'} at the rim of the pupil, which cuts "
            f"{'its' if len(rim) == 1 else 'their'} light, so the light of the LEDs around is taken",
            False,
        )


def light_ratio(gain: np.ndarray, given: np.ndarray, na: np.ndarray, objective_na: float) -> float:
    """Light of the bright-field LEDs over that of the dark-field LEDs nearest to them; 1 where too few tell.

    Parameters
    ----------
    gain, given : brightness of each LED as found and as its exposure says (led,).
    na, objective_na : directions (led, 2), and the NA that parts bright from dark field.
    """
    radius, share = np.hypot(*na.T) / objective_na, gain / given
    bright, dark = radius < 1 - AT_THE_RIM, (radius > 1 + AT_THE_RIM) & (radius < 1.6)
    if bright.sum() < 3 or dark.sum() < 3:
        return 1.0
    return float(np.median(share[bright]) / max(float(np.median(share[dark])), 1e-30))


def light_sentence(ratio: float) -> str:
    """What is odd about a `light_ratio`; empty where nothing is."""
    if 1 / DARKER < ratio < DARKER:
        return ""
    left, order = "", ""
    if impossible(ratio):
        left, order = ", and as no microscope is like that, nothing of it is taken", "the order of the frames, "
    return (
        f"bright-field LEDs came out {ratio:.2g} times as bright as the dark-field LEDs nearest to them, at equal "
        f"exposure{left}; check the exposures, {order}and whether the dark-field frames were scaled"
    )


def impossible(ratio: float) -> bool:
    """Whether no exposure and no scaling of frames explains a `light_ratio`."""
    return not 1 / IMPOSSIBLE < ratio < IMPOSSIBLE


def microscope_sentences(zernike_rad: np.ndarray, pose: BoardPose, objective_na: float) -> Iterator[str]:
    """What is odd about pupil and board, a sentence each.

    Parameters
    ----------
    zernike_rad : coefficients of unit-variance polynomials, without defocus (term,).
    pose : of the board, against the file.
    objective_na : a shift is compared with it.
    """
    rms = float(np.sqrt((zernike_rad**2).sum()))
    if rms > ABERRATED_RAD:
        yield f"the aberration found is {rms:.2g} rad rms, more than objectives have; check wavelength, NA and pixel_um"
    shift = float(np.hypot(*pose.shift))
    if shift > SHIFTED * objective_na:
        yield (
            f"the board was found {shift:.3f} NA off its place, more than half the objective's NA; check the LED "
            "positions and which part of the field is looked at"
        )
    if abs(pose.scale - 1) > SCALED:
        yield (
            f"the board was found {pose.scale:.2f} times as large as the file says; check pitch_mm, height_mm and "
            "pixel_um"
        )


def _leds(numbers: np.ndarray) -> str:
    words = [str(k) for k in numbers.tolist()]
    if len(words) == 1:
        return f"LED {words[0]}"
    return f"LEDs {', '.join(words[:-1])} and {words[-1]}"


def _span(ratio: np.ndarray) -> str:
    low, high = f"{ratio.min():.2g}", f"{ratio.max():.2g}"
    return low if low == high else f"{low} to {high}"
