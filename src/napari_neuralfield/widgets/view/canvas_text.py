"""One line in a corner of the canvas."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import napari


class CanvasText:
    """What one of ours says there; it never writes over the words of others.

    Parameters
    ----------
    viewer : whose canvas it is.
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer, self._text = viewer, ""

    def say(self, text: str) -> None:
        """Show `text`, nothing where it is empty."""
        overlay = self._viewer.canvas.overlays.text
        if overlay.text not in ("", self._text) or overlay.text == text:
            return
        if not overlay.visible:
            overlay.position, overlay.color, overlay.font_size = "bottom_left", "#f0ad4e", 10
            self._viewer.canvas.overlays.scale_bar.box = True  # on the grey of a close look it cannot be read else
        self._text = overlay.text = text
        overlay.visible = bool(text)
