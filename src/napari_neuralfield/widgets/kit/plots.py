"""Curves: the loss of a run, and the pupils of an acquisition in the synthetic aperture."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from qtpy.QtGui import QBrush, QPen, QShowEvent
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from .theme import FAINT, GOOD, INFO, INK, MOVED, OUTLIER, PAPER, THEME, WARN, in_theme

LINE, EDGE = INFO, WARN


class Plot(QWidget):
    """A pyqtgraph plot that follows the theme and cannot be dragged away by accident."""

    def __init__(self, bottom: str, left: str, height: int) -> None:
        super().__init__()
        self.plot = pg.PlotWidget(background=PAPER)
        self.plot.setMenuEnabled(False)
        self.plot.hideButtons()
        self.plot.setMouseEnabled(False, False)
        for side, text in (("bottom", bottom), ("left", left)):
            axis = self.plot.getAxis(side)
            axis.setLabel(text)
            axis.enableAutoSIPrefix(False)
        self.plot.getAxis("bottom").setHeight(36)
        self.plot.getPlotItem().layout.setContentsMargins(1, 1, 1, 5)  # the label hangs over its axis
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # it would widen its dock otherwise
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.plot)
        THEME.paint(self)

    def showEvent(self, event: QShowEvent | None) -> None:
        """What was drawn into it since, and not by the theme, is in its colours when it is seen."""
        self.recolour()
        super().showEvent(event)

    def recolour(self) -> None:
        """Paper, axes and everything drawn in the colours of the theme."""
        self.plot.setBackground(in_theme(PAPER))
        for side in ("bottom", "left"):
            axis = self.plot.getAxis(side)
            axis.setTextPen(in_theme(INK))
            axis.setPen(in_theme(INK))
        for item in self.plot.getPlotItem().items:
            repaint(item)


def repaint(item: pg.GraphicsObject) -> None:
    """A curve, line or bars of a plot in the colours of the theme."""
    if isinstance(item, pg.InfiniteLine):
        item.setPen(_pen(item.pen))
    elif isinstance(item, pg.BarGraphItem):
        item.setOpts(brush=_brush(item.opts["brush"]))
    elif isinstance(item, pg.PlotDataItem):
        for name, change, put in (
            ("pen", _pen, item.setPen),
            ("symbolPen", _pen, item.setSymbolPen),
            ("symbolBrush", _brush, item.setSymbolBrush),
        ):
            if item.opts[name] is not None:
                put(change(item.opts[name]))


def _pen(pen: object) -> QPen:
    made = QPen(pg.mkPen(pen))
    made.setColor(pg.mkColor(in_theme(made.color().name())))
    return made


def _brush(brush: object) -> QBrush:
    return pg.mkBrush(in_theme(pg.mkBrush(brush).color().name()))


def log_ticks(low: float, high: float) -> list[tuple[float, str]]:
    """(log10, text) of a few round numbers that span `low` to `high`, as many as have room."""
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    steps: tuple[float, ...] = (1, 2, 5) if high < 100 * low else (1,)
    if high < 3 * low:
        steps = (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9)
    values = [step * 10.0**decade for decade in decades for step in steps]
    return [(math.log10(v), f"{v:.3g}") for v in values]


class LossPlot(Plot):
    """Relative amplitude error against step, logarithmic."""

    MOST = 4000  # points kept; beyond that every other one goes

    def __init__(self, left: str = "relative error") -> None:
        super().__init__("step", left, 150)
        self.plot.setLogMode(False, True)
        self.plot.showGrid(x=True, y=True, alpha=0.2)
        self._curve = self.plot.plot(pen=pg.mkPen(LINE, width=2))
        self._steps: list[float] = []
        self._losses: list[float] = []
        self._before = 0.0  # steps of the stages before this one

    def clear(self) -> None:
        self._steps, self._losses, self._before = [], [], 0.0
        self.draw()

    def add(self, step: float, loss: float) -> None:
        """Remember the `loss` of a `step` for `draw`, where it is positive; an earlier step begins a new stage."""
        if not (math.isfinite(loss) and loss > 0):
            return
        if self._steps and self._before + step < self._steps[-1]:
            self._before = self._steps[-1]
        self._steps.append(self._before + step)
        self._losses.append(loss)
        if len(self._steps) > self.MOST:
            self._steps, self._losses = self._steps[::2], self._losses[::2]

    def draw(self) -> None:
        self._curve.setData(self._steps, self._losses)
        if self._losses:
            self.plot.getAxis("left").setTicks([log_ticks(min(self._losses), max(self._losses))])

    @property
    def points(self) -> tuple[list[float], list[float]]:
        return self._steps, self._losses


class TrainingPlot(LossPlot):
    """Error of the patches trained on against step, with a dot for each look at scenes kept aside."""

    def __init__(self) -> None:
        super().__init__("error [rad]")
        self._dots = self.plot.plot(pen=None, symbol="o", symbolSize=7, symbolPen=None, symbolBrush=GOOD)
        self._seen: list[tuple[float, float]] = []

    def clear(self) -> None:
        self._seen = []
        self._dots.setData([], [])
        super().clear()

    def add_seen(self, step: float, error: float) -> None:
        """A dot at `step` for the `error` of the scenes kept aside, rad."""
        self._seen.append((step, error))
        self._dots.setData(*zip(*self._seen, strict=True))


def circle(centre: np.ndarray, radius: float, corners: int = 48) -> np.ndarray:
    """A circle of `radius` round `centre` (2,) as a closed polygon (corners + 1, 2), (y, x)."""
    angle = np.linspace(0.0, 2 * np.pi, corners + 1)
    return np.asarray(centre) + radius * np.stack([np.sin(angle), np.cos(angle)], axis=1)


class PupilPlot(Plot):
    """Where in the object's spectrum each frame looks: one pupil circle per LED and the synthetic aperture."""

    MOST = 400  # circles drawn; of more LEDs every n-th

    def __init__(self) -> None:
        super().__init__("NA x", "NA y", 270)
        self.plot.setAspectLocked(True)
        self.plot.getPlotItem().invertY(True)
        self._circles = self.plot.plot(pen=pg.mkPen(FAINT, width=1), connect="finite")
        self._pupil = self.plot.plot(pen=pg.mkPen(LINE, width=2))
        self._edge = self.plot.plot(pen=pg.mkPen(EDGE, width=2))
        self._dots = self.plot.plot(pen=None, symbol="o", symbolSize=4, symbolPen=None, symbolBrush=GOOD)
        self._moves = self.plot.plot(pen=pg.mkPen(MOVED, width=1), connect="pairs")
        self._found = self.plot.plot(pen=None, symbol="o", symbolSize=4, symbolPen=None, symbolBrush=MOVED)
        self._outlier_frames = self.plot.plot(
            pen=None, symbol="x", symbolSize=9, symbolPen=pg.mkPen(OUTLIER, width=2), symbolBrush=OUTLIER
        )

    def show_pupils(self, illumination_na: npt.ArrayLike, objective_na: float) -> float:
        """Draw; returns the synthetic NA.

        Parameters
        ----------
        illumination_na : (led, 2) direction cosines (y, x).
        objective_na : radius of the pupil.
        """
        na = np.asarray(illumination_na, dtype=np.float64).reshape(-1, 2)
        synthetic = float(np.hypot(*na.T).max(initial=0.0)) + objective_na
        some = na[:: max(1, math.ceil(len(na) / self.MOST))]
        for curve in (self._moves, self._found, self._outlier_frames):
            curve.setData([], [])
        gap = np.full((1, 2), np.nan)
        rings = np.concatenate([part for c in some for part in (circle(-c, objective_na), gap)] or [gap])
        self._circles.setData(rings[:, 1], rings[:, 0])
        self._dots.setData(-some[:, 1], -some[:, 0])
        for curve, radius in ((self._pupil, objective_na), (self._edge, synthetic)):
            ring = circle(np.zeros(2), radius)
            curve.setData(ring[:, 1], ring[:, 0])
        self.plot.setRange(xRange=(-synthetic, synthetic), yRange=(-synthetic, synthetic), padding=0.06)
        return synthetic

    def show_moves(
        self, nominal_na: np.ndarray, found_na: np.ndarray, outlier_frames: list[int], objective_na: float
    ) -> int:
        """Draw where LEDs were found instead of the circles; returns how many times longer than true the moves are.

        Parameters
        ----------
        nominal_na, found_na : (led, 2) direction cosines (y, x).
        outlier_frames : LEDs to mark.
        objective_na : radius of the pupil.
        """
        times = exaggeration(nominal_na, found_na)
        start, end = -nominal_na, -(nominal_na + times * (found_na - nominal_na))
        self._circles.setData([], [])
        self._edge.setData([], [])
        pairs = np.stack([start, end], axis=1).reshape(-1, 2)
        self._moves.setData(pairs[:, 1], pairs[:, 0])
        odd = end[outlier_frames]
        for curve, at in ((self._dots, start), (self._found, end), (self._outlier_frames, odd)):
            curve.setData(at[:, 1], at[:, 0])
        reach = max(float(np.abs(np.concatenate([start, end])).max(initial=0.0)), objective_na)
        self.plot.setRange(xRange=(-reach, reach), yRange=(-reach, reach), padding=0.06)
        return times


def exaggeration(nominal_na: np.ndarray, found_na: np.ndarray) -> int:
    """How many times longer moves may be drawn so that they are seen and stay clear of the next LED.

    Parameters
    ----------
    nominal_na, found_na : (led, 2) direction cosines (y, x) before and after.
    """
    moved = float(np.hypot(*(found_na - nominal_na).T).max(initial=0.0))
    if len(nominal_na) < 2 or moved <= 0:
        return 1
    gaps = np.hypot(*np.moveaxis(nominal_na[:, None] - nominal_na[None], 2, 0))
    np.fill_diagonal(gaps, np.inf)
    room = 0.8 * float(np.median(gaps.min(axis=1)))
    return max((times for times in (1, 2, 5, 10, 20, 50, 100) if times * moved <= room), default=1)
