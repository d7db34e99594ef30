"""What the LED board, the objective and the camera say about each other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..data.acquisition import LedArray, MultiplexedLed
from ..data.geometry import default_z_range_um, depth_of_field_um, led_directions, native_upsampling
from ..optics.illumination import is_bright_field, nearest_overlap, synthetic_na
from .frames import Check, Survey, named
from .patterns import pattern_checks

MIN_OVERLAP = 0.35
STEEPEST_NA = 0.95


def led_array(acquisition: LedArray, seen: Survey) -> Iterator[Check]:
    """Findings about one LED per frame."""
    yield from _led_board(acquisition)
    yield from _resolution(acquisition)
    yield from sampling(acquisition)
    yield from _depth(acquisition)
    yield from _brightness(acquisition, seen)


def multiplexed(acquisition: MultiplexedLed, seen: Survey) -> Iterator[Check]:
    """Findings about several LEDs per frame."""
    yield from pattern_checks(acquisition, seen)
    yield from _led_board(acquisition)
    yield from _resolution(acquisition)
    yield from sampling(acquisition)
    yield from _depth(acquisition)


def _led_board(acquisition: LedArray | MultiplexedLed) -> Iterator[Check]:
    na, objective = led_directions(acquisition), acquisition.objective_na
    assert na is not None
    bright = int(is_bright_field(na, objective).sum())
    yield Check(
        "bright_field", "warning" if bright == 0 else "info", bright, "LEDs",
        f"{bright} {'LED lights' if bright == 1 else 'LEDs light'} the objective directly (bright field), "
        f"{len(na) - bright} not (dark field)."
        + ("" if bright else " Without bright field nothing fixes the brightness; check the directions and the NA."),
    )
    steep = np.hypot(*na.T)
    overlap = nearest_overlap(na, objective)
    if (steep > STEEPEST_NA).any():
        yield Check(
            "steepest_led", "warning", float(steep.max()), "NA",
            f"LED {int(steep.argmax())} lights the sample at NA {steep.max():.3g}, almost along the slide; above "
            f"{STEEPEST_NA} check pitch and height of the board.",
        )
    if len(na) < 2:
        return
    alone = np.flatnonzero(overlap == 0)
    if len(alone):
        yield Check(
            "lonely_led", "warning", len(alone), "LEDs",
            f"{named(alone, 'LED')}: farther than twice the objective's NA from every other, so nothing ties what "
            "it measures to the rest; its direction may be wrong.",
        )
    middle = float(np.median(overlap))
    enough, coded = middle >= MIN_OVERLAP, getattr(acquisition, "coded_surface", None) is not None
    few = (
        "the coded surface ties them together." if coded
        else f"below {100 * MIN_OVERLAP:.0f} % the phase is poorly tied together. Move the board farther away, or "
        "light more LEDs in between."
    )  # fmt: skip
    yield Check(
        "overlap", "ok" if enough or coded else "warning", middle, "share of area",
        f"Neighbouring LEDs share {100 * middle:.0f} % of their pupil area{'.' if enough else f'; {few}'}",
    )


def _resolution(acquisition: LedArray | MultiplexedLed) -> Iterator[Check]:
    na = led_directions(acquisition)
    assert na is not None
    synthetic = synthetic_na(na, acquisition.objective_na)
    half_pitch = acquisition.wavelength_um / (2 * synthetic)
    n = native_upsampling(acquisition)
    yield Check(
        "synthetic_na", "ok", synthetic, "NA",
        f"Objective and illumination together reach NA {synthetic:.3g}, {synthetic / acquisition.objective_na:.2g} "
        "times the objective's.",
    )
    yield Check(
        "half_pitch", "info", half_pitch, "um",
        f"The finest lines that can be told apart are about {half_pitch:.3g} um wide (half a period); the "
        f"reconstruction has {n} pixels per camera pixel, {acquisition.pixel_um / n:.3g} um each.",
    )


def sampling(acquisition: LedArray | MultiplexedLed) -> Iterator[Check]:
    """Whether the camera's pixels are fine enough for the objective."""
    pixel, na = acquisition.pixel_um, acquisition.objective_na
    amplitude, intensity = acquisition.wavelength_um / (2 * na), acquisition.wavelength_um / (4 * na)
    if pixel > amplitude:
        level, said = "warning", (
            f"The camera pixel is {pixel:.3g} um at the sample but the objective resolves {amplitude:.3g} um "
            "(wavelength / 2 NA): fine detail is lost or appears in false places. Check pixel and magnification."
        )
    elif pixel > intensity:
        level, said = "info", (
            f"The camera pixel, {pixel:.3g} um at the sample, samples the light's amplitude (at most {amplitude:.3g} "
            f"um) but not the finest detail of its intensity ({intensity:.3g} um); the reconstruction allows for it."
        )
    else:
        level, said = "ok", f"The camera pixel, {pixel:.3g} um at the sample, resolves all that the objective passes."
    yield Check("sampling", level, pixel, "um", said)  # type: ignore[arg-type]


def _depth(acquisition: LedArray | MultiplexedLed) -> Iterator[Check]:
    field = depth_of_field_um(acquisition)
    low, high = default_z_range_um(acquisition)
    coded = getattr(acquisition, "coded_surface", None) is not None
    made = "One plane" if coded else f"Unless told otherwise, {low:.3g} to {high:.3g} um"
    yield Check(
        "depth", "info", field, "um",
        f"The objective's depth of field is {field:.3g} um; refocusing works well over about {3 * field:.3g} um and "
        f"fades beyond {6 * field:.3g} um. {made} is reconstructed.",
    )


def _brightness(acquisition: LedArray, seen: Survey) -> Iterator[Check]:
    """Whether the bright frames are those whose LED lies inside the aperture; LEDs near its rim may be either."""
    ratio = np.hypot(*acquisition.illumination_na[seen.looked_at].T) / acquisition.objective_na
    means = seen.means if acquisition.exposure is None else seen.means / acquisition.exposure[seen.looked_at]
    inside, outside = ratio < 0.9, ratio > 1.1
    if not inside.any() or not np.isfinite(means).all():
        return
    usual = float(np.median(means[inside]))
    wrong = (inside & (means < 0.3 * usual)) | (outside & (means > 0.6 * usual))
    if wrong.any():
        yield Check(
            "brightness", "warning", int(wrong.sum()), "frames",
            f"Not as bright or dark as their LED's direction says: {named(seen.looked_at[wrong], 'frame')}; order, "
            "orientation or shift of the board, or the objective's NA, may be wrong.",
        )
    else:
        yield Check("brightness", "ok", 0, "frames", f"Bright and dark frames fit the LED directions {seen.where}.")
