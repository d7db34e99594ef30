"""What the LED board, the objective and the camera say about each other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..data.acquisition import LedArray, MultiplexedLed
from ..data.geometry import default_z_range_um, depth_of_field_um, led_directions, native_upsampling
from ..optics.illumination import is_bright_field, nearest_overlap, synthetic_na
from .board_findings import board_checks
from .patterns import pattern_checks
from .seen.frames import Check, Survey, named, well_sampled
from .wide_field import wide_field

MIN_OVERLAP = 0.35
STEEPEST_NA = 0.95


def led_array(acquisition: LedArray, seen: Survey) -> Iterator[Check]:
    """Findings about an `acquisition` of one LED per frame, whose frames were `seen`."""
    yield from _microscope(acquisition)
    yield from _brightness(acquisition, seen)
    yield from board_checks(acquisition, seen)
    yield from wide_field(acquisition)


def multiplexed(acquisition: MultiplexedLed, seen: Survey) -> Iterator[Check]:
    """Findings about an `acquisition` of several LEDs per frame, whose frames were `seen`."""
    yield from pattern_checks(acquisition, seen)
    yield from _microscope(acquisition)


def _microscope(acquisition: LedArray | MultiplexedLed) -> Iterator[Check]:
    yield from _led_board(acquisition)
    yield from _resolution(acquisition)
    yield _sampling(acquisition)
    yield _depth(acquisition)


def _led_board(acquisition: LedArray | MultiplexedLed) -> Iterator[Check]:
    na, objective = led_directions(acquisition), acquisition.objective_na
    assert na is not None
    bright = int(is_bright_field(na, objective).sum())
    said = (
        f"{bright} {'LED lights' if bright == 1 else 'LEDs light'} the objective directly (bright field), "
        f"{len(na) - bright} not (dark field)."
    )
    if not bright:
        said += " Without bright field nothing fixes the brightness; check the directions and the NA."
    yield Check("bright_field", "info" if bright else "warning", bright, "LEDs", said)
    steep = np.hypot(*na.T)
    overlap = nearest_overlap(na, objective)
    if (steep > STEEPEST_NA).any():
        said = (
            f"LED {int(steep.argmax())} lights the sample at NA {steep.max():.3g}, almost along the slide; above "
            f"{STEEPEST_NA} check pitch and height of the board."
        )
        yield Check("steepest_led", "warning", float(steep.max()), "NA", said)
    if len(na) < 2:
        return
    alone = np.flatnonzero(overlap == 0)
    if len(alone):
        said = (
            f"{named(alone, 'LED')}: farther than twice the objective's NA from every other, so nothing ties what "
            "it measures to the rest; its direction may be wrong."
        )
        yield Check("lonely_led", "warning", len(alone), "LEDs", said)
    middle = float(np.median(overlap))
    enough, coded = middle >= MIN_OVERLAP, getattr(acquisition, "coded_surface", None) is not None
    said = f"Neighbouring LEDs share {100 * middle:.0f} % of their pupil area"
    if coded and not enough:
        said += "; the coded surface ties them together"
    elif not enough:
        said += f"; below {100 * MIN_OVERLAP:.0f} % the phase is poorly tied together. "
        said += "Move the board farther away, or light more LEDs in between"
    yield Check("overlap", "ok" if enough or coded else "warning", middle, "share of area", f"{said}.")


def _resolution(acquisition: LedArray | MultiplexedLed) -> Iterator[Check]:
    na = led_directions(acquisition)
    assert na is not None
    synthetic = synthetic_na(na, acquisition.objective_na)
    half_pitch = acquisition.wavelength_um / (2 * synthetic)
    n = native_upsampling(acquisition)
    times = f"{synthetic / acquisition.objective_na:.2g} times the objective's"
    said = f"Objective and illumination together reach NA {synthetic:.3g}, {times}."
    yield Check("synthetic_na", "ok", synthetic, "NA", said)
    said = (
        f"The finest lines that can be told apart are about {half_pitch:.3g} um wide (half a period); the "
        f"reconstruction has {n} pixels per camera pixel, {acquisition.pixel_um / n:.3g} um each."
    )
    yield Check("half_pitch", "info", half_pitch, "um", said)


def _sampling(acquisition: LedArray | MultiplexedLed) -> Check:
    """Whether the camera's pixels are fine enough for the objective."""
    pixel, finest = acquisition.pixel_um, acquisition.wavelength_um / (2 * acquisition.objective_na)
    if pixel <= finest:
        return well_sampled(pixel, finest, "the reconstruction allows for it")
    said = (
        f"The camera pixel is {pixel:.3g} um at the sample but the objective resolves {finest:.3g} um "
        "(wavelength / 2 NA): fine detail is lost or appears in false places. Check pixel and magnification."
    )
    return Check("sampling", "warning", pixel, "um", said)


def _depth(acquisition: LedArray | MultiplexedLed) -> Check:
    field = depth_of_field_um(acquisition)
    low, high = default_z_range_um(acquisition)
    coded = getattr(acquisition, "coded_surface", None) is not None
    made = "One plane" if coded else f"Unless told otherwise, {low:.3g} to {high:.3g} um"
    said = (
        f"The objective's depth of field is {field:.3g} um; refocusing works well over about {3 * field:.3g} um and "
        f"fades beyond {6 * field:.3g} um. {made} is reconstructed."
    )
    return Check("depth", "info", field, "um", said)


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
        said = (
            f"Not as bright or dark as their LED's direction says: {named(seen.looked_at[wrong], 'frame')}; order, "
            "orientation or shift of the board, or the objective's NA, may be wrong."
        )
        yield Check("brightness", "warning", int(wrong.sum()), "frames", said)
    else:
        yield Check("brightness", "ok", 0, "frames", f"Bright and dark frames fit the LED directions {seen.where}.")
