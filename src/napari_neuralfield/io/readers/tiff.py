"""Folders of TIFF or PNG images, one per frame, and stacks in one TIFF file; a sidecar says how they were taken."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...data.acquisition import Draft
from ...data.derived import INTERVAL, THROUGH_FOCUS
from ...data.frames import Frames
from ...data.name_values import times_s
from ...registry import READERS
from ...types import InputError
from ..native.hdf5_frames import SingleFrames, WholeFrames
from ..native.reading import explained
from ..sidecar import sidecar
from ..sidecar.finding import KindMissing, unread
from ..sidecar.tables import image_head, read_image
from .depth_names import agree, by_depth, depth_um
from .folders import SUFFIXES, chosen_images, remarks
from .image_metadata import Described, described

COLOURS_APART = "SYX"  # axes of colours plane after plane: so some programs mark a stack of three frames


@READERS.register("tiff")
class TiffReader:
    """A folder of images, a multi-page TIFF or a single image; the geometry is in the sidecar.

    Depths in the names of images, and what an OME-TIFF says of its planes, need not be said again.
    """

    reads = "folders of TIFF or PNG images and TIFF stacks with a sidecar"

    def supports(self, path: Path) -> bool:
        if path.is_dir():
            return path.suffix.lower() != ".zarr"
        return path.suffix.lower() in SUFFIXES

    def read(self, path: Path) -> Draft:
        """Frames (lazy) and what names and planes say; everything else is taken from the sidecar afterwards."""
        found = sidecar.find(path)
        given = {} if found is None else sidecar.load(found)
        kind = sidecar.kind_of(given, found) if found is not None and "kind" in given else None
        names: tuple[str, ...] = ()
        if path.is_dir():
            images = chosen_images(path, given, found)
            said = Described()
            if kind in (None, THROUGH_FOCUS):
                images, said = _told_by_names(images, given, found)
            frames: Frames = _image_frames(images)
            names = tuple(image.relative_to(path).as_posix() for image in images)
        else:
            frames, said = _told_by_planes(path)
        if kind is None and said.through_focus:
            kind = THROUGH_FOCUS
            said.notes.append("kind through_focus, as the frames lie at different depths")
        if kind is None and found is None:
            wanted = " or ".join(str(c) for c in sidecar.candidates(path))
            overlooked = unread(path)
            raise KindMissing(
                f"{path}: there is no sidecar, so what the frames show is not known; write {wanted} with kind, "
                f"wavelength_um and the other values, or let neuralfield import ask for them"
                f"{f' ({overlooked})' if overlooked else ''}"
            )
        kind = kind or sidecar.kind_of(given, found or path)
        told = (said.values, said.notes) if kind == THROUGH_FOCUS else ({}, [])
        notes = [*told[1], *(remarks(path, images) if path.is_dir() else [])]
        return Draft(kind, frames, told[0], str(path), notes, frame_names=names)


def _told_by_names(images: list[Path], given: Mapping[str, object], where: Path | None) -> tuple[list[Path], Described]:
    """The images whose names tell a depth, sorted by it unless their order is given, and those depths and times."""
    in_order = isinstance(given.get("files"), list) or any(given.get(n) is not None for n in ("time_s", INTERVAL))
    chosen, depths, notes = by_depth(images, in_order=in_order)
    if not depths:
        times = None if in_order else times_s([image.name for image in chosen])
        return chosen, Described({} if times is None else {"time_s": times - times.min()}, notes)
    if not isinstance(given.get("files"), list) and not isinstance(given.get("z_um"), Mapping):
        agree(depths, given.get("z_um"), where)
    said = Described({"z_um": np.array(depths)}, notes, through_focus=True)
    times = None if in_order else times_s([image.name for image in chosen])
    if times is not None and len(set(times)) * len(set(depths)) == len(times) and len(set(times)) > 1:
        order = np.lexsort((np.array(depths), times))
        said.values = {"z_um": np.array(depths)[order], "time_s": times[order] - times.min()}
        said.notes.append(f"times from the names of the images, {len(set(times))} of {len(set(depths))} depths each")
        chosen = [chosen[at] for at in order]
    return chosen, said


def _image_frames(paths: list[Path]) -> SingleFrames:
    """One frame per image.

    Raises
    ------
    InputError : where one is missing, or their sizes or types differ.
    """
    heads = [_head(path) for path in paths]
    for path, head in zip(paths, heads, strict=True):
        if head != heads[0]:
            raise InputError(
                f"{path}: the frame is {_said(head)} but {paths[0].name} is {_said(heads[0])}; all must agree, so "
                "leave the odd one out of the folder or name the frames under 'files' in the sidecar"
            )
    return _frames_of(paths, *heads[0])


def _frames_of(paths: list[Path], shape: tuple[int, int], dtype: np.dtype) -> SingleFrames:
    read = functools.partial(_image, paths=tuple(path.absolute() for path in paths), shape=shape)
    return SingleFrames((len(paths), *shape), dtype, read)


def _told_by_planes(path: Path) -> tuple[Frames, Described]:
    """Frames of one file, and what its planes, or its name for all of them, say of themselves."""
    frames, said = _file_frames(path), Described()
    if path.suffix.lower() != ".png":
        import tifffile

        with explained(path, "this is not a TIFF file or it is cut short"), tifffile.TiffFile(path) as file:
            said = described(file, int(frames.shape[0]))
            apart = file.series[0].axes == COLOURS_APART
        if apart:
            said.notes.append(f"the {frames.shape[0]} planes are marked as colours and taken for frames")
    depth = depth_um(path.name)
    if depth is not None and not said.through_focus:
        said.values["z_um"] = depth
        said.notes.append(f"depth from the name of the file, {depth:g} um")
    return frames, said


def _said(head: tuple[tuple[int, int], np.dtype]) -> str:
    return f"{head[0][0]} x {head[0][1]} of {head[1]}"


def _head(path: Path) -> tuple[tuple[int, int], np.dtype]:
    """Shape (y, x) and type of one image, from its header where the format allows."""
    if path.suffix.lower() != ".png":
        frames = _file_frames(path)
        if frames.shape[0] != 1:
            raise InputError(f"{path}: the file holds {frames.shape[0]} pages; in a folder each file is one frame")
        return (frames.shape[1], frames.shape[2]), frames.dtype
    return image_head(path)


def _file_frames(path: Path) -> Frames:
    """Frames of one TIFF file, mapped where they lie in one piece, else page by page; or of one PNG."""
    if path.suffix.lower() == ".png":
        frame_shape, dtype = image_head(path)
        return _frames_of([path], frame_shape, dtype)
    import tifffile

    with explained(path, "this is not a TIFF file or it is cut short"), tifffile.TiffFile(path) as file:
        series = file.series[0]
        shape, dtype = tuple(int(n) for n in series.shape), np.dtype(series.dtype)
        offset, axes = series.dataoffset, series.axes
        stored = dtype.newbyteorder("big" if file.byteorder == ">" else "little")
        colour = series.keyframe.photometric in (2, 6) or series.keyframe.samplesperpixel > 1
    if colour and not (axes == COLOURS_APART and offset is not None):
        raise InputError(f"{path}: the images hold colours (shape {shape}); save one channel as grey images")
    shape = (1, *shape) if len(shape) == 2 else shape
    if len(shape) == 4 and axes == "TZYX":
        shape = (shape[0] * shape[1], *shape[2:])
    if len(shape) != 3:
        raise InputError(f"{path}: the stack has shape {shape}, axes {axes}; it must be (frame, y, x) or of axes TZYX")
    if offset is not None and path.stat().st_size < offset + int(np.prod(shape)) * dtype.itemsize:
        raise InputError(f"{path}: the file is cut short; copy or record it again")
    if offset is not None:
        mapped = functools.partial(_mapped, offset=offset, shape=shape, stored=stored)
        return WholeFrames(path.absolute(), shape, dtype, mapped)
    return SingleFrames(shape, dtype, functools.partial(_page, path=path.absolute()))


def _image(index: int, paths: tuple[Path, ...], shape: tuple[int, int]) -> np.ndarray:
    """One of several files of one frame each."""
    image = read_image(paths[index])
    if image.shape != shape:
        raise InputError(f"{paths[index]}: the frame changed its size since it was opened; open it again")
    return image


def _mapped(path: Path, offset: int, shape: tuple[int, ...], stored: np.dtype) -> np.ndarray:
    try:
        return np.memmap(path, stored, "r", offset, shape)
    except (OSError, ValueError):
        raise InputError(f"{path}: the file is gone or cut short; open it again where it is now") from None


def _page(index: int, path: Path) -> np.ndarray:
    """A page of a file whose pages are compressed or lie scattered."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            return np.asarray(file.asarray(key=index, series=0))
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: page {index} cannot be read ({reason}); save the file again") from None
