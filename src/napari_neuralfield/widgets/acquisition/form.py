"""Every number of an acquisition with its unit, editable; what is missing is marked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QLabel, QWidget

from ...data.acquisition import Draft, quantities, required
from ...types import InputError
from ..kit.forms import MISSING, ArrayEdit, ValueEdit, caption, read_array
from ..kit.parts import form_layout
from ..kit.session import Session

SOUGHT = ("positions_um", "coded_surface", "probe")  # optional arrays that users often have in another file
ARRAYS = "Numbers (*.npy *.csv *.txt *.json)"


class QuantityForm(QWidget):
    """Edits the draft of a session; `problem` says why what was typed is not taken."""

    problem = Signal(str)

    def __init__(self, session: Session, draft: Draft) -> None:
        super().__init__()
        self._session = session
        self.editors: dict[str, QWidget] = {}
        layout, needed = form_layout(self), set(required(draft.kind))
        for name, q in quantities(draft.kind).items():
            if name not in needed and name not in SOUGHT and q.shape and draft.derived().get(name) is None:
                continue  # an optional array that is not there
            editor = self.editors[name] = self._make(name, q, draft.values.get(name))
            heading = QLabel(caption(q.label, q.unit))
            heading.setToolTip(q.help)
            layout.addRow(heading, editor)
        self.mark(draft)

    def mark(self, draft: Draft) -> None:
        """Frame what is missing, show arrays as they are now, and what follows from the rest as such."""
        missing, known = draft.missing(), draft.derived()
        for name, editor in self.editors.items():
            target: QWidget = editor
            if isinstance(editor, ArrayEdit):
                editor.set_value(known.get(name))
                target = editor.text
            follows = None if draft.values.get(name) is not None else known.get(name)
            if isinstance(editor, ValueEdit):
                text = f"{follows:.5g}" if isinstance(follows, float) else str(follows)
                editor.setPlaceholderText("not given" if follows is None else f"{text} (worked out)")
            elif isinstance(editor, QComboBox):
                editor.setItemText(0, "" if follows is None else f"{follows} (worked out)")
            if not isinstance(editor, ValueEdit) or editor.good:
                target.setStyleSheet(MISSING if name in missing else "")

    def _make(self, name: str, q: Any, value: Any) -> QWidget:
        if q.choices:
            box = QComboBox()
            box.addItems(["", *q.choices])
            box.setCurrentText(str(value or ""))
            box.activated.connect(lambda at: self._session.set_value(name, q.choices[at - 1] if at else None))
            return box
        if q.shape:
            array = ArrayEdit()
            array.load_wanted.connect(lambda: self._choose_array(name))
            return array
        edit = ValueEdit(int if q.integer else float, q.low, q.high, "not given")
        edit.set_help(q.help)
        edit.set_value(value)
        edit.changed.connect(lambda: self._edited(name, edit))
        return edit

    def _edited(self, name: str, edit: ValueEdit) -> None:
        try:
            value = edit.value()
        except InputError as error:
            self.problem.emit(f"{name}: {error}")
            return
        if self._session.draft is not None and value != self._session.draft.values.get(name):
            self._session.set_value(name, value)

    def _choose_array(self, name: str) -> None:
        folder = str(self._session.settings.get("folder", ""))
        chosen, _ = QFileDialog.getOpenFileName(self, f"Load {name}", folder, ARRAYS)
        if not chosen:
            return
        try:
            self._session.set_value(name, read_array(Path(chosen)))
        except InputError as error:
            show_error(str(error))
