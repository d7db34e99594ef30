"""What an OME-XML document or ImageJ's header says of pixel, depth, time and optics of the planes."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..native.units import LENGTHS_UM, TIMES_S, factor
from .planes import Planes, wavelength_in

if TYPE_CHECKING:
    import tifffile

MADE_BY_US = {"amplitude", "phase", "height"}  # channels of a rendered field, which is no recording
UNREADABLE = "what the file says of its planes cannot be read, so it is left aside"


def described(file: tifffile.TiffFile, sizes: tuple[int, int, int]) -> Planes:
    """What an open `file` says of planes of these `sizes` (channels, times, depths), as far as it makes sense."""
    try:
        if file.ome_metadata:
            return of_xml(ET.fromstring(file.ome_metadata), sizes)
        if file.imagej_metadata:
            return _imagej(file, file.imagej_metadata, sizes)
    except (ET.ParseError, ValueError, TypeError, KeyError, ZeroDivisionError):
        return Planes(sizes, notes=[UNREADABLE])
    return Planes(sizes)


def of_xml(root: ET.Element, sizes: tuple[int, int, int], image: int = 0) -> Planes:
    """What an OME document says of one of its images; nothing where that is of other sizes.

    Parameters
    ----------
    root : of the document.
    sizes : channels, times and depths, as the pixels have them.
    image : which of the document's.
    """
    found = Planes(sizes)
    images = _all(root, "Image")
    pixels = _first(images[image], "Pixels") if image < len(images) else None
    if pixels is None or any(int(pixels.get(f"Size{a}", 1)) != n for a, n in zip("TZ", sizes[1:], strict=True)):
        return found
    channels = _all(pixels, "Channel")
    found.channels = tuple(c.get("Name") or f"channel {n}" for n, c in enumerate(channels))
    if {str(c.get("Name")).lower().split(" ")[0] for c in channels} & MADE_BY_US:
        found.rendered = True
    _put_optics(root, pixels, found)
    _put_light(channels, found)
    planes = {tuple(int(p.get(f"The{a}", 0)) for a in "CTZ"): p for p in _all(pixels, "Plane")}
    found.z_step_um = _measured(pixels, "PhysicalSizeZ", LENGTHS_UM, "µm")
    found.where = "the PositionZ of the file's planes"
    found.depths_um = _every([planes.get((0, 0, z)) for z in range(sizes[2])], "PositionZ", LENGTHS_UM, "µm")
    seconds = _every([planes.get((0, t, 0)) for t in range(sizes[1])], "DeltaT", TIMES_S, "s")
    step = _measured(pixels, "TimeIncrement", TIMES_S, "s")
    if seconds is not None and np.ptp(seconds) > 0:
        found.times_s = seconds - seconds.min()
    elif step:
        found.times_s = np.arange(sizes[1]) * step
    return found


def place_in(root: ET.Element) -> tuple[float, float] | None:
    """Where the stage stood at the first plane of a document, (y, x), um; None where that is not said in a length."""
    plane = _first(root, "Plane")
    y, x = (_measured(plane, f"Position{axis}", LENGTHS_UM, "µm") for axis in "YX")
    return None if y is None or x is None else (y, x)


def read_xml(path: Path) -> ET.Element | None:
    """The OME document in a file of its own; None where it cannot be read."""
    try:
        return ET.parse(path).getroot() if path.is_file() else None
    except (OSError, ET.ParseError, ValueError):
        return None


def named_files(described: str) -> list[str]:
    """Names of all files that an OME document, `described`, says its planes or its metadata lie in."""
    if "FileName" not in described and "MetadataFile" not in described:
        return []
    try:
        root = ET.fromstring(described)
    except ET.ParseError:
        return []
    found = [e.get("FileName") or e.get("MetadataFile") for e in (*_all(root, "UUID"), *_all(root, "BinaryOnly"))]
    return list(dict.fromkeys(name for name in found if name))


def planes_in(described: str) -> int:
    """How many planes an OME document, `described`, speaks of in its largest image; 0 where it cannot be read."""
    try:
        every = _all(ET.fromstring(described), "Pixels") if described else []
        return max((math.prod(max(1, int(p.get(f"Size{a}", 1))) for a in "CTZ") for p in every), default=0)
    except (ET.ParseError, ValueError):
        return 0


def missing_files(described: str, folder: Path) -> list[str]:
    """Names of the files that an OME document, `described`, says its planes lie in and that are not in the `folder`."""
    return [name for name in named_files(described) if not (folder / name).is_file()]


def _put_optics(root: ET.Element, pixels: ET.Element, found: Planes) -> None:
    across, down = (_measured(pixels, f"PhysicalSize{axis}", LENGTHS_UM, "µm") for axis in "XY")
    if across:
        found.pixel_um = (down or across, across)
    objective = _first(root, "Objective")
    if objective is not None and objective.get("LensNA"):
        found.objective_na = float(objective.get("LensNA", ""))


def _put_light(channels: list[ET.Element], found: Planes) -> None:
    """The first of these that every channel says, or is named by."""
    for name in ("EmissionWavelength", "ExcitationWavelength"):
        lights = [_measured(channel, name, LENGTHS_UM, "nm") for channel in channels]
        if channels and all(lights):
            found.wavelengths_um, found.light = tuple(lights), f"{name} of the file's channel"
            return
    found.wavelengths_um = tuple(wavelength_in(str(channel.get("Name", ""))) for channel in channels)
    found.light = "length in the channel's name"


def _imagej(file: tifffile.TiffFile, said: Mapping[str, Any], sizes: tuple[int, int, int]) -> Planes:
    """ImageJ's hyperstack; its unit holds for all lengths."""
    found = Planes(sizes)
    scale = factor(said.get("unit", ""), LENGTHS_UM)
    if scale and (resolution := file.pages.first.tags.get("XResolution")) is not None and resolution.value[0]:
        found.pixel_um = (scale * resolution.value[1] / resolution.value[0],) * 2
    if sizes[2] > 1 and scale and float(said.get("spacing", 0)):
        found.z_step_um = scale * float(said["spacing"])
    if sizes[1] > 1 and float(said.get("finterval", 0)):
        found.times_s = np.arange(sizes[1]) * float(said["finterval"])
    return found


def _every(planes: list[ET.Element | None], name: str, units: Mapping[str, float], usual: str) -> np.ndarray | None:
    """A length or time of all planes; None where one does not say it."""
    values = [_measured(plane, name, units, usual) for plane in planes]
    return None if any(v is None for v in values) else np.array(values, dtype=float)


def _measured(element: ET.Element | None, name: str, units: Mapping[str, float], usual: str) -> float | None:
    """An attribute with its unit, um or s; None where it is missing or its unit is not one of `units`."""
    value = None if element is None else element.get(name)
    if element is None or not value:
        return None
    scale = factor(element.get(f"{name}Unit", usual), units)
    return None if scale is None else scale * float(value)


def _all(element: ET.Element, name: str) -> list[ET.Element]:
    return [e for e in element.iter() if e.tag.rpartition("}")[2] == name]


def _first(element: ET.Element, name: str) -> ET.Element | None:
    return next(iter(_all(element, name)), None)
