"""OME-Zarr 0.4 to 0.6, alone or in a collection, and plain Zarr with a sidecar; read with zarr, chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...data.acquisition import Draft
from ...registry import READERS
from ...types import InputError
from ..described import named, ngff
from ..described.image_metadata import of_xml, read_xml
from ..described.planes import AXES, Planes, because, kind_without, seen_of, wavelength_in
from ..native import links
from ..native.zarr_frames import FILES, ZarrFrames, attributes, below, children, node, opened
from ..sidecar import sidecar

if TYPE_CHECKING:
    import zarr

NAMED = 6  # images, arrays and groups that a sentence lists
HEAVY = 2**30  # bytes to be read for a single frame, from which it is said
XML = Path("OME") / "METADATA.ome.xml"  # beside the images that bioformats2raw wrote


@READERS.register("ome_zarr")
class OmeZarrReader:
    """An image, the only one of a collection, one named by its path inside (scan.ome.zarr/0), or a plain array."""

    reads = "OME-Zarr (.ome.zarr, .zarr), and Zarr arrays and groups with a sidecar"

    def supports(self, path: Path) -> bool:
        return path.is_dir() and (path.suffix.lower() == ".zarr" or bool(_node_files(path)))

    def read(self, path: Path) -> Draft:
        """Frames (lazy), and what the file says of pixel, depth, time, channels and optics."""
        beside = sidecar.find(path)
        given = {} if beside is None else sidecar.load(beside)
        found = _image(path, given)
        if found is None:
            return _by_names(path)
        frames, planes = found
        kind = sidecar.kind_of(given, beside) if beside is not None and "kind" in given else None
        known = kind or kind_without(path, given, beside, planes)
        seen = seen_of(frames, planes)
        values, notes = planes.told(known)
        notes += because(kind, planes.through_focus)
        if frames.cost_bytes > HEAVY:
            notes.append(
                f"reading one frame takes {frames.cost_bytes / 2**30:.3g} GB, as chunks hold {_by(_chunks(frames))} "
                "values; "
                "smaller chunks would be faster"
            )
        names = planes.names() if np.prod(planes.sizes) == seen.shape[0] else ()
        return Draft(known, seen, values, str(path), notes, frame_names=names)


def _image(path: Path, given: Mapping[str, object]) -> tuple[ZarrFrames, Planes] | None:
    """Frames and what is said of them; None where a sidecar, `given`, or their names say what the arrays are."""
    kind = node(path)
    if kind == "array":
        group = next((p for p in path.parents[:2] if _dataset(p, path) is not None), None)
        return _plain(path) if group is None else _of(group, path)
    if kind != "group":
        raise InputError(f"{path}: {_no_node(path)}")
    if ngff.multiscales(attributes(path)):
        return _of(path)
    if sidecar.VARIABLES in given or node(path / named.FRAMES) == "array":
        return None
    inside = [p for p in below(path) if "labels" not in p.relative_to(path).parts and ngff.multiscales(attributes(p))]
    if len(inside) != 1:
        raise InputError(f"{path}: {_several(path, inside) if inside else _no_images(path)}")
    frames, planes = _of(inside[0])
    planes.notes.append(f"the one image of the collection is read, {inside[0].relative_to(path).as_posix()}")
    return frames, planes


def _of(group: Path, array: Path | None = None) -> tuple[ZarrFrames, Planes]:
    """An image in the size of an `array`, else in the largest that its `group` holds."""
    said = attributes(group)
    images = ngff.multiscales(said)
    dataset = None if array is None else _dataset(group, array)
    sizes = [dataset] if dataset is not None else ngff.datasets(images[0], group)
    arrays = [opened(_there(group, str(each["path"]))) for each in sizes]
    best = int(np.argmax([np.prod(each.shape, dtype=float) for each in arrays]))
    path = group / str(sizes[best]["path"])
    grid = ngff.grid(images[0], sizes[best], arrays[best].ndim, path)
    ngff.check_axes(grid.axes, arrays[best].shape, path)
    frames, planes = _stack(arrays[best], path, grid)
    _put_channels(planes, said)
    _put_xml(planes, group)
    _put_rendered(planes, said)
    if dataset is not None and len(ngff.datasets(images[0], group)) > 1:
        planes.notes.append(f"the size of the image that is read is {path.name}")
    if len(images) > 1:
        planes.notes.append(f"the group describes {len(images)} images; the first is read")
    if version := ngff.newer(said):
        planes.notes.append(
            f"OME-Zarr {version} is newer than {ngff.KNOWN}, which this program knows; look at the values"
        )
    return frames, planes


def _stack(array: zarr.Array, path: Path, grid: ngff.PixelGrid) -> tuple[ZarrFrames, Planes]:
    """Frames of an open `array`, which lies at `path`, and where its planes lie."""
    roles = [axis.role for axis in grid.axes]
    counting = sorted((n for n, role in enumerate(roles) if role in AXES and role), key=lambda n: AXES.index(roles[n]))
    frames = ZarrFrames.of(array, path, counting, (roles.index("y"), roles.index("x")))
    sizes = tuple(int(array.shape[roles.index(role)]) if role in roles else 1 for role in AXES)
    planes = Planes((sizes[0], sizes[1], sizes[2]), where="the z of the file's coordinateTransformations")
    planes.notes += grid.notes
    down, across = (grid.along(role) for role in "yx")
    assert down is not None
    assert across is not None
    if all(axis.factor and step > 0 for axis, step, _ in (down, across)):
        planes.pixel_um = (down[1] * (down[0].factor or 1.0), across[1] * (across[0].factor or 1.0))
    for each in (down, across) if down[0].unit != across[0].unit else (across,):
        _say_unit(planes, each, "pixel_um")
    if (z := grid.along("z")) is not None and sizes[2] > 1:
        if z[0].factor and z[1]:
            planes.z_step_um = z[1] * z[0].factor
            if z[2]:
                planes.depths_um = (z[2] + z[1] * np.arange(sizes[2])) * z[0].factor
        _say_unit(planes, z, "z_step_um")
    if (t := grid.along("t")) is not None and sizes[1] > 1:
        if t[0].factor and t[1] > 0:
            planes.times_s = t[1] * t[0].factor * np.arange(sizes[1])
        _say_unit(planes, t, "frame_interval_s")
    return frames, planes


def _say_unit(planes: Planes, along: tuple[ngff.Axis, float, float], instead: str) -> None:
    """A note where a length or time is given in no unit, or in one that is not known.

    Parameters
    ----------
    planes : whose note it is.
    along : axis, scale and start.
    instead : the value to give.
    """
    axis, step, _ = along
    if axis.factor is None and (axis.unit or step != 1):
        unit = f"the unit {axis.unit!r}, which is not known" if axis.unit else "no unit"
        planes.notes.append(
            f"axis {axis.name} of the file has {unit}, so its step, {step:g}, is left aside; give {instead}"
        )


def _put_channels(planes: Planes, said: Mapping[str, object]) -> None:
    """Names and colours as OMERO has them; a wavelength stands on its own or in a name."""
    omero = ngff.content(said).get("omero")
    listed = omero.get("channels") if isinstance(omero, Mapping) else None
    channels = [c for c in listed if isinstance(c, Mapping)] if isinstance(listed, list) else []
    if len(channels) != planes.sizes[0]:
        return
    planes.channels = tuple(
        str(c.get("label") or f"channel {n}{' ' + str(c['color']) if c.get('color') else ''}")
        for n, c in enumerate(channels)
    )
    planes.wavelengths_um, planes.light = (), "emissionWave of the file's channel"
    waves = [c.get("emissionWave") for c in channels]
    if all(isinstance(wave, int | float) and wave > 0 for wave in waves):
        planes.wavelengths_um = tuple(float(wave) * 1e-3 for wave in waves if wave is not None)
    else:
        planes.wavelengths_um = tuple(wavelength_in(name) for name in planes.channels)
        planes.light = "length in the channel's name"


def _put_xml(planes: Planes, group: Path) -> None:
    """What the OME-XML of the collection says of an image, where the image itself says nothing."""
    number = int(group.name) if group.name.isdigit() else 0
    root = read_xml(group.parent / XML) if group.name.isdigit() else read_xml(group / XML)
    if root is None:
        return
    try:
        told = of_xml(root, planes.sizes, number)
    except (ValueError, TypeError):
        return
    for name in ("depths_um", "z_step_um", "times_s", "pixel_um", "objective_na"):
        if getattr(planes, name) is None:
            setattr(planes, name, getattr(told, name))
    planes.where = planes.where if planes.depths_um is not told.depths_um else told.where
    if told.wavelengths_um and all(told.wavelengths_um):
        planes.wavelengths_um, planes.light = told.wavelengths_um, told.light
    planes.channels = planes.channels or told.channels


def _put_rendered(planes: Planes, said: Mapping[str, object]) -> None:
    """Our own exports say each depth, and what they are."""
    z, t = said.get("z_um"), said.get("time_s")
    if isinstance(z, list) and "ome" in said:
        planes.rendered = True
        planes.channels = planes.channels or ("planes",)
        if len(z) == planes.sizes[2]:
            planes.depths_um, planes.from_focus = np.array(z, dtype=float), True
            planes.where = "those at which the field was rendered"
        if isinstance(t, list) and len(t) == planes.sizes[1] > 1:
            planes.times_s = np.array(t, dtype=float)


def _plain(path: Path) -> tuple[ZarrFrames, Planes]:
    """An array that no group describes: of the axes that it names itself, else (frame, y, x) or one frame (y, x)."""
    array = opened(path)
    names = getattr(array.metadata, "dimension_names", None) or attributes(path).get("_ARRAY_DIMENSIONS") or ()
    roles = [ngff.BY_NAME.get(str(name).lower(), "") for name in names]
    if len(roles) == array.ndim and all(roles) and len(set(roles)) == len(roles) and {"y", "x"} <= set(roles):
        axes = [ngff.Axis(str(n), "", role, "") for n, role in zip(names, roles, strict=True)]
        return _stack(array, path, ngff.PixelGrid(axes, np.ones(array.ndim), np.zeros(array.ndim)))
    if array.ndim not in (2, 3):
        raise InputError(f"{path}: the array has shape {_by(array.shape)}; without named axes it must be (frame, y, x)")
    frames = ZarrFrames.of(array, path, range(array.ndim - 2), (array.ndim - 2, array.ndim - 1))
    return frames, Planes((1, 1, 1))


def _by_names(path: Path) -> Draft:
    """A group whose arrays carry the acquisition's own names, or are named by `variables` in the sidecar."""
    held = {p.relative_to(path).as_posix(): p for p in below(path) if node(p) == "array"}
    names = named.names_in(path, list(held))
    if named.FRAMES not in names:
        raise InputError(f"{path}: {_no_images(path)}")
    frames, _ = _plain(held[names[named.FRAMES].name])
    said = attributes(path).get("kind")
    kind = named.kind_of(path, names, None if said is None else str(said))
    count = int(frames.shape[0])
    values = named.values_of(kind, names, lambda name: np.asarray(opened(held[name])[...]), count, path)
    return Draft(kind, frames, values, str(path))


def _dataset(group: Path, array: Path) -> Mapping[str, object] | None:
    """What the image in a `group` says of an `array`, one of its sizes."""
    images = ngff.multiscales(attributes(group)) if _node_files(group) else []
    listed = ngff.datasets(images[0], group) if images else []
    return next((d for d in listed if group / str(d["path"]) == array), None)


def _there(group: Path, name: str) -> Path:
    links.check(group / name, group / "zarr.json")
    if node(group / name) != "array":
        others = [p.name for p in children(group)]
        raise InputError(
            f"{group}: its multiscales names the array {name}, which is not in it; found {_some(others) or 'none'}, "
            "so copy "
            "the whole folder again"
        )
    return group / name


def _node_files(path: Path) -> list[str]:
    return [name for name in (*FILES, ".zattrs") if (path / name).is_file()]


def _no_node(path: Path) -> str:
    """Why a folder is no Zarr."""
    if (path / ".zattrs").is_file():
        return (
            "there is .zattrs but neither .zgroup nor .zarray beside it; copy the folder again with the files whose "
            "names "
            "begin with a dot"
        )
    found = sorted(p.name for p in path.iterdir())
    return (
        "this is no Zarr: there is no zarr.json, .zgroup or .zarray in it, "
        f"{'but ' + _some(found) if found else 'it is empty'}; copy the "
        "whole "
        "folder again"
    )


def _several(path: Path, inside: list[Path]) -> str:
    paths = [p.relative_to(path).as_posix() for p in inside]
    what = "a plate" if "plate" in ngff.content(attributes(path)) else "a collection"
    return f"this is {what} of {len(paths)} images, {_some(paths)}; open one of them, such as {path / paths[0]}"


def _no_images(path: Path) -> str:
    """What a group without multiscales holds, and the remedy."""
    found = list(below(path, 2))
    paths = [p for p in found if node(p) == "array"]
    arrays = [f"{p.relative_to(path).as_posix()} ({_by(opened(p).shape)})" for p in paths[:NAMED]]
    arrays += [""] * (len(paths) - len(arrays))
    groups = [p.relative_to(path).as_posix() for p in found if node(p) == "group"]
    parts = [f"the arrays {_some(arrays)}"] * bool(arrays) + [f"the groups {_some(groups)}"] * bool(groups)
    held = " and ".join(parts) or "nothing"
    remedy = "record it again"
    if arrays:
        first = arrays[0].partition(" (")[0]
        remedy = (
            f"open an array, such as {path / first}, with a sidecar, or name the frames in the sidecar "
            f"{sidecar.candidates(path)[1].name} as variables: {{frames: {first}}}"
        )
    return f"this Zarr group has no multiscales, so it is no OME-Zarr image; it holds {held}: {remedy}"


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _chunks(frames: ZarrFrames) -> tuple[int, ...]:
    return tuple(opened(frames.path).chunks)
