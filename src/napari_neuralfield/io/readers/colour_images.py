"""Images of a colour camera: every image is one frame in red, one in green and one in blue.

Frames come colour by colour, all of red first; an image is read again for each. Images whose three colours are equal
are grey ones, and a transparency beside the colours is left aside.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

from ...data.frames import Frames
from ...types import InputError
from ..described import tiff_planes
from ..native.hdf5_frames import SingleFrames
from ..native.reading import explained

COLOURS = 3
RGB_AXES = ("YXS", "SYX")  # of an image, its colours beside each other or plane after plane
PNG_START, PNG_DEPTH, PNG_TYPE = b"\x89PNG\r\n\x1a\n", 24, 25  # of the first bytes: bits and kind of a pixel
RGB_TYPES = (2, 6)  # of PNG: colours, colours and transparency
GREY, PALETTE = (0, 4), 3
PHOTOGRAPH = (
    "the images are colours of 8 bits: if the camera wrote them as photographs (sRGB, as JPEG and PNG mostly are), "
    "their values do not grow with the light, so give gamma: srgb in the sidecar"
)
DAMAGED = "the image is damaged or of another format"


@dataclasses.dataclass(frozen=True)
class ColourHead:
    """What a file of colour images holds: `count` images of `shape` (y, x), their type, and whether the planes of a
    colour lie apart, as only a file whose sidecar names wavelengths means colours by."""

    count: int
    shape: tuple[int, int]
    dtype: np.dtype
    samples: int
    apart: bool = False


def colour_head(path: Path) -> ColourHead | None:
    """What a TIFF or PNG of colours holds; None where it is grey, or no such file."""
    if path.suffix.lower() == ".png":
        return _png_head(path)
    with tiff_planes.opened(path) as file:
        series = file.series[0]
        axes, shape = series.axes, series.shape
        samples = int(shape[axes.index("S")]) if "S" in axes else 1
        if samples < COLOURS or axes[-3:] not in RGB_AXES:
            return None
        rows, columns = (int(shape[axes.index(a, len(axes) - 3)]) for a in "YX")
        count = int(np.prod(shape[:-3], dtype=int))
        return ColourHead(count, (rows, columns), np.dtype(series.dtype), samples, axes.endswith("SYX"))


def _png_head(path: Path) -> ColourHead | None:
    with explained(path, DAMAGED), path.open("rb") as file:
        start = file.read(PNG_TYPE + 1)
    if not start.startswith(PNG_START) or len(start) <= PNG_TYPE:
        return None
    columns, rows = (int.from_bytes(start[at : at + 4], "big") for at in (16, 20))
    kind = start[PNG_TYPE]
    if kind in GREY:
        return None
    samples = COLOURS + (kind == RGB_TYPES[1])
    return ColourHead(1, (rows, columns), np.dtype(np.uint16 if start[PNG_DEPTH] == 16 else np.uint8), samples)


def colour_image(path: Path, number: int = 0) -> np.ndarray:
    """Image `number` of a file of colours: (y, x, 3)."""
    if path.suffix.lower() == ".png":
        with explained(path, DAMAGED):
            head = path.read_bytes()
            if head[PNG_TYPE] == PALETTE or head[PNG_DEPTH] != 16:
                with Image.open(path) as picture:
                    return np.asarray(picture.convert("RGB"))
            return np.asarray(imagecodecs.png_decode(head))[..., :COLOURS]
    try:
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            pages = len(series.pages) // max(1, int(np.prod(series.shape[:-3], dtype=int)))
            some = [series.pages[number * pages + n] for n in range(pages)]
            parts = [page.asarray() for page in some if page is not None]
            image = parts[0] if pages == 1 else np.stack(parts)
            image = np.moveaxis(image, 0, -1) if series.axes.endswith("SYX") else image
            return np.asarray(image[..., :COLOURS])
    except InputError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path}: image {number} cannot be read ({reason}); save the file again") from None


@functools.lru_cache(maxsize=2)
def _kept(path: Path, number: int, written_ns: int) -> np.ndarray:
    return colour_image(path, number)


def _plane(index: int, places: tuple[tuple[Path, int], ...], shape: tuple[int, int]) -> np.ndarray:
    """Frame `index`: one colour of one image."""
    colour, image = divmod(index, len(places))
    path, number = places[image]
    try:
        written = path.stat().st_mtime_ns
    except OSError:
        raise InputError(f"{path}: the file is gone; open it again where it is now") from None
    found = _kept(path, number, written)
    if found.shape[:2] != shape:
        raise InputError(f"{path}: the image changed its size since it was opened; open it again")
    return np.ascontiguousarray(found[..., colour])


def in_colour(paths: list[Path], given: Mapping[str, object]) -> tuple[Frames, dict[str, object], list[str]] | None:
    """Frames, values and notes of images of a colour camera; None where they are grey.

    Parameters
    ----------
    paths : the files, in their order.
    given : what a sidecar says: a file whose colours lie apart may as well be a stack, and is unless it names
        wavelengths.

    Raises
    ------
    InputError : where some are in colour and others are not, or their sizes or types differ.
    """
    first = colour_head(paths[0])
    if first is None or (first.apart and given.get("wavelengths_um") is None):
        return None
    heads = [first]
    for path in paths[1:]:
        head = colour_head(path)
        if head is None or (head.shape, head.dtype) != (first.shape, first.dtype):
            said = "is grey" if head is None else f"holds {head.shape[0]} x {head.shape[1]} pixels of {head.dtype}"
            raise InputError(
                f"{path}: the image {said} but {paths[0].name} is in colour, {first.shape[0]} x {first.shape[1]} "
                f"pixels of {first.dtype}; all must agree, so leave the odd one out or name the images under 'files'"
            )
        heads.append(head)
    return colour_frames(paths, heads)


def colour_frames(paths: list[Path], heads: list[ColourHead]) -> tuple[Frames, dict[str, object], list[str]]:
    """Frames (channel * image, y, x), the values that go with them, and notes.

    Parameters
    ----------
    paths : the files, in the order of their images.
    heads : of each.
    """
    first = heads[0]
    places = tuple((path.absolute(), n) for path, head in zip(paths, heads, strict=True) for n in range(head.count))
    notes = ["the transparency beside the colours is left aside"] if first.samples > COLOURS else []
    grey = all(_equal(colour_image(*places[at])) for at in sorted({0, len(places) // 2, len(places) - 1}))
    colours = 1 if grey else COLOURS
    read = functools.partial(_plane, places=places, shape=first.shape)
    frames = SingleFrames((colours * len(places), *first.shape), first.dtype, read)
    if grey:
        return frames, {}, [*notes, "the images have equal colours, so they are read as grey ones"]
    if first.dtype.itemsize == 1:
        notes.append(PHOTOGRAPH)
    many = f"{len(places)} images" if len(places) > 1 else "the image"
    notes.append(f"the colours of {many} are channels 0, 1 and 2: red, green and blue, in the order of wavelengths_um")
    return frames, {"channel": np.repeat(np.arange(COLOURS), len(places))}, notes


def _equal(image: np.ndarray) -> bool:
    return bool((image[..., :1] == image).all())
