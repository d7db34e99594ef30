"""OME-Zarr's metadata of versions 0.1 to 0.6: which axis is what, in which unit, and where pixels lie along it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...types import InputError
from ..native.units import LENGTHS_UM, TIMES_S, factor
from .planes import AXES

KNOWN = "0.6"  # the newest version that is read
BY_TYPE = {"time": "t", "channel": "c"}
BY_NAME = {"t": "t", "time": "t", "c": "c", "channel": "c", "z": "z", "y": "y", "x": "x"}
SPACE = ("space", "array")
Json = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Axis:
    """name, kind : as the file has them. role : one of 'tczyx', empty where not known. unit : as the file spells it."""

    name: str
    kind: str
    role: str
    unit: str

    @property
    def factor(self) -> float | None:
        """How many um or s its unit is; None where it has none or an unknown one."""
        return factor(self.unit, TIMES_S if self.role == "t" else LENGTHS_UM)


@dataclasses.dataclass
class PixelGrid:
    """Index i along an axis lies at start + scale i, in the axis's unit.

    axes : of the array, in its order.
    scale, start : (axis,).
    shifted : the file says where the first pixel lies, which is not at 0.
    notes : what was left aside.
    """

    axes: list[Axis]
    scale: np.ndarray
    start: np.ndarray
    notes: list[str] = dataclasses.field(default_factory=list)

    def along(self, role: str) -> tuple[Axis, float, float] | None:
        """The axis that has a role, its scale and its start; None without."""
        number = next((n for n, axis in enumerate(self.axes) if axis.role == role), None)
        return None if number is None else (self.axes[number], float(self.scale[number]), float(self.start[number]))


def content(attributes: Json) -> Json:
    """OME's part of a group's attributes."""
    inside = attributes.get("ome")
    return inside if isinstance(inside, Mapping) else attributes


def multiscales(attributes: Json) -> list[Json]:
    """The images of a group, each in several sizes; empty where it is none."""
    found = content(attributes).get("multiscales")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def datasets(multiscale: Json, where: Path) -> list[Json]:
    """The sizes of an image, each with its path.

    Raises
    ------
    InputError : naming the group `where` they are missing.
    """
    found = multiscale.get("datasets")
    good = isinstance(found, list) and found and all(isinstance(d, Mapping) and "path" in d for d in found)
    if not good:
        raise InputError(f"{where}: multiscales names no datasets ({found!r}); it must list the paths of its arrays")
    return list(found or ())


def grid(multiscale: Json, dataset: Json, dimensions: int, where: Path) -> PixelGrid:
    """Axes and places of the pixels of one size of an image.

    Parameters
    ----------
    multiscale, dataset : the image and the size.
    dimensions : of the array.
    where : the array, for errors.

    Raises
    ------
    InputError : for axes that do not fit the array, and for a place that is no scale and translation along them.
    """
    axes = _axes(multiscale, dataset, dimensions, where)
    found = PixelGrid(axes, np.ones(dimensions), np.zeros(dimensions))
    _apply(dataset.get("coordinateTransformations"), found, where)
    if "coordinateSystems" not in multiscale:
        _apply(multiscale.get("coordinateTransformations"), found, where)
    elif multiscale.get("coordinateTransformations"):
        others = {_system(t.get("output")) for t in multiscale["coordinateTransformations"] if isinstance(t, Mapping)}
        found.notes.append(
            f"the file also places the image in other coordinate systems ({', '.join(sorted(others))}); pixel and "
            "depths "
            "are those of its own"
        )
    return found


def newer(attributes: Json) -> str:
    """The version where it is newer than what is known here, else empty."""
    said = content(attributes).get("version") or next((m.get("version") for m in multiscales(attributes)), None)
    parts = str(said or "").split(".")[:2]
    known = [int(n) for n in KNOWN.split(".")]
    numbers = [int(n) for n in parts if n.isdigit()]
    return str(said) if len(numbers) == 2 and numbers > known else ""


def _axes(multiscale: Json, dataset: Json, dimensions: int, where: Path) -> list[Axis]:
    """As the file lists them; before version 0.3 they were always t, c, z, y, x."""
    listed = multiscale.get("axes")
    systems = [s for s in multiscale.get("coordinateSystems") or () if isinstance(s, Mapping)]
    if listed is None and systems:
        outputs = [_system(t.get("output")) for t in dataset.get("coordinateTransformations") or ()]
        listed = next((s.get("axes") for s in systems if s.get("name") in outputs), systems[0].get("axes"))
    if listed is None and dimensions == 5:
        listed = list("tczyx")
    entries = [a if isinstance(a, Mapping) else {"name": a} for a in listed or ()]
    if len(entries) != dimensions:
        names = ", ".join(str(a.get("name")) for a in entries) or "none"
        raise InputError(
            f"{where}: the array has {dimensions} axes but multiscales names {len(entries)} ({names}); they must agree"
        )
    roles = _roles([(str(a.get("name", "")), str(a.get("type") or "").lower()) for a in entries])
    return [
        Axis(str(a.get("name", "")), str(a.get("type") or ""), role, str(a.get("unit") or ""))
        for a, role in zip(entries, roles, strict=True)
    ]


def _roles(axes: Sequence[tuple[str, str]]) -> list[str]:
    """What each axis, of a name and a type, is: by its type, in space by its name, else by its place."""
    roles = [BY_TYPE.get(kind, BY_NAME.get(name.lower(), "") if not kind else "") for name, kind in axes]
    space = [n for n, (_, kind) in enumerate(axes) if kind in SPACE]
    named = [axes[n][0].lower() for n in space]
    if set(named) <= set("zyx") and len(set(named)) == len(named):
        for n, name in zip(space, named, strict=True):
            roles[n] = name
    else:
        for n, role in zip(reversed(space), "xyz", strict=False):
            roles[n] = role
    return roles


def check_axes(axes: Sequence[Axis], shape: Sequence[int], where: Path) -> None:
    """Raise an InputError for an axis that cannot be a frame's.

    Parameters
    ----------
    axes : of the array.
    shape : of the array.
    where : the array, for the error.
    """
    found = ", ".join(f"{a.name} ({a.kind or 'no type'}, {n})" for a, n in zip(axes, shape, strict=True))
    roles = [axis.role for axis in axes]
    if not {"y", "x"} <= set(roles):
        raise InputError(f"{where}: the axes are {found}; two of them must be y and x, of type space")
    twice = next((role for role in roles if role and roles.count(role) > 1), None)
    odd = next((a for a, n in zip(axes, shape, strict=True) if a.role not in (*AXES, "y", "x") and n > 1), None)
    if odd is not None or twice is not None:
        what = f"axis {odd.name}" if odd is not None else f"a second axis {twice}"
        raise InputError(
            f"{where}: {what} is not known, of {found}; besides y and x there may be one each of time, channel and z, "
            "so "
            "save each of the others as a recording of its own"
        )


def _system(place: object) -> str:
    """The name of a coordinate system, which is written alone or in a mapping."""
    return str(place.get("name") or place.get("path")) if isinstance(place, Mapping) else str(place)


def _apply(transformations: object, found: PixelGrid, where: Path) -> None:
    """One after the other, what can be said by a scale and a translation along each axis."""
    for each in transformations if isinstance(transformations, list) else ():
        kind = each.get("type") if isinstance(each, Mapping) else None
        if kind == "identity":
            continue
        if kind == "sequence":
            _apply(each.get("transformations"), found, where)
            continue
        matrix = _matrix(each, str(kind), len(found.axes), where)
        along = np.diag(matrix[:, :-1])
        if not np.allclose(matrix[:, :-1], np.diag(along)):
            raise InputError(
                f"{where}: the {kind} in coordinateTransformations mixes the axes "
                f"{', '.join(axis.name for axis in found.axes)}; only a scale and a translation along each are known, "
                "so "
                "save the image without it"
            )
        found.scale, found.start = found.scale * along, found.start * along + matrix[:, -1]


def _matrix(each: Json, kind: str, count: int, where: Path) -> np.ndarray:
    """A transformation as (axis, axis + 1), the last column the translation."""
    if kind not in ("scale", "translation", "affine", "rotation", "mapAxis"):
        raise InputError(
            f"{where}: coordinateTransformations holds one of type {kind}; only scale and translation are known, so "
            "save "
            "the image with those"
        )
    try:
        numbers = np.asarray(each.get(kind), dtype=float)
    except (TypeError, ValueError):
        numbers = np.empty(0)
    matrix = np.eye(count, count + 1)
    shapes = {"affine": (count, count + 1), "rotation": (count, count)}
    if numbers.shape != shapes.get(kind, (count,)) or not np.isfinite(numbers).all():
        raise InputError(f"{where}: {kind} is {each.get(kind)!r}; it must be a number for each of {count} axes")
    if kind == "scale":
        matrix[:, :-1] = np.diag(numbers)
    elif kind == "translation":
        matrix[:, -1] = numbers
    elif kind == "mapAxis":
        matrix[:, :-1] = np.eye(count)[numbers.astype(int) % count]
    else:
        matrix[:, : count + (kind == "affine")] = numbers
    return matrix
