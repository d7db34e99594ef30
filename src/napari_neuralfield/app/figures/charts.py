"""Charts on a dark page with Pillow alone: axes, ticks, dots, lines, bars, a picture with its colour bar.

A page is drawn twice as large and reduced at the end, which smooths every edge. Places on it are in page pixels.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .picture import BACKGROUND, FAINT, INK, letters

Colour = tuple[int, int, int]
Anchor = Literal["lm", "mm", "rm", "la", "ma", "ra", "lb", "mb", "rb"]

FINE = 2  # drawn so many times larger
PANEL, GRID = (26, 29, 35), (48, 53, 62)
TITLE, TICK, LABEL = 17, 13, 14  # heights of letters


class Page:
    """A dark sheet of `width` x `height` pixels."""

    def __init__(self, width: int, height: int) -> None:
        from PIL import Image, ImageDraw

        self.image = Image.new("RGB", (width * FINE, height * FINE), BACKGROUND)
        self._draw = ImageDraw.Draw(self.image)

    def save(self, path: Path) -> None:
        """Write the PNG; nothing appears at `path` until it is whole."""
        from PIL import Image

        from ...io.native.atomic import writing

        small = self.image.resize((self.image.width // FINE, self.image.height // FINE), Image.Resampling.LANCZOS)
        with writing(path) as temporary:
            small.save(temporary, "PNG")

    def text(
        self, x: float, y: float, text: str, size: int = LABEL, colour: Colour = INK, anchor: Anchor = "la"
    ) -> None:
        self._draw.text((x * FINE, y * FINE), text, colour, font=letters(size * FINE), anchor=anchor)

    def sideways(self, x: float, y: float, text: str, size: int = LABEL, colour: Colour = FAINT) -> None:
        """Text that reads upwards, its middle at (x, y)."""
        from PIL import Image, ImageDraw

        font = letters(size * FINE)
        width, height = math.ceil(font.getlength(text)), 2 * size * FINE
        mask = Image.new("L", (width, height), 0)
        ImageDraw.Draw(mask).text((width / 2, height / 2), text, 255, font=font, anchor="mm")
        mask = mask.transpose(Image.Transpose.ROTATE_90)
        place = (round(x * FINE - mask.width / 2), round(y * FINE - mask.height / 2))
        self.image.paste(Image.new("RGB", mask.size, colour), place, mask)

    def line(self, points: Any, colour: Colour, width: float = 1.0) -> None:
        """Through `points` (point, 2) as x, y."""
        flat = [(float(x) * FINE, float(y) * FINE) for x, y in points]
        self._draw.line(flat, colour, max(1, round(width * FINE)), joint="curve")

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        corners = [v * FINE for v in (min(left, right), min(top, bottom), max(left, right), max(top, bottom))]
        self._draw.rectangle(corners, fill)

    def dot(self, x: float, y: float, radius: float, fill: Colour) -> None:
        self._draw.ellipse([v * FINE for v in (x - radius, y - radius, x + radius, y + radius)], fill)

    def ellipse(self, left: float, top: float, right: float, bottom: float, colour: Colour, width: float) -> None:
        self._draw.ellipse(
            [v * FINE for v in (left, top, right, bottom)], outline=colour, width=max(1, round(width * FINE))
        )

    def picture(self, pixels: np.ndarray, left: float, top: float, width: float, height: float) -> None:
        """(y, x, 3) uint8, stretched into a rectangle."""
        from PIL import Image

        size = (round(width * FINE), round(height * FINE))
        picture = Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)
        self.image.paste(picture, (round(left * FINE), round(top * FINE)))


def width_of(text: str, size: int = LABEL) -> float:
    """Width of a line of text, page pixels."""
    return float(letters(size * FINE).getlength(text)) / FINE


@dataclasses.dataclass(frozen=True)
class Axis:
    """Values from `low` to `high`, `label` beside it. log : decades. down : large values at the bottom."""

    low: float
    high: float
    label: str = ""
    log: bool = False
    down: bool = False

    def share(self, values: Any) -> np.ndarray:
        """Place between `low` (0) and `high` (1), not further."""
        v, low, high = np.asarray(values, dtype=float), self.low, self.high
        if self.log:
            v, low, high = np.log10(np.maximum(v, low)), math.log10(low), math.log10(high)
        place: np.ndarray = np.clip((v - low) / (high - low), 0.0, 1.0)
        return place

    def ticks(self, most: int = 6) -> list[float]:
        """Round values: 1, 2 or 5 times a power of ten."""
        if self.log:
            decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            parts = (1, 2, 5) if math.log10(self.high / self.low) < 3 else (1,)
            values = [part * 10.0**k for k in decades for part in parts]
        else:
            step = round_step((self.high - self.low) / most)
            return [step * k for k in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)]
        return [v for v in values if self.low <= v <= self.high]


def round_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(part * power for part in (1, 2, 5, 10) if part * power >= least * (1 - 1e-9))


class Chart:
    """A titled panel with axes; what is drawn is given in the axes' values.

    Parameters
    ----------
    left, top, width, height : the whole panel, page pixels.
    labels : names of rows in place of the ticks of y.
    square : both axes equally long.
    most : ticks of x at most.
    """

    def __init__(
        self, page: Page, left: float, top: float, width: float, height: float, title: str, x: Axis, y: Axis, *,
        labels: Sequence[str] = (), square: bool = False, most: int = 6,
    ) -> None:  # fmt: skip
        self.page, self.x, self.y, self._most = page, x, y, most
        page.box(left, top, left + width, top + height, PANEL)
        page.text(left + 16, top + 13, title, TITLE)
        gutter = 24 + max(width_of(label, TICK) for label in labels) if labels else 66.0
        self.left, self.top = left + gutter, top + 48.0
        self.right, self.bottom = left + width - 20.0, top + height - 82.0
        self._foot = left + 16.0, top + height - 20.0
        if square:
            side = min(self.right - self.left, self.bottom - self.top)
            middle = (self.left + self.right) / 2
            self.left, self.right = middle - side / 2, middle + side / 2
            self.bottom = self.top + side
        self._axes(labels)

    def _axes(self, labels: Sequence[str]) -> None:
        page = self.page
        for value in self.x.ticks(self._most):
            (at,) = self.place_x([value])
            page.line([(at, self.top), (at, self.bottom)], GRID)
            page.text(at, self.bottom + 7, f"{value:.6g}", TICK, FAINT, "ma")
        page.text((self.left + self.right) / 2, self.bottom + 28, self.x.label, LABEL, FAINT, "ma")
        for row, name in enumerate(labels):
            page.text(self.left - 8, self.place_y([row])[0], name, TICK, INK, "rm")
        if not labels:
            for value in self.y.ticks():
                (at,) = self.place_y([value])
                page.line([(self.left, at), (self.right, at)], GRID)
                page.text(self.left - 7, at, f"{value:.6g}", TICK, FAINT, "rm")
            page.sideways(self.left - 50, (self.top + self.bottom) / 2, self.y.label)

    @property
    def x_range(self) -> tuple[float, float]:
        return self.x.low, self.x.high

    def place_x(self, values: Any) -> np.ndarray:
        place: np.ndarray = self.left + self.x.share(values) * (self.right - self.left)
        return place

    def place_y(self, values: Any) -> np.ndarray:
        share = self.y.share(values)
        return self.top + (share if self.y.down else 1 - share) * (self.bottom - self.top)

    def dots(self, x: Any, y: Any, colour: Colour, radius: float = 2.6) -> None:
        for at, height in zip(self.place_x(x), self.place_y(y), strict=True):
            if math.isfinite(at + height):
                self.page.dot(at, height, radius, colour)

    def rings(self, x: Any, y: Any, names: Sequence[Any], colour: Colour, radius: float = 7.0) -> None:
        """A ring around each point, to mark it, and its name beside it."""
        for at, height, name in zip(self.place_x(x), self.place_y(y), names, strict=True):
            if not math.isfinite(at + height):
                continue
            self.page.ellipse(at - radius, height - radius, at + radius, height + radius, colour, 1.6)
            start, end = at + radius + 3, at + radius + 3 + width_of(str(name), TICK)
            self.page.box(start - 2, height - 8, end + 2, height + 8, PANEL)
            self.page.text(start, height, str(name), TICK, colour, "lm")

    def line(self, x: Any, y: Any, colour: Colour, width: float = 2.0) -> None:
        """Through the points that are numbers."""
        known = np.isfinite(np.asarray(x, dtype=float)) & np.isfinite(np.asarray(y, dtype=float))
        points = np.stack([self.place_x(x), self.place_y(y)], 1)[known]
        if len(points) > 1:
            self.page.line(points, colour, width)

    def circle(self, radius: float, colour: Colour) -> None:
        """Around the point (0, 0)."""
        (left, right), (top, bottom) = self.place_x([-radius, radius]), np.sort(self.place_y([-radius, radius]))
        self.page.ellipse(left, top, right, bottom, colour, 1.2)

    def bars(self, values: Sequence[float], colours: Sequence[Colour]) -> None:
        """Lying bars from 0, one a row."""
        (zero,) = self.place_x([0.0])
        half = 0.32 * (self.bottom - self.top) / max(len(values), 1)
        for row, (value, colour) in enumerate(zip(values, colours, strict=True)):
            (end,), (middle,) = self.place_x([value]), self.place_y([row])
            self.page.box(zero, middle - half, end, middle + half, colour)
        self.page.line([(zero, self.top), (zero, self.bottom)], FAINT)

    def upright(self, x: float, colour: Colour, text: str = "", row: int = 0) -> None:
        """A broken vertical line, its text at the top beside it."""
        (at,) = self.place_x([x])
        for start in np.arange(self.top, self.bottom, 8.0):
            self.page.line([(at, start), (at, min(start + 4, self.bottom))], colour, 1.2)
        if text:
            length, top = width_of(text, TICK), self.top + 5 + 19 * row
            start = at - 6 - length if at + 8 + length > self.right else at + 6
            self.page.box(start - 3, top - 1, start + length + 3, top + TICK + 3, PANEL)
            self.page.text(start, top, text, TICK, colour)

    def legend(self, entries: Sequence[tuple[str, Colour]]) -> None:
        """Names with their colours, in the panel's last line."""
        left, middle = self._foot
        for text, colour in entries:
            self.page.dot(left + 4, middle, 4, colour)
            self.page.text(left + 13, middle, text, TICK, INK, "lm")
            left += 32 + width_of(text, TICK)
