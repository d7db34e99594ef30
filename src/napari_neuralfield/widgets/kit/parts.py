"""Qt parts that the docks have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Qt, QTimer
from qtpy.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

QUIET, GOOD, INFO, WARN, BAD = "#9aa5b1", "#5cb85c", "#5bc0de", "#f0ad4e", "#ff8a80"


def label(text: str = "", colour: str = "") -> QLabel:
    """Text that wraps."""
    made = QLabel(text)
    made.setWordWrap(True)
    if colour:
        made.setStyleSheet(f"color: {colour};")
    return made


def button(text: str, clicked: Callable[[], None] | None = None, tip: str = "") -> QPushButton:
    made = QPushButton(text)
    made.setToolTip(tip)
    if clicked is not None:
        made.clicked.connect(lambda: clicked())
    return made


def timer(parent: QObject, milliseconds: int, slot: Callable[[], None], once: bool = False) -> QTimer:
    """A timer that is not started."""
    made = QTimer(parent)
    made.setInterval(milliseconds)
    made.setSingleShot(once)
    made.timeout.connect(slot)
    return made


def row(*widgets: QWidget) -> QWidget:
    """Widgets side by side, without a margin of their own."""
    made = QWidget()
    layout = QHBoxLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    return made


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


def below_scrolled(parent: QWidget, top: QWidget, options: QVBoxLayout) -> QVBoxLayout:
    """Lay out a dock: `top` and `options` scroll; what is added to the returned layout stays below them."""
    content = QWidget()
    upper = QVBoxLayout(content)
    upper.setContentsMargins(0, 0, 6, 0)
    upper.addWidget(top)
    upper.addLayout(options)
    upper.addStretch(1)
    outer = QVBoxLayout(parent)
    outer.setContentsMargins(6, 4, 8, 6)
    outer.addWidget(scrolling(content), 1)
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

    def _show(self, is_open: Any) -> None:
        self.button.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
        self.content.setVisible(bool(is_open))
