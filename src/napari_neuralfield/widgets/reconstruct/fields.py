"""Which field the docks tell of: a box of all in the viewer, with the curve and the words of the run of each."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QLabel, QSizePolicy, QWidget

from ..kit.parts import WARN, column, label, row, say, timer
from ..kit.session import FieldRecord, Session, Shown
from ..kit.threads import listen
from .form import ReconstructForm
from .on_top import OnTop


class FieldChooser(QWidget):
    """Follows the layer that is selected, and brings back what the chosen field was found with.

    Parameters
    ----------
    session : whose fields they are.
    form : where recipe, curve and notes of a field are shown; while a run goes on they are that one's.
    on_top : knows which picture is seen.
    """

    changed = Signal()

    def __init__(self, session: Session, form: ReconstructForm, on_top: OnTop) -> None:
        super().__init__()
        self._session, self._form, self._on_top = session, form, on_top
        self._told: FieldRecord | None = None  # whose curve and notes are in the form
        self.box = QComboBox()
        self.box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.box.setToolTip("the field that all docks tell of, as the selected layer; choose another to go back to it")
        name = QLabel("Field")
        name.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.outdated, self.covered = label(colour=WARN), label(colour=WARN)
        column(self, row(name, self.box), self.outdated, self.covered)
        self.box.activated.connect(self._choose)
        self._keep = timer(self, 0, self._remember, once=True)
        self._look = timer(self, 0, self._look_on_top, once=True)
        listen(self, session.fields_changed, self.fill)
        listen(self, session.shown_changed, self._on_shown)
        listen(self, session.draft_changed, self._on_draft)
        listen(self, session.values_changed, self._on_value)
        listen(self, on_top.changed, self._on_order)
        self._on_shown(session.shown)

    def fill(self) -> None:
        """The fields that there are, and the one on show."""
        shown, fields = self._session.shown, self._session.fields
        self.box.clear()
        for found in fields:
            self.box.addItem(found.shown.title, found)
        if shown is not None and self._session.found(shown.result) is None:
            self.box.addItem(f"{shown.title} …")
        at = next((i for i, one in enumerate(fields) if shown is not None and one.shown.result is shown.result), -1)
        self.box.setCurrentIndex(at if shown is None or at >= 0 else len(fields))
        self.setVisible(self.box.count() > 0)

    def _choose(self, at: int) -> None:
        found = self.box.itemData(at)
        if isinstance(found, FieldRecord):
            self._session.show_again(found)

    def _on_value(self, name: str = "") -> None:
        shown = self._session.shown
        say(self.outdated, "" if shown is None else self._session.outdated(shown))

    def _on_order(self) -> None:
        self._look.start()  # a layer has its place first, and its field after that

    def _look_on_top(self) -> None:
        shown = self._session.shown
        say(self.covered, "" if shown is None or not shown.finished else self._on_top.covering(shown))

    def _on_shown(self, shown: Shown | None) -> None:
        self.fill()
        self._on_value()
        self._on_order()
        found = None if shown is None else self._session.found(shown.result)
        if found is not None and found.fresh:  # the form shows its run already
            found.fresh, self._told = False, found
            self._keep.start()
        elif self._form.running or (shown is not None and not shown.finished):
            self._told = None
        else:
            self._tell(found)
        self.changed.emit()

    def _on_draft(self, draft: object) -> None:
        if self._session.shown is None and not self._form.running:
            self._tell(None)  # the words of a run that found nothing are of the last file

    def _remember(self) -> None:
        """What the form notes at the end of a run belongs to what it has found."""
        if self._told is not None:
            self._told.notes = self._form.notes.text()

    def _tell(self, found: FieldRecord | None) -> None:
        """Show recipe, curve and notes of a field; nothing of another's."""
        form, self._told = self._form, found
        form.clear_run()
        for step, error in () if found is None else found.curve:
            form.plot.add(step, error)
        form.plot.draw()
        form.notes.setText("" if found is None else found.notes)
        form.show_error("")
        form.show_recipe({} if found is None else found.shown.result.recipe)

    @property
    def outcome(self) -> str:
        """How the run of the field on show ended."""
        return "" if self._told is None else self._told.outcome
