"""Calibrate, in the Acquisition dock: let the frames say what the microscope really was, then accept or discard it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from ...types import InputError
from ..kit.forms import OptionForm, caption
from ..kit.parts import BAD, QUIET, WARN, Fold, button, label, row, say
from ..kit.session import Session
from ..kit.threads import Background, listen, when_gone
from ..view.layers import title_of
from .calibrations import CalibrationRecord, calibrations_of
from .result_view import CalibrationView
from .work import Answer, answering, assessing, calibrating, corrected_values, load_options, make_recipe

if TYPE_CHECKING:
    import napari

    from ...data.acquisition import Draft, Frames
    from ...recon.calibration.result import Calibration
    from ...recon.engine.recipe import OptionInfo

KIND = "led_array"
ELSEWHERE = ("device", "leave_out")  # options that are chosen in other places
ABOUT = "Finds from the frames how LED board, objective and focus really were. Nothing changes until you accept it."


class CalibratePanel(QWidget):
    """Runs calibrations of what is open in `session`; `changed` says that `calibration` is another.

    One that goes on for another file is named, and can be cancelled here.
    """

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        super().__init__()
        self._viewer, self._session, self._background = viewer, session, Background()
        self.jobs = calibrations_of(viewer)
        self._record: CalibrationRecord | None = None  # of the file that is open
        self.options: OptionForm | None = None  # made when the recipe is loaded
        self._build()
        self._watch()
        self._on_draft(session.draft)
        self._background.run(load_options, self._loaded, self._say_error)

    def _build(self) -> None:
        self.run_button, self.stop_button = (
            button("Calibrate", self.run, ABOUT),
            button("Cancel", self.stop, "end the calibration"),
        )
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(10)
        self.state, self.note = label(), label(colour=QUIET)
        self.stale, self.error = label(colour=WARN), label(colour=BAD)
        self.view = CalibrationView()
        self.view.accepted.connect(self.accept)
        self.view.discarded.connect(self.discard)
        self.view.undone.connect(self.undo)
        self.view.assess_wanted.connect(self.assess)
        self.view.frame_wanted.connect(self._show_frame)
        content = QWidget()
        inner, outer = QVBoxLayout(content), QVBoxLayout(self)
        place = QWidget()
        self._option_place = QVBoxLayout(place)
        self._option_place.setContentsMargins(0, 0, 0, 0)
        fold = Fold("What may be corrected", place)
        buttons = row(self.run_button, self.stop_button)
        words = (self.state, self.note, self.error, self.stale)
        for part in (label(ABOUT, QUIET), fold, buttons, self.bar, *words, self.view):
            inner.addWidget(part)
        for layout in (inner, outer):
            layout.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(Fold("Calibrate the microscope", content, is_open=True))

    def _watch(self) -> None:
        listen(self, self._session.draft_changed, self._on_draft)
        listen(self, self._session.values_changed, self._on_value)
        self.jobs.changed.connect(self._on_changed)
        self.jobs.told.connect(self._on_told)
        when_gone(self, self._background.close)

    @property
    def calibration(self) -> Calibration | None:
        """What is on show."""
        record = self._record
        return None if record is None or record.found is None else record.found.calibration

    @property
    def running(self) -> bool:
        """Whether a calibration goes on, of whatever file."""
        return self.jobs.running

    def _loaded(self, infos: list[OptionInfo]) -> None:
        self.options = OptionForm(info for info in infos if info.name not in ELSEWHERE)
        self._option_place.addWidget(self.options)
        self._on_changed()

    # the draft

    def _on_draft(self, draft: Draft | None) -> None:
        if not self.running:
            self.jobs.text = ""
        self._show(self.jobs.record())
        self._on_value("")
        self._on_changed()

    def _on_value(self, name: str) -> None:
        """Results belong to the values they were made from: say so where those have been edited since."""
        from ...data.acquisition import quantities

        draft, record = self._session.draft, self._record
        if draft is None or record is None or not (self._mine or record.found is not None):
            say(self.stale, "")
            return
        known = quantities(KIND)
        edited = [
            caption(known[n].label, "")
            for n in known
            if not np.array_equal(record.values.get(n, np.nan), draft.values.get(n, np.nan), equal_nan=True)
        ]
        changed = f"{', '.join(edited)} changed since: this calibration belongs to the earlier values; calibrate again."
        say(self.stale, changed if edited else "")

    # runs

    @property
    def _mine(self) -> bool:
        """Whether it is the open file that is worked on."""
        return self.running and self.jobs.current is self._record

    def run(self) -> None:
        """Start a calibration; what is in the way is said in the dock."""
        if self.options is None or self.running:
            return
        try:
            acquisition = self._session.acquisition()
            recipe = make_recipe({"device": self._device, **self.options.values()})
        except InputError as error:
            self._say_error(str(error))
            return
        draft, of = self._session.draft, self._session.frames_key()
        assert draft is not None
        assert of is not None
        record = CalibrationRecord(of, title_of(draft), dict(draft.values))
        self.jobs.start(record, answering(lambda: calibrating(acquisition, recipe)))
        self._show(record)
        self._on_changed()

    def assess(self) -> None:
        """Judge what is on show against what was given, by the frames alone."""
        if self.calibration is None or self.running or self._record is None:
            return
        calibration, leave_out, device = self.calibration, self.view.leave_out.isChecked(), self._device
        self.jobs.start(self._record, answering(lambda: assessing(calibration, leave_out, device)))

    def stop(self) -> None:
        """Cancel after the step in hand."""
        self.jobs.stop()

    @property
    def _device(self) -> str:
        return str(self._session.settings.get("device", "auto"))

    def _on_told(self, record: CalibrationRecord, event: object) -> None:
        if record is not self._record:
            return
        say(self.note, record.note)
        say(self.error, record.error)
        if isinstance(event, Answer) and record.quality is event.value:
            self.view.show_quality(record.quality)
        elif isinstance(event, Answer):
            self._show(record)
            self._on_value("")

    # what was found

    def _show(self, record: CalibrationRecord | None) -> None:
        self._record = record
        found = None if record is None else record.found
        self.view.setVisible(found is not None)
        say(self.note, "" if record is None else record.note)
        say(self.error, "" if record is None else record.error)
        if record is not None and found is not None:
            self.view.show_found(found)
            self.view.set_accepted(record.before is not None)
            self.view.show_quality(record.quality)
        self.changed.emit()

    def accept(self) -> None:
        """Put what was found into the draft, without the outlier frames where the box is ticked."""
        draft, record = self._session.draft, self._record
        if self.calibration is None or draft is None or record is None:
            return
        values, frames = corrected_values(self.calibration, self.view.leave_out.isChecked())
        record.before = {name: draft.values.get(name) for name in values}, draft.frames
        self.view.set_accepted(True)
        self._put(record, values, frames)

    def undo(self) -> None:
        """Back to what the draft was before it was accepted."""
        record = self._record
        if record is not None and record.before is not None:
            (values, frames), record.before = record.before, None
            self.view.set_accepted(False)
            self._put(record, values, frames)

    def _put(self, record: CalibrationRecord, values: dict[str, object], frames: Frames) -> None:
        record.values = {k: v for k, v in {**record.values, **values}.items() if v is not None}
        self._session.set_values(values, frames)

    def discard(self) -> None:
        """Forget what was found; the draft stays as it is."""
        if self._record is not None:
            self.jobs.discard(self._record)
        self._show(None)
        self._on_value("")

    def _show_frame(self, frame: int) -> None:
        """Turn the viewer to a frame, where it shows the frames that were calibrated."""
        dims = self._viewer.dims
        if self.calibration is not None and dims.ndim >= 3 and dims.nsteps[0] == self.calibration.given.frame_count:
            dims.set_current_step(0, frame)

    # words

    def _say_error(self, text: str) -> None:
        say(self.error, text)

    def _on_changed(self) -> None:
        running, last, draft, current = self.running, self.jobs.last, self._session.draft, self.jobs.current
        self.setVisible(running or (draft is not None and draft.kind == KIND))
        words = self.jobs.words()
        say(self.state, f"Goes on for {current.title}: {words}" if current is not None and not self._mine else words)
        self.bar.setUpdatesEnabled(False)  # or Qt paints the whole window at once, the canvas with it
        self.bar.setRange(0, 0 if last is None else max(last.total, 1))
        self.bar.setValue(0 if last is None else last.done)
        self.bar.setUpdatesEnabled(True)
        self.bar.setVisible(running)
        self.run_button.setEnabled(self.options is not None and not running)
        self.view.assess_button.setEnabled(not running)
        self.stop_button.setVisible(running)
        self.stop_button.setEnabled(running and not words.startswith("stopping"))
