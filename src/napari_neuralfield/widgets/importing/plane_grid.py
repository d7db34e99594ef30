"""The grid of the table of planes: rows are dragged to another place, cells are typed into."""

from __future__ import annotations

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QDropEvent
from qtpy.QtWidgets import QAbstractItemView, QTableWidget


class PlaneGrid(QTableWidget):
    """`dropped` says in front of which row the selected ones were let go."""

    dropped = Signal(int)

    def __init__(self) -> None:
        super().__init__(0, 2)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.setDragDropOverwriteMode(False)
        self.setDropIndicatorShown(True)
        triggers = QAbstractItemView.EditTrigger
        self.setEditTriggers(triggers.DoubleClicked | triggers.AnyKeyPressed | triggers.EditKeyPressed)

    @property
    def editing(self) -> bool:
        """Whether somebody types into a cell."""
        return self.state() == QAbstractItemView.State.EditingState

    def dropEvent(self, event: QDropEvent | None) -> None:
        """Move rows by what `dropped` does, not by Qt, which would empty cells."""
        if event is None:
            return
        at = self.indexAt(event.position().toPoint())
        below = self.dropIndicatorPosition() == QAbstractItemView.DropIndicatorPosition.BelowItem
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.accept()
        self.dropped.emit(at.row() + below if at.isValid() else self.rowCount())
