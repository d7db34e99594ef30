"""What an import may be told, by option, in a terminal or in the window, and how it becomes values of a sidecar."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from pathlib import Path

from ...data import typed_values
from ...data.acquisition import KINDS, quantities
from ...data.derived import DERIVING
from ...data.typed_values import Plain
from ...io.native import links
from ...optics.led_orders import CORNERS, GRID_ORDERS, SENSES, SIDES
from ...types import InputError
from ..arguments import flag_of

Values = dict[str, object]  # of a sidecar
INTS, FLOATS = tuple[int, ...], tuple[float, ...]
NONE = "none"


@dataclasses.dataclass(frozen=True)
class Question:
    """One value: its name, what is asked, its unit, the rule, and what Enter alone means ('': an answer is needed)."""

    name: str
    text: str
    unit: str = ""
    rule: str = ""
    default: str = ""

    def __str__(self) -> str:
        told = ", ".join(part for part in (self.unit and f"in {self.unit}", self.rule) if part)
        return f"{self.text}{f' ({told})' if told else ''}{f' [{self.default}]' if self.default else ''}: "


GRID = {
    "rows": (Plain(type=int, low=1), Question("rows", "rows of LEDs, along y of the picture")),
    "columns": (Plain(type=int, low=1), Question("columns", "columns of LEDs, along x")),
    "pitch_mm": (Plain(unit="mm", low=0), Question("pitch_mm", "distance of neighbouring LEDs", "mm", "above 0")),
    "order": (None, Question("order", "order in which they are lit", "", f"{', '.join(GRID_ORDERS)} or a table.csv")),
    "start": (None, Question("start", "where it begins", "", "", "")),
    "sense": (Plain(choices=SENSES), Question("sense", "sense in the picture", "", " or ".join(SENSES), SENSES[0])),
    "missing": (None, Question("missing", "missing LEDs", "", "numbers from 0 in that order, or row/column", NONE)),
}
RINGS = {
    "counts": (Plain(type=INTS), Question("counts", "LEDs on each ring", "", "such as 1, 8, 12")),
    "radii_mm": (Plain(type=FLOATS, unit="mm"), Question("radii_mm", "radius of each ring", "mm", "0 for the centre")),
    "radii_na": (Plain(type=FLOATS), Question("radii_na", "NA of each ring")),
    "start_deg": (Plain(unit="deg"), Question("start_deg", "first LED, from right towards down", "deg", "", "0")),
    "sense": GRID["sense"],
}
MOUNT = {
    "height_mm": (Plain(unit="mm", low=0), Question("height_mm", "board to sample", "mm", "above 0")),
    "rotation_deg": (Plain(unit="deg"), Question("rotation_deg", "turn of the board, clockwise", "deg", "", "0")),
    "flip": (Plain(choices=("y", "x", "transpose")), Question("flip", "mirrored board")),
    "centre_mm": (Plain(type=tuple[float, float], unit="mm"), Question("centre_mm", "centre of the board (y, x)")),
    "slide_mm": (Plain(unit="mm"), Question("slide_mm", "glass between board and sample")),
    "slide_index": (Plain(), Question("slide_index", "index of that glass")),
}
BOARD = {**GRID, **RINGS, **MOUNT, "leds": (None, Question("leds", "table of LEDs (y_mm,x_mm or na_y,na_x), or uconn"))}


def known_options(kind: str | None = None) -> list[str]:
    """Names of every option of `import`, of one `kind` or of all, for sentences."""
    kinds = KINDS if kind is None else [kind]
    values = [name for k in kinds for name in (*quantities(k), *DERIVING.get(k, ()))]
    return list(dict.fromkeys([*values, *BOARD, "title"]))


def board(options: Mapping[str, str], folder: Path) -> Values:
    """The `leds` of a sidecar.

    Parameters
    ----------
    options : what was typed, by name in BOARD.
    folder : of the sidecar, which tables are named from.

    Raises
    ------
    InputError : naming the option that is no value of its type, or does not fit the others.
    """
    mount = {name: _parsed(name, options[name]) for name in MOUNT if name in options}
    if "leds" in options:
        text = options["leds"].strip()
        return {"board": "uconn"} if text.lower() == "uconn" else {"csv": from_folder(text, folder), **mount}
    group, known = ("rings", RINGS) if "counts" in options else ("grid", GRID)
    odd = [name for name in options if name not in known and name not in MOUNT]
    if odd:
        raise InputError(f"option {flag_of(odd[0])} does not go with a board of {group}; leave it out")
    return {group: {name: board_value(name, options[name], folder) for name in known if name in options}, **mount}


def value(name: str, text: str, kind: str, folder: Path) -> object:
    """What was typed for a value of an acquisition, as a sidecar holds it.

    Parameters
    ----------
    name : of the value.
    text : a number, numbers, MIN:MAX:STEP, a choice, or the name of a table, image or array.
    kind : of acquisition.
    folder : of the sidecar, which files are named from.

    Raises
    ------
    InputError : naming the value.
    """
    quantity = quantities(kind).get(name)
    if name == "title":
        return text
    if name == "patterns" and not _a_file(text):
        return _patterns(text)
    if quantity is not None and quantity.shape:
        if _a_file(text):
            return from_folder(text, folder)
        return _typed(name, text, Plain(type=float | FLOATS, unit=typed_values.unit_in(name)))
    if quantity is None and name.startswith("positions"):
        return from_folder(text, folder)
    return _typed(name, text, quantity or Plain(unit=typed_values.unit_in(name)))


def question(name: str, kind: str, default: str = "") -> Question:
    """What to ask for a value of a `kind`, by its `name`; `default` where one follows from the file."""
    quantity = quantities(kind).get(name)
    if quantity is None:
        return Question(name, name.replace("_", " "), typed_values.unit_in(name), "", default)
    rule = " or ".join(quantity.choices)
    if name == "patterns":
        rule = "one a frame, such as half 90; half 270; arc 0; leds 1,2,3, or the name of a table"
    elif quantity.shape[1:] == (2,):
        rule = "the name of a table with the columns y_um,x_um"
    elif quantity.shape:
        rule = "one number, one a frame, MIN:MAX:STEP, or the name of a table"
    elif quantity.low_open and quantity.low == 0:
        rule = f"above 0{f', at most {quantity.high:g}' if quantity.high < 1e9 else ''}"
    elif quantity.low > -1e9:
        rule = f"{quantity.low:g} to {quantity.high:g}" if quantity.high < 1e9 else f"at least {quantity.low:g}"
    unit = "" if quantity.choices or quantity.shape[1:] else quantity.unit
    return Question(name, f"{_small(quantity.label)}: "
                    f"{quantity.help}", unit, rule, default)  # fmt: skip


def _small(label: str) -> str:
    """`Objective NA` within a sentence: objective NA."""
    return f"{label[0].lower()}{label[1:]}" if label[1:2].islower() else label


def board_value(name: str, text: str, folder: Path) -> object:
    """What was typed for a part of an LED board, as a sidecar holds it.

    Parameters
    ----------
    name : of the part, in BOARD.
    text : as typed.
    folder : of the sidecar, which tables are named from.

    Raises
    ------
    InputError : naming the part.
    """
    if name == "missing":
        places = [part for part in re.split(r"[\s,;]+", text.strip()) if part]
        if not all(re.fullmatch(r"\d+(/\d+)?", part) for part in places):
            raise InputError(f"{flag_of(name)} is {text}; it must be numbers from 0, or row/column such as 0/14")
        return [[int(n) for n in part.split("/")] if "/" in part else int(part) for part in places]
    if name == "order":
        text = text.strip()
        if text not in GRID_ORDERS and not _a_file(text):
            raise InputError(f"{flag_of(name)} is {text!r}; it must be one of {', '.join(GRID_ORDERS)}, or a table")
        return text if text in GRID_ORDERS else from_folder(text, folder)
    if name == "start" and text not in (*CORNERS, *SIDES):
        raise InputError(f"{flag_of(name)} is {text!r}; it must be one of {', '.join((*CORNERS, *SIDES))}")
    return _parsed(name, text)


def _parsed(name: str, text: str) -> object:
    wanted = BOARD[name][0]
    return text.strip() if wanted is None else _typed(name, text, wanted)


def _typed(name: str, text: str, wanted: typed_values.Wanted) -> object:
    try:
        found = typed_values.parse(text, wanted)
        if found is None:
            raise InputError("it is empty")
        typed_values.check(found, wanted)
    except InputError as error:
        raise InputError(f"{flag_of(name)} is {text!r}: {error}") from None
    return list(found) if isinstance(found, tuple) else found


def _patterns(text: str) -> list[object]:
    """`half 90; arc 0; leds 1,2,3` as the entries of a sidecar."""
    found: list[object] = []
    for part in filter(None, (part.strip() for part in text.split(";"))):
        word, _, rest = part.partition(" ")
        if word not in ("half", "arc", "leds") or not rest:
            raise InputError(
                f"--patterns: {part!r} is no pattern; write half ANGLE, arc ANGLE or leds 1,2,3, with ; between"
            )
        wanted = Plain(type=INTS) if word == "leds" else Plain(unit="deg")
        found.append({word: _typed("patterns", rest, wanted)})
    return found


def _a_file(text: str) -> bool:
    return Path(text).is_file() or bool(re.fullmatch(r".*\.[A-Za-z]\w{1,8}", text.strip()))


def from_folder(text: str, folder: Path) -> str:
    """The name of a file as seen from the sidecar's `folder`, if it lies there; `text` is as typed, where we run."""
    file = Path(text.strip())
    if file.is_file():
        links.typed(file)
    if file.is_file() and (not file.is_absolute() or file.resolve().is_relative_to(folder.resolve())):
        return Path(os.path.relpath(file, folder)).as_posix()
    return text.strip()
