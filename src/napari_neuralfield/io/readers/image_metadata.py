"""What an OME-TIFF or ImageJ TIFF says of pixel, depth, time and optics of its planes."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import tifffile

LENGTHS_UM = {"nm": 1e-3, "µm": 1.0, "μm": 1.0, "um": 1.0, "micron": 1.0, "microns": 1.0, "mm": 1e3, "m": 1e6}
TIMES_S = {"ns": 1e-9, "µs": 1e-6, "μs": 1e-6, "us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "min": 60.0, "h": 3600.0}
UNPLACED = (
    "the planes are {:g} um apart; which is in focus, give as focus_frame (the first is 0), or the depth of the "
    "first as z_start_um"
)
MADE_BY_US = {"amplitude", "phase", "height"}  # channels of a rendered field, which is no recording


@dataclasses.dataclass
class Described:
    """Values under the acquisition's names, notes, and whether the planes are a stack through focus."""

    values: dict[str, object] = dataclasses.field(default_factory=dict)
    notes: list[str] = dataclasses.field(default_factory=list)
    through_focus: bool = False


def described(file: tifffile.TiffFile, frames: int) -> Described:
    """What an open `file` of `frames` planes says; empty where it says nothing or makes no sense."""
    try:
        if file.ome_metadata:
            return _ome(ET.fromstring(file.ome_metadata), frames)
        if file.imagej_metadata:
            return _imagej(file, file.imagej_metadata, frames)
    except (ET.ParseError, ValueError, TypeError, KeyError, ZeroDivisionError):
        return Described(notes=["what the file says of its planes cannot be read, so it is left aside"])
    return Described()


def _ome(root: ET.Element, frames: int) -> Described:
    """The first image of an OME document; its planes run through z, then through time."""
    found = Described()
    pixels = _first(root, "Pixels")
    if pixels is None:
        return found
    depths, times = int(pixels.get("SizeZ", 1)), int(pixels.get("SizeT", 1))
    if (
        depths * times != frames
        or {str(c.get("Name")).lower().split(" ")[0] for c in _all(root, "Channel")} & MADE_BY_US
    ):
        return found
    _put_optics(root, pixels, found)
    planes = {(int(p.get("TheT", 0)), int(p.get("TheZ", 0))): p for p in _all(pixels, "Plane")}
    if depths > 1:
        _put_depths(pixels, [planes.get((0, z)) for z in range(depths)], times, found)
    if times > 1:
        _put_times(pixels, [planes.get((t, z)) for t in range(times) for z in range(depths)], depths, found)
    return found


def _put_optics(root: ET.Element, pixels: ET.Element, found: Described) -> None:
    across, down = (_measured(pixels, f"PhysicalSize{axis}", LENGTHS_UM, "µm") for axis in "XY")
    if across and down and abs(across - down) > 0.01 * across:
        found.notes.append(f"the file's pixels are {down:g} x {across:g} um; they must be square, so give pixel_um")
    elif across:
        found.values["pixel_um"] = across
    objective, channel = _first(root, "Objective"), _first(root, "Channel")
    if objective is not None and objective.get("LensNA"):
        found.values["objective_na"] = float(objective.get("LensNA", ""))
    for name in ("EmissionWavelength", "ExcitationWavelength"):
        light = None if channel is None else _measured(channel, name, LENGTHS_UM, "nm")
        if light and "wavelength_um" not in found.values:
            found.values["wavelength_um"] = light
            found.notes.append(f"the wavelength, {light:g} um, is the {name} of the file's channel")


def _put_depths(pixels: ET.Element, planes: list[ET.Element | None], times: int, found: Described) -> None:
    """Positions where they are distances from focus, else the step alone."""
    step = _measured(pixels, "PhysicalSizeZ", LENGTHS_UM, "µm")
    positions = [None if p is None else _measured(p, "PositionZ", LENGTHS_UM, "µm") for p in planes]
    z = np.array([np.nan if p is None else p for p in positions])
    found.through_focus = bool(np.isfinite(z).all() and np.ptp(z)) or bool(step)
    if np.isfinite(z).all() and np.ptp(z) > 0:
        if z.min() <= 0 <= z.max():
            found.values["z_um"] = np.tile(z, times)
            found.notes.append("depths are the PositionZ of the file's planes; 0 is taken to be the focus")
            return
        steps = np.diff(z)
        step = float(steps.mean()) if np.allclose(steps, steps[0], rtol=0.02) else None
        found.notes.append(f"PositionZ of the planes, {z[0]:g} to {z[-1]:g} um, does not say where the focus is")
    if step and times == 1:
        found.values["z_step_um"] = step
        found.notes.append(UNPLACED.format(step))


def _put_times(pixels: ET.Element, planes: list[ET.Element | None], depths: int, found: Described) -> None:
    seconds = np.array([np.nan if (t := _measured(p, "DeltaT", TIMES_S, "s")) is None else t for p in planes], float)
    step = _measured(pixels, "TimeIncrement", TIMES_S, "s")
    if np.isfinite(seconds).all() and np.ptp(seconds) > 0:
        found.values["time_s"] = seconds - seconds.min()
    elif step:
        found.values["time_s"] = np.repeat(np.arange(len(planes) // depths) * step, depths)


def _imagej(file: tifffile.TiffFile, said: Mapping[str, Any], frames: int) -> Described:
    """ImageJ's hyperstack; its unit holds for all lengths."""
    found = Described()
    depths, times = int(said.get("slices", 1)), int(said.get("frames", 1))
    scale = LENGTHS_UM.get(str(said.get("unit", "")).replace("\\u00B5", "µ"))
    if scale and (resolution := file.pages.first.tags.get("XResolution")) is not None and resolution.value[0]:
        found.values["pixel_um"] = scale * resolution.value[1] / resolution.value[0]
    if depths == frames > 1 and scale and float(said.get("spacing", 0)):
        step = scale * float(said["spacing"])
        found.values["z_step_um"], found.through_focus = step, True
        found.notes.append(UNPLACED.format(step))
    if times == frames > 1 and float(said.get("finterval", 0)):
        found.values["time_s"] = np.arange(frames) * float(said["finterval"])
    return found


def _measured(element: ET.Element | None, name: str, units: dict[str, float], usual: str) -> float | None:
    """An attribute with its unit, um or s; None where it is missing or its unit is not one of `units`."""
    value = None if element is None else element.get(name)
    if element is None or not value:
        return None
    scale = units.get(element.get(f"{name}Unit", usual))
    return None if scale is None else scale * float(value)


def _all(element: ET.Element, name: str) -> list[ET.Element]:
    return [e for e in element.iter() if e.tag.rpartition("}")[2] == name]


def _first(element: ET.Element, name: str) -> ET.Element | None:
    return next(iter(_all(element, name)), None)
