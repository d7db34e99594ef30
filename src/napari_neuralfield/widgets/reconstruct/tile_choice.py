"""Whether a wide field is run in tiles: their size, how many processes make them, and the folder they go to."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QCheckBox, QSpinBox, QWidget

from ...data.selection import LEAST
from ...types import InputError
from ..kit.parts import QUIET, button, column, label, row, say
from ..kit.session import Session
from ..kit.threads import listen
from ..view.export import ask_path
from .in_tiles import Tiles, free_target, made_already

if TYPE_CHECKING:
    from ...data.acquisition import Draft
    from .plan import Plan
    from .runs import Runs

SIDE, LARGE = 256, 1024  # pixels: of a tile, and of a frame for which tiles are recommended


class TileChoice(QWidget):
    """Seen where the frames of single LEDs are larger than a tile.

    Parameters
    ----------
    session : whose frames they are.
    runs : of its viewer; when one ends the next folder is another.
    """

    def __init__(self, session: Session, runs: Runs) -> None:
        super().__init__()
        self._session, self.target = session, Path()
        told = session.settings
        self.tick = QCheckBox("In tiles of")
        self.tick.setToolTip("reconstruct part by part, each with the optics of its place; a run that stops can go on")
        self.side = _number(int(told.get("tiles.side_px", SIDE)), (LEAST, 4096), "side of a tile, pixels of the frame")
        self.overlap = _number(
            int(told.get("tiles.overlap_px", SIDE // 8)), (1, 2048), "that neighbours share at least"
        )
        self.side.setSingleStep(2)
        self.workers = _number(int(told.get("tiles.workers", 1)), (1, 64), "processes that make tiles at once")
        self.workers.setSuffix("")
        self.advice, self.where = label(colour=QUIET), label(colour=QUIET)
        self.folder_button = button("Folder…", self._choose, "where the field goes, a folder of tiles")
        self._more = QWidget()
        overlap, workers = row(label("Overlap"), self.overlap), row(label("Workers"), self.workers)
        column(self._more, overlap, workers, self.where, self.folder_button)
        column(self, row(self.tick, self.side), self._more, self.advice)
        self.tick.toggled.connect(self._show)
        listen(self, session.draft_changed, self._on_draft)
        listen(self, session.values_changed, self._show)
        runs.ended.connect(self.propose)
        self._on_draft(session.draft)

    def of(self, plan: Plan, single: bool = True) -> Plan:
        """The same `plan`, in tiles where that is ticked.

        Parameters
        ----------
        plan : of what is open.
        single : whether it is the only one of its kind; several cannot have one folder.

        Raises
        ------
        InputError : where there is no folder that it may have.
        """
        if self.isHidden() or not self.tick.isChecked():
            return plan
        if not single:
            raise InputError("a run in tiles has a folder of its own; untick In tiles, or run one region at a time")
        if self.target.exists():
            raise InputError(f"the folder {self.target} is there already; choose another one with Folder…")
        tiles = Tiles(self.side.value(), self.overlap.value(), self.workers.value(), self.target)
        for name in ("side_px", "overlap_px", "workers"):
            self._session.settings.set(f"tiles.{name}", getattr(tiles, name))
        return dataclasses.replace(plan, tiles=tiles)

    def propose(self, ended: object = None) -> None:
        """A folder beside the file that is free."""
        draft = self._session.draft
        if draft is not None and draft.source and (self.target == Path() or self.target.exists()):
            self.target = free_target(Path(draft.source))
        self._show()

    def _on_draft(self, draft: Draft | None) -> None:
        large = draft is not None and draft.kind == "led_array" and max(draft.frames.shape[-2:]) > self.side.value()
        self.setVisible(large)
        self.tick.setChecked(False)
        self.target = Path()
        self.propose()

    def _show(self, change: object = None) -> None:
        on, draft = self.tick.isChecked(), self._session.draft
        self._more.setVisible(on)
        count = made_already(self.target) if on else 0
        said = f"{self.target.name}, beside the file" if self.target.parent == _folder(draft) else str(self.target)
        self.where.setText(f"{said}; {count} tiles are there, and Run goes on with them" if count else said)
        self.where.setToolTip(str(self.target))
        say(self.advice, "" if on or draft is None else advice(draft))

    def _choose(self) -> None:
        chosen = ask_path(self, "Folder of the tiles", str(self.target), {"Field (*.nfield)": ".nfield"})
        if chosen is not None:
            self.target = chosen
            self._show()


def advice(draft: Draft) -> str:
    """Why frames of single LEDs are better run in tiles; empty where they are not."""
    rows, columns = (int(n) for n in draft.frames.shape[-2:])
    if draft.values.get("pupil_field") is not None or draft.values.get("optical_axis_um") is not None:
        return "The optics change over this field; in tiles each part has its own."
    if max(rows, columns) > LARGE:
        return f"{rows} × {columns} pixels are a lot for one piece; in tiles they need little memory."
    return ""


def _folder(draft: Draft | None) -> Path:
    return Path() if draft is None or not draft.source else Path(draft.source).parent


def _number(value: int, limits: tuple[int, int], tip: str) -> QSpinBox:
    made = QSpinBox()
    made.setRange(*limits)
    made.setValue(value)
    made.setSuffix(" px")
    made.setToolTip(tip)
    return made
