"""Folders of TIFF or PNG images, one per frame, and stacks in one TIFF file; a sidecar says how they were taken."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ...data.acquisition import Draft
from ...data.derived import INTERVAL, THROUGH_FOCUS
from ...data.frames import Frames, FrameSelection
from ...data.name_values import times_s
from ...registry import READERS
from ...types import InputError
from ..described import tiff_planes
from ..described.depth_names import agree, by_depth, depth_um
from ..described.folders import SUFFIXES, chosen_images, remarks
from ..described.planes import Planes, because, kind_without, seen_of
from ..native.hdf5_frames import SingleFrames, WholeFrames
from ..native.reading import missing_package
from ..sidecar import sidecar
from ..sidecar.tables import image_head, read_image
from .colour_images import in_colour

COLOURS_APART = "SYX"  # axes of colours plane after plane: so some programs mark a stack of three frames


@READERS.register("tiff")
class TiffReader:
    """A folder of images, a multi-page TIFF or a single image; the geometry is in the sidecar.

    Depths in the names of images, and what an OME-TIFF says of its planes, need not be said again.
    """

    reads = "folders of TIFF or PNG images and TIFF stacks with a sidecar"

    def supports(self, path: Path) -> bool:
        if path.is_dir():
            stores = [folder for folder in (path, *path.parents) if folder.suffix.lower() == ".zarr"]
            return not stores and sidecar.colour_listing(path) is None
        return path.suffix.lower() in SUFFIXES

    def read(self, path: Path, kind: str | None = None) -> Draft:
        """Frames (lazy) and what names and planes say; everything else is taken from the sidecar afterwards.

        Parameters
        ----------
        path : of the images.
        kind : of acquisition, where another file says it.
        """
        found = sidecar.find(path)
        given = {} if found is None else sidecar.load(found)
        kind = sidecar.kind_of(given, found) if found is not None and "kind" in given else kind
        if path.is_dir():
            return self._of_folder(path, given, found, kind)
        if (coloured := in_colour([path], given)) is not None:
            frames, colours, notes = coloured
            return Draft(kind or kind_without(path, given, found), frames, colours, str(path), notes)
        frames, said, names = _told_by_planes(path)
        known = kind or kind_without(path, given, found, said)
        frames = seen_of(frames, said)
        values, notes = said.told(known, optics=known == THROUGH_FOCUS)
        depth = depth_um(path.name)
        if depth is not None and not said.through_focus and known == THROUGH_FOCUS:
            values["z_um"] = depth
            notes.append(f"depth from the name of the file, {depth:g} um")
        notes += because(kind, said.through_focus)
        return Draft(known, frames, values, str(path), notes, frame_names=names[: frames.shape[0]])

    def _of_folder(self, folder: Path, given: dict[str, object], found: Path | None, kind: str | None) -> Draft:
        """One image, one frame; of a colour camera one frame in each colour."""
        images = chosen_images(folder, given, found)
        values: dict[str, object] = {}
        notes: list[str] = []
        if kind in (None, THROUGH_FOCUS):
            images, values, notes = _told_by_names(images, given, found)
        frames, colours, more = in_colour(images, given) or (_image_frames(images), {}, [])
        known = kind or (THROUGH_FOCUS if "z_um" in values else kind_without(folder, given, found))
        values = values if known == THROUGH_FOCUS else {}
        notes = [*notes, *more, *because(kind, "z_um" in values), *remarks(folder, images)]
        names = tuple(image.relative_to(folder).as_posix() for image in images)
        names *= frames.shape[0] // len(names) if frames.shape[0] % len(names) == 0 else 1
        return Draft(known, frames, {**values, **colours}, str(folder), notes, frame_names=names)


def _told_by_names(
    images: list[Path], given: Mapping[str, object], where: Path | None
) -> tuple[list[Path], dict[str, object], list[str]]:
    """The images whose names tell a depth, sorted by it unless their order is given; depths and times; notes."""
    in_order = isinstance(given.get("files"), list) or any(given.get(n) is not None for n in ("time_s", INTERVAL))
    chosen, depths, notes = by_depth(images, in_order=in_order)
    times = None if in_order else times_s([image.name for image in chosen])
    if not depths:
        return chosen, {} if times is None else {"time_s": times - times.min()}, notes
    if not isinstance(given.get("files"), list) and not isinstance(given.get("z_um"), Mapping):
        agree(depths, given.get("z_um"), where)
    if times is None or len(set(times)) * len(set(depths)) != len(times) or len(set(times)) == 1:
        return chosen, {"z_um": np.array(depths)}, notes
    order = np.lexsort((np.array(depths), times))
    notes.append(f"times from the names of the images, {len(set(times))} of {len(set(depths))} depths each")
    values = {"z_um": np.array(depths)[order], "time_s": times[order] - times.min()}
    return [chosen[at] for at in order], values, notes


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


def _told_by_planes(path: Path) -> tuple[Frames, Planes, tuple[str, ...]]:
    """Frames of one file, what it says of its planes, and their names."""
    frames = _file_frames(path)
    if path.suffix.lower() == ".png":
        return frames, Planes((1, 1, 1)), ()
    with tiff_planes.opened(path) as file:
        said = tiff_planes.told_by(file)
        named = tiff_planes.labels(file, frames.shape[0])
        if file.series[0].axes == COLOURS_APART:
            said.notes.append(f"the {frames.shape[0]} planes are marked as colours and taken for frames")
            said.sizes, said.channels = (1, 1, 1), ()
    order = frames.indices if isinstance(frames, FrameSelection) else range(frames.shape[0])
    names = said.names() if np.prod(said.sizes) == frames.shape[0] else ()
    return frames, said, tuple(named[i] for i in order) if named else names


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
    with tiff_planes.opened(path) as file:
        tiff_planes.check_complete(file, path)
        series = file.series[0]
        shape, dtype = tuple(int(n) for n in series.shape), np.dtype(series.dtype)
        offset, axes = series.dataoffset, series.axes
        places = None if offset is not None else tiff_planes.offsets(file)
        stored = dtype.newbyteorder("big" if file.byteorder == ">" else "little")
        colour = series.keyframe.photometric in (2, 6) or series.keyframe.samplesperpixel > 1
    if colour and not (axes == COLOURS_APART and offset is not None):
        raise InputError(f"{path}: the images hold colours (shape {shape}); save one channel as grey images")
    order = np.arange(shape[0]) if axes == COLOURS_APART else tiff_planes.order_of(axes, shape)
    if order is None:
        raise InputError(
            f"{path}: the stack has shape {shape}, axes {axes}; it must be (frame, y, x) or of channels C, times T and "
            "depths Z before YX"
        )
    shape = (len(order), *shape[-2:])
    if offset is not None and path.stat().st_size < offset + int(np.prod(shape)) * dtype.itemsize:
        raise InputError(f"{path}: the file is cut short; copy or record it again")
    if offset is not None:
        mapped = functools.partial(_mapped, offset=offset, shape=shape, stored=stored)
        return _ordered(WholeFrames(path.absolute(), shape, dtype, mapped), order)
    page = functools.partial(_page, path=path.absolute(), places=places)
    return _ordered(SingleFrames(shape, dtype, page), order)


def _ordered(frames: Frames, order: np.ndarray) -> Frames:
    if np.array_equal(order, np.arange(len(order))):
        return frames
    return FrameSelection(frames, tuple(int(i) for i in order), slice(None), slice(None))


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


def _page(index: int, path: Path, places: tuple[int, ...] | None) -> np.ndarray:
    """A page of a file whose pages are compressed or lie scattered, where `places` say or else among all of them."""
    import tifffile

    try:
        with warnings.catch_warnings(), tifffile.TiffFile(path) as file:
            warnings.simplefilter("ignore", UserWarning)  # a page of another file is read after that was closed
            if places is not None:
                file.filehandle.seek(places[index])
                return np.asarray(tifffile.TiffPage(file, index=index).asarray())
            return np.asarray(file.asarray(key=index, series=0))
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        said = missing_package(error) or f"page {index} cannot be read ({reason}); save the file again"
        raise InputError(f"{path}: {said}") from None
