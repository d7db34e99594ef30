"""Depths that are written in the names of images, such as on_axis_z_-10um.png, z+4.0um or z_3p5um."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...types import InputError

UNITS_UM = {"nm": 1e-3, "um": 1.0, "µm": 1.0, "μm": 1.0, "micron": 1.0, "microns": 1.0, "mm": 1e3}
WORD = r"(?<![a-z])(?:dz|z|defocus|depth)[ _=]*"
SIGN = r"(?P<sign>[+\-−]|minus|plus|m|p)?[ _]*"
UNIT = rf"(?P<unit>{'|'.join(sorted(UNITS_UM, key=len, reverse=True))})(?![a-z])"
DEPTH = re.compile(rf"{WORD}{SIGN}(?P<number>\d+(?:[.,p]\d+)?)[ _]*{UNIT}", re.IGNORECASE)
BARE = re.compile(rf"{WORD}{SIGN}\d+", re.IGNORECASE)


def depth_um(name: str) -> float | None:
    """The depth in the name of a file, um; None where there is none or it has no unit (then it may count planes)."""
    found = DEPTH.search(name)
    if found is None:
        return None
    number = float(re.sub("[,p]", ".", found["number"].lower()))
    sign = -1 if (found["sign"] or "+").lower() in ("-", "−", "minus", "m") else 1
    return sign * number * UNITS_UM[found["unit"].lower()] + 0.0  # no negative zero


def by_depth(paths: Sequence[Path], *, in_order: bool) -> tuple[list[Path], list[float], list[str]]:
    """Images that tell their depth, their depths in um, and notes.

    Where none or, with `in_order`, not every name tells a depth, the images are as given and there are no depths.

    Parameters
    ----------
    paths : of the images.
    in_order : the images stay in their order and all belong to the recording; otherwise they are sorted by depth, and
        those whose name tells none are left out.
    """
    depths = [depth_um(path.name) for path in paths]
    known = [(path, depth) for path, depth in zip(paths, depths, strict=True) if depth is not None]
    if not known or (in_order and len(known) < len(paths)):
        bare = next((path.name for path in paths if BARE.search(path.name)), None)
        said = f"{bare} names a plane without a unit; um in the names would say its depth, z_um in the sidecar does too"
        return list(paths), [], [] if bare is None or known else [said]
    if not in_order:
        known.sort(key=lambda pair: pair[1])
    notes = [f"depths from the names of the images, {listed([depth for _, depth in known])} um"]
    others = [path.name for path, depth in zip(paths, depths, strict=True) if depth is None]
    if others:
        several = len(others) > 1
        notes.append(
            f"{', '.join(others[:4])}{' ...' if len(others) > 4 else ''} {'tell' if several else 'tells'} no depth and "
            f"{'are' if several else 'is'} left out; an image without a sample may be named as flat in the sidecar"
        )
    return [path for path, _ in known], [depth for _, depth in known], notes


def listed(depths: Sequence[float] | np.ndarray) -> str:
    """'-20, -10, 0', or first and last where there are more than twelve."""
    if len(depths) > 12:
        return f"{depths[0]:g}, {depths[1]:g} ... {depths[-1]:g}"
    return ", ".join(f"{depth:g}" for depth in depths)


def agree(depths: Sequence[float], z_um: object, sidecar: Path | None) -> None:
    """Raise an InputError where the `z_um` of a `sidecar` is not what the names of the images say.

    `depths` : from the names, um, in the order of the images.
    """
    try:
        same = z_um is None or np.allclose(np.asarray(z_um, float), depths, rtol=1e-3, atol=1e-6)
    except (TypeError, ValueError):
        same = False
    if not same:
        raise InputError(
            f"{sidecar}: z_um is {z_um!r} but the names of the images say {listed(depths)} um; leave z_um out, or "
            "list the images under files in the order of z_um"
        )
