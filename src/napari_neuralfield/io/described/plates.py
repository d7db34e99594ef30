"""The images of a plate in OME-Zarr (high-content screening): a group for each well, in it one for each field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ...types import InputError
from ..native.zarr_frames import attributes, node
from .ngff import Json, content


def images_of_plate(path: Path) -> list[Path]:
    """The images of all wells, in the order in which the plate names them; empty where `path` is no plate.

    Raises
    ------
    InputError : where the plate names a well or an image that is not there, or lies outside of it.
    """
    if not path.is_dir() or node(path) != "group":
        return []
    plate = content(attributes(path)).get("plate")
    if not isinstance(plate, Mapping):
        return []
    return [image for well in _named(plate, "wells", path, path) for image in _images(well, path)]


def _images(well: Path, plate: Path) -> Iterator[Path]:
    said = content(attributes(well)).get("well")
    if not isinstance(said, Mapping):
        raise InputError(f"{well}: the metadata of this well are missing; copy the whole plate {plate.name} again")
    yield from _named(said, "images", well, plate)


def _named(said: Json, what: str, where: Path, plate: Path) -> list[Path]:
    """The groups that a list of `said` names, as seen from `where`."""
    listed = said.get(what)
    paths = [str(each.get("path", "")) for each in listed or () if isinstance(each, Mapping)]
    found = [where / name for name in paths]
    for name, group in zip(paths, found, strict=True):
        inside = group.resolve().is_relative_to(plate.resolve()) and group.resolve() != where.resolve()
        if not inside or node(group) != "group":
            raise InputError(
                f"{where}: its metadata name {what[:-1]} {name!r}, which is not there; copy the whole plate again"
            )
    return found
