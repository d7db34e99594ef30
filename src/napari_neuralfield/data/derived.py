"""Values that follow from others: positions in pixels, the fourth of the far field's lengths, a cone beam's pixel, a
probe that a few numbers describe, evenly spaced depths and times, and the wavelength of photons and electrons."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..optics import probe as probes
from ..types import InputError

Values = dict[str, Any]  # of an acquisition, by name: numbers, words and arrays, or what a user typed for them
Assuming = Callable[[Values], tuple[Values, str]]  # given values -> what to take for those left out, and why
IN_PIXELS = "positions_px"
SCANS = ("ptychography", "coded_ptychography")
FROM_FOCUS = "focus_to_sample_um"
THROUGH_FOCUS = "through_focus"
DEPTH_STEPS = ("z_step_um", "z_start_um", "focus_frame")
INTERVAL = "frame_interval_s"
PER_STACK = "planes_per_stack"  # of several stacks through focus, one after the other
ENERGIES = {"energy_kev": "keV", "energy_ev": "eV", "acceleration_voltage_kv": "kV"}  # of photons, and of electrons
PIXEL_ANGLES = ("detector_pixel_mrad", "detector_pixel_per_angstrom")  # of the far field: angle, or spatial frequency
DERIVING = {  # what may be given instead of a value
    "led_array": (*ENERGIES,),
    "multiplexed_led": (*ENERGIES,),
    SCANS[0]: (IN_PIXELS, FROM_FOCUS, *probes.NAMES, *ENERGIES, *PIXEL_ANGLES),
    SCANS[1]: (IN_PIXELS, *ENERGIES),
    THROUGH_FOCUS: (*DEPTH_STEPS, INTERVAL, PER_STACK, *ENERGIES),
}
OPEN = {SCANS[0]: (IN_PIXELS, *probes.NAMES), SCANS[1]: (IN_PIXELS,)}  # stay where what they stand for is not known
PLANCK_TIMES_LIGHT = 1.239841984  # eV um
ELECTRON_AT_REST = 510998.95  # eV
CAMERA_LENGTH = ("distance_um", "detector_pixel_um")
FAR_FIELD = ("object_pixel_um", "wavelength_um", *CAMERA_LENGTH)
PIXEL = {SCANS[0]: ("object_pixel_um",), SCANS[1]: ("sensor_pixel_um", "upsampling")}


def overridden(own: Values, values: Values) -> Values:
    """A draft's `own` values with `values` put over them; one that stands for another takes its place."""
    merged = {**own, **values}
    for stands, name in (*((n, "probe") for n in probes.NAMES), (IN_PIXELS, "positions_um")):
        if values.get(stands) is not None and name not in values:
            merged.pop(name, None)
    return {name: value for name, value in merged.items() if value is not None}


def derived(
    kind: str,
    values: Values,
    assumed: Values,
    frame_shape: tuple[int, ...],
    frame_count: int = 1,
) -> Values:
    """The given values and those that follow from them; what is None is left out.

    Parameters
    ----------
    kind : of the acquisition.
    values : what is given. `positions_px` (frame, 2) stands for `positions_um` in pixels of the reconstruction and
        stays where that pixel is not known; where both are given, `positions_um` counts. In the near field
        `focus_to_sample_um` of a cone beam stands for `object_pixel_um`. `probe_diameter_um` and the like stand for
        `probe` and stay where it cannot be made of them, see `optics.probe`. Through focus one number as `z_um` stands
        for all frames, `z_step_um` with `z_start_um` of the first frame or the number `focus_frame` of that in focus
        for a list, and `frame_interval_s` for `time_s`; where there are several stacks, `planes_per_stack` in each,
        these are of each stack, a list of depths may be that of one stack, and times may be those of the stacks. Of
        `wavelengths_um` the middle one stands for `wavelength_um`, and an energy or voltage of `ENERGIES` counts before
        it. A far field of known wavelength and object pixel needs no camera length: without one the detector's pixel is
        called 1 um and the distance follows. `detector_pixel_mrad` or
        `detector_pixel_per_angstrom` stands for the object's pixel, and for the camera length.
    assumed : what a reader takes for a geometry and lengths that a file leaves out; used only for what neither is
        given nor follows.
    frame_shape, frame_count : (y, x) pixels of a frame, and how many there are of a colour.
    """
    known = {name: value for name, value in values.items() if value is not None}
    settle_energy(known)
    _settle_colours(known)
    if kind == SCANS[0]:
        _settle_ptychography(known, assumed, frame_shape)
    if kind == THROUGH_FOCUS:
        _settle_depths(known, frame_count)
    if kind in SCANS and IN_PIXELS in known:
        _place(kind, known)
    return known


def wavelength_of(name: str, value: float) -> float:
    """Vacuum wavelength of photons of an energy, or of electrons behind an accelerating voltage (relativistic), um.

    Parameters
    ----------
    name : of `ENERGIES`.
    value : in the unit that the name ends in.

    Raises
    ------
    InputError : unless it is a number larger than 0.
    """
    try:
        energy = float(value) * (1.0 if name == "energy_ev" else 1e3)
    except (TypeError, ValueError):
        energy = math.nan
    if not 0 < energy < math.inf:
        raise InputError(f"{name} is {value!r}; it must be a number larger than 0 {ENERGIES[name]}")
    if name.startswith("energy"):
        return PLANCK_TIMES_LIGHT / energy
    return PLANCK_TIMES_LIGHT / math.sqrt(energy * (energy + 2 * ELECTRON_AT_REST))


def settle_energy(known: Values) -> None:
    """Put the wavelength in the place of an energy or voltage among the values `known`."""
    for name in ENERGIES:
        if known.get(name) is not None:
            known["wavelength_um"] = wavelength_of(name, known[name])
        known.pop(name, None)


def _settle_colours(known: Values) -> None:
    """Of several wavelengths the middle one stands for all where one is asked for."""
    if "wavelengths_um" in known and "wavelength_um" not in known:
        colours = np.sort(np.asarray(known["wavelengths_um"]).ravel())
        known.update({"wavelength_um": colours[len(colours) // 2]} if len(colours) else {})


def _settle_ptychography(known: Values, assumed: Values, frame_shape: tuple[int, ...]) -> None:
    taken = assumed if known.get("geometry", assumed.get("geometry")) == assumed.get("geometry") else {}
    geometry = known.get("geometry", taken.get("geometry"))
    if geometry is not None:
        known["geometry"] = geometry
    if geometry == "far_field":
        _from_pixel_angle(known, frame_shape)
        _assume(known, taken)
        _complete_far_field(known, frame_shape)
    elif geometry == "near_field":
        _from_focus(known)
        known.update({n: value for n, value in taken.items() if n not in known and n not in probes.NAMES})
    _settle_probe(known, taken, frame_shape)


def _settle_probe(known: Values, taken: Values, frame_shape: tuple[int, ...]) -> None:
    """The given probe, else the one that numbers describe; what a reader takes it for only where it can be made.

    A reader's numbers count beside given ones that say no size, such as a distance.
    """
    said = {name: known.pop(name) for name in probes.NAMES if name in known}
    taken = {name: value for name, value in taken.items() if name in probes.NAMES}
    if "probe" in known:
        known["probe"] = np.asarray(known["probe"])[None] if np.ndim(known["probe"]) == 2 else known["probe"]
        return
    try:
        together = said if set(probes.SIZES) & set(said) else {**taken, **said}
        numbers = {name: float(value) for name, value in together.items()}
        pixel, wavelength = float(known["object_pixel_um"]), float(known["wavelength_um"])
        if numbers and pixel > 0 and wavelength > 0:
            rows, columns = frame_shape
            known["probe"] = probes.described_probe(numbers, (rows, columns), pixel, wavelength)[None]
    except (InputError, KeyError, TypeError, ValueError):
        known.update(said)


def why_no_probe(known: Values, frame_shape: tuple[int, ...]) -> str:
    """What is wrong with the numbers that describe a probe and are left in the `known` values; empty where nothing is.

    Parameters
    ----------
    known : what `derived` gives.
    frame_shape : (y, x) pixels of a frame.
    """
    said = {name: known[name] for name in probes.NAMES if name in known}
    try:
        numbers = {name: float(value) for name, value in said.items()}
        if numbers and "object_pixel_um" in known and "wavelength_um" in known:
            pixel, wavelength = float(known["object_pixel_um"]), float(known["wavelength_um"])
            rows, columns = frame_shape
            probes.described_probe(numbers, (rows, columns), pixel, wavelength)
    except InputError as error:
        return str(error)
    except (TypeError, ValueError):
        return f"{', '.join(f'{name} is {value!r}' for name, value in said.items())}; it must be a number"
    return ""


def _settle_depths(known: Values, count: int) -> None:
    """Depths and times of evenly spaced frames; steps without a place leave the depths open."""
    try:
        step, start, focus, interval, planes = (
            None if (value := known.pop(name, None)) is None else float(value)
            for name in (*DEPTH_STEPS, INTERVAL, PER_STACK)
        )
        if np.ndim(known.get("z_um", ())) == 0:
            known["z_um"] = np.full(count, float(known["z_um"]))
    except (TypeError, ValueError):
        return  # the check of that value says what is wrong with it
    number, moment = _numbers(known, count, planes)
    if interval is not None or (planes is not None and moment.any()):
        known.setdefault("time_s", moment * (1.0 if interval is None else interval))
    if "z_um" in known:
        return
    if start is not None and (step is not None or count == 1):
        known["z_um"] = start + (step or 0.0) * number
    elif step is not None and focus is not None:
        known["z_um"] = step * (number - focus)


def _numbers(known: Values, count: int, planes: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Of every frame its number in its stack and the number of its stack in time; one stack's list is given to all.

    `planes` : in each stack, None where all frames are one stack, or one moment each.
    """
    if planes is not None and (planes < 1 or count % planes):
        raise InputError(
            f"{PER_STACK} is {planes:g} but there are {count} frames; they must be whole stacks, so correct it"
        )
    single = max(1, int(count if planes is None else planes))
    frame = np.arange(count)
    if planes is None:
        return frame, frame
    depths, times = (np.asarray(known.get(name, ())) for name in ("z_um", "time_s"))
    if depths.shape == (single,):
        known["z_um"] = np.tile(depths, count // single)
    if times.shape == (count // single,):
        known["time_s"] = np.repeat(times, single)
    return frame % single, frame // single


def _from_focus(known: Values) -> None:
    """A cone beam magnifies by (focus to detector) / (focus to specimen)."""
    try:
        focus, distance, detector = (float(known[n]) for n in (FROM_FOCUS, "distance_um", "detector_pixel_um"))
    except (KeyError, TypeError, ValueError):
        return
    if focus > 0:
        del known[FROM_FOCUS]
        known.setdefault("object_pixel_um", detector * focus / (focus + distance))


def _from_pixel_angle(known: Values, frame_shape: tuple[int, ...]) -> None:
    """n detector pixels of an angle, or of a spatial frequency, are as much as one object pixel tells: 1 / (n df)."""
    for name in PIXEL_ANGLES:
        try:
            value, wavelength = float(known[name]), float(known.get("wavelength_um", 0.0))
        except (KeyError, TypeError, ValueError):
            continue
        frequency = 1e4 * value if name == PIXEL_ANGLES[1] else 1e-3 * value / wavelength if wavelength > 0 else 0.0
        if frequency > 0 and len(frame_shape) == 2:
            del known[name]
            known["object_pixel_um"] = 1 / (min(frame_shape) * frequency)
            for length in CAMERA_LENGTH:
                known.pop(length, None)


def _assume(known: Values, assumed: Values) -> None:
    """Take assumed lengths until one is left to follow; the object pixel only where no length is given at all."""
    for number, name in enumerate(FAR_FIELD):
        given = sum(n in known for n in FAR_FIELD)
        if given < 3 and name in assumed and name not in known and (number > 0 or given == 0):
            known[name] = assumed[name]


def _complete_far_field(known: Values, frame_shape: tuple[int, ...]) -> None:
    """wavelength * distance = pixels * detector pixel * object pixel (Fraunhofer), where one of the four is missing."""
    missing = [name for name in FAR_FIELD if name not in known]
    if tuple(missing) == CAMERA_LENGTH:
        known[missing.pop()] = 1.0
    if len(missing) != 1 or len(frame_shape) != 2:
        return
    try:
        pixel, wave, distance, detector = (float(known.get(name, 1.0)) for name in FAR_FIELD)
    except (TypeError, ValueError):
        return  # the check of that value says what is wrong with it
    light, pixels = wave * distance, min(frame_shape) * pixel * detector
    if light > 0 and pixels > 0:
        known[missing[0]] = pixels / light if missing[0] in FAR_FIELD[1:3] else light / pixels


def not_needed(known: Values) -> set[str]:
    """Lengths that a far field does without, as the `known` values are: its object pixel stands for the camera's."""
    camera = set(CAMERA_LENGTH)
    enough = "object_pixel_um" in known or not camera & set(known)
    return camera if known.get("geometry") == "far_field" and enough else set()


def _place(kind: str, known: Values) -> None:
    """Put `positions_px` as `positions_um`, where the pixel is known."""
    if "positions_um" in known:
        del known[IN_PIXELS]
        return
    try:
        pixel = [float(known[name]) for name in PIXEL[kind]]
        positions = np.asarray(known[IN_PIXELS], dtype=float)
    except (KeyError, TypeError, ValueError):
        return
    del known[IN_PIXELS]
    known["positions_um"] = positions * (pixel[0] if len(pixel) == 1 else pixel[0] / pixel[1])
