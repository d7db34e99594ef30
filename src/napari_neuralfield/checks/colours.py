"""What frames of several colours say about each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..data.acquisition import Acquisition
from ..data.colours import middle_of, named_colour
from ..data.white import bright_frame, empty_place
from ..types import InputError
from .seen.frames import Check

UNEQUAL = 10.0  # brightest over dimmest colour, from which the dim one is mostly noise
VISIBLE_UM = (0.36, 0.83)


def colour_checks(acquisition: Acquisition, colours: Sequence[Acquisition]) -> Iterator[Check]:
    """Findings about an `acquisition` of several colours, and the `colours` alone."""
    waves = np.asarray(acquisition.wavelengths_um)
    counts = [one.frame_count for one in colours]
    listed = ", ".join(named_colour(wave) for wave in waves)
    said = (
        f"{len(waves)} colours, {listed}, of {' + '.join(map(str, counts))} frames; the other findings are of "
        f"{named_colour(waves[middle_of(waves)])}."
    )
    yield Check("colours", "info", len(waves), "colours", said)
    if ((waves < VISIBLE_UM[0]) | (waves > VISIBLE_UM[1])).any():
        said = f"Not all of {listed} can be seen by eye; colours of a picture are false then."
        yield Check("visible", "info", float(waves.max()), "um", said)
    if len(set(counts)) > 1:
        said = "The colours have different numbers of frames, so they are not equally well resolved; check channel."
        yield Check("colour_frames", "warning", float(min(counts)), "frames", said)
    yield from _brightness(colours, waves)
    if acquisition.white is not None:
        white = ", ".join(f"{value:.4g}" for value in np.asarray(acquisition.white))
        yield Check("white", "ok", None, "", f"An empty place is {white} bright in the colours, as given.")
        return
    try:
        place = empty_place(acquisition)
    except InputError as error:
        yield Check("white", "warning", None, "", f"{str(error)[:1].upper()}{str(error)[1:]}.")
        return
    said = f"{place.sentence[:1].upper()}{place.sentence[1:]}."
    yield Check("white", "warning" if place.doubtful else "ok", place.unevenness, "of its brightness", said)


def _brightness(colours: Sequence[Acquisition], waves: np.ndarray) -> Iterator[Check]:
    """Whether one colour is much dimmer than another, as counted by the camera."""
    lights = []
    for one in colours:
        frame = one.intensity([bright_frame(one)], per_exposure=False)[0]
        lights.append(float(frame.mean(dtype=np.float64)))
    ratio = max(lights) / max(min(lights), 1e-12)
    dim, bright = (named_colour(waves[int(n)]) for n in (np.argmin(lights), np.argmax(lights)))
    if min(lights) <= 0:
        said = f"The frames of {dim} hold no light; check the lamp, and what is subtracted."
        yield Check("colour_brightness", "warning", None, "", said)
    elif ratio > UNEQUAL:
        said = f"{dim} is {ratio:.3g} times dimmer than {bright}, so its noise will tint the picture; expose it longer."
        yield Check("colour_brightness", "warning", ratio, "times", said)
    else:
        said = f"The colours are about equally bright, within a factor of {ratio:.2g}."
        yield Check("colour_brightness", "ok", ratio, "times", said)
