"""The docks as napari finds them in the manifest: at once there, and filled when what they need is imported."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, ClassVar, cast

from qtpy.QtWidgets import QDockWidget, QVBoxLayout, QWidget

from ..kit.parts import QUIET, WIDTH, Bar, label, timer
from ..kit.threads import Background, EndsWhenClosed, when_gone, window_works

if TYPE_CHECKING:
    import napari


FORMS = "magicgui.backends._qtpy"  # which magicgui imports at its first widget


def imported(module: str) -> bool:
    """Whether all of a `module` is there, and no other thread is still importing it."""
    found = sys.modules.get(module)
    return found is not None and not getattr(found.__spec__, "_initializing", False)


class DockDoor(QWidget):
    """A dock; stands in its place with a few words while it is imported, unless somebody waits for it.

    Parameters
    ----------
    napari_viewer : given by napari.
    """

    room: ClassVar[str]  # that the dock is in
    dock: ClassVar[str]  # its class

    def __new__(cls, napari_viewer: napari.Viewer) -> DockDoor:
        if imported(cls._module()) or not window_works():
            return cast("DockDoor", cls._made(napari_viewer))
        return super().__new__(cls)

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._made_dock: QWidget | None = None
        self.words, bar = label(f"The {self.dock.removesuffix('Dock')} dock is being prepared …", QUIET), Bar()
        bar.setRange(0, 0)
        self.setMinimumWidth(WIDTH)
        layout = QVBoxLayout(self)
        layout.addWidget(self.words)
        layout.addWidget(bar)
        layout.addStretch(1)
        self._background = Background()
        EndsWhenClosed(self)
        when_gone(self, self._background.close)
        self._build, self._soon = timer(self, 0, self._make, once=True), timer(self, 0, self._fill, once=True)
        names, build = (self._module(), FORMS), self._build
        self._background.run(
            lambda: [importlib.import_module(name) for name in names], lambda _: build.start(), self.words.setText
        )

    @classmethod
    def _module(cls) -> str:
        return f"{__package__.rpartition('.')[0]}.{cls.room}.dock"

    @classmethod
    def _made(cls, viewer: napari.Viewer) -> QWidget:
        return cast("QWidget", getattr(importlib.import_module(cls._module()), cls.dock)(viewer))

    def _make(self) -> None:
        if self.parent() is not None:
            self._made_dock = self._made(self._viewer)
            self._soon.start()  # the window works in between

    def _fill(self) -> None:
        """The dock takes the place of these words."""
        frame, made = self.parent(), self._made_dock
        if made is None:
            return
        if not isinstance(frame, QDockWidget):  # closed meanwhile
            made.deleteLater()
            return
        made.setMaximumHeight(self.maximumHeight())
        frame.setWidget(made)
        self.deleteLater()


class AcquisitionDoor(DockDoor):
    room, dock = "acquisition", "AcquisitionDock"


class ReconstructDoor(DockDoor):
    room, dock = "reconstruct", "ReconstructDock"


class DepthDoor(DockDoor):
    room, dock = "depth", "DepthDock"


class TrainDoor(DockDoor):
    room, dock = "train", "TrainDock"
