"""Several runs one after the other: the same with other methods, other regions, other files; what waits can go."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from napari.utils.notifications import show_error
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QListWidget,
    QListWidgetItem,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ...types import InputError
from ..kit.parts import QUIET, Fold, button, column, label, row
from ..kit.threads import Background, when_gone

if TYPE_CHECKING:
    from ...data.acquisition import Draft
    from ..kit.region import Corners, RegionTool
    from .plan import Plan
    from .runs import Run, Runs

NOT_DATA = (".yaml", ".yml", ".json", ".csv", ".txt", ".md", ".nfield", ".png")
TITLE = "Several runs"


class Reconstructs(Protocol):
    """The dock, as far as it is needed here."""

    region: RegionTool

    def plan(self, corners_um: Corners | None = None, draft: Draft | None = None) -> Plan: ...

    def plan_with(self, method: str) -> Plan: ...

    def add(self, plan: Plan, draft: Draft | None = None) -> None: ...

    def methods(self) -> list[str]: ...


class Several(Fold):
    """Buttons that put runs into the queue, and the queue.

    Parameters
    ----------
    dock : which knows what a run is.
    runs : of its viewer.
    """

    def __init__(self, dock: Reconstructs, runs: Runs) -> None:
        self._dock, self._runs = dock, runs
        self._background = Background()
        self._shown: list[Run] = []
        self.this_button = button("This", self.add_this, "run what is set above when the runs before it have ended")
        self.methods_button = button("Methods…", self.choose_methods, "the same frames with several methods")
        self.regions_button = button("Regions", self.add_regions, "every rectangle that is drawn, one after the other")
        self.folder_button = button("Folder…", self.choose_folder, "every file of a folder with this method")
        self.note, self._list = label(colour=QUIET), QVBoxLayout()
        content, rows = QWidget(), QWidget()
        self._list.setContentsMargins(0, 0, 0, 0)
        rows.setLayout(self._list)
        buttons = row(self.this_button, self.methods_button, self.regions_button, self.folder_button)
        column(content, buttons, self.note, rows)
        super().__init__(TITLE, content)
        self.note.hide()
        runs.changed.connect(self._on_changed)
        when_gone(self, self._background.close)
        self._on_changed()

    # what is put into the queue

    def _add(self, *plans: Plan) -> None:
        for plan in plans:
            self._dock.add(plan)

    def add_this(self) -> None:
        """What is set now."""
        try:
            self._add(self._dock.plan())
        except InputError as error:
            show_error(str(error))

    def choose_methods(self) -> None:
        """Ask which."""
        dialog = MethodsDialog(self._dock.methods(), self)
        if dialog.exec():
            self.add_methods(dialog.chosen)

    def add_methods(self, names: Sequence[str]) -> None:
        """One run for each method of these `names`, as each is usually started."""
        try:
            self._add(*[self._dock.plan_with(name) for name in names])
        except InputError as error:
            show_error(str(error))

    def add_regions(self) -> None:
        """One run for each rectangle."""
        corners = self._dock.region.every_corners_um()
        try:
            if not corners:
                raise InputError("no rectangle is drawn; press Draw region and draw one for each run")
            self._add(*[self._dock.plan(one) for one in corners])
        except InputError as error:
            show_error(str(error))

    def choose_folder(self) -> None:
        """Ask where."""
        chosen = QFileDialog.getExistingDirectory(self, "Reconstruct every file of a folder")
        if chosen:
            self.add_folder(Path(chosen))

    def add_folder(self, folder: Path) -> None:
        """One run for each file in `folder` that this method takes, with the options as they are."""
        self._say(f"reading {folder.name} …")
        self._background.run(lambda: drafts_in(folder), self._add_drafts, self._say)

    def _add_drafts(self, found: tuple[list[Draft], list[str]]) -> None:
        drafts, left_out = found
        for draft in drafts:
            try:
                self._dock.add(self._dock.plan(draft=draft), draft)
            except InputError as error:
                left_out.append(str(error))
        taken = len(drafts) + len(found[1]) - len(left_out)
        self._say(f"{taken} files are run" + (f"; left out: {'; '.join(left_out)}" if left_out else ""))

    # what waits

    def _say(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _on_changed(self) -> None:
        if self._shown == self._runs.queue:
            return
        longer, self._shown = len(self._runs.queue) > len(self._shown), list(self._runs.queue)
        while (item := self._list.takeAt(0)) is not None:
            if (before := item.widget()) is not None:
                before.hide()
                before.deleteLater()
        for run in self._shown:
            self._list.addWidget(self._line(run))
        self.button.setText(f"{TITLE}, {len(self._shown)} waiting" if self._shown else TITLE)
        if longer:
            self.button.setChecked(True)

    def _line(self, run: Run) -> QWidget:
        name = label(run.title)
        name.setToolTip(run.title)
        gone = button("Remove", lambda: self._runs.remove(run), "take this run out of the queue")
        gone.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        return row(name, gone)


class MethodsDialog(QDialog):
    """Ticks for methods.

    Parameters
    ----------
    names : of the methods.
    parent : the widget that asks.
    """

    def __init__(self, names: Sequence[str], parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Run several methods")
        self.list = QListWidget()
        for name in names:
            item = QListWidgetItem(name, self.list)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked)
        ok = QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        box = QDialogButtonBox(ok)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.addWidget(self.list)
        layout.addWidget(box)

    @property
    def chosen(self) -> list[str]:
        items = [self.list.item(i) for i in range(self.list.count())]
        return [item.text() for item in items if item is not None and item.checkState() == Qt.CheckState.Checked]


def drafts_in(folder: Path) -> tuple[list[Draft], list[str]]:
    """What the files of a folder are, in the order of their names, and a sentence for each that cannot be used."""
    from ...io import open_draft

    drafts: list[Draft] = []
    left_out: list[str] = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix.lower() in NOT_DATA:
            continue
        try:
            drafts.append(open_draft(path))
        except InputError as error:
            left_out.append(str(error))
    return drafts, left_out
