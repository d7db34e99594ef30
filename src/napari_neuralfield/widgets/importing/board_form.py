"""An LED board in fields: its LEDs, how it is mounted, and the order in which they are lit."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from magicgui.widgets import LineEdit
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFormLayout, QLabel, QVBoxLayout, QWidget

from ...app.importing.orders import ORDERS
from ...app.importing.questions import BOARD, Values, board_value, from_folder
from ...data.typed_values import Plain
from ...io.sidecar.leds import directions
from ...optics.led_orders import CORNERS, GRID_ORDERS, SENSES, SIDES
from ...types import InputError
from ..kit.forms import caption
from ..kit.parts import Fold, form_layout
from ..kit.value_widgets import Choice, PathEdit, ValueEdit
from .value_rows import square_side

SHAPES = {"grid": "Rows and columns", "rings": "Rings", "csv": "Table of positions", "uconn": "UConn board"}
LABELS = {
    "rows": "Rows",
    "columns": "Columns",
    "pitch_mm": "Pitch",
    "order": "Lit in the order",
    "start": "Begins at",
    "sense": "Turns",
    "missing": "Missing LEDs",
    "counts": "LEDs on each ring",
    "radii_mm": "Radius of each ring",
    "start_deg": "First LED at",
    "height_mm": "Board to sample",
    "rotation_deg": "Turned by",
    "flip": "Mirrored",
    "centre_mm": "Centre (y, x)",
    "slide_mm": "Glass between",
}
TABLE = "table"  # an order of its own
HEADINGS = 130  # pixels: fields of several groups stand in one column
FLIPS = {"y": "top and bottom", "x": "left and right", "transpose": "rows and columns exchanged"}
GROUPS = {"grid": ("rows", "columns", "pitch_mm", "order", "start", "sense", "missing"),
          "rings": ("counts", "radii_mm", "start_deg", "sense")}  # fmt: skip
MOUNT, MORE = ("height_mm",), ("rotation_deg", "flip", "centre_mm", "slide_mm")
NEEDED = {"grid": ("rows", "columns", "pitch_mm", "height_mm"), "rings": ("counts", "radii_mm", "height_mm"),
          "csv": ("csv",), "uconn": ()}  # fmt: skip


class BoardForm(QWidget):
    """Fields of an LED board; `changed` whenever one of them does."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.shape = QComboBox()
        for name, text in SHAPES.items():
            self.shape.addItem(text, name)
        self.editors: dict[tuple[str, str], ValueWidget] = {}  # by group and name
        self.table = PathEdit(placeholder="y_mm,x_mm or na_y,na_x", nullable=True)
        self.order_table = PathEdit(placeholder="row,column of each LED", nullable=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        top = QWidget()
        form_layout(top).addRow("LEDs in", self.shape)
        self._groups = {group: self._fields(group, names) for group, names in GROUPS.items()}
        self._groups["csv"] = QWidget()
        form_layout(self._groups["csv"]).addRow("Table", self.table.native)
        self._mount = self._fields("mount", MOUNT)
        self._more = Fold("Turned, mirrored, shifted", self._fields("mount", MORE))
        for part in (top, *self._groups.values(), self._mount, self._more):
            layout.addWidget(part)
        for path in (self.table, self.order_table):
            path.changed.connect(lambda _: self.changed.emit())
        self.shape.currentIndexChanged.connect(self._on_shape)
        self._on_shape()

    def _fields(self, group: str, names: tuple[str, ...]) -> QWidget:
        made = QWidget()
        form = form_layout(made)
        for name in names:
            editor = self._editor(name)
            self.editors[group, name] = editor
            editor.native.setToolTip(BOARD[name][1].text)
            editor.native.setMaximumWidth(220)
            heading = QLabel(caption(LABELS[name], BOARD[name][1].unit.replace("deg", "°")))
            heading.setMinimumWidth(HEADINGS)
            form.addRow(heading, editor.native)
            if isinstance(editor, LineEdit):
                editor.native.textEdited.connect(lambda _: self.changed.emit())
            else:
                editor.changed.connect(lambda _, name=name: self._on_choice(name))
            if name == "order":
                form.addRow("Order", self.order_table.native)
        return made

    def _editor(self, name: str) -> ValueWidget:
        wanted = BOARD[name][0]
        if name == "order":
            return Choice(choices=[*((ORDERS[o], o) for o in GRID_ORDERS), ("as a table says …", TABLE)])
        if name == "start":
            return Choice(choices=[(c.replace("_", " "), c) for c in CORNERS])
        if name == "sense":
            return Choice(choices=SENSES)
        if name == "flip":
            made = Choice(choices=[(text, f) for f, text in FLIPS.items()], nullable=True)
            made.native.setItemText(0, "no")
            return made
        if name == "missing":
            line = LineEdit()
            line.native.setPlaceholderText("none; numbers from 0, or row/column")
            return line
        assert isinstance(wanted, Plain)
        edit = ValueEdit(wanted=wanted, nullable=True)
        zero = name in ("rotation_deg", "centre_mm", "slide_mm", "start_deg")
        edit.placeholder = "0" if zero else "1, 8, 12" if name == "counts" else "needed"
        return edit

    def _on_shape(self) -> None:
        for group, part in self._groups.items():
            part.setVisible(group == self.shape.currentData())
        known = self.shape.currentData() != "uconn"
        self._mount.setVisible(known)
        self._more.setVisible(known)
        self._on_choice("order")

    def _on_choice(self, name: str) -> None:
        """What an order begins at, and whether it turns, depends on the order."""
        if name == "order":
            order = str(self.editors["grid", "order"].value)
            start = self.editors["grid", "start"]
            assert isinstance(start, Choice)
            wanted = SIDES if order == "spiral" else CORNERS
            if tuple(start.choices) != wanted:
                with start.changed.blocked():
                    start.choices = [(c.replace("_", " "), c) for c in wanted]
                    start.value = wanted[0]
            form = self._groups["grid"].layout()
            assert isinstance(form, QFormLayout)
            form.setRowVisible(self.order_table.native, order == TABLE)
            form.setRowVisible(start.native, order != TABLE)
            form.setRowVisible(self.editors["grid", "sense"].native, order.startswith("spiral"))
            heading = form.labelForField(start.native)
            if isinstance(heading, QLabel):
                heading.setText("First step" if order == "spiral" else LABELS["start"])
        self.changed.emit()

    def guess(self, frames: int) -> None:
        """Rows and columns of a square board, where the number of `frames` is that of one."""
        side = square_side(frames)
        if side and not self.editors["grid", "rows"].native.text():
            for name in ("rows", "columns"):
                self.editors["grid", name].native.setText(str(side))

    def values(self, folder: Path) -> Values:
        """The `leds` of a sidecar in a `folder`.

        Raises
        ------
        InputError : for what is missing or cannot be used, in words.
        """
        shape = self.shape.currentData()
        if shape == "uconn":
            return {"board": "uconn"}
        mount = self._values_of("mount", (*MOUNT, *MORE), folder)
        if shape == "csv":
            if self.table.value is None:
                raise InputError("LED board: choose the table of positions")
            return {"csv": from_folder(str(self.table.value), folder), **mount}
        found = {**self._values_of(shape, GROUPS[shape], folder), **mount}
        lacking = [LABELS[name].lower() for name in NEEDED[shape] if name not in found]
        if lacking:
            raise InputError(f"LED board: {', '.join(lacking)} {'are' if lacking[1:] else 'is'} needed")
        return {shape: {n: v for n, v in found.items() if n in GROUPS[shape]}, **mount}

    def _values_of(self, group: str, names: tuple[str, ...], folder: Path) -> Values:
        found: Values = {}
        for name in names:
            editor = self.editors[group, name]
            if name == "start" and group == "grid" and self.editors["grid", "order"].value == TABLE:
                continue
            if name == "sense" and group == "grid" and not str(self.editors["grid", "order"].value).startswith("spir"):
                continue
            try:
                text = editor.native.text() if name == "missing" else ""
                if name == "order" and editor.value == TABLE:
                    text = self._order_file()
                value = board_value(name, text, folder) if text.strip() else None if name == "missing" else editor.value
            except InputError as error:
                raise InputError(f"LED board, {LABELS[name].lower()}: {error}") from None
            if value is not None and not (name == "flip" and value not in FLIPS):
                found[name] = list(value) if isinstance(value, tuple) else value
        return found

    def _order_file(self) -> str:
        if self.order_table.value is None:
            raise InputError("choose the table, a file with the titles row,column and a line for each LED that is lit")
        return str(self.order_table.value)

    @property
    def files(self) -> list[Path]:
        """Those that the fields name."""
        return [Path(str(path.value)) for path in (self.table, self.order_table) if path.value is not None]

    def directions(self, where: Path) -> np.ndarray:
        """Directions (led, 2) as (na_y, na_x) of the LEDs in the order of lighting.

        `where` : the sidecar.

        Raises
        ------
        InputError : for what is missing or cannot be used, in words.
        """
        try:
            return directions(self.values(where.parent), where)[0]
        except InputError as error:
            raise InputError(str(error).removeprefix(f"{where}: ").replace("leds: grid: ", "LED board: ")) from None

    def show_board(self, leds: Mapping[str, object]) -> None:
        """Put the `leds` of a sidecar into the fields, as far as these can show them; nobody is told."""
        blocked = self.blockSignals(True)
        shape = next((s for s in SHAPES if s in leds), "uconn" if leds.get("board") == "uconn" else "grid")
        self.shape.setCurrentIndex(list(SHAPES).index(shape))
        group = leds.get(shape)
        inner = group if isinstance(group, Mapping) else {}
        for part, name in self.editors:
            if part in ("mount", shape):
                with contextlib.suppress(ValueError):  # an order of its own, which no choice is called
                    self.put(part, name, (leds if part == "mount" else inner).get(name))
        if shape == "csv":
            self.table.value = Path(str(leds["csv"]))
        self.blockSignals(blocked)

    def put(self, group: str, name: str, value: object) -> None:
        """Show a `value` of the field `name` of a `group`; None: what it is where nothing is said."""
        editor = self.editors[group, name]
        if isinstance(editor, Choice) and value is None and name != "flip":
            value = editor.choices[0]
        if name == "order" and isinstance(value, str) and value not in GRID_ORDERS:
            self.order_table.value, value = Path(str(value)), TABLE
        if name == "missing":
            places = value if isinstance(value, list) else []
            value = ", ".join("/".join(map(str, p)) if isinstance(p, list | tuple) else str(p) for p in places)
        editor.value = value
