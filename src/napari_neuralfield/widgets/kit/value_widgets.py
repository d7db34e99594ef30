"""magicgui widgets for what it has none: a quantity with its unit, a value or "automatic", one depth or MIN,MAX.

Other plug-ins annotate their own functions with them: `z: Annotated[float, Unit("mm")]`, or `z: LengthUm`.
"""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path
from typing import Annotated, Any, NewType, TypedDict

import magicgui
import numpy as np
from magicgui.application import use_app
from magicgui.types import Undefined
from magicgui.widgets import ComboBox, Container, FileEdit, Label, LineEdit, PushButton
from magicgui.widgets.bases import ValueWidget
from qtpy.QtWidgets import QSizePolicy

from ...data.typed_values import Plain, Wanted, check, members, parse
from ...types import InputError

WRONG = "border: 1px solid #d9534f;"
MISSING = "border: 1px solid #e8a33d;"


def number_text(value: object) -> str:
    """A value as a user would type it."""
    if value is None:
        return ""
    if isinstance(value, list | tuple | np.ndarray):
        return ", ".join(number_text(v) for v in value)
    return f"{value:.8g}" if isinstance(value, float) else str(value)


class ValueEdit(LineEdit):
    """A line for a value as one types it, `532 nm` or `-5:5`; red, and says why, while that cannot be used.

    Parameters
    ----------
    wanted : what it is for; None: what `annotation`, or `kind` in its place, and `unit` say.
    unit : that its numbers are given back in.
    placeholder : what stands there while it is empty, which is None.
    value, annotation, keywords : of every magicgui widget.
    """

    def __init__(
        self,
        *,
        wanted: Wanted | None = None,
        unit: str = "",
        kind: object = None,
        placeholder: str = "",
        value: Any = Undefined,
        annotation: Any = float,
        **keywords: Any,
    ) -> None:
        kind = kind or _plain_type(annotation)
        self.wanted: Wanted = wanted or Plain(type=kind, unit=unit, optional=bool(keywords.get("nullable")))
        self.good, self._help = True, str(keywords.get("tooltip") or "")
        super().__init__(annotation=annotation, **keywords)
        self.placeholder = placeholder or ("automatic" if self.wanted.optional else "")
        self.native.setMinimumWidth(70)
        if value is not Undefined:
            self.value = value

    @property
    def placeholder(self) -> str:
        return str(self.native.placeholderText())

    @placeholder.setter
    def placeholder(self, text: str) -> None:
        self.native.setPlaceholderText(text)
        if self.good:
            self.tooltip = self._about()

    def _about(self) -> str:
        """What it is for, and what stands in it while it is empty: a narrow line shows the beginning alone."""
        return f"{self._help}\nleft empty: {self.placeholder}" if ":" in self.placeholder else self._help

    def get_value(self) -> Any:
        """What `value` is: the value typed, None where empty.

        Raises
        ------
        InputError : where it is not of the type or breaks a limit.
        """
        value = parse(self.native.text(), self.wanted)
        check(value, self.wanted)
        return value

    def set_value(self, value: object) -> None:
        self.native.setText(number_text(value))
        self.native.setCursorPosition(0)

    def _on_value_change(self, value: object = None) -> None:
        try:
            value = self.value
        except InputError as error:
            self.good, self.tooltip = False, f"{error}. {self._help}"
        else:
            self.good, self.tooltip = True, self._about()
            self.changed.emit(value)
        self.native.setStyleSheet("" if self.good else WRONG)


class Heading(TypedDict):
    """What every value widget has: `name` in code, `label` and `tooltip` for people."""

    name: str
    label: str
    tooltip: str


class Switch(ValueWidget[bool]):
    """A check box whose name stands before it, like that of every other value."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(widget_type=use_app().get_obj("CheckBox"), **keywords)


class Choice(ComboBox):
    """A box of choices; `null_string` is what no choice is called, if there may be none."""

    null_string = "automatic"


class PathEdit(FileEdit):
    """A file or folder, as it is typed or chosen; None where empty."""

    def __init__(self, placeholder: str = "", button: str = "Choose…", **keywords: Any) -> None:
        super().__init__(**keywords)
        self.choose_btn.text, self.choose_btn.tooltip = button, "choose it in a dialog"
        self.line_edit.native.setPlaceholderText(placeholder)

    def get_value(self) -> Path | None:
        return Path(self.line_edit.value) if self.line_edit.value else None

    def set_value(self, value: object) -> None:
        self.line_edit.value = "" if value is None else str(value)


class ArrayEdit(Container):
    """An array of an acquisition: what it is, and a button to load it from a file."""

    def __init__(self, **keywords: Any) -> None:
        self.text = Label()
        self.button = PushButton(text="Load…", tooltip="from a .npy file or a table of numbers")
        super().__init__(widgets=[self.text, self.button], layout="horizontal", labels=False, **keywords)
        self.margins = (0, 0, 0, 0)
        self.text.native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.button.native.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def show_array(self, value: object) -> None:
        """Say what there is: shape of an array, a number, or that it is not given."""
        array = None if value is None else np.asarray(value)
        self.text.value = "not given" if array is None else " × ".join(map(str, array.shape)) or number_text(value)


def _plain_type(annotation: object) -> object:
    """The type behind an annotation, without None, metadata and names of our own."""
    if typing.get_origin(annotation) is Annotated:
        annotation = typing.get_args(annotation)[0]
    kinds = tuple(getattr(kind, "__supertype__", kind) for kind in members(annotation) if kind is not type(None))
    return kinds[0] if len(kinds) == 1 else typing.Union[kinds]  # noqa: UP007


@dataclasses.dataclass(frozen=True)
class Unit:
    """Metadata of a type: `Annotated[float, Unit("mm")]` is edited in a `ValueEdit`, which takes `3 um` too."""

    name: str

    def keys(self) -> tuple[str, ...]:
        return "widget_type", "unit"

    def __getitem__(self, key: str) -> object:
        return {"widget_type": ValueEdit, "unit": self.name}[key]


LengthUm = NewType("LengthUm", float)
AngleRad = NewType("AngleRad", float)
TimeS = NewType("TimeS", float)
DepthsUm = NewType("DepthsUm", object)  # one depth, or (low, high)
for _type, _unit in ((LengthUm, "um"), (AngleRad, "rad"), (TimeS, "s")):
    magicgui.register_type(_type, widget_type=ValueEdit, unit=_unit)
magicgui.register_type(DepthsUm, widget_type=ValueEdit, unit="um", kind=tuple[float, float] | float)
