"""A traffic light and one sentence: how far to trust the answer on show, with the figures behind it on request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QWidget

from ..kit.parts import LIGHTS, QUIET, Fold, button, column, label
from ..kit.session import Session, Shown
from ..kit.threads import listen
from ..view.scan_layers import add_all
from ..view.trust_facts import TrustFacts, frame_layers, trust_facts

if TYPE_CHECKING:
    import napari

DOT = 14  # pixels


class TrustView(QWidget):
    """Seen only while the result on show says how far it can be trusted; `changed` says that it has come or gone."""

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        super().__init__()
        self._viewer = viewer
        self._shown: Shown | None = None
        self.facts: TrustFacts | None = None
        self.dot, self.sentence, self.details = label(), label(), label(colour=QUIET)
        self.dot.setFixedSize(DOT, DOT)
        self.details.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.frames_button = button(
            "Frames as predicted", self.add_frames,
            "what the microscope would have seen of this phase, and how far that is from what it saw, frame by frame",
        )  # fmt: skip
        content, line = QWidget(), QHBoxLayout()
        column(content, self.details, self.frames_button)
        line.addWidget(self.dot, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(self.sentence, 1)
        self.fold = Fold("Why", content)
        column(self, line, self.fold)
        listen(self, session.shown_changed, self._on_shown)
        self._on_shown(session.shown)

    def _on_shown(self, shown: Shown | None) -> None:
        self._shown = shown
        self.facts = trust_facts(shown.result) if shown is not None and shown.finished else None
        self.setVisible(self.facts is not None)
        if self.facts is not None and shown is not None:
            self.dot.setStyleSheet(f"background: {LIGHTS[self.facts.level]}; border-radius: {DOT // 2}px;")
            self.dot.setToolTip(self.facts.level)
            self.sentence.setText(f"{self.facts.level}: {self.facts.sentence}")
            self.details.setText("\n".join(self.facts.details))
            self.frames_button.setVisible(bool(frame_layers(shown.result, shown.title)))
        self.changed.emit()

    def add_frames(self) -> None:
        """The frames that this phase predicts, and their residual, as layers."""
        if self._shown is not None:
            add_all(self._viewer, frame_layers(self._shown.result, self._shown.title))
