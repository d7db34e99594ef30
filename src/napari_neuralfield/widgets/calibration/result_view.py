"""What a calibration found, shown: lines of text, the pupil, outlier frames, how good it is, and accept or discard."""

from __future__ import annotations

import html
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QVBoxLayout, QWidget

from ...app.figures.calibration_findings import Finding
from ..kit.parts import BAD, GOOD, QUIET, WARN, button, flow, label, row
from .plots import CorrelationPlot, PhasePicture, RingPlot, ZernikeBars
from .work import Assessment, ShownCalibration

if TYPE_CHECKING:
    from ...recon.calibration.result import OutlierFrame

LEGEND = (
    "<span style='color:#f0ad4e'>as given</span>, <span style='color:#5bc0de'>corrected</span>; "
    "grey dashes: half-bit threshold; coloured dashes: held-out frames. Higher agreement and lower error are better."
)

Plotted = TypeVar("Plotted", bound=QWidget)
MOST_OUTLIERS = 8  # named; of more the number only


class Lines(QWidget):
    """Findings as a table; each explains itself in its tooltip."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(5, 0, 0, 0)
        self._layout.setVerticalSpacing(2)
        self._layout.setColumnStretch(0, 2)
        self._layout.setColumnStretch(1, 3)
        self._texts: dict[str, str] = {}

    def show_lines(self, lines: list[Finding]) -> None:
        for old in self.findChildren(QLabel):
            self._layout.removeWidget(old)
            old.deleteLater()
        for place, line in enumerate(lines):
            name, text = label(line.name, QUIET), label(line.text)
            for column, part in enumerate((name, text)):
                part.setToolTip(line.tip)
                part.setAlignment(Qt.AlignmentFlag.AlignTop)
                part.setIndent(0)  # or Qt leaves half a line above
                self._layout.addWidget(part, place, column)
            self._layout.setRowStretch(place, 0)
        self._layout.setRowStretch(len(lines), 1)  # what is too much goes below
        self._texts = {line.name: line.text for line in lines}

    def texts(self) -> dict[str, str]:
        """Name -> text of every line."""
        return dict(self._texts)


class CalibrationView(QWidget):
    """Decides nothing: its signals say what was pressed."""

    accepted, discarded, undone, assess_wanted = Signal(), Signal(), Signal(), Signal()
    frame_wanted = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.lines = Lines()
        self.outlier_frames, self.warnings, self.state = label(colour=BAD), label(colour=WARN), label(colour=GOOD)
        self.outlier_frames.linkActivated.connect(lambda link: self.frame_wanted.emit(int(link)))
        self.leave_out = QCheckBox()
        self.leave_out.setToolTip("Accept only the other frames, so that these cannot spoil a reconstruction.")
        self.assess_button = button(
            "How good is it?",
            self.assess_wanted.emit,
            "Reconstruct from halves of the LEDs, as given and corrected, and compare; takes some seconds.",
        )
        self.accept_button = button(
            "Accept", self.accepted.emit, "Put these values into the form above; Reconstruct and Save use them then."
        )
        self.discard_button = button("Discard", self.discarded.emit, "Leave everything as the file gives it.")
        self.undo_button = button("Undo", self.undone.emit, "Back to the values and frames before Accept.")
        self.legend = label(LEGEND, QUIET)
        self._lay_out()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.pupil_title = label("Phase of the pupil [rad] and what it is made of", QUIET)
        self.pupil, self.curves = row(), row()  # filled when there is something to draw: a plot takes 20 ms
        buttons = flow(self.accept_button, self.discard_button, self.undo_button, self.assess_button)
        words = (self.lines, self.warnings, self.outlier_frames, self.leave_out)
        pictures = (self.pupil_title, self.pupil, self.curves, self.legend)
        for part in (buttons, self.state, *words, *pictures):
            layout.addWidget(part)

    @cached_property
    def phase(self) -> PhasePicture:
        return _put(self.pupil, PhasePicture())

    @cached_property
    def zernike(self) -> ZernikeBars:
        return _put(self.pupil, ZernikeBars())

    @cached_property
    def correlation(self) -> CorrelationPlot:
        return _put(self.curves, CorrelationPlot())

    @cached_property
    def rings(self) -> RingPlot:
        return _put(self.curves, RingPlot())

    def show_found(self, found: ShownCalibration) -> None:
        """A new calibration, neither accepted nor assessed."""
        calibration = found.calibration
        self.lines.show_lines(found.findings)
        _say(self.warnings, "\n".join(_sentence(text) for text in calibration.warnings))
        odd = calibration.outlier_frames
        lines = [_linked(outlier) for outlier in odd[:MOST_OUTLIERS]]
        more = [f"And {len(odd) - MOST_OUTLIERS} more."] if len(odd) > MOST_OUTLIERS else []
        _say(self.outlier_frames, "<br>".join(lines + more))
        self.leave_out.setText("Leave out this frame" if len(odd) == 1 else "Leave out these frames")
        self.leave_out.setVisible(bool(odd))
        self.leave_out.setChecked(bool(odd))
        has_pupil = bool(calibration.zernike_rad) or calibration.corrected.pupil is not None
        for part in (self.pupil_title, self.pupil):
            part.setVisible(has_pupil)
        self.phase.show_phase(found.phase)
        self.zernike.setVisible(bool(calibration.zernike_rad))
        self.zernike.show_terms(calibration.zernike_rad)
        self.show_quality(None)
        self.set_accepted(False)

    def show_quality(self, found: Assessment | None) -> None:
        """An assessment, as given and corrected; None takes it off."""
        for part in (self.curves, self.legend):
            part.setVisible(found is not None)
        self.assess_button.setVisible(found is None)
        if found is not None:
            self.lines.show_lines(found.findings)
            self.correlation.show_quality(found.before, found.after)
            self.rings.show_quality(found.before, found.after)

    def set_accepted(self, accepted: bool) -> None:
        self.accept_button.setVisible(not accepted)
        self.discard_button.setVisible(not accepted)
        self.undo_button.setVisible(accepted)
        self.leave_out.setEnabled(not accepted)
        _say(self.state, "Accepted: Reconstruct and Save now use these values." if accepted else "")


def _put(place: QWidget, plot: Plotted) -> Plotted:
    """A plot beside those that are in its place already."""
    layout = place.layout()
    assert layout is not None
    layout.addWidget(plot)
    return plot


def _linked(outlier: OutlierFrame) -> str:
    number = f"<a href='{outlier.frame}' style='color: {BAD}'>Frame {outlier.frame}</a>"
    return f"{number} {html.escape(outlier.why, quote=False)}."


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def _say(place: QLabel, text: str) -> None:
    place.setText(text)
    place.setVisible(bool(text))
