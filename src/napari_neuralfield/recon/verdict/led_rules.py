"""From the figures of an LED array to green, amber or red, and one sentence.

A figure beyond its first limit makes the verdict amber, beyond its second red; what names a cause is said first. The
limits were chosen on random microscopes (`python -m bench.verdict`), and each means something by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import isfinite

from ...types import LEVELS, Level, Verdict

Doubt = tuple[Level, str]
SHORT_RUN = 0.18, 0.45  # share of what a test crop shows that a short run with the microscope found does not explain
SHORTER = 0.30, 0.60  # the same where the method predicted the frames, with a model that knows more than a short run
HELD_OUT = 0.30, 0.55  # the same of LEDs held out, which the others are to predict
COMES_BACK = 0.05  # share left of every ring, below which short runs, weaker models than the answer's, have less say
SILENT = 1.3  # times the noise, below which nothing is left of a ring
NOISELESS = 0.25  # share of bright-field frames that is noise, below which that tells anything
ALONE = 0.75, 0.90  # HELD_OUT then
DARK = 0.25, 0.60  # share of what the near dark-field frames show that does not come back from the picture
BRIGHT = 0.40, 0.80  # the same of the bright-field frames, whose structure is often faint
FITTED = 0.055, 0.80  # the same where the method predicted them, with all that it knows of the microscope
STACK = 0.5  # times these limits for a stack, each place of which is taken from the plane that fits best
ONE_PLANE = 0.15  # misfit of a short run with one plane, below which a stack is not needed
NOISES = 2.0  # times the noise, below which a misfit is no more than noise
BETTER = 0.78, 0.5  # misfit of another reading of the microscope over that of the one used
WORTH = 0.06  # misfit that is too small for another reading to matter
OVERLAP = 0.40, 0.15  # share of its circle in the spectrum that an LED has in common with its neighbour
FEWEST = 9  # LEDs
UNEVEN = 10.0, 30.0  # factor by which one LED in ten is brighter or darker than the file says
LEFT = 1.8, 4.0  # the same factor against what the result says
LEFT_BY_FIT = 1.4, 4.0  # the same where the method predicted the frames
NOISY = 0.28, 0.9  # share of what the bright-field frames show that is noise
PINWHEELS = 0.05, 0.5  # phase vortices, over those of a random picture
ERROR = 0.10, 0.25  # relative amplitude error, where nothing else is known
READINGS = {
    "if_mounted_otherwise": "the LED board mounted otherwise (another order or sign of its axes)",
    "if_turned": "the LED board turned by 4 degrees",
    "if_shifted": "the LED board shifted by 8 % of the NA",
    "if_resized": "the LED board 5 % nearer or farther",
    "if_moved_in_depth": "the sample one depth of field away",
    "if_pixel_differs": "pixels 8 % larger or smaller",
    "if_aperture_differs": "an objective whose NA is 8 % larger or smaller",
}
REMEDIES = {
    "if_mounted_otherwise": "compare the eight orientations and correct illumination_na",
    "if_moved_in_depth": "calibrate, or give its depth by z_um",
    "if_pixel_differs": "check pixel_um, the magnification and the wavelength",
    "if_aperture_differs": "check objective_na",
}
GOOD = "The frames come back from this picture, and LEDs left out of a test are predicted: it can be trusted."
ALL_BACK = "The frames of every ring come back from this picture: it can be trusted."


def verdict(figures: Mapping[str, float]) -> Verdict:
    """The verdict from the `figures` of `leds.evidence`."""
    causes = [] if _comes_back(figures) else list(_other_readings(figures))
    rest = [*_rings(figures), *_brightness(figures)]
    good = ALL_BACK if figures["misfit_held_out"] > HELD_OUT[0] else GOOD
    level, sentence = gravest([*causes, *_few_leds(figures), *_short_runs(figures), *rest], good)
    return Verdict(level, causes[0][1] if causes else sentence, dict(figures))


def gravest(doubts: Sequence[Doubt], good: str) -> Doubt:
    """The worst level among `doubts` and the first sentence of that level; green and `good` where there are none."""
    return max(doubts, key=lambda doubt: LEVELS.index(doubt[0]), default=("green", good))


def by_error(error: float | None) -> Verdict:
    """The verdict where only the relative amplitude `error` is known."""
    if error is None:
        return Verdict("amber", "Nothing was checked, so nothing is known about how far to trust this picture.")
    level = level_of(error, ERROR) or "green"
    sentence = {
        "green": "The frames come back from this picture; no more was checked.",
        "amber": "The frames come back from this picture only in part: trust shapes, not detail.",
        "red": "The frames do not come back from this picture: do not trust it.",
    }[level]
    return Verdict(level, sentence, {"relative_amplitude_error": error})


def level_of(value: float, limits: tuple[float, float]) -> Level | None:
    """How bad a `value` is that should be below two `limits`, or above them where the second is the smaller."""
    sign = 1 if limits[1] > limits[0] else -1
    if sign * value > sign * limits[1]:
        return "red"
    return "amber" if sign * value > sign * limits[0] else None


def _other_readings(figures: Mapping[str, float]) -> Iterator[Doubt]:
    """The reading of the microscope that explains a test crop best, where it is better than the one used."""
    known = {name: figures[name] for name in READINGS if name in figures}
    if not known or figures.get("misfit_short_run", 0.0) < WORTH:
        return
    name = min(known, key=lambda one: known[one])
    level = level_of(known[name], BETTER)
    if level is not None:
        remedy = REMEDIES.get(name, "calibrate (neuralfield calibrate)")
        yield (
            level,
            f"With {READINGS[name]} a test crop is explained {1 / max(known[name], 0.01):.1f} times better, so the "
            f"microscope is not as described: {remedy}.",
        )


def _is_stack(figures: Mapping[str, float]) -> bool:
    return figures.get("planes", 1.0) > 1


def _comes_back(figures: Mapping[str, float]) -> bool:
    """Whether the frames of every ring come back from one plane, and show enough for that to tell."""
    rings = [name.removeprefix("unexplained_") for name in figures if name.startswith("unexplained_")]
    return (
        not _is_stack(figures)
        and figures.get("noise_bright", 1.0) < NOISELESS
        and all(figures[f"unexplained_{r}"] < COMES_BACK or figures[f"noises_{r}"] < SILENT for r in rings)
    )


def _few_leds(figures: Mapping[str, float]) -> Iterator[Doubt]:
    if figures["leds"] < FEWEST:
        yield "amber", f"Only {figures['leds']:.0f} LEDs were used, too few to check the picture against each other."
    if level := level_of(figures["overlap"], OVERLAP):
        yield (
            level,
            f"Neighbouring LEDs have only {figures['overlap']:.0%} of their part of the spectrum in common, where "
            f"{OVERLAP[0]:.0%} is needed: the phases between them are guesses, so light LEDs that lie closer together.",
        )


def _short_runs(figures: Mapping[str, float]) -> Iterator[Doubt]:
    """What short runs on a crop say: one plane, without the soft rim, border and ambient light that a fit knows."""
    if _is_stack(figures):
        if figures["misfit_short_run"] < ONE_PLANE:
            yield (
                "amber",
                "One plane explains a test crop, so a stack has more freedom than the frames can fill: reconstruct a "
                "thin sample as one plane (one value of z_um; sample thin in fpm-auto).",
            )
        return
    if not isfinite(figures["misfit_short_run"]):
        yield "amber", "A short run with the brightness found of the LEDs fails: check exposures, and calibrate."
    known, own = _comes_back(figures), SHORTER if figures.get("own_prediction") else SHORT_RUN
    for name, limits, words in (
        (
            "misfit_short_run",
            None if known else own,
            "a test crop shows does not fit the microscope as described",
        ),
        ("misfit_held_out", ALONE if known else HELD_OUT, "LEDs left out show is not what the others predict"),
    ):
        if limits and (level := level_of(figures[name], limits)):
            yield (
                level,
                f"{min(figures[name], 1):.0%} of what {words} (below {limits[0]:.0%} is usual): calibrate, and check "
                "the order of the frames, NA, pixel and depth.",
            )


def _rings(figures: Mapping[str, float]) -> Iterator[Doubt]:
    """What does not come back from the picture, ring by ring, and what is noise."""
    bright = FITTED if figures.get("own_prediction") else BRIGHT
    for ring, limits, words in (("near_dark", DARK, "dark-field"), ("bright", bright, "bright-field")):
        share, strict = figures.get(f"unexplained_{ring}", 0.0), STACK if _is_stack(figures) else 1.0
        level = level_of(share, (strict * limits[0], strict * limits[1]))
        if level and figures[f"noises_{ring}"] > NOISES:
            yield (
                level,
                f"{share:.0%} of what the {words} frames show does not come back from this picture: calibrate, and "
                "check the order of the frames, ambient light and the exposure.",
            )
    if level := level_of(figures.get("noise_bright", 0.0), NOISY):
        yield (
            level,
            f"{figures['noise_bright']:.0%} of what the bright-field frames show is noise: fine detail cannot be "
            "trusted, so expose longer or average.",
        )
    if level := level_of(figures.get("pinwheel_vortices", 0.0), PINWHEELS):
        yield (
            level,
            f"The picture has {figures['pinwheel_vortices']:.0%} of the phase vortices of a random one, the pin-wheels "
            "of LEDs that do not fit each other: calibrate, and check the order of the frames.",
        )


def _brightness(figures: Mapping[str, float]) -> Iterator[Doubt]:
    """How uneven the LEDs are, where the frames do not come back all the same."""
    if _comes_back(figures):
        return
    left = LEFT_BY_FIT if figures.get("own_prediction") else LEFT
    if level := level_of(figures["brightness_left"], left):
        yield (
            level,
            f"One LED in ten is more than {figures['brightness_left']:.1f} times brighter or darker than the picture "
            "has it: check exposures, hot pixels and ambient light.",
        )
    if level := level_of(figures.get("brightness_found", 1.0), UNEVEN):
        yield (
            level,
            f"One LED in ten would be more than {figures['brightness_found']:.1f} times brighter or darker than the "
            "file says: check exposures and the order of the frames.",
        )
