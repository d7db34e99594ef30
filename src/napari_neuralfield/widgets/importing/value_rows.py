"""The numbers of a kind of acquisition, each with what is known of it and where from; what is not known is asked."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from magicgui.widgets.bases import ValueWidget
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from ...data.acquisition import Draft, quantities, required
from ...data.derived import ENERGIES
from ...data.typed_values import Plain, in_nanometres, parse, unit_in
from ...types import InputError
from ..kit.forms import caption
from ..kit.parts import QUIET, WARN, label
from ..kit.value_widgets import MISSING, Choice, ValueEdit, number_text

FLOATS = tuple[float, ...]
BESIDES = {  # what may be given besides the values that a kind requires: name -> label, type, explanation
    "through_focus": {
        "z_step_um": ("Step of the planes", float, "distance of neighbouring planes, if they are evenly spaced"),
        "focus_frame": ("Plane in focus", float, "number of the plane in focus; the first is 0"),
        "frame_interval_s": ("Time between frames", float, "of a time-lapse"),
    },
}
SPOKEN = {"far_field": "far field", "near_field": "near field"}


class ValueRows(QWidget):
    """A row a value: label, field, and where the value comes from.

    `changed` gives name and value, None where the field is empty; `problem` why a text is not taken, '' when it is.
    """

    changed = Signal(str, object)
    problem = Signal(str)

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.editors: dict[str, ValueWidget] = {}
        self._sources: dict[str, QLabel] = {}
        self._asked: dict[str, QPushButton] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setColumnStretch(2, 1)
        known, needed = quantities(kind), required(kind)
        for name in needed:
            q = known[name]
            if not q.shape:
                box = Choice(choices=[(SPOKEN.get(c, c), c) for c in q.choices], nullable=True) if q.choices else None
                self._add(grid, name, caption(q.label, q.unit), box or ValueEdit(wanted=q, nullable=True), q.help)
            elif name == "z_um":
                edit = ValueEdit(wanted=Plain(type=float | FLOATS, unit="um", optional=True), nullable=True)
                said = f"{q.help}; a list, or MIN:MAX:STEP such as -4:4:2"
                self._add(grid, name, caption("Depths", "um"), edit, said)
        for name, (title, kind_of, said) in BESIDES.get(kind, {}).items():
            unit = unit_in(name)
            edit = ValueEdit(wanted=Plain(type=kind_of, unit=unit, optional=True), nullable=True)
            self._add(grid, name, caption(title, unit), edit, said)

    def _add(self, grid: QGridLayout, name: str, title: str, editor: ValueWidget, said: str) -> None:
        at = grid.rowCount()
        heading, source, ask = QLabel(title), label(colour=QUIET), QPushButton()
        source.setWordWrap(False)
        for part in (heading, editor.native):
            part.setToolTip(said)
        editor.native.setMinimumWidth(110)
        editor.native.setMaximumWidth(170)
        ask.setVisible(False)
        ask.setToolTip("take the number as nanometres")
        grid.addWidget(heading, at, 0)
        grid.addWidget(editor.native, at, 1)
        grid.addWidget(source, at, 2)
        grid.addWidget(ask, at, 2)
        self.editors[name], self._sources[name], self._asked[name] = editor, source, ask
        if isinstance(editor, ValueEdit):
            editor.placeholder = "not known"
            editor.native.textEdited.connect(lambda _: self._typed(name, editor))
            ask.clicked.connect(lambda: self._in_nanometres(name, editor))
        else:
            editor.changed.connect(lambda value: self.changed.emit(name, value))

    def _typed(self, name: str, edit: ValueEdit) -> None:
        """Take what is typed so far, ask about nanometres, or say why it cannot be used."""
        text = edit.native.text()
        asked = nanometres(text, edit)
        self._asked[name].setText(f"nm? {asked:.4g} µm" if asked else "")
        self._show_asked(name, bool(asked))
        if name == "wavelength_um" and (energy := energy_of(text)) is not None:
            edit.native.setStyleSheet("")
            for other in ("wavelength_um", *ENERGIES):
                self.changed.emit(other, energy[1] if other == energy[0] else None)
            self.problem.emit("")
            return
        if name == "wavelength_um":
            for other in ENERGIES:
                self.changed.emit(other, None)
        try:
            value = edit.value
        except InputError as error:
            self.problem.emit(f"{self._title(name)}: {error}")
            self.changed.emit(name, None)
            return
        self.problem.emit("")
        self.changed.emit(name, list(value) if isinstance(value, tuple) else value)

    def _in_nanometres(self, name: str, edit: ValueEdit) -> None:
        edit.native.setText(f"{edit.native.text().strip()} nm")
        self._typed(name, edit)

    def _show_asked(self, name: str, asked: bool) -> None:
        self._asked[name].setVisible(asked)
        self._sources[name].setVisible(not asked)

    def _title(self, name: str) -> str:
        known = quantities(self.kind)
        return known[name].label if name in known else str(BESIDES[self.kind][name][0])

    def put(self, name: str, value: object) -> None:
        """Show the `value` of a row `name` that was not typed here, without telling anybody."""
        if (editor := self.editors.get(name)) is None:
            return
        if isinstance(editor, ValueEdit):
            editor.native.setText("" if value is None else number_text(value))
        else:
            with editor.changed.blocked():
                editor.value = value

    def show_known(self, draft: Draft, said: Mapping[str, object], sources: Mapping[str, str]) -> None:
        """Where each value comes from, and which are missing.

        Parameters
        ----------
        draft : with what is known so far.
        said : what the assistant was told, by name.
        sources : where those of them come from that nobody typed.
        """
        missing, known = draft.missing(), draft.derived()
        for name, editor in self.editors.items():
            value = known.get(name)
            if name in said or (name == "wavelength_um" and set(ENERGIES) & set(said)):
                text = sources.get(name, "")
            elif draft.values.get(name) is not None:
                text = "from the file"
            else:
                text = "worked out" if value is not None else "needed" if name in missing else ""
            source = self._sources[name]
            source.setText(text)
            source.setToolTip(f"{text}: {draft.source}" if text.startswith("from") else text)
            source.setStyleSheet(f"color: {WARN if text == 'needed' else QUIET};")
            if isinstance(editor, ValueEdit):
                editor.placeholder = "" if value is None or name in said else _in_short(value)
                if editor.good:
                    editor.native.setStyleSheet(MISSING if name in missing else "")


def _in_short(value: object) -> str:
    array = np.asarray(value)
    if array.ndim and array.size > 3:
        return f"{array.flat[0]:.4g} … {array.flat[-1]:.4g}"
    return number_text(float(f"{value:.5g}") if isinstance(value, float) else value)


def nanometres(text: str, edit: ValueEdit) -> float | None:
    """The length in um, where a `text` in `edit` is far too large for um and right for nm; else None."""
    high, unit = edit.wanted.high, edit.wanted.unit
    try:
        value = parse(text, Plain(unit=unit))
    except InputError:
        return None
    odd = isinstance(value, float) and high is not None and in_nanometres(value, unit, high)
    return value / 1e3 if odd and isinstance(value, float) else None


def energy_of(text: str) -> tuple[str, float] | None:
    """The name and number of an energy or voltage such as `80 kV`, typed in the place of a wavelength; else None."""
    for name, unit in ENERGIES.items():
        if text.strip().endswith(unit) and (unit != "eV" or not text.strip().endswith("keV")):
            try:
                value = parse(text, Plain(unit=unit))
            except InputError:
                return None
            return (name, value) if isinstance(value, float) else None
    return None


def square_side(count: int) -> int:
    """Things along a side of a square of `count`; 0 where they make none."""
    side = math.isqrt(count)
    return side if side > 1 and side * side == count else 0
