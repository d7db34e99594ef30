"""Qt parts that the docks have in common."""

from __future__ import annotations

import html
import re
from collections import deque
from collections.abc import Callable, Iterable

from qtpy.QtCore import QEvent, QObject, QSize, Qt, QTimer
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QFlowLayout

from .theme import BAD, GOOD, INFO, QUIET, THEME, WARN, in_theme

__all__ = ["BAD", "GOOD", "INFO", "QUIET", "WARN"]  # of the theme, for whoever has a label to colour
WIDTH = 325  # of a dock, pixels: everything in it fits
LOWEST = 160  # of the options of a dock, pixels: some of them are seen at once


SIZES = {"m": 1e6, "mm": 1e3, "µm": 1.0, "nm": 1e-3, "pm": 1e-6}  # units of length, um


def pretty(text: str) -> str:
    """A unit, or words with units, as they are printed; lengths with an exponent in the unit that needs none."""
    return re.sub(r"\bum\b", "µm", re.sub(r"\b(\d[\d.]*e[+-]\d+) um\b", _in_its_unit, text))


def _in_its_unit(found: re.Match[str]) -> str:
    length = float(found[1])
    unit = next((unit for unit, size in SIZES.items() if length >= size), "pm")
    return f"{length / SIZES[unit]:.4g} {unit}"


class Label(QLabel):
    """Words that wrap; colours in them and in their style follow the theme, and lengths are in µm."""

    def __init__(self, text: str = "") -> None:
        super().__init__()
        self._text, self._sheet = text, ""
        self.setWordWrap(True)
        THEME.paint(self)

    def text(self) -> str:
        """As it was set, whatever the theme."""
        return self._text

    def setText(self, text: str | None) -> None:
        self._text = text or ""
        super().setText(pretty(in_theme(self._text)))

    def setStyleSheet(self, sheet: str | None) -> None:
        self._sheet = sheet or ""
        super().setStyleSheet(in_theme(self._sheet))

    def recolour(self) -> None:
        super().setText(pretty(in_theme(self._text)))
        super().setStyleSheet(in_theme(self._sheet))


def label(text: str = "", colour: str = "") -> Label:
    """`text` that wraps; `colour` is that of a style sheet, the window's own where empty."""
    made = Label(text)
    if colour:
        made.setStyleSheet(f"color: {colour};")
    return made


def button(text: str, clicked: Callable[[], None] | None = None, tip: str = "") -> QPushButton:
    """A button.

    Parameters
    ----------
    text, tip : on it, and what is said while the mouse rests there.
    clicked : called at every click.
    """
    made = QPushButton(text)
    made.setToolTip(tip)
    if clicked is not None:
        made.clicked.connect(lambda: clicked())
    return made


LIGHTS = {"green": GOOD, "amber": WARN, "red": BAD}  # of a verdict


def lit(level: str, text: str) -> str:
    """`text` behind the light of its `level` (green, amber or red) and its name, as rich text."""
    return f"<span style='color:{LIGHTS[level]}'>●</span> {level}: {html.escape(text)}"


def say(place: QLabel, text: str) -> None:
    """Show `text` in `place`, which takes no room where it is empty."""
    place.setText(text)
    place.setVisible(bool(text))


class Bar(QProgressBar):
    """A thin bar without words."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextVisible(False)
        self.setMaximumHeight(10)

    def show_progress(self, done: int, total: int) -> None:
        """`done` steps of `total`."""
        self.setUpdatesEnabled(False)  # or Qt paints the whole window at once, the canvas with it
        self.setRange(0, max(total, 1))
        self.setValue(done)
        self.setUpdatesEnabled(True)


class Place(QVBoxLayout):
    """Where one widget stands in place of the last."""

    def put(self, widget: QWidget | None) -> None:
        """Show `widget`, or nothing; the one before it ends."""
        while (item := self.takeAt(0)) is not None:
            before = item.widget()
            if before is not None:
                before.hide()  # it is gone only when the window comes to it
                before.deleteLater()
        if widget is not None:
            self.addWidget(widget)


def timer(parent: QObject, milliseconds: int, slot: Callable[[], None], once: bool = False) -> QTimer:
    """A timer that is not started.

    Parameters
    ----------
    parent : the timer ends with it.
    milliseconds : from tick to tick.
    slot : called at every tick.
    once : tick only once.
    """
    made = QTimer(parent)
    made.setInterval(milliseconds)
    made.setSingleShot(once)
    made.timeout.connect(slot)
    return made


def in_turn(parent: QObject, steps: Iterable[Callable[[], object]]) -> None:
    """Call `steps` one after the other, the window moving on in between; those that are left end with `parent`."""
    left = deque(steps)

    def step() -> None:
        if left:
            left.popleft()()
        if not left:
            turn.stop()
            turn.deleteLater()

    turn = timer(parent, 10, step)
    turn.start()


def row(*widgets: QWidget) -> QWidget:
    """Widgets side by side, without a margin of their own."""
    made = QWidget()
    layout = QHBoxLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return made


def flow(*widgets: QWidget) -> QWidget:
    """Widgets side by side as far as there is room, and the rest in the rows below."""
    made = QWidget()
    layout = QFlowLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(6)
    layout.setVerticalSpacing(6)
    for widget in widgets:
        layout.addWidget(widget)
    return made


def stays(widget: QWidget) -> QWidget:
    """`widget`, whose place is kept while it is hidden, so that nothing beside it jumps."""
    policy = widget.sizePolicy()
    policy.setRetainSizeWhenHidden(True)
    widget.setSizePolicy(policy)
    return widget


def column(parent: QWidget, *parts: QWidget | QLayout) -> None:
    """Lay out `parts` below each other in `parent`, without a margin."""
    layout = QVBoxLayout(parent)
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        layout.addLayout(part) if isinstance(part, QLayout) else layout.addWidget(part)


def scrolling(content: QWidget) -> QScrollArea:
    made = QScrollArea()
    made.setWidgetResizable(True)
    made.setFrameShape(QFrame.Shape.NoFrame)
    made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    made.setWidget(content)
    return made


class Snug(QScrollArea):
    """As high as its content at this width, as long as there is room; it scrolls where there is none."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setWidget(content)
        content.installEventFilter(self)

    def eventFilter(self, content: QObject | None, event: QEvent | None) -> bool:
        """The content wants another height."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(content, event)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        if event is not None and event.size().width() != event.oldSize().width():
            self.updateGeometry()

    def minimumSizeHint(self) -> QSize:
        return QSize(0, min(80, self.sizeHint().height()))

    def sizeHint(self) -> QSize:
        content, seen = self.widget(), self.viewport()
        layout = None if content is None else content.layout()
        if layout is None or seen is None:
            return QSize(0, 0)
        height = layout.totalHeightForWidth(seen.width())  # -1 where no words wrap in it
        return QSize(super().sizeHint().width(), max(height, layout.totalMinimumSize().height()))


def below_scrolled(parent: QWidget, top: QWidget, options: QVBoxLayout) -> QVBoxLayout:
    """Lay out the dock `parent`: `top` and `options` scroll; what is added to the returned layout stays below."""
    content = QWidget()
    upper = QVBoxLayout(content)
    upper.setContentsMargins(0, 0, 6, 0)
    upper.addWidget(top)
    upper.addLayout(options)
    upper.addStretch(1)
    outer = QVBoxLayout(parent)
    outer.setContentsMargins(6, 4, 8, 6)
    scrolled = scrolling(content)
    scrolled.setMinimumHeight(LOWEST)
    outer.addWidget(scrolled, 1)
    return outer


def form_layout(widget: QWidget) -> QFormLayout:
    made = QFormLayout(widget)
    made.setContentsMargins(0, 0, 0, 0)
    made.setVerticalSpacing(4)
    made.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
    made.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
    return made


class Fold(QWidget):
    """A heading that shows or hides what is below it."""

    def __init__(self, title: str, content: QWidget, is_open: bool = False) -> None:
        super().__init__()
        self.button, self.content = QToolButton(), content
        self.button.setText(title)
        self.button.setToolTip("show or hide what belongs to this")
        self.button.setCheckable(True)
        self.button.setChecked(is_open)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setStyleSheet("QToolButton { border: none; background: transparent; font-weight: bold; }")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)
        layout.addWidget(content)
        self.button.toggled.connect(self._show)
        self._show(is_open)

    def _show(self, is_open: bool) -> None:
        self.button.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
        self.content.setVisible(is_open)
