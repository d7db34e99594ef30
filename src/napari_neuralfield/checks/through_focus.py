"""What depths, frames and pixels of a bright-field stack through focus say about each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from ..data.acquisition import ThroughFocus
from ..data.geometry import depth_of_field_um
from ..data.times import Groups, lacking, of_stacks, starts_s, times
from ..types import InputError
from .seen.frames import Check, Survey, steady_light, well_sampled

SMALLEST_PIXELS = 32  # networks halve a frame four times, and two pixels must be left
STEADY = 0.03
FARTHEST = 64  # times the frame's width over which the light of a point is spread
FEW_LEVELS = 16
NAMED = 5  # times that are named one by one
SINGLE_SHOT = "srqpi, srcnn and defocus-field"
TIE = "the transport of intensity (tie-fft, tie-dct, tie-tv)"


def through_focus(acquisition: ThroughFocus, seen: Survey) -> Iterator[Check]:
    """Findings about an `acquisition` through focus or a time-lapse, whose frames were `seen`."""
    groups: Groups = ()
    try:
        groups = times(acquisition)
    except InputError as error:
        yield Check("time", "warning", None, "", f"{error}.")
    yield _stacks(acquisition, groups) if of_stacks(groups) else _planes(acquisition)
    yield from _time(acquisition, groups)
    yield from _unit(acquisition)
    yield _coherence(acquisition)
    yield _sampling(acquisition)
    yield from _size(acquisition)
    yield from _levels(acquisition, seen)
    yield from steady_light(seen)
    yield from _steadiness(acquisition, seen)


def through_focus_facts(acquisition: ThroughFocus) -> dict[str, object]:
    """Depths and stacks where there are any to name, the pixel that the objective needs, how open the condenser is."""
    depths = np.unique(acquisition.z_um)
    try:
        groups = times(acquisition)
    except InputError:  # a check says it
        groups = ()
    return {
        **({"depths_um": depths.tolist()} if len(depths) <= 24 else {}),
        **({"stacks": len(groups)} if of_stacks(groups) else {}),
        "resolved_um": acquisition.wavelength_um / (2 * acquisition.objective_na),
        "coherence": acquisition.condenser_na / acquisition.objective_na,
    }


def distinct_planes(acquisition: ThroughFocus) -> np.ndarray:
    """Indices (frame,) of all frames in the order of their depth; equal depths stay in the frames' order.

    Raises
    ------
    InputError : where there are fewer than two different depths, as the transport of intensity needs, or one is absurd.
    """
    refuse_far_away(acquisition)
    z = acquisition.z_um
    if len(np.unique(z)) > 1:
        return np.argsort(z, kind="stable")
    where = acquisition.source or "the acquisition"
    single = f"{SINGLE_SHOT} need one frame only"
    if len(z) == 1 and acquisition.time_s is not None:
        raise InputError(
            f"{where}: each time holds one frame, at z_um {z[0]:g}; the transport of intensity compares frames at two "
            f"or more depths, while {single}"
        )
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


def refuse_far_away(acquisition: ThroughFocus) -> None:
    """Planes so far from focus that their frame holds no more of one place than of any other are no part of a fit.

    Raises
    ------
    InputError : naming the plane.
    """
    z, frame = np.asarray(acquisition.z_um), max(acquisition.frame_shape) * acquisition.pixel_um
    farthest = int(np.abs(z).argmax())
    wide = 2 * abs(float(z[farthest])) * acquisition.objective_na
    if wide > FARTHEST * frame:
        raise InputError(
            f"{acquisition.source or 'the acquisition'}: frame {farthest} is at z_um {z[farthest]:g}, from where the "
            f"light of a point is {wide:.3g} um wide and the frame {frame:.3g} um: it shows nothing of the sample, so "
            "correct z_um or leave the frame out (--leave-out)"
        )


def _stacks(acquisition: ThroughFocus, groups: Groups) -> Check:
    """Of a time-lapse of stacks: the depths of each, and where one is missing."""
    z, sizes = np.asarray(acquisition.z_um), sorted({len(frames) for frames in groups})
    count = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    said = f"A time-lapse of {len(groups)} stacks of {count} frames at {_named(z)} um; each time is taken by itself."
    missing = lacking(acquisition, groups)
    if not missing:
        return Check("depths", "ok", float(np.ptp(z)), "um", said)
    some = [f"time {n} at {', '.join(f'{d:g}' for d in depths)} um" for n, depths in list(missing.items())[:NAMED]]
    more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
    said += f" Frames are missing: {'; '.join(some)}{more}; these times are found from the frames that they have."
    return Check("depths", "warning", len(missing), "times", said)


def _named(z: np.ndarray) -> str:
    depths = np.unique(z)
    return ", ".join(f"{d:g}" for d in depths) if len(depths) <= 12 else f"{depths[0]:g} to {depths[-1]:g}"


def _planes(acquisition: ThroughFocus) -> Check:
    z, field = acquisition.z_um, depth_of_field_um(acquisition)
    depths, named = np.unique(z), _named(z)
    if not z.any():
        few = "the frame is" if len(z) == 1 else f"all {len(z)} frames are"
        said = (
            f"By z_um {few} in focus, where a transparent sample shows almost nothing; a frame about {field:.2g} um "
            "out of focus shows its phase. Correct z_um or record one."
        )
        return Check("depths", "warning", 0.0, "um", said)
    if len(z) == 1:
        said = f"One frame, {z[0]:g} um from focus: {SINGLE_SHOT} need no more, {TIE} needs a second depth."
        return Check("depths", "info", 1, "frames", said)
    if len(depths) == 1 and acquisition.time_s is None:
        said = (
            f"All {len(z)} frames are at z_um {z[0]:g}: give time_s or frame_interval_s if they are a time-lapse, or "
            f"the depth of each, which {TIE} needs."
        )
        return Check("depths", "warning", 0.0, "um", said)
    if len(depths) == 1:
        said = f"{SINGLE_SHOT} take them one by one, {TIE} needs a second depth."
        return Check("depths", "info", 0.0, "um", f"All {len(z)} frames are {z[0]:g} um from focus: {said}")
    repeated = len(depths) < len(z) and acquisition.time_s is None
    said = f"{len(z)} frames at {named} um; the objective's depth of field is {field:.3g} um."
    if (np.diff(z) < 0).any():
        said += " They are not in the order of depth, which does no harm."
    if repeated:
        said += " Some depths are given twice; check z_um."
    return Check("depths", "warning" if repeated else "ok", float(np.ptp(z)), "um", said)


def _time(acquisition: ThroughFocus, groups: Groups) -> Iterator[Check]:
    time = acquisition.time_s
    if time is None or len(time) < 2 or not groups:
        return
    if len(groups) == 1:
        lasts = float(np.ptp(time))
        yield Check("time", "ok", lasts, "s", f"The {len(time)} frames are of one time; they took {lasts:g} s.")
        return
    if of_stacks(groups):
        lasts = float(np.ptp(starts_s(acquisition, groups)))
        yield Check("time", "ok", lasts, "s", f"{len(groups)} times over {lasts:g} s.")
        return
    steps = np.diff(time)
    if (steps < 0).any():
        at = int(np.argmax(steps < 0)) + 1
        said = f"Frame {at} was taken before the one in front of it ({time[at]:g} s after {time[at - 1]:g} s)"
        yield Check("time", "warning", at, "frame", f"{said}; check time_s.")
    else:
        lasts = float(time[-1] - time[0])
        yield Check("time", "ok", lasts, "s", f"A time-lapse of {len(time)} frames over {lasts:g} s.")


def _unit(acquisition: ThroughFocus) -> Iterator[Check]:
    """Light of a point spreads over 2 z NA: more than the frame, or next to nothing, and z is in another unit."""
    farthest = float(np.abs(acquisition.z_um).max())
    field, na = depth_of_field_um(acquisition), acquisition.objective_na
    frame = min(acquisition.frame_shape) * acquisition.pixel_um
    spread = 2 * farthest * na
    if farthest > 30 * field and spread > 0.5 * frame:
        said = (
            f"At {farthest:g} um from focus the light of a point is {spread:.3g} um wide, the frame {frame:.3g} um: "
            f"z_um is in micrometres, so if it was given in nanometres write {farthest / 1000:g}; check pixel_um too."
        )
        yield Check("depth_unit", "warning", farthest, "um", said)
    elif 0 < farthest < field / 50:
        said = (
            f"No frame is farther than {farthest:g} um from focus, where none differs from a sharp one (the depth of "
            f"field is {field:.3g} um): z_um is in micrometres, so if it was given in millimetres write "
            f"{farthest * 1000:g}."
        )
        yield Check("depth_unit", "warning", farthest, "um", said)


def _coherence(acquisition: ThroughFocus) -> Check:
    coherence = acquisition.condenser_na / acquisition.objective_na
    said = f"The condenser fills {100 * coherence:.0f} % of the objective's aperture"
    if coherence <= 1:
        return Check("coherence", "info", coherence, "", f"{said}.")
    said += "; above 100 % defocus shows almost no phase. Close the condenser diaphragm."
    return Check("coherence", "warning", coherence, "", said)


def _sampling(acquisition: ThroughFocus) -> Check:
    pixel, finest = acquisition.pixel_um, acquisition.wavelength_um / (2 * acquisition.objective_na)
    ratio = pixel / finest
    if 1 / 8 <= ratio <= 1:
        return well_sampled(pixel, finest, "little is lost")
    said = f"The camera pixel is {pixel:.3g} um at the sample"
    if ratio > 10:
        said += (
            f", {ratio:.2g} times what the objective resolves ({finest:.3g} um): if that is the sensor's own pixel, "
            "divide it by the magnification."
        )
    elif ratio > 1:
        said += (
            f" but the objective resolves {finest:.3g} um: {SINGLE_SHOT} look for detail finer than the camera's "
            "pixels, the transport of intensity cannot."
        )
    else:
        said += (
            f", {1 / ratio:.2g} times finer than the objective resolves ({finest:.3g} um): binning loses nothing and "
            "saves time; else check pixel and NA."
        )
    return Check("sampling", "warning" if ratio > 10 else "info", pixel, "um", said)


def _size(acquisition: ThroughFocus) -> Iterator[Check]:
    rows, columns = acquisition.frame_shape
    if min(rows, columns) < SMALLEST_PIXELS:
        said = (
            f"The frames are {rows} x {columns} pixels; networks halve them four times and need {SMALLEST_PIXELS} or "
            "more along each side, so cut a larger region out of the recording."
        )
        yield Check("frame_size", "warning", min(rows, columns), "pixels", said)


def _levels(acquisition: ThroughFocus, seen: Survey) -> Iterator[Check]:
    kind = np.dtype(getattr(acquisition.frames, "measured", acquisition.frames).dtype)
    levels = float(np.nanmedian(seen.spreads)) if np.isfinite(seen.spreads).any() else 0.0
    if kind.kind in "iu" and 0 < levels < FEW_LEVELS:
        said = (
            f"A frame uses only about {levels:.0f} grey levels of {kind}: the faint contrast of a transparent sample "
            "is lost between them; expose longer or save with more bits."
        )
        yield Check("grey_levels", "warning", levels, "counts", said)
    elif kind == np.uint8:
        said = "The frames are saved with 8 bits; more bits (12 or 16) keep the faint contrast of a transparent sample."
        yield Check("grey_levels", "info", levels, "counts", said)


def _steadiness(acquisition: ThroughFocus, seen: Survey) -> Iterator[Check]:
    means = seen.means[np.isfinite(seen.means)]
    if len(means) < 2 or not means.mean() > 0:
        return
    if acquisition.exposure is not None:
        means = (seen.means / acquisition.exposure[seen.looked_at])[np.isfinite(seen.means)]
    spread = float(np.ptp(means) / means.mean())
    if spread > STEADY:
        said = (
            f"The frames' mean brightness differs by up to {100 * spread:.2g} %, though defocus does not change it: "
            "the light or the exposure was not steady. The correction of brightness brings all frames to one mean."
        )
        level: Literal["info", "warning"] = "warning" if acquisition.time_s is None else "info"
        yield Check("brightness", level, spread, "share of the mean", said)
