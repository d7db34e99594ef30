"""The scan behind a field: error of every frame as a plot, and buttons for positions, probe or coded surface."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QWidget

from ..kit.parts import QUIET, Fold, button, column, label, lit, row
from ..kit.plots import EDGE, LINE, Plot
from ..kit.session import Session, Shown
from ..kit.theme import OUTLIER
from ..kit.threads import listen
from ..view.scan_facts import ScanFacts, frame_text, legend, scan_facts, summary
from ..view.scan_layers import add_all, mark_point, position_layers, surface_layers
from ..view.trust_facts import judged, trust_facts

if TYPE_CHECKING:
    import napari
    from napari.layers import Points
    from pyqtgraph.GraphicsScene.mouseEvents import MouseClickEvent

RULE = (
    "Relative amplitude error of the frames; 0 is perfect, and the camera's noise alone leaves some. How far to trust "
    "the picture is judged above, with the figures under Why. A frame far above the others disagrees with them."
)
SIDE = 120  # pixels of the picture of a frame


class FrameErrorPlot(Plot):
    """Relative error against frame; a click chooses the nearest frame."""

    frame_wanted = Signal(int)

    def __init__(self) -> None:
        super().__init__("frame", "error", 140)
        self.plot.showGrid(x=True, y=True, alpha=0.2)
        self._marker = pg.InfiniteLine(angle=90, pen=pg.mkPen(OUTLIER, width=1))
        self.plot.addItem(self._marker)
        self._dots = {
            held: self.plot.plot(pen=None, symbol="o", symbolSize=5, symbolPen=None, symbolBrush=colour)
            for held, colour in ((False, LINE), (True, EDGE))
        }
        self._count = 0
        self.plot.setToolTip("How far each predicted frame is from the measured one; click to look at a frame.")
        self.plot.scene().sigMouseClicked.connect(self._on_click)
        self.mark(None)

    def show_errors(self, facts: ScanFacts) -> None:
        self._count = len(facts.error)
        frames = np.arange(self._count)
        for held, curve in self._dots.items():
            some = facts.held_out == held
            curve.setData(frames[some], facts.error[some])
        self.plot.setYRange(0.0, float(np.max(facts.error, initial=1e-6)), padding=0.06)
        self.plot.setXRange(-0.5, self._count - 0.5, padding=0.01)
        self.mark(None)

    def mark(self, frame: int | None) -> None:
        self._marker.setVisible(frame is not None)
        if frame is not None:
            self._marker.setValue(frame)

    def frame_at(self, x: float) -> int | None:
        """The frame nearest to a place on the axis; None where there are none."""
        return int(np.clip(round(x), 0, self._count - 1)) if self._count else None

    def _on_click(self, event: MouseClickEvent) -> None:
        frame = self.frame_at(self.plot.getPlotItem().vb.mapSceneToView(event.scenePos()).x())
        if frame is not None:
            self.frame_wanted.emit(frame)


class ScanView(QWidget):
    """Seen only while the field on show is of a scan; `changed` says that it has come or gone."""

    changed = Signal()

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        super().__init__()
        self._viewer, self._session = viewer, session
        self._shown: Shown | None = None
        self.facts: ScanFacts | None = None
        self._points: Points | None = None  # the layer in which a chosen frame is marked
        self.plot, self.text = FrameErrorPlot(), label(colour=QUIET)
        self.plot.frame_wanted.connect(self.choose_frame)
        self.picture = QLabel()
        self.picture.setFixedSize(SIDE, SIDE)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setToolTip("the chosen frame as it was measured; brightness is the square root of the counts")
        self.positions_button = button("Positions", self.add_positions, "where the frames looked, on the object")
        self.use_button = button("Use them", self.use_positions, "put the corrected positions into the acquisition")
        self.surface_button = button("Probe", self.add_surface, "amplitude and phase, beside the object")
        content, pictures = QWidget(), QHBoxLayout()
        pictures.addWidget(self.plot, 1)
        pictures.addWidget(self.picture)
        column(content, row(self.positions_button, self.use_button, self.surface_button), pictures, self.text)
        column(self, Fold("The scan, frame by frame", content, is_open=True))
        listen(self, session.shown_changed, self._on_shown)
        self._on_shown(session.shown)

    def _on_shown(self, shown: Shown | None) -> None:
        before, self._shown = self._shown, shown
        if shown and before and shown.result is before.result and shown.finished == before.finished:
            return
        self.facts = None if shown is None or not shown.finished else scan_facts(shown.result)
        self.setVisible(self.facts is not None)
        self.picture.hide()
        self._points = None
        if self.facts is not None:
            self.plot.show_errors(self.facts)
            self.text.setText(self._summary)
            self.text.setToolTip(RULE)
            self.use_button.setEnabled(self.facts.moved and self._ours)
            self.surface_button.setText(self.facts.name.capitalize())
        self.changed.emit()

    # layers

    def add_positions(self) -> None:
        """Positions as given and as found, and the moves between them, as layers."""
        if self.facts is not None and self._shown is not None:
            added = add_all(self._viewer, position_layers(self.facts, self._shown.title))
            self._points = added[1] if len(added) > 1 else added[0]
            self.text.setText(f"{self._summary} {legend(self.facts)}")

    def add_surface(self) -> None:
        """Probe or coded surface as layers."""
        if self.facts is not None and self._shown is not None:
            extent = self._shown.result.field.extent
            add_all(self._viewer, surface_layers(self.facts, extent, self._shown.title))

    def use_positions(self) -> None:
        """Put the corrected positions into the draft, so that Save and the next run begin with them."""
        if self.facts is not None and self._shown is not None and self._ours:
            self._session.set_value("positions_um", np.array(self._shown.result.calibration["positions_um"]))
            self.use_button.setEnabled(False)
            self.text.setText("The acquisition now has these positions; save it in the Acquisition dock to keep them.")

    @property
    def _summary(self) -> str:
        """Of all frames, with the verdict beside their error."""
        if self.facts is None or self._shown is None:
            return ""
        known, words = trust_facts(self._shown.result), judged(self._shown.result)
        light = words if known is None else lit(known.level, words.partition(": ")[2])
        return f"{html.escape(summary(self.facts))} {light}."

    @property
    def _ours(self) -> bool:
        """Whether the open acquisition is the one that was reconstructed; or, of a file, one with its positions."""
        draft = self._session.draft
        if draft is None or self.facts is None or self._shown is None or draft.frames.shape[0] != len(self.facts.error):
            return False
        if self._session.made_of_open(self._shown):
            return True
        given = np.asarray(self._shown.result.calibration["nominal_positions_um"], dtype=float)
        mine = np.asarray(draft.derived().get("positions_um", ()), dtype=float)
        return self._shown.frames is None and mine.shape == given.shape and bool(np.allclose(mine, given, rtol=1e-4))

    # one frame

    def choose_frame(self, frame: int) -> None:
        """Mark a frame in the plot and among the positions, show its picture, and turn the viewer to it."""
        if self.facts is None:
            return
        self.plot.mark(frame)
        self.text.setText(frame_text(self.facts, frame))
        if self._points is not None and self._points in self._viewer.layers:
            mark_point(self._points, frame)
        draft, dims = self._session.draft, self._viewer.dims
        self.picture.setVisible(self._ours)
        if draft is not None and self._ours:
            self.picture.setPixmap(_pixmap(np.asarray(draft.frames[frame])))
            if dims.ndim >= 3 and dims.nsteps[0] == len(self.facts.error):
                dims.set_current_step(0, frame)


def _pixmap(counts: np.ndarray) -> QPixmap:
    """A frame (y, x) as a picture of SIDE pixels at most."""
    grey = _pixels(counts)
    image = QImage(grey.tobytes(), grey.shape[1], grey.shape[0], grey.shape[1], QImage.Format.Format_Grayscale8)
    smooth = Qt.TransformationMode.SmoothTransformation
    return QPixmap.fromImage(image).scaled(SIDE, SIDE, Qt.AspectRatioMode.KeepAspectRatio, smooth)


def _pixels(counts: np.ndarray) -> np.ndarray:
    """Square root of counts as (y, x) uint8, black at 0."""
    amplitude = np.sqrt(np.clip(counts.astype(np.float32), 0, None))
    top = float(np.percentile(amplitude, 99.9)) or 1.0
    return np.ascontiguousarray((255 * np.clip(amplitude / top, 0, 1)).astype(np.uint8))
