"""What to do next: the one button of a dock that leads on is framed, and an empty dock says how to begin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QPushButton

from .docks import open_docks
from .parts import INFO
from .threads import listen

if TYPE_CHECKING:
    import napari

    from .session import Session

SAMPLES = "File → Open Sample → napari-neuralfield"
NOTHING_OPEN = f"Open a recording first: drop one on the viewer, use the Acquisition dock, or try {SAMPLES}."
FRAME = f"QPushButton {{ border: 2px solid {INFO}; font-weight: bold; }} QPushButton:disabled {{ border: none; }}"


def lead_on(button: QPushButton, on: bool) -> None:
    """Frame the `button` that comes next, where it is `on`."""
    wanted = FRAME if on else ""
    if button.styleSheet() != wanted:
        button.setStyleSheet(wanted)


class ReconstructNext(QPushButton):
    """Below the Acquisition dock as soon as all values are known: on to the Reconstruct dock.

    Parameters
    ----------
    viewer : whose dock it opens.
    session : whose draft must be complete.
    """

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        super().__init__("Next: Reconstruct")
        self._session = session
        self.setToolTip("every value is known; choose a method and run it")
        self.clicked.connect(lambda: open_docks(viewer, "Reconstruct"))
        lead_on(self, True)
        listen(self, session.draft_changed, self._follow)
        listen(self, session.values_changed, self._follow)
        if not self._complete():  # shown with its dock else, not as a window of its own before
            self.hide()

    def _complete(self) -> bool:
        draft = self._session.draft
        return draft is not None and not draft.missing()

    def _follow(self, _: object = None) -> None:
        self.setVisible(self._complete())
