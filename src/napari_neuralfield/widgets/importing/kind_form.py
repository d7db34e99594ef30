"""Everything that is asked of one kind of recording: its numbers, and its LED board, patterns or positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGroupBox, QLineEdit, QVBoxLayout, QWidget

from ...app.importing.questions import Values, value
from ...app.importing.recording import Import
from ...data.acquisition import Draft, quantities
from ...io.sidecar.leds import directions
from ...types import InputError
from ..kit.parts import form_layout
from .board_form import BoardForm
from .plane_values import PlaneValues
from .scan_form import NAMES, PLANES, ScanForm
from .value_rows import ValueRows

WITH_BOARD = ("led_array", "multiplexed_led")
SCANS = ("ptychography", "coded_ptychography")
LED_NAMES = ("illumination_na", "led_na")


class KindForm(QWidget):
    """Changes the values of an `Import`; `changed` whenever it has."""

    changed = Signal()

    def __init__(self, kind: str, task: Import) -> None:
        super().__init__()
        self._task, self.kind = task, kind
        self._shown = True  # whether the fields show the board that is said
        self.problems: dict[str, str] = {}  # by part of the form
        self.planes, self.used = PlaneValues(kind), list[int]()  # typed in the table; LEDs of the planes, all where []
        self.rows = ValueRows(kind)
        self.board = BoardForm() if kind in WITH_BOARD else None
        self.scan = ScanForm() if kind in SCANS else None
        self.patterns = QLineEdit() if kind == "multiplexed_led" else None
        self.sources: dict[str, str] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(_box("Numbers", self.rows))
        self.rows.changed.connect(self._on_number)
        self.rows.problem.connect(lambda text: self._problem("numbers", text))
        if self.board is not None:
            layout.addWidget(_box("LED board", self.board))
            self.board.changed.connect(self._on_board)
        if self.scan is not None:
            layout.addWidget(_box("Scan", self.scan))
            self.scan.changed.connect(self._on_scan)
        if self.patterns is not None:
            self.patterns.setPlaceholderText("half 0; half 180; arc 0; arc 120; arc 240")
            self.patterns.setToolTip(
                "one a frame: half ANGLE, arc ANGLE (from x, right, towards y, down) or leds 1,2,3; or a table"
            )
            lit = QWidget()
            form_layout(lit).addRow("Lit in each frame", self.patterns)
            layout.addWidget(_box("Patterns", lit))
            self.patterns.textEdited.connect(self._on_patterns)
        layout.addStretch(1)

    def begin(self, draft: Draft, said: Mapping[str, object]) -> None:
        """Show what a `draft` knows, and what was `said` before."""
        for name, known in said.items():
            self.rows.put(name, known)
        leds = said.get("leds")
        if self.board is not None:
            if isinstance(leds, Mapping):
                self.board.show_board(leds)
                self.used = list(leds.get("use") or ())
                self._shown = self._fields_are(leds)
            elif self.kind == "led_array":
                self.board.guess(int(draft.frames.shape[0]))
        if self.scan is not None:
            known = any(draft.values.get(name) is not None for name in NAMES)
            self.scan.choose("given" if known or self.kind == SCANS[1] else "grid")
            self.scan.guess(int(draft.frames.shape[0]))

    def directions(self) -> np.ndarray | None:
        """Of the LEDs as the fields describe them now; None while they do not."""
        if self.board is None or not self._shown:
            return None
        try:
            with self._task.allowed():
                found = self.board.directions(self._task.sidecar)
        except InputError:
            return None
        return found[self.used] if self.used and max(self.used) < len(found) else found

    def _fields_are(self, leds: Mapping[str, object]) -> bool:
        """Whether the fields show the board that a sidecar describes, which may say more than they can."""
        assert self.board is not None
        try:
            with self._task.allowed():
                shown, said = self.board.directions(self._task.sidecar), directions(leds, self._task.sidecar)[0]
        except InputError:
            return False
        return shown.shape == said.shape and bool(np.allclose(shown, said))

    @property
    def objective_na(self) -> float | None:
        """As typed; None where it is not."""
        typed = self._task.values.get("objective_na")
        return float(typed) if isinstance(typed, int | float) else None

    def label_of(self, name: str) -> str:
        """What a value `name` is called in the form."""
        return "the LED board" if name in LED_NAMES else quantities(self.kind)[name].label

    @property
    def problem(self) -> str:
        """What is to be said first; '' where nothing is."""
        return next((text for text in self.problems.values() if text), "")

    def _problem(self, part: str, text: str) -> None:
        self.problems[part] = text
        self.changed.emit()

    def put(self, name: str, number: object) -> None:
        """Take a value `number` under its `name`; None takes it away."""
        self.sources.pop(name, None)
        if number is None:
            self._task.values.pop(name, None)
        else:
            self._task.values[name] = number

    def _on_number(self, name: str, number: object) -> None:
        self.planes.forget(name)
        self.put(name, number)
        self.changed.emit()

    def _on_board(self) -> None:
        assert self.board is not None
        self._shown = True
        self._task.typed.update(self.board.files)
        try:
            with self._task.allowed():
                self.board.directions(self._task.sidecar)
            leds = self.board.values(self._task.sidecar.parent)
            self.put("leds", {**leds, "use": self.used} if self.used else leds)
            self._problem("board", "")
        except InputError as error:
            self.put("leds", None)
            self._problem("board", str(error))

    def _on_scan(self) -> None:
        assert self.scan is not None
        if self.scan.table.value is not None:
            self._task.typed.add(Path(str(self.scan.table.value)))
        try:
            found = self.scan.values(self._task.sidecar.parent)
            text = ""
        except InputError as error:
            found, text = {}, str(error)
        if self.scan.shape.currentData() != PLANES:
            self.planes.forget(*NAMES)
        for name in NAMES:
            self.put(name, found.get(name))
        self._problem("scan", text)

    def take_typed(self, taken: Sequence[int]) -> None:
        """Put what the table says of the planes that are `taken` in the place of what the form said."""
        try:
            found = self.planes.said(taken, self._task.sidecar.parent)
            text = ""
        except InputError as error:
            found, text = {}, str(error)
        for name, values in found.items():
            if name == "use":
                self.used = cast("list[int]", values)
                self._on_board()
            elif name == "positions_um" and self.scan is not None:
                self.scan.take(cast("list[object]", values))
            elif name == "patterns" and self.patterns is not None:
                self.put(name, values)
                self.patterns.setText("")
                self.patterns.setPlaceholderText("as in the table of planes")
            else:
                for other in ("z_step_um", "focus_frame"):
                    self.put(other, None)
                    self.rows.put(other, None)
                self.put(name, values)
                self.rows.put(name, values)
        self._problem("planes", text)

    def _on_patterns(self, text: str) -> None:
        self.planes.forget("patterns")
        try:
            found: object = value("patterns", text, self.kind, self._task.sidecar.parent) if text.strip() else None
            self.put("patterns", found)
            self._problem("patterns", "")
        except InputError as error:
            self.put("patterns", None)
            self._problem("patterns", str(error).removeprefix("--patterns: "))

    def take_board(self, leds: Values) -> None:
        """Put another description of the board into the fields and use it."""
        assert self.board is not None
        self.board.show_board(leds)
        self._on_board()


def _box(title: str, content: QWidget) -> QGroupBox:
    made = QGroupBox(title)
    layout = QVBoxLayout(made)
    layout.setContentsMargins(8, 6, 8, 6)
    layout.addWidget(content)
    return made
