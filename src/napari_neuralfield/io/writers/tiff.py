"""OME-TIFF, its pages filled as rows come."""

from __future__ import annotations

import hashlib
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from ...registry import writer
from .shades import shades
from .stack import Stack, Strips

CREATOR = "napari-neuralfield"  # by which a file of ours is known


@writer(".tif", ".tiff")
def write_tiff(path: Path, strips: Strips, stack: Stack) -> None:
    """Write `strips` to `path` with the pixel sizes of the stack.

    Channels amplitude and phase as float32, axes (z, c, y, x) or (t, c, y, x).
    """
    import tifffile

    _, height, columns = stack.shape
    channels = len(stack.channels)
    shape = (stack.planes, channels, height, columns)
    metadata: dict[str, Any] = {
        "Creator": CREATOR,
        "Channel": {"Name": list(stack.channels), **_light(stack)},
        "PhysicalSizeX": stack.pixel_um,
        "PhysicalSizeY": stack.pixel_um,
        **{f"PhysicalSize{axis}Unit": "µm" for axis in "XY"},
        **_along(stack, channels),
        **({"MapAnnotation": {"unit": stack.unit}} if stack.unit else {}),
    }
    metadata["UUID"] = _identity(metadata, stack)
    large = int(np.prod(shape)) * 4 > 3 * 2**30
    with tifffile.TiffWriter(path, ome=True, bigtiff=large, byteorder="<") as file:
        room = file.write(shape=shape, dtype=np.float32, photometric="minisblack", metadata=metadata, returnoffset=True)
    assert room is not None  # pages without compression lie one after the other
    with path.open("rb+") as image:
        for z, y, rows in stack.places(strips):
            for n, part in enumerate(stack.parts(rows)):
                plane, c = stack.place(z, n)
                image.seek(room[0] + 4 * columns * ((plane * channels + c) * height + y))
                image.write(np.ascontiguousarray(part, dtype="<f4").data)


def _identity(metadata: dict[str, Any], stack: Stack) -> str:
    """The same for the same images, unlike what tifffile would choose."""
    seen = f"{metadata}{stack.shape}".encode() + np.ascontiguousarray(stack.sample).tobytes()
    return str(uuid.uuid5(uuid.NAMESPACE_OID, hashlib.sha256(seen).hexdigest()))


def _light(stack: Stack) -> dict[str, Any]:
    """Wavelength and colour of each channel, where the planes are of several."""
    if not stack.wavelengths_um:
        return {}
    shown = shades(stack.wavelengths_um)
    numbers = [stack.colour_of(c) for c in range(len(stack.channels))]
    return {
        "EmissionWavelength": [1000 * stack.wavelengths_um[n] for n in numbers],
        "EmissionWavelengthUnit": ["nm"] * len(numbers),
        "Color": [int.from_bytes(bytes([*shown[n], 255]), signed=True) for n in numbers],
    }


def _along(stack: Stack, channels: int) -> dict[str, Any]:
    """What an OME-TIFF says about its first axis, depths or moments, and where every plane lies.

    A step is given only where it is true: the planes follow each other at one distance. Their own positions always are.
    """
    stepped = stack.ascending and stack.even
    lies = {"PositionX": stack.origin_um[1], "PositionY": stack.origin_um[0]}
    if stack.time_s is not None:
        step = {"TimeIncrement": stack.time_step_s, "TimeIncrementUnit": "s"} if stepped else {}
        return {"axes": "TCYX", **step, "Plane": _planes(stack.time_s, channels, "DeltaT", "s", lies)}
    step = {"PhysicalSizeZ": stack.z_step_um, "PhysicalSizeZUnit": "µm"} if stepped and len(stack.z_um) > 1 else {}
    return {"axes": "ZCYX", **step, "Plane": _planes(stack.z_um, channels, "PositionZ", "µm", lies)}


def _planes(
    along: np.ndarray, channels: int, name: str, unit: str, lies: dict[str, float]
) -> dict[str, list[float] | list[str]]:
    """Of each plane: where it lies `along` the first axis, and its first pixel's centre, um."""
    count = len(along) * channels
    found: dict[str, list[float] | list[str]] = {
        name: np.repeat(along, channels).tolist(),
        f"{name}Unit": [unit] * count,
    }
    for axis, value in lies.items():
        found |= {axis: [float(value)] * count, f"{axis}Unit": ["µm"] * count}
    return found
