"""Forms made from what a recipe and an acquisition say about their values."""

from __future__ import annotations

import enum
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from magicgui.widgets import Container
from magicgui.widgets.bases import BaseValueWidget, Widget
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from ...data.names.plain_files import read_text, regular
from ...types import InputError
from .parts import Fold, pretty
from .value_widgets import Choice, Heading, PathEdit, Switch, ValueEdit

if TYPE_CHECKING:
    from ...recon.engine.recipe import OptionInfo

WIDEST = 132  # of the names of values, pixels; longer ones take two lines
LABELS = {  # where the name alone is no label
    "z_um": "Depths",
    "cutoff_cycles_per_um": "Cutoff",
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


def caption(label: str, unit: str) -> str:
    """`label` with its `unit`, where it has one."""
    return f"{label} [{pretty(unit)}]" if unit else label


class LabelColumn(QObject):
    """Keeps the labels of a magicgui container equally wide, in the font of the window that it is shown in."""

    def __init__(self, container: Container) -> None:
        super().__init__(container.native)
        container.native.installEventFilter(self)

    def eventFilter(self, rows: QObject | None, event: QEvent | None) -> bool:
        """Measure the labels of `rows` when the `event` is that these are shown."""
        if event is not None and event.type() == QEvent.Type.Show and isinstance(rows, QWidget):
            layouts = [row.layout() for row in rows.children() if isinstance(row, QWidget)]
            items = [layout.itemAt(0) for layout in layouts if layout is not None]
            labels = [item.widget() for item in items if item is not None]
            width = max((label.sizeHint().width() for label in labels if label is not None), default=0)
            for label in labels:
                if label is not None:
                    label.setFixedWidth(min(width, WIDEST))
                if isinstance(label, QLabel):
                    label.setWordWrap(width > WIDEST)
        return False


def container_of(editors: Iterable[Widget]) -> Container:
    """A magicgui container of `editors` below one another, their labels in one column on the left."""
    made = Container(widgets=list(editors), labels=True)
    made.margins = (0, 0, 0, 0)
    LabelColumn(made)
    return made


class OptionForm(QWidget):
    """The options of a method, the advanced ones folded.

    Parameters
    ----------
    infos : of each option to show.
    paths : of options that are text but name a file or folder: name -> keywords of their `PathEdit`.
    """

    def __init__(self, infos: Iterable[OptionInfo], paths: Mapping[str, Mapping[str, str]] | None = None) -> None:
        super().__init__()
        self.filling = False  # whether values change because others are shown
        self._infos = {info.name: info for info in infos}
        self.editors = {name: _editor(info, (paths or {}).get(name)) for name, info in self._infos.items()}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.parts = [
            container_of(self.editors[name] for name, info in self._infos.items() if info.advanced is folded)
            for folded in (False, True)
        ]
        for part, folded in zip(self.parts, (False, True), strict=True):
            if len(part):
                layout.addWidget(Fold("More options", part.native) if folded else part.native)
        self.set_values({})

    def set_values(self, values: Mapping[str, object]) -> None:
        """Show these values, the defaults where none is given; unknown names are passed over."""
        self.filling = True
        for name, info in self._infos.items():
            value, editor = values.get(name, info.default), self.editors[name]
            if isinstance(editor, Choice):
                value = next((c for c in editor.choices if c == value or getattr(c, "value", c) == value), None)
                value = editor.choices[0] if value is None and not info.optional else value
            editor.value = bool(value) if isinstance(editor, Switch) else value
        self.filling = False

    def show_automatic(self, values: Mapping[str, str]) -> None:
        """Say where nothing is chosen what that comes to, by name; the others just say that it is automatic."""
        for name, editor in self.editors.items():
            info, known = self._infos[name], values.get(name, "")
            text = f"automatic: {known}" if known else "automatic"
            if isinstance(editor, ValueEdit) and (info.optional or (known and info.default == "")):
                editor.placeholder = text
            elif isinstance(editor, Choice) and info.optional:
                editor.native.setItemText(0, text)

    def values(self) -> dict[str, object]:
        """What differs from the defaults.

        Raises
        ------
        InputError : naming the option whose value cannot be used.
        """
        chosen: dict[str, object] = {}
        for name, info in self._infos.items():
            try:
                value = self.editors[name].value
            except InputError as error:
                raise InputError(f"option {name}: {error}") from None
            value = str(value) if isinstance(value, Path) and info.type is str else value
            if (value is None and not info.optional) or _same(value, info.default):
                continue
            chosen[name] = value
        return chosen


def _same(value: object, default: object) -> bool:
    if isinstance(value, list | tuple) and isinstance(default, list | tuple):
        return list(value) == list(default)
    return value is default or (value is not None and value == default)


def _editor(info: OptionInfo, path: Mapping[str, str] | None) -> BaseValueWidget:
    """What edits one option; `path` are keywords of a `PathEdit` where text names a folder or a file."""
    unit, plain = pretty(info.unit), info.name.removesuffix(f"_{info.unit}").replace("_", " ").capitalize()
    common: Heading = {
        "name": info.name,
        "label": caption(LABELS.get(info.name, plain), info.unit),
        "tooltip": info.help + (f" [{unit}]" if unit else ""),
    }
    if info.type is bool and not info.optional:
        return Switch(**common)
    choices: tuple[object, ...] = (("yes", True), ("no", False)) if info.type is bool else info.choices
    if isinstance(info.type, enum.EnumMeta):
        choices = tuple((str(one.value), one) for one in list[enum.Enum](info.type))  # as they are typed elsewhere
    if choices:
        return Choice(choices=choices, nullable=info.optional, **common)
    if info.type is Path or path:
        return PathEdit(placeholder="automatic" if info.optional else "", nullable=True, **common, **(path or {}))
    return ValueEdit(wanted=info, nullable=True, **common)


def read_array(path: Path) -> np.ndarray:
    """Numbers from a `.npy` file, or a text table with commas or blanks between them.

    Raises
    ------
    InputError : where the file holds no such thing.
    """
    try:
        regular(path)
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False)
        if path.suffix == ".json":
            return np.asarray(json.loads(read_text(path, "the list")), dtype=np.float64)
        text = read_text(path, "the table").replace(",", " ")
        return np.loadtxt(text.splitlines(), ndmin=1)
    except (OSError, ValueError) as error:
        rule = "give a .npy file or a table of numbers"
        raise InputError(f"{path}: no numbers could be read ({error}); {rule}") from None
