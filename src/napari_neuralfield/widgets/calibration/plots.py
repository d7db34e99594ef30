"""Pictures of a calibration: the pupil's phase, its Zernike terms, and how good the microscope is with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QRectF

from ...app.figures.calibration_figures import zernike_name
from ..kit.plots import EDGE, LINE, Plot
from ..kit.theme import FAINT, INK, in_theme

if TYPE_CHECKING:
    from qtpy.QtCore import QPointF

    from ...recon.calibration.quality import Quality

WIDTH = 2
GIVEN_PEN = {"color": EDGE, "width": WIDTH}
FOUND_PEN = {"color": LINE, "width": WIDTH}


class PhasePicture(Plot):
    """The pupil's phase inside its aperture, with a colour bar; red is ahead, blue behind."""

    def __init__(self) -> None:
        super().__init__("", "", 190)
        self.plot.setAspectLocked(True)
        self.plot.getPlotItem().invertY(True)
        for side in ("bottom", "left"):
            self.plot.hideAxis(side)
        self.image = pg.ImageItem(axisOrder="row-major")
        self.plot.addItem(self.image)
        self.bar = pg.ColorBarItem(
            values=(-1, 1), width=10, colorMap=pg.colormap.get("CET-D1A"), interactive=False, colorMapMenu=False
        )
        self.bar.setImageItem(self.image, insert_in=self.plot.getPlotItem())
        self.recolour()
        self.plot.setToolTip("Phase that the objective adds at each angle: left to right as in the picture.")

    def recolour(self) -> None:
        super().recolour()
        if hasattr(self, "bar"):
            self.bar.getAxis("right").setTextPen(in_theme(INK))

    def show_phase(self, phase: np.ndarray) -> None:
        """`phase` (y, x), rad, NaN where there is none."""
        most = float(np.nanmax(np.abs(phase), initial=0.0))
        self.image.setImage(phase, autoLevels=False)
        self.image.setRect(QRectF(-1, -1, 2, 2))
        self.bar.setLevels((-max(most, 0.05), max(most, 0.05)))
        self.plot.setRange(xRange=(-1, 1), yRange=(-1, 1), padding=0.03)


class ZernikeBars(Plot):
    """One bar per Zernike term; the name of the one under the mouse is its tooltip."""

    def __init__(self) -> None:
        super().__init__("Noll index", "", 190)
        self.coefficients: dict[int, float] = {}
        self._bars = pg.BarGraphItem(x=[], height=[], width=0.7, brush=LINE, pen=None)
        self.plot.addItem(self._bars)
        self.plot.addItem(pg.InfiniteLine(0.0, angle=0, pen=pg.mkPen(FAINT)))
        self.plot.scene().sigMouseMoved.connect(self._on_mouse)

    def show_terms(self, coefficients: dict[int, float]) -> None:
        """`coefficients`, rad, by Noll index."""
        self.coefficients = dict(sorted(coefficients.items()))
        index, height = list(self.coefficients), list(self.coefficients.values())
        self._bars.setOpts(x=index, height=height)
        every = max(1, -(-len(index) // 7))
        self.plot.getAxis("bottom").setTicks([[(i, str(i)) for i in index[::every]]])
        most = max((abs(h) for h in height), default=0.0)
        self.plot.setYRange(-max(most, 0.05), max(most, 0.05), padding=0.08)
        self.plot.setXRange(min(index, default=4) - 0.6, max(index, default=4) + 0.6, padding=0)

    def tip_at(self, index: int) -> str:
        """What is said about a term."""
        if index not in self.coefficients:
            return ""
        return f"{index}: {zernike_name(index)}, {self.coefficients[index]:+.3f} rad"

    def _on_mouse(self, place: QPointF) -> None:
        self.plot.setToolTip(self.tip_at(round(self.plot.getPlotItem().vb.mapSceneToView(place).x())))


class CorrelationPlot(Plot):
    """Fourier ring correlation as given and corrected, with the half-bit threshold."""

    def __init__(self) -> None:
        super().__init__("lines per µm", "agreement", 170)
        self.plot.setYRange(0.0, 1.0, padding=0.04)
        self.plot.showGrid(x=True, y=True, alpha=0.2)
        self._given = self.plot.plot(pen=pg.mkPen(GIVEN_PEN))
        self._found = self.plot.plot(pen=pg.mkPen(FOUND_PEN))
        self._half_bit = self.plot.plot(pen=pg.mkPen({"color": INK, "width": 1, "dash": [4, 3]}))
        self.plot.setToolTip("Fourier ring correlation of two pictures, each from one half of the LEDs; 1 is equal.")

    def show_quality(self, before: Quality, after: Quality) -> None:
        """Draw the quality `before` (as given) and `after` (corrected)."""
        self._given.setData(before.frequency, before.correlation)
        self._found.setData(after.frequency, after.correlation)
        self._half_bit.setData(after.frequency, after.half_bit)


class RingPlot(Plot):
    """Error of the frames by the angle of their light, as given and corrected; dashed where they were held out."""

    def __init__(self) -> None:
        super().__init__("illumination NA", "amplitude error", 170)
        self.plot.showGrid(x=True, y=True, alpha=0.2)
        self._curves = {
            (which, held): self.plot.plot(
                pen=pg.mkPen({**pen, **({"dash": [3, 3]} if held else {})}),
                symbol="o",
                symbolSize=5,
                symbolPen=None,
                symbolBrush=pen["color"],
            )
            for which, pen in (("given", GIVEN_PEN), ("found", FOUND_PEN))
            for held in (False, True)
        }

    def show_quality(self, before: Quality, after: Quality) -> None:
        """Draw the quality `before` (as given) and `after` (corrected)."""
        top = 0.0
        for which, quality in (("given", before), ("found", after)):
            middle = (np.asarray(quality.ring_na)[1:] + np.asarray(quality.ring_na)[:-1]) / 2
            for held, errors in ((False, quality.ring_error), (True, quality.held_out_ring_error)):
                known = np.isfinite(errors)
                self._curves[which, held].setData(middle[known], np.asarray(errors)[known])
                top = max(top, float(np.max(np.asarray(errors)[known], initial=0.0)))
        self.plot.setYRange(0.0, top or 1.0, padding=0.06)
