"""Findings about ptychography and coded ptychography: overlap, redundancy, detector, propagation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..data.acquisition import CodedPtychography, Ptychography
from ..data.borders import repeats
from ..data.frames import LOOKED_AT, evenly_chosen, good_pixels, no_data
from ..optics.electrons import ELECTRONS_UM, are_counts, area_of_a_frame, bright_disc, dose_of
from .near_or_far import MovingShadows, moving_shadows
from .scan_rules import FEWEST, UNITS, ScanPlacement, misplaced, placement
from .seen.frames import Check, Survey, named, steady_light

Scanned = Ptychography | CodedPtychography
LOW_OVERLAP = 0.3  # of the width of a window or probe
DOSES = 1.5  # between the dose that is said and that of the counts
TOO_FAR = 20  # safe distances: light would spread over as many widths of a frame


def ptychography(acquisition: Ptychography, seen: Survey) -> Iterator[Check]:
    """Findings about an `acquisition` in the far or the near field, whose frames were `seen`."""
    count, pixel = min(acquisition.frame_shape), acquisition.object_pixel_um
    if acquisition.geometry == "far_field":
        expected = acquisition.wavelength_um * acquisition.distance_um / (count * acquisition.detector_pixel_um)
        agrees = abs(pixel / expected - 1) < 0.02 or acquisition.frame_shape[0] != acquisition.frame_shape[1]
        said = "" if agrees else f", but wavelength, distance and detector give {expected:.4g} um; check these four"
        said = f"The object pixel is {pixel:.4g} um{said}."
        yield Check("object_pixel", "ok" if agrees else "warning", pixel, "um", said)
        yield from _far_field(acquisition)
        yield from _of_electrons(acquisition)
    else:
        yield _propagation(acquisition, effective_distance_um(acquisition), acquisition.frame_shape, pixel)
        yield from _near_field(acquisition)
    yield from _scan(acquisition, seen)


def coded(acquisition: CodedPtychography, seen: Survey) -> Iterator[Check]:
    """Findings about an `acquisition` behind a coded surface, whose frames were `seen`."""
    n = acquisition.upsampling
    fine = acquisition.sensor_pixel_um / n
    said = (
        f"Each sensor pixel is split {n} x {n} into pixels of {fine:.3g} um; {acquisition.frame_count} frames give "
        f"{acquisition.frame_count / n**2:.2g} measurements per fine pixel."
    )
    yield Check("fine_pixel", "info", fine, "um", said)
    fine_shape = (acquisition.frame_shape[0] * n, acquisition.frame_shape[1] * n)
    yield _propagation(acquisition, acquisition.surface_to_sensor_um, fine_shape, fine)
    if acquisition.positions_um is None:
        yield Check("positions", "info", None, "", "No positions are given; they are found from the frames.")
    yield from _scan(acquisition, seen)


def _scan(acquisition: Scanned, seen: Survey) -> Iterator[Check]:
    yield from _positions(acquisition)
    yield from _detector(acquisition, seen)
    yield from steady_light(seen)


def scan_facts(acquisition: Scanned) -> dict[str, object]:
    """Overlap, redundancy and reach of a scan, JSON-ready."""
    found: dict[str, object] = {}
    if isinstance(acquisition, Ptychography) and acquisition.geometry == "near_field":
        found["magnification"] = acquisition.detector_pixel_um / acquisition.object_pixel_um
        found["effective_distance_um"] = effective_distance_um(acquisition)
    placed = placement(acquisition)
    if placed is not None:
        found["window_um"] = [n * placed.pixel_um for n in placed.window]
        found["scan_um"] = list(placed.span_um)
        found["object_shape"] = list(placed.object_shape)
        found["median_step_um"] = float(np.median(placed.step)) * placed.pixel_um
        found["window_overlap"] = placed.overlap
        found["measurements_per_pixel"] = _redundancy(acquisition, placed)
    return found


def effective_distance_um(acquisition: Ptychography) -> float:
    """The distance over which a parallel beam would give the same picture: a cone beam's, by its magnification."""
    return acquisition.distance_um * acquisition.object_pixel_um / acquisition.detector_pixel_um


def _redundancy(acquisition: Scanned, placed: ScanPlacement) -> float:
    """Good detector pixels of all frames per pixel of the object that they cover."""
    good = int(np.prod(acquisition.frame_shape)) * _good_share(acquisition)
    return acquisition.frame_count * good / max(placed.covered(), 1.0)


def _good_share(acquisition: Scanned) -> float:
    good = good_pixels(acquisition)
    return 1.0 if good is None else float(good.mean())


def _propagation(acquisition: Scanned, distance: float, shape: tuple[int, int], pixel: float) -> Check:
    """Kernels of free space are sampled up to pixels * pixel^2 / wavelength."""
    reach = min(shape) * pixel**2 / acquisition.wavelength_um
    if distance > TOO_FAR * reach:
        return Check("propagation", "warning", distance, "um", _too_far(distance, reach))
    if distance <= reach:
        said = f"Free space of {distance:.4g} um is well sampled; the largest safe distance is {reach:.4g} um."
        return Check("propagation", "ok", distance, "um", said)
    if isinstance(acquisition, CodedPtychography) and repeats(acquisition):
        said = f"The field repeats at the borders of the frames, so free space of {distance:.4g} um is exact."
        return Check("propagation", "ok", distance, "um", said)
    said = (
        f"Light travels {distance:.4g} um, but windows of {min(shape)} pixels sample free space only up to "
        f"{reach:.4g} um, the largest safe distance: fine detail is cut; use larger frames."
    )
    return Check("propagation", "warning", distance, "um", said)


def _too_far(distance: float, reach: float) -> str:
    said = (
        f"Light travels {distance:.4g} um, {distance / reach:.3g} times the largest safe distance of {reach:.4g} um, "
        "and would spread over as many widths of a frame"
    )
    for unit, factor in UNITS.items():
        if factor < 1 and 0.003 < factor * distance / reach < TOO_FAR:
            return f"{said}; times {factor:g} it would be {factor * distance:.4g} um: was it given in {unit}?"
    return f"{said}; check the distance, which must be in micrometres, the wavelength and the pixel."


def _of_electrons(acquisition: Ptychography) -> Iterator[Check]:
    """The dose that the counts make, and the cone of light that the bright disc shows."""
    if acquisition.wavelength_um > ELECTRONS_UM:
        return
    chosen = evenly_chosen(acquisition.frame_count, LOOKED_AT)
    frames = np.stack([np.asarray(acquisition.frames[int(n)], dtype=float) for n in chosen])
    every = good_pixels(acquisition, chosen)
    good = ~no_data(frames) if every is None else ~no_data(frames) & every
    frames = np.where(good, frames, 0)
    counts, said = float(frames.sum((1, 2)).mean()), acquisition.dose_per_angstrom2
    dose, step = dose_of(counts, acquisition.positions_um), 1e4 * area_of_a_frame(acquisition.positions_um) ** 0.5
    if dose:
        yield _dose(dose, said, are_counts(frames), f"{counts:.4g} a frame, one for {step:.3g} x {step:.3g} angstroms")
    radius = bright_disc(frames.mean(0))
    if radius is not None:
        side = min(acquisition.frame_shape)
        angle = 1e3 * radius * acquisition.wavelength_um / (side * acquisition.object_pixel_um)
        text = (
            f"The bright disc of the mean pattern, {radius:.3g} pixels in radius, has a half angle of {angle:.3g} mrad."
        )
        yield Check("bright_disc", "info", angle, "mrad", text)


def _dose(dose: float, said: float | None, counted: bool, how: str) -> Check:
    """What is known of the dose.

    Parameters
    ----------
    dose, said : that the frames make, and that the user gives, electrons per square angstrom.
    counted : the frames hold counts.
    how : the dose follows from the frames.
    """
    name, unit = "dose", "1/angstrom^2"
    if not counted and said is None:
        text = f"The frames hold no counts (sums of {how}), so their dose is not known; give dose_per_angstrom2."
        return Check(name, "info", None, unit, text)
    if not counted:
        return Check(name, "info", said, unit, f"The frames, no counts, are scaled to the dose of {said:.4g} ({how}).")
    if said is not None and not 1 / DOSES < dose / said < DOSES:
        text = f"The counts make {dose:.4g} electrons per square angstrom ({how}), but dose_per_angstrom2 is {said:.4g}"
        return Check(name, "warning", dose, unit, f"{text}; check it, the positions, and the camera's gain.")
    return Check(name, "info", dose, unit, f"The counts make {dose:.4g} electrons per square angstrom ({how}).")


def _far_field(acquisition: Ptychography) -> Iterator[Check]:
    """Far-field frames may show the specimen's shadow, but no wider than they can hold."""
    seen = moving_shadows(acquisition.frames, acquisition.positions_um, acquisition.mask)
    lengths = acquisition.wavelength_um, acquisition.distance_um, acquisition.detector_pixel_um
    holds = f"{lengths[0] * lengths[1] / lengths[2]:.3g} um"
    if seen is not None and seen.near_field(*lengths):
        said = (
            f"The frames move with the specimen as near-field frames do: they show {seen.lit_um:.3g} um of it, and "
            f"far-field frames hold {holds}; try geometry: near_field with object_pixel_um: {seen.pixel_um:.4g}."
        )
        yield Check("geometry", "warning", seen.lit_um, "um", said)
        return
    said = f"Far field: wavelength x distance / detector pixel, which a frame holds of the specimen, is {holds}; "
    if seen is None:
        said += "the frames do not move with the specimen, as shadows in the near field do."
    else:
        said += f"shadows that move with the specimen are those in a defocused spot, {seen.lit_um:.3g} um wide."
    yield Check("geometry", "info", None if seen is None else seen.lit_um, "um", said)


def _near_field(acquisition: Ptychography) -> Iterator[Check]:
    """In the near field the frames themselves show which way, and how far, the specimen moved."""
    placed = placement(acquisition)
    if placed is None or misplaced(placed):
        return
    seen = moving_shadows(acquisition.frames, acquisition.positions_um, acquisition.mask)
    holds = acquisition.wavelength_um * acquisition.distance_um / acquisition.detector_pixel_um
    if seen is None:
        said = "Near field as given, though no shadow in the frames moves with the specimen"
        yield Check("geometry", "info", None, "um", f"{said}; if nothing comes of it, try geometry: far_field.")
        return
    wide = f"{seen.lit_um:.3g} um of it, {seen.lit_um / holds:.2g} times what far-field frames could hold"
    yield Check(
        "geometry", "info", seen.lit_um, "um", f"Near field: the frames move with the specimen, and show {wide}."
    )
    yield _movement(acquisition, seen)


def _movement(acquisition: Ptychography, seen: MovingShadows) -> Check:
    """Whether the frames of an `acquisition`, `seen` to move, do so the way and as far as it says."""
    transposed, sign_y, sign_x = seen.orientation
    signs = " and ".join(axis for axis, sign in (("y", sign_y), ("x", sign_x)) if sign < 0)
    turned = " and ".join([*["y and x exchanged"] * transposed, *[f"the sign of {signs} changed"] * bool(signs)])
    off = seen.pixel_um / acquisition.object_pixel_um - 1
    said = "The frames move the way the positions say"
    if turned:
        said = f"The frames move as if the positions had {turned}; turn the positions so"
    elif abs(off) > 0.05:
        said = (
            f"The frames move as if a pixel at the specimen were {seen.pixel_um:.4g} um, but object_pixel_um is "
            f"{acquisition.object_pixel_um:.4g} um; check the distance and the focus"
        )
    return Check("movement", "warning" if turned or abs(off) > 0.05 else "ok", seen.pixel_um, "um", f"{said}.")


def _positions(acquisition: Scanned) -> Iterator[Check]:
    count = acquisition.frame_count
    if count < FEWEST:
        said = f"Only {count} frames; a scan needs {FEWEST} or more that overlap."
        yield Check("frame_count", "warning", count, "frames", said)
    placed = placement(acquisition)
    if placed is None:
        return
    if wrong := misplaced(placed):
        yield Check("positions", "warning", max(placed.span_um), "um", f"{wrong[0].upper()}{wrong[1:]}.")
        return
    same = len(placed.corner) - len(np.unique(np.round(placed.corner, 3), axis=0))
    said = f"The positions cover {placed.span_um[0]:.3g} x {placed.span_um[1]:.3g} um (y, x)"
    said += f"; {same} of {len(placed.corner)} repeat another one." if same else "."
    yield Check("positions", "warning" if same else "ok", max(placed.span_um), "um", said)
    if len(placed.alone):
        said = f"{named(placed.alone)} overlap{'s' if len(placed.alone) == 1 else ''} no other; leave out or correct."
        yield Check("alone", "warning", len(placed.alone), "frames", said)
    yield from _overlap(acquisition, placed)


def _overlap(acquisition: Scanned, placed: ScanPlacement) -> Iterator[Check]:
    probe = getattr(acquisition, "probe", None)
    width, what = float(min(placed.window)), "windows"
    if probe is not None and getattr(acquisition, "geometry", "") == "far_field":
        width, what = _probe_width(probe), "spots of light"
    overlap = 1 - float(np.median(placed.step)) / width
    low = overlap < LOW_OVERLAP
    said = f"Neighbouring {what} ({width * placed.pixel_um:.3g} um wide) overlap by {100 * max(overlap, 0):.0f} %"
    said += "; below 30 % frames hardly help each other: take smaller steps." if low else "."
    yield Check("overlap", "warning" if low else "ok", overlap, "share of the width", said)
    if isinstance(acquisition, CodedPtychography):
        return
    per_pixel = _redundancy(acquisition, placed)
    few = per_pixel < 2 and _good_share(acquisition) > 0.5
    said = f"{per_pixel:.3g} measurements for every pixel of the object that is covered"
    said += "; it takes 2 to find amplitude and phase: record more frames." if few else "."
    yield Check("redundancy", "warning" if few else "info", per_pixel, "per pixel", said)


def _probe_width(probe: np.ndarray) -> float:
    """Diameter of the disc that holds the probe's light as evenly as it can (mode, y, x), px."""
    light = (np.abs(probe) ** 2).sum(axis=0, dtype=float)
    return float(2 * np.sqrt(light.sum() ** 2 / max((light**2).sum(), 1e-30) / np.pi))


def _detector(acquisition: Scanned, seen: Survey) -> Iterator[Check]:
    """Mask, and rows, columns and pixels that never answer."""
    every = good_pixels(acquisition)
    good = np.ones(acquisition.frame_shape, bool) if every is None else every
    good = good if good.ndim == 2 else np.logical_or.reduce(good)
    if every is not None and not every.all():
        yield _masked(every, good, seen)
    if len(seen.looked_at) < FEWEST or not np.isfinite(seen.brightest).all():
        return
    answers = (seen.brightest > seen.dimmest) & good
    for axis, what in ((1, "row"), (0, "column")):
        dead = _silent_lines(np.asarray(answers.mean(axis=axis)), np.asarray(good.any(axis=axis)))
        if len(dead):
            one = len(dead) == 1
            them = "it" if one else "them"
            remedy = f"mask {them}"
            if isinstance(acquisition, CodedPtychography):
                remedy = f"coded frames have no mask, so crop the frames to leave {them} out"
            said = f"Detector {named(dead, what)} never change{'s' if one else ''} {seen.where}; {remedy}."
            yield Check(f"dead_{what}s", "warning", len(dead), f"{what}s", said)


def _masked(every: np.ndarray, good: np.ndarray, seen: Survey) -> Check:
    """How much the masks take away; `every` (y, x) or (frame, y, x), `good` in any frame (y, x)."""
    bad_share = 1 - float(every.mean())
    light = np.where(np.isfinite(seen.brightest), np.clip(seen.brightest, 0, None), 0)
    share = float(np.sqrt(light[~good]).sum() / max(float(np.sqrt(light).sum()), 1e-30))
    if bad_share > 0.5 or share > 0.5:
        said = f"The mask calls {100 * bad_share:.0f} % of the pixels bad"
        said += f", and these hold {100 * share:.0f} % of the light: it is probably inverted" if share > 0.5 else ""
        return Check("mask", "warning", bad_share, "share of pixels", f"{said}; True (1) is a good pixel.")
    said = f"{int((~good).sum())} pixels ({100 * (1 - good.mean()):.2g} %) are masked"
    if every.ndim == 3 and not (every == good).all():
        said += f", and {100 * float((good & ~every).mean()):.2g} % of all in some frames only"
    return Check("mask", "info", bad_share, "share of pixels", f"{said}.")


def _silent_lines(share: np.ndarray, unmasked: np.ndarray) -> np.ndarray:
    """Lines that never change between lines that do.

    Parameters
    ----------
    share : of the pixels of each line that change from frame to frame.
    unmasked : whether a line has good pixels at all.
    """
    lively = np.flatnonzero(share > 0.25)
    silent = np.flatnonzero((share == 0) & unmasked)
    return silent[(silent > lively.min()) & (silent < lively.max())] if len(lively) else silent[:0]
