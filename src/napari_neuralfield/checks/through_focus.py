"""What depths, frames and pixels of a bright-field stack through focus say about each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..data.acquisition import ThroughFocus
from ..data.geometry import depth_of_field_um
from ..types import InputError
from .frames import Check, Survey, steady_light

SMALLEST_PIXELS = 32  # networks halve a frame four times, and two pixels must be left
STEADY = 0.03
FEW_LEVELS = 16
SINGLE_SHOT = "srqpi, srcnn and defocus-field"
TIE = "the transport of intensity (tie-fft, tie-dct)"


def through_focus(acquisition: ThroughFocus, seen: Survey) -> Iterator[Check]:
    """Findings about a stack through focus or a time-lapse."""
    yield from _planes(acquisition)
    yield from _time(acquisition)
    yield from _unit(acquisition)
    yield from _coherence(acquisition)
    yield from _sampling(acquisition)
    yield from _size(acquisition)
    yield from _levels(acquisition, seen)
    yield from steady_light(seen)
    yield from _steadiness(acquisition, seen)


def through_focus_facts(acquisition: ThroughFocus) -> dict[str, Any]:
    """Depths where they are few, the pixel that the objective needs, and how far the condenser is open."""
    depths = np.unique(acquisition.z_um)
    return {
        **({"depths_um": depths.tolist()} if len(depths) <= 24 else {}),
        "resolved_um": acquisition.wavelength_um / (2 * acquisition.objective_na),
        "coherence": acquisition.condenser_na / acquisition.objective_na,
    }


def distinct_planes(acquisition: ThroughFocus) -> np.ndarray:
    """Indices (frame,) of all frames in the order of their depth; equal depths stay in the frames' order.

    Raises
    ------
    InputError : where there are fewer than two different depths, as the transport of intensity needs.
    """
    z = acquisition.z_um
    if len(np.unique(z)) > 1:
        return np.argsort(z, kind="stable")
    where = acquisition.source or "the acquisition"
    single = f"{SINGLE_SHOT} need one frame only"
    if len(z) == 1:
        raise InputError(
            f"{where}: there is one frame, at z_um {z[0]:g}; the transport of intensity compares frames at two or more "
            f"depths, so record another, while {single}"
        )
    if acquisition.time_s is not None:
        raise InputError(
            f"{where}: this is a time-lapse, all {len(z)} frames at z_um {z[0]:g}; the transport of intensity compares "
            f"two or more depths, while {single}"
        )
    raise InputError(
        f"{where}: all {len(z)} frames are at z_um {z[0]:g}; the transport of intensity needs two or more different "
        f"depths, so correct z_um, or give time_s if the frames are a time-lapse, while {single}"
    )


def _planes(acquisition: ThroughFocus) -> Iterator[Check]:
    z, field = acquisition.z_um, depth_of_field_um(acquisition)
    depths = np.unique(z)
    span = float(np.ptp(z))
    named = ", ".join(f"{d:g}" for d in depths) if len(depths) <= 12 else f"{depths[0]:g} to {depths[-1]:g}"
    if not z.any():
        few = "the frame is" if len(z) == 1 else f"all {len(z)} frames are"
        yield Check(
            "depths", "warning", 0.0, "um",
            f"By z_um {few} in focus, where a transparent sample shows almost nothing; a frame about {field:.2g} um "
            "out of focus shows its phase. Correct z_um or record one.",
        )
    elif len(z) == 1:
        yield Check(
            "depths", "info", 1, "frames",
            f"One frame, {z[0]:g} um from focus: {SINGLE_SHOT} need no more, {TIE} needs a second depth.",
        )
    elif len(depths) == 1 and acquisition.time_s is None:
        yield Check(
            "depths", "warning", 0.0, "um",
            f"All {len(z)} frames are at z_um {z[0]:g}: give time_s or frame_interval_s if they are a time-lapse, or "
            f"the depth of each, which {TIE} needs.",
        )
    elif len(depths) == 1:
        yield Check(
            "depths", "info", 0.0, "um",
            f"All {len(z)} frames are {z[0]:g} um from focus: {SINGLE_SHOT} take them one by one, {TIE} needs a second "
            "depth.",
        )
    else:
        repeated = len(depths) < len(z) and acquisition.time_s is None
        order = "" if (np.diff(z) >= 0).all() else " They are not in the order of depth, which does no harm."
        yield Check(
            "depths", "warning" if repeated else "ok", span, "um",
            f"{len(z)} frames at {named} um; the objective's depth of field is {field:.3g} um.{order}"
            + (" Some depths are given twice; check z_um." if repeated else ""),
        )


def _time(acquisition: ThroughFocus) -> Iterator[Check]:
    time = acquisition.time_s
    if time is None or len(time) < 2:
        return
    steps = np.diff(time)
    if (steps < 0).any():
        at = int(np.argmax(steps < 0)) + 1
        yield Check(
            "time", "warning", at, "frame",
            f"Frame {at} was taken before the one in front of it ({time[at]:g} s after {time[at - 1]:g} s); check "
            "time_s.",
        )
    else:
        yield Check(
            "time", "ok", float(time[-1] - time[0]), "s",
            f"A time-lapse of {len(time)} frames over {time[-1] - time[0]:g} s.",
        )


def _unit(acquisition: ThroughFocus) -> Iterator[Check]:
    """Light of a point spreads over 2 z NA: more than the frame, or next to nothing, and z is in another unit."""
    farthest = float(np.abs(acquisition.z_um).max())
    field, na = depth_of_field_um(acquisition), acquisition.objective_na
    frame = min(acquisition.frame_shape) * acquisition.pixel_um
    spread = 2 * farthest * na
    if farthest > 30 * field and spread > 0.5 * frame:
        yield Check(
            "depth_unit", "warning", farthest, "um",
            f"At {farthest:g} um from focus the light of a point is {spread:.3g} um wide, the frame {frame:.3g} um: "
            f"z_um is in micrometres, so if it was given in nanometres write {farthest / 1000:g}; check pixel_um too.",
        )
    elif 0 < farthest < field / 50:
        yield Check(
            "depth_unit", "warning", farthest, "um",
            f"No frame is farther than {farthest:g} um from focus, where none differs from a sharp one (the depth of "
            f"field is {field:.3g} um): z_um is in micrometres, so if it was given in millimetres write "
            f"{farthest * 1000:g}.",
        )


def _coherence(acquisition: ThroughFocus) -> Iterator[Check]:
    coherence = acquisition.condenser_na / acquisition.objective_na
    yield Check(
        "coherence", "warning" if coherence > 1 else "info", coherence, "",
        f"The condenser fills {100 * coherence:.0f} % of the objective's aperture"
        + ("; above 100 % defocus shows almost no phase. Close the condenser diaphragm." if coherence > 1 else "."),
    )


def _sampling(acquisition: ThroughFocus) -> Iterator[Check]:
    pixel, finest = acquisition.pixel_um, acquisition.wavelength_um / (2 * acquisition.objective_na)
    ratio = pixel / finest
    if ratio > 10:
        level, said = "warning", (
            f"The camera pixel is {pixel:.3g} um at the sample, {ratio:.2g} times what the objective resolves "
            f"({finest:.3g} um): if that is the sensor's own pixel, divide it by the magnification."
        )
    elif ratio > 1:
        level, said = "info", (
            f"The camera pixel is {pixel:.3g} um at the sample but the objective resolves {finest:.3g} um: "
            f"{SINGLE_SHOT} look for detail finer than the camera's pixels, the transport of intensity cannot."
        )
    elif ratio < 1 / 8:
        level, said = "info", (
            f"The camera pixel is {pixel:.3g} um at the sample, {1 / ratio:.2g} times finer than the objective "
            f"resolves ({finest:.3g} um): binning loses nothing and saves time; else check pixel and NA."
        )
    elif ratio > 0.5:
        level, said = "info", (
            f"The camera pixel, {pixel:.3g} um at the sample, samples the light's amplitude (at most {finest:.3g} um) "
            f"but not the finest detail of its intensity ({finest / 2:.3g} um); little is lost."
        )
    else:
        level, said = "ok", f"The camera pixel, {pixel:.3g} um at the sample, resolves all that the objective passes."
    yield Check("sampling", level, pixel, "um", said)  # type: ignore[arg-type]


def _size(acquisition: ThroughFocus) -> Iterator[Check]:
    rows, columns = acquisition.frame_shape
    if min(rows, columns) < SMALLEST_PIXELS:
        yield Check(
            "frame_size", "warning", min(rows, columns), "pixels",
            f"The frames are {rows} x {columns} pixels; networks halve them four times and need {SMALLEST_PIXELS} or "
            "more along each side, so cut a larger region out of the recording.",
        )


def _levels(acquisition: ThroughFocus, seen: Survey) -> Iterator[Check]:
    kind = np.dtype(getattr(acquisition.frames, "measured", acquisition.frames).dtype)
    levels = float(np.nanmedian(seen.spreads)) if np.isfinite(seen.spreads).any() else 0.0
    if kind.kind in "iu" and 0 < levels < FEW_LEVELS:
        yield Check(
            "grey_levels", "warning", levels, "counts",
            f"A frame uses only about {levels:.0f} grey levels of {kind}: the faint contrast of a transparent sample "
            "is lost between them; expose longer or save with more bits.",
        )
    elif kind == np.uint8:
        yield Check(
            "grey_levels", "info", levels, "counts",
            "The frames are saved with 8 bits; more bits (12 or 16) keep the faint contrast of a transparent sample.",
        )


def _steadiness(acquisition: ThroughFocus, seen: Survey) -> Iterator[Check]:
    means = seen.means[np.isfinite(seen.means)]
    if len(means) < 2 or not means.mean() > 0:
        return
    if acquisition.exposure is not None:
        means = (seen.means / acquisition.exposure[seen.looked_at])[np.isfinite(seen.means)]
    spread = float(np.ptp(means) / means.mean())
    if spread > STEADY:
        yield Check(
            "brightness", "info" if acquisition.time_s is not None else "warning", spread, "share of the mean",
            f"The frames' mean brightness differs by up to {100 * spread:.2g} %, though defocus does not change it: "
            "the light or the exposure was not steady. The correction of brightness brings all frames to one mean.",
        )
