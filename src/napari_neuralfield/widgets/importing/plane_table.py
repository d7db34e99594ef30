"""Which plane is which: a row a plane with its picture and what is said of it; typed, moved, left out, taken back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QImage, QPixmap
from qtpy.QtWidgets import QComboBox, QLineEdit, QTableWidgetItem, QVBoxLayout, QWidget

from ...app.frame_table import TITLES, Row
from ...app.importing.looking import MOST
from ...types import InputError
from ..kit.parts import QUIET, button, label, row
from .plane_grid import PlaneGrid
from .plane_values import SERIES, PlaneValues

THUMB = 40  # pixels
HIDDEN = ("frame",)
TICKED = Qt.CheckState.Checked


class PlaneTable(QWidget):
    """`changed` is sent with the numbers of the planes that are taken, in their order; `marked` with selected rows.

    `typed` says that `values` are others, `problem` why something cannot be filled in.
    """

    changed = Signal(object)
    typed = Signal()
    problem = Signal(str)
    marked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.planes: list[int] = []  # as shown, those left out at the end
        self.left_out: set[int] = set()
        self._thumbs: dict[int, QIcon] = {}
        self._names: Sequence[str] = ()
        self._means: Mapping[int, float] = {}
        self.values = PlaneValues("")
        self._rows: Sequence[Row] = ()
        self.table = PlaneGrid()
        self.table.dropped.connect(self._drop)
        self.table.itemChanged.connect(self._on_item)
        delegate = self.table.itemDelegate()
        assert delegate is not None
        delegate.closeEditor.connect(lambda *_: self.show_rows(self._rows))
        self.table.setIconSize(QSize(THUMB, THUMB))
        heading = self.table.verticalHeader()
        if heading is not None:
            heading.setVisible(False)
            heading.setDefaultSectionSize(THUMB + 4)
        self.table.itemSelectionChanged.connect(lambda: self.marked.emit(self.selected()))
        self.up = button("Up", lambda: self._move(-1), "move the selected planes up")
        self.down = button("Down", lambda: self._move(1), "move the selected planes down")
        self.leave_out = button("Leave out", self._leave_out, "leave the selected planes out, or take them again")
        self.turn_round = button("Reverse", self._reverse, "the last plane first")
        self.column, self.series = QComboBox(), QLineEdit()
        self.column.setToolTip("the column that is filled")
        self.series.setPlaceholderText(SERIES)
        self.series.setToolTip(f"one value, or a series: {SERIES}")
        self.fill_button = button("Fill", self.fill, "put it into the selected planes; into all where none is selected")
        self.series.returnPressed.connect(self.fill)
        self._filling = row(self.column, self.series, self.fill_button)
        self._filling.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.rest = label(colour=QUIET)
        layout.addWidget(self.table)
        layout.addWidget(self.rest)
        layout.addWidget(self._filling)
        layout.addWidget(row(self.up, self.down, self.leave_out, self.turn_round))

    @property
    def taken(self) -> list[int]:
        return [n for n in self.planes if n not in self.left_out]

    def begin(self, count: int, names: Sequence[str]) -> None:
        """A recording of `count` planes with these `names`, or none."""
        self.planes, self.left_out = list(range(count)), set()
        self._names = names if len(names) == count else ()
        self._thumbs = {}
        self.values.typed.clear()
        self.show_rows([])

    def take_values(self, values: PlaneValues) -> None:
        """Offer the columns of a kind, whose `values` are typed here."""
        self.values = values
        self.column.clear()
        for one in values.columns:
            self.column.addItem(one.title, one.name)
        self.column.setVisible(len(values.columns) > 1)
        self._filling.setVisible(bool(values.columns))
        self.show_rows([])

    def show_looks(self, thumbs: Mapping[int, np.ndarray], means: Mapping[int, float]) -> None:
        """Pictures (y, x) uint8 and brightness of planes, by number.

        Parameters
        ----------
        thumbs : of planes that have been looked at since.
        means : of all that have been looked at.
        """
        self._means = means
        for number, image in thumbs.items():
            high, wide = image.shape
            picture = QImage(image.tobytes(), wide, high, wide, QImage.Format.Format_Grayscale8)
            self._thumbs[number] = QIcon(QPixmap.fromImage(picture))
        where = {number: at for at, number in enumerate(self.planes)}
        for number in thumbs:
            if (item := self.table.item(where.get(number, -1), 0)) is not None:
                item.setIcon(self._thumbs[number])

    def show_rows(self, rows: Sequence[Row]) -> None:
        """What is said of each plane that is taken, as `frame_table` gives it; the numbers alone where empty."""
        self._rows = rows = rows if len(rows) == len(self.taken) else []
        if self.table.editing:  # it would lose what is typed; it comes when that is done
            return
        chosen, typed, blocked = self.selected(), self.values.columns, self.table.blockSignals(True)
        shown = {*HIDDEN, *(one.row for one in typed)}
        names = [name for name in (rows[0] if rows else {}) if name not in shown]
        self.table.setColumnCount(1 + len(typed) + len(names))
        titles = [*(one.title for one in typed), *(TITLES[n].replace(" um", " µm") for n in names)]
        self.table.setHorizontalHeaderLabels(["plane", *titles])
        self.table.setRowCount(min(MOST, len(self.planes)))
        at = 0
        for line, number in enumerate(self.planes[:MOST]):
            out = number in self.left_out
            told = self._named(number) if out or not rows else str(number)
            mine = ["" if out else self.values.text(one.name, number, at) for one in typed]
            cells = [told, *mine, *("" if out or at >= len(rows) else _cell(rows[at].get(n)) for n in names)]
            at += not out
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDragEnabled
                if column == 0:
                    flags |= Qt.ItemFlag.ItemIsUserCheckable
                    item.setCheckState(Qt.CheckState.Unchecked if out else TICKED)
                elif column <= len(typed) and not out:
                    flags |= Qt.ItemFlag.ItemIsEditable
                item.setFlags(flags)
                if out:
                    item.setForeground(QColor(QUIET))
                    font = item.font()
                    font.setStrikeOut(True)
                    item.setFont(font)
                if column == 0 and number in self._thumbs:
                    item.setIcon(self._thumbs[number])
                self.table.setItem(line, column, item)
        self.table.resizeColumnsToContents()
        if (heading := self.table.horizontalHeader()) is not None:
            heading.setStretchLastSection(True)
        self.rest.setText(f"and {len(self.planes) - MOST} planes more")
        self.rest.setVisible(len(self.planes) > MOST)
        self.table.blockSignals(blocked)
        self._select(chosen)

    # typed

    def _on_item(self, item: QTableWidgetItem) -> None:
        """A plane was ticked, or something was typed of it."""
        number, column = self.planes[item.row()], item.column() - 1
        if column < 0:
            out = item.checkState() != TICKED
            if out != (number in self.left_out):
                self.left_out ^= {number}
                self._tell(self.selected())
        elif column < len(self.values.columns):
            self.values.put(self.values.columns[column].name, {number: item.text()}, self.taken)
            self.typed.emit()

    def fill(self) -> None:
        """One value, or a series, into the selected planes."""
        chosen = [self.planes[at] for at in self.selected()]
        planes = [number for number in chosen if number not in self.left_out]
        try:
            name, text = str(self.column.currentData()), self.series.text()
            self.values.fill(name, text, planes if len(planes) > 1 else self.taken, self.taken)
        except InputError as error:
            self.problem.emit(str(error))
            return
        self.show_rows(self._rows)
        self.typed.emit()

    def _drop(self, at: int) -> None:
        """The selected rows go in front of row `at`."""
        rows = self.selected()
        moved = [self.planes[row] for row in rows]
        before = [number for number in self.planes[:at] if number not in moved]
        self.planes = [*before, *moved, *(n for n in self.planes[at:] if n not in moved)]
        self._tell(list(range(len(before), len(before) + len(moved))))

    def _named(self, number: int) -> str:
        return f"{number}  {self._names[number]}" if self._names else str(number)

    def selected(self) -> list[int]:
        """Rows that are selected."""
        model = self.table.selectionModel()
        return [] if model is None else sorted({index.row() for index in model.selectedRows()})

    def _select(self, rows: Sequence[int]) -> None:
        model = self.table.selectionModel()
        if model is None or rows == self.selected():
            return
        model.clearSelection()
        flags = model.SelectionFlag.Select | model.SelectionFlag.Rows
        for at in rows:
            if (item := self.table.item(at, 0)) is not None:
                model.select(self.table.indexFromItem(item), flags)

    def _move(self, by: int) -> None:
        rows = self.selected()
        if not rows or rows[0] + by < 0 or rows[-1] + by >= len(self.planes):
            return
        for at in rows if by < 0 else rows[::-1]:
            self.planes[at], self.planes[at + by] = self.planes[at + by], self.planes[at]
        self._tell([at + by for at in rows])

    def _leave_out(self) -> None:
        chosen = [self.planes[at] for at in self.selected()]
        back = bool(chosen) and all(n in self.left_out for n in chosen)
        self.left_out = self.left_out - set(chosen) if back else self.left_out | set(chosen)
        self._tell(self.selected())

    def _reverse(self) -> None:
        self.planes.reverse()
        self._tell([])

    def _tell(self, rows: Sequence[int]) -> None:
        self.show_rows([])
        self._select(rows)
        self.changed.emit(self.taken)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(f"{number + 0.0:.4g}" for number in value)
    return f"{value:.5g}" if isinstance(value, float) else str(value)
