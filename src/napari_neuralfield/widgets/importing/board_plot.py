"""The LEDs of a board in the pupil plane, each as bright as its frame, joined in the order of lighting."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg

from ...checks.circles import brightness_gap
from ...checks.led_boards import RIM
from ..kit.plots import LINE, PupilPlot, circle

MOST_JOINED = 2000


class BoardPlot(PupilPlot):
    """With a right order every bright frame lies in the blue circle, every dark one outside of it."""

    def __init__(self) -> None:
        super().__init__()
        self._path = self.plot.plot(pen=pg.mkPen("#6c7a89", width=1))
        self._leds = pg.ScatterPlotItem(pen=None, symbol="o", size=9)
        self._chosen = pg.ScatterPlotItem(pen=pg.mkPen("#ffffff", width=2), brush=None, symbol="o", size=15)
        self._first = pg.TextItem("0", color="#ffffff", anchor=(0, 1))
        for item in (self._leds, self._chosen, self._first):
            self.plot.addItem(item)
        self._na = np.zeros((0, 2))

    def show_board(self, na: np.ndarray, objective_na: float | None, light: np.ndarray | None) -> str:
        """Draw; returns the caption.

        Parameters
        ----------
        na : (frame, 2) direction cosines (y, x) of the LEDs in the order of lighting.
        objective_na : radius of the pupil; None while it is not known.
        light : (n,) brightness of the frames; None while it is not known.
        """
        self._na = na
        at = -na[:MOST_JOINED]
        reach = 1.2 * max(float(np.abs(na).max(initial=0.0)), 1.05 * (objective_na or 0.0), 1e-3)
        self._path.setData(at[:, 1], at[:, 0])
        count = len(at) if light is None else min(len(at), len(light))
        colours = None if light is None else _colours(light[:count])
        self._leds.setData(
            at[:count, 1],
            at[:count, 0],
            brush=pg.mkBrush(LINE) if colours is None else [pg.mkBrush(c) for c in colours],
        )
        ring = circle(np.zeros(2), objective_na) if objective_na else np.zeros((0, 2))
        self._pupil.setData(ring[:, 1], ring[:, 0])
        self._first.setVisible(len(at) > 0)
        if len(at):
            self._first.setPos(float(at[0, 1]), float(at[0, 0]))
        self.plot.setRange(xRange=(-reach, reach), yRange=(-reach, reach), padding=0.02)
        return _caption(na[:count], objective_na, None if light is None else light[:count])

    def mark(self, frames: list[int]) -> None:
        """Ring the LEDs of these frames."""
        at = -self._na[[n for n in frames if n < len(self._na)]]
        self._chosen.setData(at[:, 1], at[:, 0])

    def clear(self) -> None:
        nothing = np.zeros((0, 2))
        for item in (self._path, self._leds, self._chosen, self._pupil):
            item.setData(nothing[:, 1], nothing[:, 0])
        self._first.setVisible(False)


def _colours(light: np.ndarray) -> list[tuple[int, ...]]:
    """A colour for each brightness, dark violet to bright yellow, by the logarithm."""
    good = light[np.isfinite(light) & (light > 0)]
    floor = float(good.min()) if good.size else 1.0
    value = np.log(np.clip(np.nan_to_num(light, nan=floor), floor, None))
    low, high = float(value.min(initial=0.0)), float(value.max(initial=1.0))
    share = (value - low) / (high - low) if high > low else np.ones_like(value)
    colours = pg.colormap.get("inferno").map(0.15 + 0.85 * share)
    return [tuple(int(part) for part in colour) for colour in colours]


def _caption(na: np.ndarray, objective_na: float | None, light: np.ndarray | None) -> str:
    """How many frames are as bright or dark as the board says."""
    legend = "Each LED as bright as its frame, joined in the order of lighting, 0 the first."
    if objective_na is None or light is None or len(na) < 5 or not np.isfinite(light).all():
        return legend
    level = brightness_gap(light)
    if level is None:
        return f"{legend} All frames are about equally bright, so they do not tell the order."
    beyond = (np.hypot(*na.T) / objective_na - 1) * np.where(light > level, 1, -1)
    wide = objective_na + float(np.hypot(*na.T).max())
    right = int((beyond < 2 * RIM[0]).sum())
    return (
        f"{legend} Blue: the objective's NA; the synthetic one is {wide:.3g}. {right} of {len(na)} frames are as "
        "bright or dark as their LED's place says."
    )
