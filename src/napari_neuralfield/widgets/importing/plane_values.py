"""What is typed of single planes, in the columns that a kind has: depth, LED, pattern or position. No Qt."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ...app.importing.questions import value
from ...data.acquisition import Draft
from ...data.typed_values import Plain, parse
from ...types import InputError

SERIES = "from, step"


@dataclasses.dataclass(frozen=True)
class PlaneColumn:
    """name : of the column. title : above it. values : names in a sidecar that it takes the place of.
    unit : of its numbers. whole : whether these are whole numbers. row : of `frame_table`, the column it stands for.
    """

    name: str
    title: str
    values: tuple[str, ...]
    unit: str = ""
    whole: bool = False
    row: str = ""


_Y, _X = (PlaneColumn(f"{a}_um", f"{a} µm", ("positions_um",), "um", row="positions_um") for a in "yx")
COLUMNS = {
    "through_focus": (PlaneColumn("z_um", "z µm", ("z_um", "z_step_um", "focus_frame"), "um", row="z_um"),),
    "led_array": (PlaneColumn("led", "LED", ("use",), whole=True),),
    "multiplexed_led": (PlaneColumn("pattern", "LEDs that are lit", ("patterns",), row="pattern"),),
    "ptychography": (_Y, _X),
    "coded_ptychography": (_Y, _X),
}


class PlaneValues:
    """Texts of planes, by column and number of the plane; a plane keeps its own wherever it is moved."""

    def __init__(self, kind: str) -> None:
        self.kind, self.columns = kind, COLUMNS.get(kind, ())
        self.typed: dict[str, dict[int, str]] = {}
        self._known: dict[str, list[str]] = {}  # what the rest of the assistant says, in the order of the planes taken
        self._entries: dict[str, object] = {}  # text -> pattern, which may say more than its text

    def learn(self, draft: Draft, said: Mapping[str, object]) -> None:
        """Take up what a `draft` knows of its planes, and what was `said` of them."""
        count, known = int(draft.frames.shape[0]), draft.derived()
        self._known = {"led": [str(n) for n in _numbers_of_leds(said, count)]}
        z, at = known.get("z_um"), known.get("positions_um")
        if z is not None and np.shape(z) == (count,):
            self._known["z_um"] = [f"{number:.6g}" for number in np.asarray(z)]
        if at is not None and np.shape(at) == (count, 2):
            self._known |= {c.name: [f"{n:.6g}" for n in np.asarray(at)[:, i]] for i, c in enumerate((_Y, _X))}
        patterns, lit = said.get("patterns"), known.get("patterns")
        if isinstance(patterns, list) and len(patterns) == count and all(isinstance(p, Mapping) for p in patterns):
            self._known["pattern"] = [self._text_of(entry) for entry in patterns]
        elif lit is not None and np.ndim(lit) == 2 and len(lit) == count:
            leds = [", ".join(map(str, np.flatnonzero(np.asarray(row) > 0))) for row in np.asarray(lit)]
            self._known["pattern"] = [f"leds {numbers}" for numbers in leds]

    def text(self, column: str, plane: int, at: int) -> str:
        """What a cell shows.

        Parameters
        ----------
        column : its name.
        plane : number of the plane.
        at : its place among those that are taken.
        """
        if column in self.typed:
            return self.typed[column].get(plane, "")
        known = self._known.get(column, ())
        return known[at] if at < len(known) else ""

    def put(self, column: str, texts: Mapping[int, str], taken: Sequence[int]) -> None:
        """Take what was typed.

        Parameters
        ----------
        column : its name; those of the same value are taken with it.
        texts : by number of the plane.
        taken : numbers of the planes in their order, of which the others keep what they show.
        """
        values = next(one.values for one in self.columns if one.name == column)
        for each in (one.name for one in self.columns if one.values == values and one.name not in self.typed):
            self.typed[each] = {plane: self.text(each, plane, at) for at, plane in enumerate(taken)}
        self.typed[column] |= {plane: text.strip() for plane, text in texts.items()}

    def fill(self, column: str, text: str, planes: Sequence[int], taken: Sequence[int]) -> None:
        """One value into `planes`, or a series.

        Parameters
        ----------
        column : its name.
        text : a value, or `from, step`.
        planes, taken : numbers of those that are filled, and of all in their order.

        Raises
        ------
        InputError : where it is neither.
        """
        wanted = next(one for one in self.columns if one.name == column)
        if wanted.name == "pattern":
            self.put(column, dict.fromkeys(planes, text), taken)
            return
        try:
            numbers = parse(text, Plain(type=tuple[float, ...], unit=wanted.unit))
        except InputError as error:
            raise InputError(f"Fill: {error}") from None
        if not isinstance(numbers, tuple) or not 1 <= len(numbers) <= 2:
            raise InputError(f"Fill: {text!r} is no value and no series; write one number, or {SERIES}")
        first, step = (*numbers, 0.0)[:2]
        self.put(column, {plane: f"{first + at * step:.6g}" for at, plane in enumerate(planes)}, taken)

    def forget(self, *names: str) -> None:
        """What was typed of the values `names` of a sidecar counts no more: they are said elsewhere."""
        for one in self.columns:
            if set(one.values) & set(names):
                self.typed.pop(one.name, None)

    def said(self, taken: Sequence[int], folder: Path) -> dict[str, object]:
        """Values of a sidecar for the planes that are `taken`, in their order; `use` is that of an LED board.

        Parameters
        ----------
        taken : numbers of the planes.
        folder : of the sidecar.

        Raises
        ------
        InputError : naming the plane whose value is missing or none.
        """
        found: dict[str, object] = {}
        for one in self.columns:
            if one.name not in self.typed:
                continue
            cells = [self._value(one, plane, folder) for plane in taken]
            name = one.values[0]
            before = found.get(name)
            found[name] = [[y, x] for y, x in zip(before, cells, strict=True)] if isinstance(before, list) else cells
        return found

    def _value(self, column: PlaneColumn, plane: int, folder: Path) -> object:
        text = self.typed[column.name].get(plane, "")
        if not text:
            raise InputError(f"Plane {plane}: {column.title} is missing; type it into the table")
        try:
            if column.name == "pattern":
                entries = value("patterns", text, self.kind, folder)
                return self._entries.get(text) or (entries[0] if isinstance(entries, list) else entries)
            return parse(text, Plain(type=int if column.whole else float, unit=column.unit))
        except InputError as error:
            raise InputError(f"Plane {plane}, {column.title}: {str(error).removeprefix('--patterns: ')}") from None

    def _text_of(self, entry: Mapping[str, object]) -> str:
        way = next((name for name in ("half", "arc", "leds") if entry.get(name) is not None), "half")
        number = entry.get(way)
        text = f"{way} {', '.join(map(str, number))}" if isinstance(number, list) else f"{way} {number:g}"
        self._entries[text] = dict(entry)
        return text


def _numbers_of_leds(said: Mapping[str, object], count: int) -> Sequence[int]:
    """Which LED of the board was lit in each frame."""
    leds = said.get("leds")
    used = leds.get("use") if isinstance(leds, Mapping) else None
    return used if isinstance(used, list) and len(used) == count else range(count)
