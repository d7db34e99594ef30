"""Where the spots of a scan lie: a grid in fields, or a table of positions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QVBoxLayout, QWidget

from ...app.importing.questions import Values, from_folder
from ...data.typed_values import Plain
from ...types import InputError
from ..kit.parts import form_layout
from ..kit.plots import FAINT, LINE, Plot
from ..kit.value_widgets import PathEdit, ValueEdit
from .value_rows import square_side

PLANES = "planes"  # shape of positions that are typed in the table of planes
NAMES = ("scan_grid", "positions_um", "positions_px")


class ScanForm(QWidget):
    """Fields of a scan; `changed` whenever one of them does."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.typed: list[object] = []
        self.shape = QComboBox()
        for name, text in (
            ("given", "As the file says"),
            ("grid", "Grid"),
            ("table", "Table of positions"),
            (PLANES, "Typed beside the planes"),
        ):
            self.shape.addItem(text, name)
        whole = Plain(type=int, low=1, optional=True)
        self.rows, self.columns = (ValueEdit(wanted=whole, nullable=True) for _ in range(2))
        self.step = ValueEdit(wanted=Plain(type=float | tuple[float, ...], unit="um", optional=True), nullable=True)
        for edit, said in ((self.rows, "along y"), (self.columns, "along x"), (self.step, "one, or y, x")):
            edit.placeholder = said
            edit.native.textEdited.connect(lambda _: self.changed.emit())
        self.snake = QCheckBox("turns back at the end of each line")
        self.by_columns = QCheckBox("column by column")
        self.table = PathEdit(placeholder="y_um,x_um", nullable=True)
        self._grid, self._table = QWidget(), QWidget()
        form = form_layout(self._grid)
        for title, edit in (("Rows", self.rows), ("Columns", self.columns), ("Step [µm]", self.step)):
            form.addRow(title, edit.native)
        form.addRow(self.snake)
        form.addRow(self.by_columns)
        form_layout(self._table).addRow("Table", self.table.native)
        top = QWidget()
        form_layout(top).addRow("Positions", self.shape)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for part in (top, self._grid, self._table):
            layout.addWidget(part)
        for box in (self.snake, self.by_columns):
            box.toggled.connect(lambda _: self.changed.emit())
        self.table.changed.connect(lambda _: self.changed.emit())
        self.shape.currentIndexChanged.connect(self._on_shape)
        self._on_shape()

    def _on_shape(self) -> None:
        self._grid.setVisible(self.shape.currentData() == "grid")
        self._table.setVisible(self.shape.currentData() == "table")
        self.changed.emit()

    def choose(self, shape: str) -> None:
        """Show the fields of a `shape`: given, grid or table."""
        self.shape.setCurrentIndex(self.shape.findData(shape))

    def take(self, positions: list[object]) -> None:
        """Use the `positions` (y, x), um, of the planes as they are typed beside them."""
        self.typed = positions
        if self.shape.currentData() == PLANES:
            self.changed.emit()
        else:
            self.choose(PLANES)

    def guess(self, frames: int) -> None:
        """Rows and columns of a square scan, where the number of `frames` is that of one."""
        side = square_side(frames)
        if side and not self.rows.native.text():
            self.rows.native.setText(str(side))
            self.columns.native.setText(str(side))

    def values(self, folder: Path) -> Values:
        """The values of a sidecar in a `folder`; none where the file gives the positions.

        Raises
        ------
        InputError : for what is missing or cannot be used, in words.
        """
        shape = self.shape.currentData()
        if shape == "given":
            return {}
        if shape == PLANES:
            if not self.typed:
                raise InputError("Positions: type them into the table of planes, at the right")
            return {"positions_um": self.typed}
        if shape == "table":
            if self.table.value is None:
                raise InputError("Positions: choose the table")
            return {"positions_um": from_folder(str(self.table.value), folder)}
        try:
            rows, columns, step = self.rows.value, self.columns.value, self.step.value
        except InputError as error:
            raise InputError(f"Positions: {error}") from None
        if step is None or (rows is None and columns is None):
            raise InputError("Positions: rows, columns and step of the grid are needed")
        grid: Values = {"step_um": list(step) if isinstance(step, tuple) else step}
        grid |= {name: value for name, value in (("rows", rows), ("columns", columns)) if value is not None}
        grid |= {"snake": True} if self.snake.isChecked() else {}
        grid |= {"order": "columns"} if self.by_columns.isChecked() else {}
        return {"scan_grid": grid}


class ScanPlot(Plot):
    """The spots of a scan in their order, seen like the picture, y down."""

    def __init__(self) -> None:
        super().__init__("x [µm]", "y [µm]", 270)
        self.plot.setAspectLocked(True)
        self.plot.getPlotItem().invertY(True)
        self._path = self.plot.plot(pen=pg.mkPen(FAINT, width=1))
        self._spots = pg.ScatterPlotItem(pen=None, brush=pg.mkBrush(LINE), size=6)
        self._chosen = pg.ScatterPlotItem(pen=pg.mkPen("#ffffff", width=2), brush=None, size=13)
        self.plot.addItem(self._spots)
        self.plot.addItem(self._chosen)
        self._at = np.zeros((0, 2))

    def show_positions(self, positions: np.ndarray, unit: str) -> str:
        """Draw; returns the caption.

        Parameters
        ----------
        positions : (frame, 2) as (y, x).
        unit : of them.
        """
        self._at = positions
        for side, axis in (("bottom", "x"), ("left", "y")):
            self.plot.getAxis(side).setLabel(f"{axis} [{unit}]")
        self._path.setData(positions[:, 1], positions[:, 0])
        self._spots.setData(positions[:, 1], positions[:, 0])
        self._chosen.setData([], [])
        self.plot.autoRange()
        high, wide = np.ptp(positions, axis=0) if len(positions) else (0.0, 0.0)
        return f"{len(positions)} spots over {high:.4g} × {wide:.4g} {unit} (y × x), joined in their order."

    def mark(self, frames: list[int]) -> None:
        """Ring the spots of these frames."""
        at = self._at[[n for n in frames if n < len(self._at)]]
        self._chosen.setData(at[:, 1], at[:, 0])
