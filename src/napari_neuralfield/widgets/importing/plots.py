"""What is typed, drawn at once: the LEDs in the pupil plane, or the spots of a scan."""

from __future__ import annotations

import numpy as np
from qtpy.QtWidgets import QWidget

from ...data.acquisition import Draft
from ..kit.parts import QUIET, column, label
from .board_plot import BoardPlot
from .kind_form import LED_NAMES, KindForm
from .scan_form import ScanPlot

POSITIONS = {"positions_um": "µm", "positions_px": "px"}


class Plots(QWidget):
    """The plot of a kind, where it has one, with a caption."""

    def __init__(self) -> None:
        super().__init__()
        self.board, self.scan, self.text = BoardPlot(), ScanPlot(), label(colour=QUIET)
        column(self, self.board, self.scan, self.text)
        self.board.hide()
        self.scan.hide()

    def show_typed(self, form: KindForm, draft: Draft | None, light: np.ndarray | None) -> None:
        """Draw what is known.

        Parameters
        ----------
        form : of the kind.
        draft : of that kind, with what was known at the last look; None before there is one.
        light : brightness of the frames (frame,), if known.
        """
        known = {} if draft is None else draft.derived()
        spots = next(((known[n], unit) for n, unit in POSITIONS.items() if known.get(n) is not None), None)
        self.board.setVisible(form.board is not None)
        self.scan.setVisible(form.board is None and spots is not None)
        text = ""
        if form.board is not None:
            told = next((np.asarray(known[n], dtype=float) for n in LED_NAMES if known.get(n) is not None), None)
            typed = form.directions()
            na = told if typed is None else typed
            aperture = form.objective_na or known.get("objective_na")
            if na is None:
                self.board.clear()
                text = "The LEDs are drawn here as soon as rows, columns, pitch and height are known."
            else:
                single = form.kind == "led_array"
                text = self.board.show_board(na, float(aperture) if aperture else None, light if single else None)
        elif spots is not None:
            text = self.scan.show_positions(np.asarray(spots[0], dtype=float), spots[1])
        self.text.setText(text)

    def mark(self, frames: list[int]) -> None:
        """Ring the LEDs or spots of these frames."""
        self.board.mark(frames)
        self.scan.mark(frames)
