"""What a sidecar says of a colour camera: its filters, how it encodes light, and what is white.

`bayer: RGGB` splits raw frames into red, green (the mean of both) and blue of half as many pixels; `gamma: srgb` makes
values grow with the light again; `white_image` is an image of an empty place in colour, or one for each.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from ...data.acquisition import Draft
from ...data.frames import Frames
from ...types import InputError
from ..native import links
from ..native.hdf5_frames import Key
from ..native.reading import explained, regular
from .finding import COLOUR_FILES
from .tables import read_image

BAYER, GAMMA, WHITE_IMAGE = "bayer", "gamma", "white_image"
KEYS = (BAYER, GAMMA, WHITE_IMAGE, COLOUR_FILES)
PATTERNS = ("RGGB", "BGGR", "GRBG", "GBRG")
ORDER = "RGB"
SRGB = "srgb"
CURVE = (0.04045, 12.92, 0.055, 2.4)  # where sRGB bends, and how (IEC 61966-2-1)


def apply(draft: Draft, given: Mapping[str, object], sidecar: Path) -> None:
    """Put what a sidecar says of colours into a draft.

    Parameters
    ----------
    draft : changed in place.
    given : what the sidecar holds.
    sidecar : the file.

    Raises
    ------
    InputError : for an unknown pattern or encoding, and an image of white that does not fit.
    """
    if given.get(GAMMA) is not None:
        _linearise(draft, given[GAMMA], sidecar)
    if given.get(BAYER) is not None:
        _split(draft, given[BAYER], sidecar)
    if given.get(WHITE_IMAGE) is not None:
        draft.values["white"] = white_of(given[WHITE_IMAGE], sidecar)
        draft.notes.append(f"white from {given[WHITE_IMAGE]}")


def _linearise(draft: Draft, how: object, sidecar: Path) -> None:
    if str(how).lower() != SRGB:
        raise InputError(f"{sidecar}: {GAMMA} is {how!r}; what is known is {SRGB}, so leave it out for linear frames")
    kind = np.dtype(draft.frames.dtype)
    if kind.kind != "u":
        raise InputError(
            f"{sidecar}: {GAMMA} is {SRGB} but the frames are of {kind}; only photographs of whole numbers are encoded "
            "so, so leave it out"
        )
    draft.frames = LinearLight(draft.frames, float(np.iinfo(kind).max))
    draft.notes = [note for note in draft.notes if f"{GAMMA}: {SRGB}" not in note]
    draft.notes.append("values are taken as sRGB and brought back to what grows with the light, 1 at most")


def _split(draft: Draft, pattern: object, sidecar: Path) -> None:
    if pattern not in PATTERNS:
        raise InputError(
            f"{sidecar}: {BAYER} is {pattern!r}; it must be the filters of the upper left 2 x 2 pixels row by row, one "
            f"of {', '.join(PATTERNS)}"
        )
    count, rows, columns = draft.frames.shape
    if draft.values.get("channel") is not None or min(rows, columns) < 2:
        raise InputError(
            f"{sidecar}: {BAYER} is {pattern} but the frames are no raw frames of a colour camera, as they hold "
            "colours already or no pixels; leave it out"
        )
    draft.frames = BayerPlanes(draft.frames, str(pattern))
    draft.values["channel"] = np.repeat(np.arange(len(ORDER)), count)
    said = "raw frames are split into red, green (mean of two) and blue of half as many pixels along each side"
    try:
        draft.values["pixel_um"] = 2 * float(draft.values["pixel_um"])
        said += f", {draft.values['pixel_um']:g} um each"
    except (KeyError, TypeError, ValueError):
        said += "; pixel_um must be that of the halved frames"
    draft.notes.append(said)


def white_of(given: object, sidecar: Path) -> np.ndarray:
    """Brightness of an empty place in each colour (channel,).

    Parameters
    ----------
    given : the name of an image in colour, or names of grey ones, one for each colour.
    sidecar : the file that names them.

    Raises
    ------
    InputError : where an image cannot be read, or one alone holds no colours.
    """
    if isinstance(given, list):
        return np.array([float(read_image(links.named(str(name), sidecar)).mean()) for name in given])
    file = links.named(str(given), sidecar)
    regular(file)
    with explained(file, "the image is damaged or of another format"):
        if file.suffix.lower() == ".png":
            with Image.open(file) as picture:
                image = np.asarray(picture.convert("RGB") if picture.mode == "P" else picture)
        else:
            image = tifffile.imread(file)
    if image.ndim != 3 or image.shape[-1] not in (3, 4):
        raise InputError(
            f"{file}: the image of white has shape {image.shape}; it must be in colour, (y, x, 3), or {WHITE_IMAGE} "
            "must name one grey image for each colour"
        )
    return image[..., :3].mean(axis=(0, 1), dtype=np.float64)


@dataclasses.dataclass(frozen=True)
class LinearLight:
    """Frames of a photograph as light that grows evenly, from 0 to 1; `top` is the largest value of their type."""

    measured: Frames
    top: float

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.measured.shape)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    def __getitem__(self, key: object) -> np.ndarray:
        share = np.asarray(self.measured[key], dtype=np.float32) / np.float32(self.top)
        knee, slope, offset, power = CURVE
        return np.where(share <= knee, share / slope, ((share + offset) / (1 + offset)) ** power).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class BayerPlanes:
    """Red, green and blue (3 * frame, y, x) of raw frames, all of red first; `pattern` as in PATTERNS."""

    raw: Frames
    pattern: str

    @property
    def shape(self) -> tuple[int, ...]:
        count, rows, columns = self.raw.shape
        return len(ORDER) * count, rows // 2, columns // 2

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    def __getitem__(self, key: Key) -> np.ndarray:
        first, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        chosen = np.arange(self.shape[0])[first]
        planes = np.array([self._plane(int(n))[rest or ...] for n in np.atleast_1d(chosen)], dtype=np.float32)
        return planes[0] if np.ndim(chosen) == 0 else planes

    def _plane(self, number: int) -> np.ndarray:
        colour, frame = divmod(number, int(self.raw.shape[0]))
        _, rows, columns = self.shape
        image = np.asarray(self.raw[frame], dtype=np.float32)[: 2 * rows, : 2 * columns]
        places = [divmod(at, 2) for at, letter in enumerate(self.pattern) if letter == ORDER[colour]]
        return np.mean([image[y::2, x::2] for y, x in places], axis=0)
