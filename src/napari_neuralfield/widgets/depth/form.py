"""The controls of the Depth dock; they decide nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QSpinBox, QVBoxLayout, QWidget
from superqt import QFlowLayout, QLabeledDoubleSlider

from ...app.figures.colour_wheel import wheel
from ..kit.parts import QUIET, WIDTH, button, label, row

LEGEND = 84  # pixels of the wheel of colours


class DepthForm:
    """Builds its widgets into `parent`; the buttons wrap, so that it fits below the canvas and at its side."""

    def __init__(self, parent: QWidget) -> None:
        self.busy = ""  # what goes on in the background
        self.slider: Any = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
        self.slider.setDecimals(2)
        self.play = button("▶ Play", tip="sweep through the depths")
        self.play.setCheckable(True)
        self.quantity, self.planes = QComboBox(), QSpinBox()
        self.quantity.setMinimumWidth(150)
        self.quantity.setToolTip("what the picture shows of the field")
        self.planes.setRange(1, 999)
        self.planes.setToolTip("planes over the whole depth range, for all-in-focus and for export")
        self.contrast = button("Auto contrast", tip="fit the contrast to what is on the screen")
        self.add_plane = button("Keep this plane", tip="add the whole plane, at full resolution, as a layer of its own")
        self.compare = button("Beside DPC", tip="side by side, moved and zoomed as one, in one contrast")
        self.compare.setCheckable(True)
        self.compare.hide()
        self.export, self.state = button("Export…", tip="OME-TIFF, OME-Zarr or PNG"), label(colour=QUIET)
        self.stop = button("Stop", tip="end the export, or the search for what is in focus")
        self.stop.setEnabled(False)
        self.legend = QLabel()
        self.legend.setToolTip("hue is the phase, 0° at the right; brightness is the amplitude")
        self.legend.hide()
        top = row(QLabel("Depth [µm]"), self.slider)
        self.slider.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        flow = QFlowLayout()
        flow.setContentsMargins(0, 0, 0, 0)
        for spacing in (flow.setHorizontalSpacing, flow.setVerticalSpacing):
            spacing(6)
        show, planes = row(QLabel("Show"), self.quantity), row(QLabel("Planes"), self.planes)
        for part in (self.play, show, self.contrast, self.add_plane, self.compare, planes, self.export, self.stop):
            flow.addWidget(part)
        self._of_depth = (top, self.play, planes)  # what only a field with depth needs
        beside, layout = QHBoxLayout(parent), QVBoxLayout()
        beside.addLayout(layout, 1)
        beside.addWidget(self.legend)
        layout.addWidget(top)
        layout.addLayout(flow)
        layout.addWidget(self.state)
        layout.addStretch(1)
        parent.setMinimumWidth(WIDTH)

    def set_enabled(self, on: bool) -> None:
        looks = (self.quantity, self.contrast, self.add_plane, self.compare)
        for part in (self.slider, self.play, *looks, self.export):
            part.setEnabled(on)

    def set_range(self, low: float, high: float, z_um: float) -> None:
        """Depths `low` to `high` that can be chosen and `z_um` to show, um; a single plane has nothing to slide."""
        for part in self._of_depth:
            part.setVisible(high > low)
        self.slider.blockSignals(True)
        self.slider.setRange(low, high if high > low else low + 1e-6)
        self.slider.setSingleStep(max((high - low) / 200, 1e-6))
        self.slider.setValue(round(min(max(z_um, low), max(high, low)), 6) + 0.0)  # neither 4e-15 nor -0
        self.slider.blockSignals(False)
        self.slider.setEnabled(high > low)
        self.play.setEnabled(high > low)

    def set_quantities(self, names: tuple[str, ...]) -> None:
        before = self.quantity.currentText()
        self.quantity.blockSignals(True)
        self.quantity.clear()
        self.quantity.addItems(names)
        self.quantity.setCurrentText(before if before in names else names[0])
        self.quantity.blockSignals(False)

    def show_legend(self, on: bool) -> None:
        """With `on` the wheel of colours stands beside the controls."""
        if on and self.legend.pixmap().isNull():
            pixels = np.ascontiguousarray(wheel(LEGEND))
            image = QImage(pixels.tobytes(), LEGEND, LEGEND, 4 * LEGEND, QImage.Format.Format_RGBA8888)
            self.legend.setPixmap(QPixmap.fromImage(image))
        self.legend.setVisible(on)

    def set_closer(self, on: bool, beside: str = "Beside DPC") -> None:
        """With `on`, zooming in asks the field for more than its pixels; `beside` says what it can be compared with."""
        self.add_plane.setText("Keep this view" if on else "Keep this plane")
        self.compare.setText(beside)
        self.compare.setVisible(on)

    def set_busy(self, what: str) -> None:
        """Say `what` goes on in the background, which *Stop* ends; nothing where it is empty."""
        self.busy = what
        self.export.setEnabled(not what)
        self.stop.setEnabled(bool(what))
        if what:
            self.state.setText(what)
