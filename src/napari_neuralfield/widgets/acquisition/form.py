"""Every number of an acquisition with its unit, editable; what is missing is marked."""

from __future__ import annotations

from pathlib import Path

from magicgui.widgets.bases import Widget
from napari.utils.notifications import show_error
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from ...data.acquisition import Draft, quantities, required
from ...data.common_values import DESCRIBED_PROBE
from ...data.quantity import Quantity
from ...types import InputError
from ..kit.forms import caption, container_of, read_array
from ..kit.session import Session
from ..kit.value_widgets import MISSING, ArrayEdit, Choice, Heading, ValueEdit

SOUGHT = ("positions_um", "coded_surface", "probe")  # optional arrays that users often have in another file
ARRAYS = "Numbers (*.npy *.csv *.txt *.json)"


def _offered(kind: str) -> dict[str, Quantity]:
    """Values of a `kind` of acquisition, and the numbers that may describe a scan's probe in its place."""
    return {**quantities(kind), **(DESCRIBED_PROBE if kind == "ptychography" else {})}


class QuantityForm(QWidget):
    """Edits the draft of a session; `problem` says why what was typed is not taken."""

    problem = Signal(str)

    def __init__(self, session: Session, draft: Draft) -> None:
        super().__init__()
        self._session, needed, known = session, set(required(draft.kind)), draft.derived()
        self.editors = {
            name: self._make(name, q, draft.values.get(name))
            for name, q in _offered(draft.kind).items()
            if name in needed or name in SOUGHT or not q.shape or known.get(name) is not None
        }
        self.container = container_of(self.editors.values())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.container.native)
        self.mark(draft)

    def mark(self, draft: Draft) -> None:
        """Frame what is missing, show arrays as they are now, and what follows from the rest as such."""
        missing, known = draft.missing(), draft.derived()
        for name, editor in self.editors.items():
            of_file = draft.assumed.get(name) if name in DESCRIBED_PROBE and "probe" not in draft.values else None
            follows = None if draft.values.get(name) is not None else known.get(name, of_file)
            text = f"{follows:.5g}" if isinstance(follows, float) else str(follows)
            worked_out = "" if follows is None else f"{text} (worked out)"
            framed = editor
            if isinstance(editor, ArrayEdit):
                editor.show_array(known.get(name))
                framed = editor.text
            elif isinstance(editor, ValueEdit):
                editor.placeholder = worked_out or "not given"
            elif isinstance(editor, Choice):
                editor.native.setItemText(0, worked_out)
            if not isinstance(editor, ValueEdit) or editor.good:
                framed.native.setStyleSheet(MISSING if name in missing else "")

    def _make(self, name: str, q: Quantity, value: object) -> Widget:
        common: Heading = {"name": name, "label": caption(q.label, q.unit), "tooltip": q.help}
        if q.choices:
            box = Choice(choices=q.choices, nullable=True, value=value if value in q.choices else None, **common)
            box.native.activated.connect(lambda: self._session.set_value(name, box.value))
            return box
        if q.shape:
            array = ArrayEdit(**common)
            array.button.changed.connect(lambda: self._choose_array(name))
            return array
        edit = ValueEdit(wanted=q, nullable=True, value=value, **common)
        edit.native.editingFinished.connect(lambda: self._edited(name, edit))
        return edit

    def _edited(self, name: str, edit: ValueEdit) -> None:
        try:
            value = edit.value
        except InputError as error:
            self.problem.emit(f"{name}: {error}")
            return
        values = {} if self._session.draft is None else self._session.draft.values
        if self._session.draft is None or value == values.get(name):
            return
        if name in DESCRIBED_PROBE and value is not None and "probe" in values:  # it takes that one's place
            self._session.set_values({name: value, "probe": None})
        else:
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
