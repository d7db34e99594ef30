"""Which orientation? Eight pictures of a scan, one per orientation of its positions; the right one is clicked."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from qtpy.QtCore import QObject, QSize, Qt
from qtpy.QtGui import QIcon, QImage, QPixmap
from qtpy.QtWidgets import QComboBox, QGridLayout, QToolButton, QVBoxLayout, QWidget

from ...app.job import Failed
from ...types import InputError
from ..kit.parts import BAD, GOOD, QUIET, Bar, Fold, button, flow, label, say
from ..kit.session import Session
from ..kit.threads import listen
from ..view.file_job import FileJob, FileRecord
from ..view.layers import title_of

if TYPE_CHECKING:
    import napari

    from ...data.acquisition import CodedPtychography, Draft, Ptychography
    from ...recon.scan.orientation import Orientation
    from ...recon.scan.orientation_trials import Trial

KINDS = ("ptychography", "coded_ptychography")
COLUMNS, SIDE = 4, 56
TILE = f"QToolButton {{ border: 2px solid transparent; }} QToolButton:checked {{ border: 2px solid {GOOD}; }}"
ABOUT = "Stage and camera may disagree about axes and signs. Eight quick tries show it: click the one that looks right."
CAUTION = "Wrong ways can fit nearly as well: go by the picture, not by the error alone."


@dataclasses.dataclass(eq=False)
class OrientationRecord(FileRecord):
    """The tries of a file.

    Parameters
    ----------
    given : its positions (frame, 2), um.
    trials : by orientation, as far as they are made.
    chosen : the orientation that was clicked.
    """

    given: np.ndarray | None
    trials: dict[str, Trial] = dataclasses.field(default_factory=dict)
    chosen: str = ""
    error: str = ""


class OrientationTrials(FileJob[OrientationRecord]):
    """Those of one viewer: one file at a time."""

    def __init__(self, viewer: napari.Viewer, window: QObject) -> None:
        super().__init__(viewer, window, "Trying orientations of")

    def take(self, record: OrientationRecord, event: object) -> None:
        """Put a try into its `record`, or why there is none (`event`)."""
        from ...recon.scan.orientation_trials import Trial

        if isinstance(event, Trial):
            record.trials[event.orientation] = event
        elif isinstance(event, Failed):
            record.error = event.text


def trials_of(viewer: napari.Viewer) -> OrientationTrials:
    """Those of a viewer; made at the first call, gone with its window."""
    model = getattr(viewer, "__wrapped__", viewer)  # docks are handed a proxy of the viewer
    window = model.window._qt_window
    return window.findChild(OrientationTrials) or OrientationTrials(model, window)


class OrientationPanel(QWidget):
    """Tries the positions of what is open in `session` all eight ways, and puts the one clicked into it.

    Tries that go on for another file are named, and can be cancelled here.
    """

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        super().__init__()
        self._session, self.jobs = session, trials_of(viewer)
        self._record: OrientationRecord | None = None  # of the file that is open
        self._ours = False  # the change of the draft that is being told is ours
        self.tiles: dict[str, QToolButton] = {}
        self.run_button, self.stop_button = (
            button("Which orientation?", self.run, ABOUT),
            button("Cancel", self.stop, "end the tries"),
        )
        self.quantity = QComboBox()
        self.quantity.addItems(["phase", "amplitude"])
        self.quantity.setToolTip("what the eight pictures show")
        self.quantity.currentTextChanged.connect(lambda _: self._draw_all())
        self.bar = Bar()
        self.elsewhere, self.state = label(colour=QUIET), label(colour=GOOD)
        self.caution, self.error = label(CAUTION, QUIET), label(colour=BAD)
        self._lay_out()
        listen(self, session.draft_changed, self._on_draft)
        listen(self, session.values_changed, self._on_value)
        self.jobs.changed.connect(self._on_changed)
        self.jobs.told.connect(self._on_told)
        self._on_draft(session.draft)

    def _lay_out(self) -> None:
        content, place = QWidget(), QWidget()
        inner, outer, self._grid = QVBoxLayout(content), QVBoxLayout(self), QGridLayout(place)
        self._grid.setSpacing(2)
        buttons = flow(self.run_button, self.stop_button, self.quantity)
        words = (self.caution, self.state, self.error)
        for part in (label(ABOUT, QUIET), buttons, self.elsewhere, self.bar, place, *words):
            inner.addWidget(part)
        for layout in (inner, outer, self._grid):
            layout.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(Fold("Which way do the positions run?", content, is_open=True))

    # the draft

    def _on_draft(self, draft: Draft | None) -> None:
        self._show(self.jobs.record())
        self._on_changed()

    def _on_value(self, name: str) -> None:
        """Pictures belong to the values they were made from."""
        if not self._ours and self._record is not None:
            self.jobs.forget(self._record)
            self._show(None)
            self._on_changed()

    def _show(self, record: OrientationRecord | None) -> None:
        """What is known of a file; the tiles of another go."""
        self._record = record
        for tile in self.tiles.values():
            self._grid.removeWidget(tile)
            tile.deleteLater()
        self.tiles = {}
        self._say("", "" if record is None else record.error)
        for trial in () if record is None else record.trials.values():
            self._add(trial)
        if record is not None and record.chosen:
            self._mark(record.chosen)

    # a run

    @property
    def running(self) -> bool:
        """Whether tries go on, of whatever file."""
        return self.jobs.running

    def run(self) -> None:
        """Start; what is in the way is said in the dock."""
        try:
            acquisition = cast("Ptychography | CodedPtychography", self._session.acquisition())
        except InputError as error:
            self._say("", str(error))
            return
        device, of = str(self._session.settings.get("device", "auto")), self._session.frames_key()
        draft = self._session.draft
        assert draft is not None
        assert of is not None

        def work() -> Iterator[Any]:
            from ...recon.scan.orientation_trials import orientation_trials

            return iter(orientation_trials(acquisition, device))

        record = OrientationRecord(of, title_of(draft), acquisition.positions_um)
        self.jobs.start(record, work)
        self._show(record)
        self._on_changed()

    def stop(self) -> None:
        self.jobs.stop()

    def _on_told(self, record: OrientationRecord, event: object) -> None:
        if record is not self._record:
            return
        for trial in [trial for name, trial in record.trials.items() if name not in self.tiles]:
            self._add(trial)
        if isinstance(event, Failed):
            self._say("", record.error)

    def _on_changed(self) -> None:
        running, last, draft, current = self.running, self.jobs.last, self._session.draft, self.jobs.current
        self.setVisible(running or (draft is not None and draft.kind in KINDS))
        self.run_button.setEnabled(not running)
        self.stop_button.setVisible(running)
        self.bar.setVisible(running)
        self.bar.show_progress(0 if last is None else last.done, 1 if last is None else last.total)
        of_another = current is not None and current is not self._record
        say(self.elsewhere, f"The tries go on for {current.title}." if current is not None and of_another else "")
        for part in (self.quantity, self.caution):
            part.setVisible(bool(self.tiles))

    # the pictures

    def _add(self, trial: Trial) -> None:
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

    def _draw_all(self) -> None:
        for trial in () if self._record is None else self._record.trials.values():
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

        record = self._record
        if record is None or record.given is None:
            return
        if record is self.jobs.current:  # the right one has been seen already
            self.jobs.abandon()
        record.chosen = name
        self._ours = True
        try:
            self._session.set_value("positions_um", oriented_positions(record.given, name))
        finally:
            self._ours = False
        self._mark(name)

    def _mark(self, name: str) -> None:
        """The tile `name` is the one that was clicked."""
        for other, tile in self.tiles.items():
            tile.setChecked(other == name)
        turned = "as the file gives them" if name == "as-given" else f"turned: {name}"
        self._say(f"Positions {turned}. Reconstruct uses them so; Save as .acq.h5 keeps them.", "")

    def _say(self, state: str, error: str) -> None:
        say(self.state, state)
        say(self.error, error)
