"""Which orientation? Eight pictures of a scan, one per orientation of its positions; the right one is clicked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QComboBox, QGridLayout, QToolButton, QVBoxLayout, QWidget

from ...app.job import Failed, Job, Stopped
from ...types import InputError, Progress
from ..kit.parts import BAD, GOOD, QUIET, Bar, Fold, button, label, row, say
from ..kit.session import Session
from ..kit.threads import Background, follow

if TYPE_CHECKING:
    from ...data.acquisition import CodedPtychography, Draft, Ptychography
    from ...recon.scan.orientation import Orientation
    from ...recon.scan.orientation_trials import Trial

KINDS = ("ptychography", "coded_ptychography")
COLUMNS, SIDE = 4, 66
TILE = f"QToolButton {{ border: 2px solid transparent; }} QToolButton:checked {{ border: 2px solid {GOOD}; }}"
ABOUT = "Stage and camera may disagree about axes and signs. Eight quick tries show it: click the one that looks right."
CAUTION = "Wrong ways can fit nearly as well: go by the picture, not by the error alone."


class OrientationPanel(QWidget):
    """Tries the positions of what is open in `session` all eight ways, and puts the one clicked into it."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session, self._background = session, Background()
        self._job: Job | None = None
        self._turn = 0  # events of earlier jobs are dropped
        self._given: np.ndarray | None = None  # the positions that were tried
        self._ours = False  # the change of the draft that is being told is ours
        self._trials: dict[str, Trial] = {}
        self.tiles: dict[str, QToolButton] = {}
        self.run_button, self.stop_button = button("Which orientation?", self.run, ABOUT), button("Cancel", self.stop)
        self.quantity = QComboBox()
        self.quantity.addItems(["phase", "amplitude"])
        self.quantity.currentTextChanged.connect(lambda _: self._draw_all())
        self.bar = Bar()
        self.state, self.caution, self.error = label(colour=GOOD), label(CAUTION, QUIET), label(colour=BAD)
        self._lay_out()
        follow(self, session.draft_changed, self._on_draft)
        follow(self, session.values_changed, self._on_value)
        background, holder = self._background, self.__dict__

        def close() -> None:  # must not touch the widget: it is being destroyed
            background.close()
            if holder.get("_job") is not None:
                holder["_job"].cancel()

        self.destroyed.connect(close)
        self._on_draft(session.draft)

    def _lay_out(self) -> None:
        content, place = QWidget(), QWidget()
        inner, outer, self._grid = QVBoxLayout(content), QVBoxLayout(self), QGridLayout(place)
        self._grid.setSpacing(2)
        buttons = row(self.run_button, self.stop_button, self.quantity)
        for part in (label(ABOUT, QUIET), buttons, self.bar, place, self.caution, self.state, self.error):
            inner.addWidget(part)
        for layout in (inner, outer, self._grid):
            layout.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(Fold("Which way do the positions run?", content, is_open=True))

    # the draft

    def _on_draft(self, draft: Draft | None) -> None:
        self._forget()
        self.setVisible(draft is not None and draft.kind in KINDS)
        self._set_running(False)

    def _on_value(self, name: str) -> None:
        """Pictures belong to the values they were made from."""
        if not self._ours and (self._trials or self._job is not None):
            self._forget()
            self._set_running(False)

    def _forget(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._job = None
        self._turn += 1
        self._trials, self._given = {}, None
        for tile in self.tiles.values():
            self._grid.removeWidget(tile)
            tile.deleteLater()
        self.tiles = {}
        self._say("", "")

    # a run

    @property
    def running(self) -> bool:
        return self._job is not None

    def run(self) -> None:
        """Start; what is in the way is said in the dock."""
        try:
            acquisition = cast("Ptychography | CodedPtychography", self._session.acquisition())
        except InputError as error:
            self._say("", str(error))
            return
        device = str(self._session.settings.get("device", "auto"))
        self._forget()
        turn, self._given = self._turn, acquisition.positions_um

        def work() -> Iterator[Any]:
            from ...recon.scan.orientation_trials import orientation_trials

            return orientation_trials(acquisition, device)

        self._job = Job(work, lambda event: self._background.post(self._on_event, event, turn))
        self._job.start()
        self._set_running(True)

    def stop(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def _on_event(self, event: object, turn: int) -> None:
        if turn != self._turn:
            return
        if isinstance(event, Progress):
            self.bar.show_progress(event.done, event.total)
        elif isinstance(event, Stopped | Failed):
            self._end()
            self._say("", event.text if isinstance(event, Failed) else "")
        else:
            self._add(cast("Trial", event))

    def _end(self) -> None:
        self._job = None
        self._set_running(False)

    def _set_running(self, on: bool) -> None:
        self.run_button.setEnabled(not on)
        self.stop_button.setVisible(on)
        self.bar.setVisible(on)
        self.bar.setValue(0)
        for part in (self.quantity, self.caution):
            part.setVisible(bool(self._trials))

    # the pictures

    def _add(self, trial: Trial) -> None:
        from ...recon.scan.orientation import NAMES

        self._trials[trial.orientation] = trial
        tile = self.tiles[trial.orientation] = QToolButton()
        tile.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        tile.setIconSize(QSize(SIDE, SIDE))
        tile.setCheckable(True)
        tile.setStyleSheet(TILE)
        tile.setText(f"{trial.error:.3f}")
        tile.setToolTip(f"{trial.orientation}: relative amplitude error {trial.error:.4f}")
        tile.clicked.connect(lambda _, name=trial.orientation: self.choose(name))
        place = len(self.tiles) - 1
        self._grid.addWidget(tile, place // COLUMNS, place % COLUMNS)
        self._draw(trial)
        if len(self._trials) == len(NAMES):
            self._end()

    def _draw_all(self) -> None:
        for trial in self._trials.values():
            self._draw(trial)

    def _draw(self, trial: Trial) -> None:
        from ...app.figures.orientation_sheet import amplitude_picture, phase_picture

        shown = phase_picture if self.quantity.currentText() == "phase" else amplitude_picture
        grey = np.ascontiguousarray(shown(trial.picture))
        side = grey.shape[0]
        image = QImage(grey.tobytes(), side, side, side, QImage.Format.Format_Grayscale8)
        smooth = Qt.TransformationMode.SmoothTransformation
        large = QPixmap.fromImage(image).scaled(2 * SIDE, 2 * SIDE, Qt.AspectRatioMode.KeepAspectRatio, smooth)
        self.tiles[trial.orientation].setIcon(QIcon(large))

    def choose(self, name: Orientation) -> None:
        """Turn the positions of the draft into this orientation."""
        from ...recon.scan.orientation import oriented_positions

        if self._given is None:
            return
        if self._job is not None:  # the right one has been seen already
            self._job.cancel()
            self._turn += 1
            self._end()
        self._ours = True
        try:
            self._session.set_value("positions_um", oriented_positions(self._given, name))
        finally:
            self._ours = False
        for other, tile in self.tiles.items():
            tile.setChecked(other == name)
        turned = "as the file gives them" if name == "as-given" else f"turned: {name}"
        self._say(f"Positions {turned}. Reconstruct uses them so; Save as .acq.h5 keeps them.", "")

    def _say(self, state: str, error: str) -> None:
        say(self.state, state)
        say(self.error, error)
