"""The calibrations of one viewer: one at a time, what each has found for which file. They belong to its window."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.notifications import show_error

from ...app.job import Failed
from ...types import Note, Preview, Result
from ..kit.session import Shown
from ..kit.threads import when_gone
from ..view.file_job import FileJob, FileRecord
from ..view.preview import PreviewLayers
from .work import Answer, Assessment, ShownCalibration

if TYPE_CHECKING:
    import napari
    from qtpy.QtCore import QObject

    from ...data.frames import Frames

Before = tuple[dict[str, object], "Frames"]  # values and frames of a draft


@dataclasses.dataclass(eq=False)
class CalibrationRecord(FileRecord):
    """A calibration of a file with these `values`; `before` is what Undo brings back."""

    values: dict[str, Any] = dataclasses.field(default_factory=dict)
    found: ShownCalibration | None = None
    quality: Assessment | None = None
    before: Before | None = None
    note: str = ""
    error: str = ""


class Calibrations(FileJob[CalibrationRecord]):
    """Shows the field of the one that goes on in a layer of its own."""

    def __init__(self, viewer: napari.Viewer, window: QObject) -> None:
        super().__init__(viewer, window, "Calibrating")
        self._preview = PreviewLayers(viewer, self.background, show_error)
        self._seen: Frames | None = None  # whose field the layer shows
        self._waiting: Shown | None = None
        when_gone(self, self._preview.close)
        self.changed.connect(self._show)

    def take(self, record: CalibrationRecord, event: object) -> None:
        """Put what an `event` says into its `record`."""
        if isinstance(event, Preview):
            if self._seen is not record.of:
                self._preview.forget()
                self._seen = record.of
            if not self._preview.alive:  # one layer for all calibrations of a file: napari is slow to remove any
                self._preview.begin(record.title)
            self._waiting = Shown(Result(event.field), event.z_um, f"{record.title}, calibrating", finished=False)
        elif isinstance(event, Note):
            record.note = event.text
        elif isinstance(event, Failed):
            record.error = event.text
        elif isinstance(event, Answer) and isinstance(event.value, Assessment):
            record.quality = event.value
        elif isinstance(event, Answer) and isinstance(event.value, ShownCalibration):
            record.found = event.value

    def finish(self, record: CalibrationRecord) -> None:
        """The layer keeps what was calibrated for a `record`."""
        record.note, self._waiting = "", None
        if self._seen is record.of:
            self._preview.finish(f"{record.title} as calibrated", visible=record.found is not None)

    def discard(self, record: CalibrationRecord) -> None:
        """Forget what was found for the file of a `record`."""
        record.found = None
        self.forget(record)
        self.finish(record)
        self.say("")

    def words(self) -> str:
        """What goes on, with the error so far."""
        error = np.nan if self.last is None else self.last.loss
        stopping = not self.running or self.text.startswith(("stopping", "starting"))
        return f"{self.text}, error {error:.3g}" if np.isfinite(error) and not stopping else self.text

    def _show(self) -> None:
        if self._waiting is not None and not self._preview.busy:
            shown, self._waiting = self._waiting, None
            self._preview.show(shown)


def calibrations_of(viewer: napari.Viewer) -> Calibrations:
    """Those of a viewer; made at the first call, gone with its window."""
    model = getattr(viewer, "__wrapped__", viewer)  # docks are handed a proxy of the viewer
    window = model.window._qt_window
    return window.findChild(Calibrations) or Calibrations(model, window)
