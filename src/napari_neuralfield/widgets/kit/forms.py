"""Forms made from what a recipe and an acquisition say about their values."""

from __future__ import annotations

import json
import math
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from ...types import InputError
from .parts import Fold, button, form_layout

LABELS = {  # where the name alone is no label
    "z_um": "Depths",
    "seed": "Random seed",
    "learn_board": "Whole LED board",
    "learn_directions": "LED positions",
    "learn_gains": "LED intensity",
    "learn_background": "Ambient light",
    "learn_pupil": "Aberrations",
    "learn_z": "Sample depth",
    "learn_wavelength": "Wavelength",
    "direction_prior": "LEDs off the grid",
    "pupil_terms": "Zernike terms",
    "check_orientation": "Look for exchanged axes",
    "region_px": "Square looked at",
    "pairs": "Measured pairs",
    "pairs_share": "Share of pairs",
    "images": "Own images",
    "patch_px": "Patch",
    "validate_every_s": "Look every",
}
WRONG = "border: 1px solid #d9534f;"
MISSING = "border: 1px solid #e8a33d;"


def pretty(unit: str) -> str:
    """A unit as it is printed."""
    return "µm" if unit == "um" else unit.replace("um ", "µm ")


def caption(label: str, unit: str) -> str:
    return f"{label} [{pretty(unit)}]" if unit else label


def number_text(value: Any) -> str:
    """A value as a user would type it."""
    if value is None:
        return ""
    if isinstance(value, list | tuple | np.ndarray):
        return ", ".join(number_text(v) for v in value)
    return f"{value:.8g}" if isinstance(value, float) else str(value)


def parse(text: str, kind: Any) -> Any:
    """What was typed, as `kind`: int, float, str, or a tuple of them written with commas; None where empty.

    Raises
    ------
    InputError : in a sentence without a name, which the caller knows.
    """
    text = text.strip()
    if not text:
        return None
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return _parse_any(text, typing.get_args(kind))
    if typing.get_origin(kind) in (tuple, list):
        inner = [a for a in typing.get_args(kind) if a is not Ellipsis]
        parts = [p for p in text.strip("()[]").replace(";", ",").split(",") if p.strip()]
        if typing.get_origin(kind) is tuple and Ellipsis not in typing.get_args(kind) and len(parts) != len(inner):
            raise InputError(f"{text!r} has {len(parts)} values; it takes {len(inner)}, separated by a comma")
        kinds = inner if len(inner) == len(parts) else inner[:1] * len(parts)
        return tuple(parse(p, k) for p, k in zip(parts, kinds, strict=True))
    if kind is int:
        try:
            return int(text)
        except ValueError:
            raise InputError(f"{text!r} is not a whole number") from None
    if kind is str:
        return text
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"{text!r} is not a number") from None
    if not math.isfinite(value):
        raise InputError(f"{text!r} is not a finite number")
    return value


def _parse_any(text: str, kinds: tuple[Any, ...]) -> Any:
    """The first kind that takes the text; where none does, what the one for so many values says."""
    for kind in kinds:
        try:
            return parse(text, kind)
        except InputError:
            continue
    several = [kind for kind in kinds if typing.get_origin(kind) in (tuple, list)]
    return parse(text, several[0] if several and "," in text else kinds[-1])


class ValueEdit(QLineEdit):
    """A line for one value; turns red, and says why, while what is typed cannot be used."""

    changed = Signal()

    def __init__(self, kind: Any, low: float | None = None, high: float | None = None, empty: str = "") -> None:
        super().__init__()
        self._kind, self._low, self._high, self._help = kind, low, high, ""
        self.good = True  # what is typed can be used
        self.setPlaceholderText(empty)
        self.setMinimumWidth(70)
        self.textChanged.connect(self._check)
        self.editingFinished.connect(self.changed)

    def set_help(self, text: str) -> None:
        self._help = text
        self.setToolTip(text)

    def set_value(self, value: Any) -> None:
        self.setText(number_text(value))
        self.setCursorPosition(0)

    def value(self) -> Any:
        """The value typed, None where empty.

        Raises
        ------
        InputError : where it is not of the kind or breaks a limit.
        """
        value = parse(self.text(), self._kind)
        for v in value if isinstance(value, tuple) else (value,):
            if isinstance(v, int | float) and self._low is not None and v < self._low:
                raise InputError(f"{v:g} is too small; it must be at least {self._low:g}")
            if isinstance(v, int | float) and self._high is not None and v > self._high:
                raise InputError(f"{v:g} is too large; it must be at most {self._high:g}")
        return value

    def _check(self) -> None:
        try:
            self.value()
        except InputError as error:
            self.setStyleSheet(WRONG)
            self.setToolTip(f"{error}. {self._help}")
            self.good = False
        else:
            self.setStyleSheet("")
            self.setToolTip(self._help)
            self.good = True


class OptionForm(QWidget):
    """The options of a method, the advanced ones folded.

    Parameters
    ----------
    infos : `recon.recipe.OptionInfo` of each option to show.
    """

    def __init__(self, infos: Iterable[Any]) -> None:
        super().__init__()
        self._infos = {info.name: info for info in infos}
        self.editors: dict[str, QWidget] = {}
        plain, advanced = QWidget(), QWidget()
        layouts = {False: form_layout(plain), True: form_layout(advanced)}
        for info in self._infos.values():
            editor = self.editors[info.name] = _option_editor(info)
            unit = pretty(info.unit)
            tip = info.help + (f" [{unit}]" if unit else "")
            heading = QLabel(caption(LABELS.get(info.name, info.name.replace("_", " ").capitalize()), info.unit))
            heading.setToolTip(tip)
            editor.set_help(tip) if isinstance(editor, ValueEdit) else editor.setToolTip(tip)
            layouts[info.advanced].addRow(heading, editor)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(plain)
        if layouts[True].rowCount():
            layout.addWidget(Fold("More options", advanced))
        self.set_values({})

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show these values, the defaults where none is given; unknown names are passed over."""
        for name, info in self._infos.items():
            value = values.get(name, info.default)
            editor = self.editors[name]
            if isinstance(editor, QCheckBox):
                editor.setChecked(bool(value))
            elif isinstance(editor, QComboBox):
                editor.setCurrentIndex(_choices(info).index(value) if value in _choices(info) else 0)
            elif isinstance(editor, ValueEdit):
                editor.set_value(value)

    def values(self) -> dict[str, Any]:
        """What differs from the defaults.

        Raises
        ------
        InputError : naming the option whose value cannot be used.
        """
        chosen: dict[str, Any] = {}
        for name, info in self._infos.items():
            editor = self.editors[name]
            if isinstance(editor, QCheckBox):
                value: Any = editor.isChecked()
            elif isinstance(editor, QComboBox):
                value = _choices(info)[editor.currentIndex()]
            else:
                try:
                    value = typing.cast(ValueEdit, editor).value()
                except InputError as error:
                    raise InputError(f"option {name}: {error}") from None
            if value is None and not info.optional:
                continue
            if not _same(value, info.default):
                chosen[name] = value
        return chosen


def _choices(info: Any) -> list[Any]:
    """What a box offers: None, which is 'automatic', first where the option may be left open."""
    choices = [True, False] if info.type is bool else list(info.choices)
    return [None, *choices] if info.optional else choices


def _same(value: Any, default: Any) -> bool:
    plain = list if isinstance(default, list | tuple) else (lambda v: v)
    return value is default or (value is not None and default is not None and plain(value) == plain(default))


def _option_editor(info: Any) -> QWidget:
    if info.type is bool and not info.optional:
        return QCheckBox()
    if info.choices or info.type is bool:
        box = QComboBox()
        box.addItems([{None: "automatic", True: "yes", False: "no"}.get(c, str(c)) for c in _choices(info)])
        box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        return box
    return ValueEdit(info.type, info.low, info.high, "automatic" if info.optional else "")


def read_array(path: Path) -> np.ndarray:
    """Numbers from a `.npy` file, or a text table with commas or blanks between them.

    Raises
    ------
    InputError : where the file holds no such thing.
    """
    try:
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False)
        if path.suffix == ".json":
            return np.asarray(json.loads(path.read_text(encoding="utf-8")), dtype=np.float64)
        text = path.read_text(encoding="utf-8").replace(",", " ")
        return np.loadtxt(text.splitlines(), ndmin=1)
    except (OSError, ValueError) as error:
        rule = "give a .npy file or a table of numbers"
        raise InputError(f"{path}: no numbers could be read ({error}); {rule}") from None


class ArrayEdit(QWidget):
    """An array of an acquisition: what it is, and a button to load it from a file."""

    load_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.text = QLabel()
        self.button = button("Load…", self.load_wanted.emit, "from a .npy file or a table of numbers")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.button)

    def set_value(self, value: Any) -> None:
        array = None if value is None else np.asarray(value)
        self.text.setText("not given" if array is None else " × ".join(map(str, array.shape)) or number_text(value))
