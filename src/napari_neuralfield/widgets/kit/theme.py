"""Colours of the docks, which follow napari's theme: what is written for dark windows is exchanged on light ones."""

from __future__ import annotations

import contextlib
import re
import weakref
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import napari
    from napari.utils.events import Event

QUIET, GOOD, INFO, WARN, BAD = "#9aa5b1", "#5cb85c", "#5bc0de", "#f0ad4e", "#ff8a80"
PAPER, INK, FAINT, MOVED, OUTLIER = "#20242b", "#b8c0cc", "#6c7a89", "#ff5ce1", "#ff5c5c"  # of plots
ON_LIGHT = {
    QUIET: "#525c66", GOOD: "#1f6f2b", INFO: "#0a6685", WARN: "#8a4b00", BAD: "#b3261e",
    PAPER: "#fbfbfb", INK: "#3c444d", FAINT: "#7d8893", MOVED: "#b0128f", OUTLIER: "#d01818",
}  # fmt: skip
ON_DARK = {light: dark for dark, light in ON_LIGHT.items()}


class Coloured(Protocol):
    """What can be drawn again in the colours of now."""

    def recolour(self) -> None:
        """Draw again."""


class Theme:
    """What is on: `light` is whether the window is bright. One for all windows, as napari's setting is."""

    def __init__(self) -> None:
        self.light = False
        self._painted: weakref.WeakSet[Coloured] = weakref.WeakSet()

    def paint(self, widget: Coloured) -> None:
        """Draw `widget` now, and again whenever the theme changes."""
        self._painted.add(widget)
        widget.recolour()

    def set_light(self, light: bool) -> None:
        """Draw all again where the window has become bright, or dark."""
        if light == self.light:
            return
        self.light = light
        for widget in list(self._painted):
            with contextlib.suppress(RuntimeError):  # the window system has destroyed it
                widget.recolour()


THEME = Theme()


def in_theme(text: str) -> str:
    """`text` with the colours of the theme in place of those of the other: a colour, a style sheet or rich text."""
    table = ON_LIGHT if THEME.light else ON_DARK
    return re.sub(r"#[0-9a-f]{6}\b", lambda found: table.get(found[0], found[0]), text)


def follow(viewer: napari.Viewer) -> None:
    """Be as bright as the window of `viewer`, from now on."""

    def look(event: Event | None = None) -> None:
        THEME.set_light(is_light(str(viewer.theme)))

    viewer.events.theme.connect(look)
    look()


def is_light(name: str) -> bool:
    """Whether the napari theme `name` has a bright background."""
    from napari.utils.theme import get_system_theme, get_theme

    red, green, blue = get_theme(get_system_theme() if name == "system" else name).background.as_rgb_tuple()[:3]
    return float(0.3 * red + 0.59 * green + 0.11 * blue) > 127
