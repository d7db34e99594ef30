"""Calibrate, in the Acquisition dock: let the frames say what the microscope really was, then accept or discard it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from ...app.job import Failed, Job, JobEvent, Stopped
from ...types import Event, InputError, Note, Preview, Progress, Result
from ..kit.forms import OptionForm, caption
from ..kit.parts import BAD, QUIET, WARN, Fold, button, label, row, timer
from ..kit.session import Session, Shown
from ..kit.threads import Background, listen
from ..view.layers import title_of
from ..view.preview import PreviewLayers
from .result_view import CalibrationView
from .work import (
    Answer,
    ShownCalibration,
    answering,
    assessing,
    calibrating,
    corrected_values,
    load_options,
    make_recipe,
)

if TYPE_CHECKING:
    import napari

    from ...data.acquisition import Draft, Frames
    from ...recon.calibration.result import Calibration
    from ...recon.engine.recipe import OptionInfo

T = TypeVar("T")
Before = tuple[dict[str, object], "Frames"]  # values and frames of a draft
KIND = "led_array"
ELSEWHERE = ("device", "leave_out")  # options that are chosen in other places
ABOUT = "Finds from the frames how LED board, objective and focus really were. Nothing changes until you accept it."


class CalibratePanel(QWidget):
    """Runs calibrations of what is open in `session`; `changed` says that `calibration` is another."""

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        super().__init__()
        self._viewer, self._session, self._background = viewer, session, Background()
        self._preview = PreviewLayers(viewer, self._background, self._say_error)
        self._found: ShownCalibration | None = None
        self._values: dict[str, Any] = {}  # of the draft that was calibrated
        self._before: Before | None = None  # what Undo brings back
        self._of: Frames | None = None  # the frames that all this belongs to
        self._left: list[tuple[Frames, ShownCalibration, dict[str, Any], Before | None]] = []  # of others
        self._job: Job | None = None
        self._progress = deque[Progress](maxlen=1)
        self._waiting: Shown | None = None
        self._title = ""
        self._turn = 0  # events of earlier jobs are dropped
        self.options: OptionForm | None = None  # made when the recipe is loaded
        self._build()
        self._tick = timer(self, 200, self._draw)
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
        background, preview, holder = self._background, self._preview, self.__dict__

        def close() -> None:  # must not touch the widget: it is being destroyed
            background.close()
            preview.close()
            if holder.get("_job") is not None:
                holder["_job"].cancel()

        self.destroyed.connect(close)

    @property
    def calibration(self) -> Calibration | None:
        """What is on show."""
        return None if self._found is None else self._found.calibration

    @property
    def running(self) -> bool:
        return self._job is not None

    def _loaded(self, infos: list[OptionInfo]) -> None:
        self.options = OptionForm(info for info in infos if info.name not in ELSEWHERE)
        self._option_place.addWidget(self.options)
        self._set_state(self.state.text())

    # the draft

    def _on_draft(self, draft: Draft | None) -> None:
        if self._of is not None and self._found is not None:
            others = [one for one in self._left if one[0] is not self._of]
            self._left = [*others, (self._of, self._found, self._values, self._before)]
        self._left = [one for one in self._left if self._session.has(one[0])]
        self._show_found(None)
        self._abandon()
        self._preview.forget()
        self._say_error("")
        self._of = self._session.frames_key()
        for of, found, values, before in self._left:
            if of is self._of:
                self._show_found(found)
                self._values, self._before = values, before
                self.view.set_accepted(before is not None)
        self.setVisible(draft is not None and draft.kind == KIND)

    def _on_value(self, name: str) -> None:
        """Results belong to the values they were made from: say so where those have been edited since."""
        from ...data.acquisition import quantities

        draft = self._session.draft
        if draft is None or not (self.running or self._found is not None):
            return
        known = quantities(KIND)
        edited = [
            caption(known[n].label, "")
            for n in known
            if not np.array_equal(self._values.get(n, np.nan), draft.values.get(n, np.nan), equal_nan=True)
        ]
        text = f"{', '.join(edited)} changed since: this calibration belongs to the earlier values; calibrate again."
        self.stale.setText(text)
        self.stale.setVisible(bool(edited))

    # runs

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
        assert self._session.draft is not None
        self._show_found(None)
        self._values = dict(self._session.draft.values)
        self._title = title_of(self._session.draft)
        self._start(lambda: calibrating(acquisition, recipe), self._calibrated)

    def assess(self) -> None:
        """Judge what is on show against what was given, by the frames alone."""
        if self.calibration is None or self.running:
            return
        calibration, leave_out, device = self.calibration, self.view.leave_out.isChecked(), self._device
        self._start(lambda: assessing(calibration, leave_out, device), self.view.show_quality)

    def stop(self) -> None:
        """Cancel after the step in hand."""
        if self._job is not None:
            self._job.cancel()
            self._set_state("stopping after the step in hand …")

    @property
    def _device(self) -> str:
        return str(self._session.settings.get("device", "auto"))

    def _start(self, work: Callable[[], Generator[Event, None, T]], done: Callable[[T], None]) -> None:
        self._turn += 1
        turn, background, follow = self._turn, self._background, self._on_event
        progress = self._progress = deque[Progress](maxlen=1)

        def tell(event: JobEvent | Answer) -> None:  # in the job's thread; not every step reaches the window
            if isinstance(event, Progress):
                progress.append(event)
            else:
                background.post(follow, turn, event, done)

        self._say_error("")
        self.note.hide()
        self.bar.setRange(0, 0)
        self._job = Job(answering(work), tell, describe=lambda preview: Result(preview.field)).start()
        self._set_state("starting …")
        self._tick.start()

    def _on_event(self, turn: int, event: JobEvent | Answer, done: Callable[[Any], None]) -> None:
        if turn != self._turn:
            return
        if isinstance(event, Preview):
            if not self._preview.alive:  # one layer for all calibrations of a file: napari is slow to remove any
                self._preview.begin(self._title)
            self._waiting = Shown(Result(event.field), event.z_um, f"{self._title}, calibrating", finished=False)
        elif isinstance(event, Note):
            self.note.setText(event.text)
            self.note.show()
        elif isinstance(event, Answer):
            try:
                done(event.value)
            finally:  # what cannot be shown must not leave the dock waiting
                self._end("")
        elif isinstance(event, Stopped):
            self._end("cancelled; nothing was changed")
        elif isinstance(event, Failed):
            self._end("")
            self._say_error(event.text)

    def _draw(self) -> None:
        """Five times a second, however many events come."""
        if self._progress and self._job is not None and self.stop_button.isEnabled():
            progress = self._progress.pop()
            self.bar.setUpdatesEnabled(False)  # or Qt paints the whole window at once, the canvas with it
            self.bar.setRange(0, max(progress.total, 1))
            self.bar.setValue(progress.done)
            self.bar.setUpdatesEnabled(True)
            error = f"error {progress.loss:.3g}" if np.isfinite(progress.loss) else ""
            self._set_state(", ".join(part for part in (progress.what, error) if part) or "running …")
        if self._waiting is not None and not self._preview.busy:
            shown, self._waiting = self._waiting, None
            self._preview.show(shown)

    def _end(self, text: str) -> None:
        self._job, self._waiting = None, None
        self._tick.stop()
        self.note.hide()
        self._preview.finish(f"{self._title} as calibrated", visible=self._found is not None)
        self._set_state(text)

    def _abandon(self) -> None:
        if self._job is not None:
            self._job.cancel()
            self._turn += 1
        self._end("")

    # what was found

    def _calibrated(self, found: ShownCalibration) -> None:
        self._show_found(found)
        self._on_value("")

    def _show_found(self, found: ShownCalibration | None) -> None:
        self._found, self._before = found, None
        self.view.setVisible(found is not None)
        self.stale.hide()
        if found is not None:
            self.view.show_found(found)
        self.changed.emit()

    def accept(self) -> None:
        """Put what was found into the draft, without the outlier frames where the box is ticked."""
        draft = self._session.draft
        if self.calibration is None or draft is None:
            return
        values, frames = corrected_values(self.calibration, self.view.leave_out.isChecked())
        self._before = {name: draft.values.get(name) for name in values}, draft.frames
        self.view.set_accepted(True)
        self._put(values, frames)

    def undo(self) -> None:
        """Back to what the draft was before it was accepted."""
        if self._before is not None:
            values, frames = self._before
            self._before = None
            self.view.set_accepted(False)
            self._put(values, frames)

    def _put(self, values: dict[str, object], frames: Frames) -> None:
        self._values = {k: v for k, v in {**self._values, **values}.items() if v is not None}
        self._session.set_values(values, frames)

    def discard(self) -> None:
        """Forget what was found; the draft stays as it is."""
        self._show_found(None)
        self._abandon()

    def _show_frame(self, frame: int) -> None:
        """Turn the viewer to a frame, where it shows the frames that were calibrated."""
        dims = self._viewer.dims
        if self.calibration is not None and dims.ndim >= 3 and dims.nsteps[0] == self.calibration.given.frame_count:
            dims.set_current_step(0, frame)

    # words

    def _say_error(self, text: str) -> None:
        self.error.setText(text)
        self.error.setVisible(bool(text))

    def _set_state(self, text: str) -> None:
        self.state.setText(text)
        self.state.setVisible(bool(text))
        self.bar.setVisible(self.running)
        self.run_button.setEnabled(self.options is not None and not self.running)
        self.view.assess_button.setEnabled(not self.running)
        self.stop_button.setVisible(self.running)
        self.stop_button.setEnabled(self.running and not text.startswith("stopping"))
