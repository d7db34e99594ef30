"""A labelled sheet of pictures: images in rows, a short line under each, a title and a last line. Pillow and NumPy."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage
    from PIL.ImageFont import FreeTypeFont, ImageFont

TILE, GAP, MARGIN = 384, 16, 24  # pixels
TITLE, LABEL = 26, 19  # heights of the letters
BACKGROUND, INK, FAINT = (18, 20, 24), (238, 240, 243), (160, 166, 176)
COOL, MIDDLE, WARM = (70, 130, 240), (235, 235, 235), (240, 110, 60)


@dataclasses.dataclass(frozen=True)
class Panel:
    """pixels : (y, x) or (y, x, 3) uint8, drawn TILE pixels wide. label : one line below it."""

    pixels: np.ndarray
    label: str


def grey(image: np.ndarray, limits: tuple[float, float] | None = None) -> np.ndarray:
    """An `image` (y, x) as uint8: black at the lower of the `limits`, white at the upper; None: those of its bulk."""
    low, high = np.percentile(image, (0.3, 99.7)) if limits is None else limits
    return (255 * np.clip((image - low) / max(high - low, 1e-12), 0, 1)).astype(np.uint8)


def two_colours(values: np.ndarray, shade: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """(y, x, 3) uint8: blue over white to orange as `values` go between the `limits`, times `shade` (y, x) uint8."""
    place = 2 * np.clip((values - limits[0]) / (limits[1] - limits[0]), 0, 1) - 1
    cool, middle, warm = (np.array(c, dtype=np.float64) for c in (COOL, MIDDLE, WARM))
    ends = np.where(place[..., None] < 0, cool, warm)
    colour = middle + np.abs(place)[..., None] * (ends - middle)
    return (colour * (shade[..., None] / 255)).astype(np.uint8)


def save_sheet(path: Path, title: str, rows: Sequence[Sequence[Panel]], last_line: str) -> None:
    """Draw all tiles into one PNG.

    Parameters
    ----------
    path : of the PNG.
    title, last_line : above and below the tiles.
    rows : the tiles, from above.

    Raises
    ------
    OSError : where it cannot be written.
    """
    from PIL import Image, ImageDraw

    from ...io.native.atomic import writing

    columns = max(len(row) for row in rows)
    line = LABEL + 14
    width = 2 * MARGIN + columns * TILE + (columns - 1) * GAP
    height = 2 * MARGIN + TITLE + 18 + len(rows) * (TILE + line + GAP) + LABEL
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, MARGIN - 4), title, INK, font=letters(TITLE))
    top = MARGIN + TITLE + 18
    for row in rows:
        for column, tile in enumerate(row):
            left = MARGIN + column * (TILE + GAP)
            sheet.paste(_fitted(tile.pixels), (left, top))
            draw.text((left, top + TILE + 6), tile.label, INK, font=letters(LABEL))
        top += TILE + line + GAP
    draw.text((MARGIN, top), last_line, FAINT, font=letters(LABEL))
    with writing(path) as temporary:
        sheet.save(temporary, "PNG")


def _fitted(pixels: np.ndarray) -> PilImage:
    """The picture TILE pixels wide; coarse pixels stay visible as squares."""
    from PIL import Image

    picture = Image.fromarray(pixels)
    return picture.resize((TILE, round(TILE * picture.height / picture.width)), Image.Resampling.NEAREST)


@functools.cache
def letters(size: int) -> FreeTypeFont | ImageFont:
    """Pillow's own font, `size` pixels high."""
    from PIL import ImageFont

    return ImageFont.load_default(size=size)
