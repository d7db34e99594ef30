"""The kinds of recordings as small drawings of their microscopes, to choose from."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QButtonGroup, QHBoxLayout, QSizePolicy, QToolButton, QWidget

WIDTH, HEIGHT = 108, 66
LIGHT, GLASS, SAMPLE, DARK, COUNTER = "#f0ad4e", "#5bc0de", "#5cb85c", "#7d8894", "#d9534f"
CHOSEN = "QToolButton { padding: 4px; } QToolButton:checked { border: 2px solid #5bc0de; border-radius: 4px; }"
KINDS = {
    "led_array": ("LED board", "one LED lit for each frame: Fourier ptychography"),
    "multiplexed_led": ("LED patterns", "several LEDs lit for each frame: halves, arcs or other patterns"),
    "through_focus": ("Through focus", "bright field at several depths, one defocused frame, or a time-lapse"),
    "ptychography": ("Scanned beam", "diffraction patterns or shadows of overlapping spots, light or electrons"),
    "coded_ptychography": ("Coded surface", "lensless, with a coded surface over the sensor that is moved"),
}


class KindPictures(QWidget):
    """A button a kind; `chosen` is sent when the user clicks one."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._group = QButtonGroup(self)
        self.buttons: dict[str, QToolButton] = {}
        for kind, (title, said) in KINDS.items():
            made = QToolButton()
            made.setText(title)
            made.setToolTip(said)
            made.setIcon(QIcon(picture(kind)))
            made.setIconSize(QSize(WIDTH, HEIGHT))
            made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
            made.setCheckable(True)
            made.setStyleSheet(CHOSEN)
            made.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
            made.clicked.connect(lambda _, kind=kind: self.chosen.emit(kind))
            self._group.addButton(made)
            layout.addWidget(made)
            self.buttons[kind] = made

    def show_chosen(self, kind: str) -> None:
        """Mark a `kind` as chosen."""
        if kind in self.buttons:
            self.buttons[kind].setChecked(True)


def picture(kind: str) -> QPixmap:
    """The drawing of a `kind`: light above, sample in the middle, camera below."""
    made = QPixmap(WIDTH, HEIGHT)
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _DRAWN[kind](painter)
    painter.end()
    return made


def _line(painter: QPainter, colour: str, width: float, *ends: tuple[float, float, float, float]) -> None:
    painter.setPen(QPen(QColor(colour), width))
    for x0, y0, x1, y1 in ends:
        painter.drawLine(QPointF(x0, y0), QPointF(x1, y1))


def _disc(painter: QPainter, colour: str, x: float, y: float, radius: float) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawEllipse(QPointF(x, y), radius, radius)


def _lens(painter: QPainter, y: float) -> None:
    painter.setPen(QPen(QColor(GLASS), 1.5))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawEllipse(QRectF(34, y - 4, 40, 8))


def _camera(painter: QPainter) -> None:
    _line(painter, DARK, 4, (30, 61, 78, 61))


def _board(painter: QPainter, lit: set[int]) -> None:
    for led in range(9):
        _disc(painter, LIGHT if led in lit else DARK, 18 + 9 * led, 7, 3.4 if led in lit else 2.2)
    for led in lit:
        _line(painter, LIGHT, 1, (18 + 9 * led, 10, 48, 32), (18 + 9 * led, 10, 60, 32))
    _line(painter, SAMPLE, 3, (26, 33, 82, 33))
    _lens(painter, 47)
    _camera(painter)


def _through_focus(painter: QPainter) -> None:
    _line(painter, LIGHT, 1.5, *((x, 2, x, 20) for x in (40, 54, 68)))
    for y, colour in ((24, DARK), (31, SAMPLE), (38, DARK)):
        _line(painter, colour, 2.5, (26, y, 82, y))
    arrow = (92, 22, 92, 40), (92, 22, 89, 26), (92, 22, 95, 26), (92, 40, 89, 36), (92, 40, 95, 36)
    _line(painter, DARK, 1.2, *arrow)
    _lens(painter, 48)
    _camera(painter)


def _scan(painter: QPainter) -> None:
    _line(painter, LIGHT, 1.2, (54, 2, 46, 26), (54, 2, 62, 26))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(SAMPLE), 1.5))
    for at in range(5):
        painter.drawEllipse(QRectF(24 + 12 * at, 24, 18, 8))
    for at, radius in ((42, 2.0), (54, 4.5), (66, 2.0)):
        _disc(painter, COUNTER if radius > 3 else DARK, at, 52, radius)
    _camera(painter)


def _coded(painter: QPainter) -> None:
    _line(painter, LIGHT, 1.5, *((x, 2, x, 16) for x in (40, 54, 68)))
    _line(painter, SAMPLE, 3, (26, 22, 82, 22))
    arrow = (20, 30, 88, 30), (88, 30, 84, 27), (88, 30, 84, 33), (20, 30, 24, 27), (20, 30, 24, 33)
    _line(painter, DARK, 1.2, *arrow)
    _line(painter, GLASS, 4, *((x, 46, x + 3, 46) for x in (28, 36, 41, 50, 57, 61, 70, 77)))
    _camera(painter)


_DRAWN: dict[str, Callable[[QPainter], None]] = {
    "led_array": lambda painter: _board(painter, {2}),
    "multiplexed_led": lambda painter: _board(painter, {0, 1, 2, 3}),
    "through_focus": _through_focus,
    "ptychography": _scan,
    "coded_ptychography": _coded,
}
