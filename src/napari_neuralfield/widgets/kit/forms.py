"""Forms made from what a recipe and an acquisition say about their values."""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from magicgui.widgets.bases import BaseValueWidget, Widget
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from ...types import InputError
from .parts import Fold, form_layout
from .value_widgets import Choice, Heading, PathEdit, Switch, ValueEdit

if TYPE_CHECKING:
    from ...recon.engine.recipe import OptionInfo

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


def pretty(unit: str) -> str:
    """A unit as it is printed."""
    return re.sub(r"\bum\b", "µm", unit)


def caption(label: str, unit: str) -> str:
    """`label` with its `unit`, where it has one."""
    return f"{label} [{pretty(unit)}]" if unit else label


def lay_out(editors: Iterable[Widget], parent: QWidget) -> None:
    """Editors below one another in `parent`, labels in a column on the left, which a magicgui container has not.

    Parameters
    ----------
    editors : in their order, with the labels and tooltips that they have now.
    parent : an empty widget.
    """
    rows = form_layout(parent)
    for editor in editors:
        heading = QLabel(editor.label)
        heading.setToolTip(editor.tooltip)
        rows.addRow(heading, editor.native)


class OptionForm(QWidget):
    """The options of a method, the advanced ones folded.

    Parameters
    ----------
    infos : of each option to show.
    paths : of options that are text but name a file or folder: name -> keywords of their `PathEdit`.
    """

    def __init__(self, infos: Iterable[OptionInfo], paths: Mapping[str, Mapping[str, str]] | None = None) -> None:
        super().__init__()
        self._infos = {info.name: info for info in infos}
        self.editors = {name: _editor(info, (paths or {}).get(name)) for name, info in self._infos.items()}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for folded in (False, True):
            part = QWidget()
            lay_out((self.editors[name] for name, info in self._infos.items() if info.advanced is folded), part)
            if part.children()[1:]:  # besides its layout
                layout.addWidget(Fold("More options", part) if folded else part)
        self.set_values({})

    def set_values(self, values: Mapping[str, object]) -> None:
        """Show these values, the defaults where none is given; unknown names are passed over."""
        for name, info in self._infos.items():
            value, editor = values.get(name, info.default), self.editors[name]
            if isinstance(editor, Choice):
                value = next((c for c in editor.choices if c == value or getattr(c, "value", c) == value), None)
                value = editor.choices[0] if value is None and not info.optional else value
            editor.value = bool(value) if isinstance(editor, Switch) else value

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
        if path.suffix == ".npy":
            return np.load(path, allow_pickle=False)
        if path.suffix == ".json":
            return np.asarray(json.loads(path.read_text(encoding="utf-8")), dtype=np.float64)
        text = path.read_text(encoding="utf-8").replace(",", " ")
        return np.loadtxt(text.splitlines(), ndmin=1)
    except (OSError, ValueError) as error:
        rule = "give a .npy file or a table of numbers"
        raise InputError(f"{path}: no numbers could be read ({error}); {rule}") from None
