"""How an import ends: what is written, and what is opened."""

from __future__ import annotations

import os
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QMessageBox, QWidget

from ...app.importing.recording import ArrayImport, Import
from ...data.acquisition import Draft
from ...types import InputError
from ..kit.parts import button
from ..kit.threads import Background, when_gone
from ..view.export import ask_path
from .saving import save_recording
from .work import write_sidecar


class Ending(QWidget):
    """The last row of the assistant; `problem` says why something could not be written."""

    problem = Signal(str)

    def __init__(self, task: Import) -> None:
        super().__init__()
        self._task, self._background = task, Background()
        self._draft: Draft | None = None
        self.keep = QCheckBox(f"Write {task.sidecar.name}, so that they open by themselves")
        self.keep.setToolTip(f"what is said here, as the text file {task.sidecar}")
        beside = not isinstance(task, ArrayImport) and os.access(task.sidecar.parent, os.W_OK)
        self.keep.setEnabled(beside)
        self.keep.setChecked(beside)
        self.keep.setVisible(not isinstance(task, ArrayImport))
        self.last_button = button("As last time", tip="the numbers that were said of the last recording of this kind")
        self.last_button.hide()
        self.save_button = button("Save as .acq.h5…", self._choose_save, "frames and numbers in one file")
        self.cancel_button = button("Cancel", tip="leave everything as it was")
        self.open_button = button("Open", tip="show the frames and go on to Reconstruct")
        self.open_button.setDefault(True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.keep)
        layout.addStretch(1)
        for part in (self.last_button, self.save_button, self.cancel_button, self.open_button):
            layout.addWidget(part)
        when_gone(self, self._background.close)
        self.allow(None)

    def allow(self, draft: Draft | None) -> None:
        """Offer to end with a complete `draft`, or not."""
        self._draft = draft
        self.save_button.setEnabled(draft is not None)
        self.open_button.setEnabled(draft is not None)

    def write(self) -> bool:
        """Write the sidecar where that is wanted; False where it could not be."""
        try:
            if self.keep.isChecked():
                write_sidecar(self._task, self._asks)
        except InputError as error:
            self.problem.emit(str(error))
            return False
        return True

    def _asks(self, question: str) -> bool:
        return QMessageBox.question(self, "Import", question) == QMessageBox.StandardButton.Yes

    def _choose_save(self) -> None:
        proposed = str(self._task.sidecar.with_name(self._task.recording.name.split(".")[0]))
        path = ask_path(self, "Save the acquisition", proposed, {"Acquisition (*.acq.h5)": ".acq.h5"})
        if path is not None:
            self.save(path)

    def save(self, path: Path) -> None:
        """Write frames and numbers in the background to `path`."""
        if self._draft is not None:
            save_recording(self._background, path, self._draft.complete)
