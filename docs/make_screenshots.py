"""The pictures of the documentation, from a real run on the simulated tilted slide.

Run under a display: `xvfb-run -s "-screen 0 2000x1500x24" python docs/make_screenshots.py`; with --only NAME, such as
calibrate, a part of them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import napari
import platformdirs
from qtpy.QtWidgets import QApplication, QScrollArea

HERE = Path(__file__).parent
PLUGIN = "napari-neuralfield"


def wait(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    """Let the window work until the condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError("what a picture should show did not come")
        QApplication.processEvents()
        time.sleep(0.005)


def pause(seconds: float) -> None:
    until = time.monotonic() + seconds
    wait(lambda: time.monotonic() > until)


class Stage:
    """A viewer with its docks, photographed into a folder."""

    def __init__(self, folder: Path, size: tuple[int, int]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.viewer = napari.Viewer(show=True, show_welcome_screen=False)
        self.viewer.window.resize(*size)

    def dock(self, name: str) -> object:
        return self.viewer.window.dock_widgets[f"{name} ({PLUGIN})"]

    def front(self, name: str) -> None:
        self.dock(name).parent().raise_()
        pause(0.5)

    def spread(self, left: str, right: str) -> None:
        """Two docks that are tabs, side by side."""
        from qtpy.QtCore import Qt

        window = self.viewer.window._qt_window
        window.resize(window.width() + 350, window.height())
        window.splitDockWidget(self.dock(left).parent(), self.dock(right).parent(), Qt.Orientation.Horizontal)
        pause(0.5)
        self.viewer.reset_view()

    def give_room(self, name: str, size: tuple[int, int], width: int) -> None:
        """A window of `size`, and of it `width` for one dock; the docks below go."""
        from qtpy.QtCore import Qt

        window = self.viewer.window._qt_window
        self.dock("Depth").parent().hide()
        window.resize(*size)
        window.resizeDocks([self.dock(name).parent()], [width], Qt.Orientation.Horizontal)
        pause(0.5)
        self.viewer.reset_view()

    def shoot(self, name: str) -> None:
        pause(0.8)
        self.viewer.window.screenshot(str(self.folder / f"{name}.png"), canvas_only=False, flash=False)


def tour(stage: Stage, open_file: Callable[[], object], method: str) -> None:
    """Open, reconstruct, slide: a picture of each."""
    from napari_neuralfield.widgets.contributions import open_workbench

    open_file()
    open_workbench(stage.viewer)
    reconstruct, acquisition, depth = (stage.dock(n) for n in ("Reconstruct", "Acquisition", "Depth"))
    wait(lambda: reconstruct.library is not None)
    wait(lambda: acquisition.checks.text() not in ("", "Checking …"))
    stage.viewer.layers.selection.clear()
    stage.viewer.reset_view()
    stage.shoot("acquisition")

    stage.front("Reconstruct")
    if method:
        reconstruct.form.choose_method(method)
    reconstruct.run()
    wait(lambda: reconstruct._session.shown is not None or not reconstruct._running)
    wait(lambda: reconstruct.form.bar.value() > 0.4 * reconstruct.form.bar.maximum() or not reconstruct._running)
    stage.shoot("running")
    wait(lambda: not reconstruct._running)
    pause(1.0)

    low, high = depth.form.slider.minimum(), depth.form.slider.maximum()
    depth.form.slider.setValue(low + 0.3 * (high - low))
    depth.form.quantity.setCurrentText("phase")
    stage.shoot("phase")
    depth.form.quantity.setCurrentText("amplitude")
    depth.form.quantity.setCurrentText("all in focus")
    wait(lambda: not depth.form.busy)
    stage.shoot("all_in_focus")
    depth.form.quantity.setCurrentText("amplitude")
    stage.viewer.layers.selection.active = stage.viewer.layers[-1]
    depth.form.slider.setValue(low + 0.62 * (high - low))
    stage.spread("Acquisition", "Reconstruct")
    stage.shoot("window")


def calibration(stage: Stage, open_file: Callable[[], object]) -> None:
    """Let the microscope correct itself, and judge it: one picture."""
    from napari_neuralfield.widgets.contributions import open_workbench

    open_file()
    open_workbench(stage.viewer)
    acquisition = stage.dock("Acquisition")
    stage.front("Acquisition")
    panel = acquisition.calibrate
    wait(lambda: panel.options is not None and acquisition.checks.text() not in ("", "Checking …"))
    panel.run()
    wait(lambda: not panel.running)
    if panel.error.text():
        raise RuntimeError(panel.error.text())
    panel.assess()
    wait(lambda: not panel.running)
    stage.give_room("Acquisition", (1700, 1480), 430)
    stage.viewer.layers.selection.clear()
    acquisition.findChild(QScrollArea).verticalScrollBar().setValue(acquisition.plot.y())
    stage.shoot("calibrate")


def scan(stage: Stage, open_file: Callable[[], object]) -> None:
    """Positions corrected by the frames themselves: a picture of the window, near the positions."""
    from napari_neuralfield.widgets.contributions import open_workbench

    open_file()
    open_workbench(stage.viewer)
    reconstruct, acquisition = stage.dock("Reconstruct"), stage.dock("Acquisition")
    wait(lambda: reconstruct.library is not None and acquisition.checks.text() not in ("", "Checking …"))
    stage.front("Reconstruct")
    reconstruct.run()
    wait(lambda: not reconstruct._running, 900.0)
    pause(1.0)
    view = reconstruct.scan
    view.add_positions()
    view.choose_frame(int(view.facts.error.argmax()))
    low, high = view.facts.found_um.min(0), view.facts.found_um.max(0)
    stage.viewer.reset_view()
    stage.viewer.scene.camera.center = tuple((low + high) / 2)
    stage.viewer.scene.camera.zoom = 0.7 * min(stage.viewer.canvas.size) / float((high - low).max())
    stage.shoot("scan-positions")


def orientations(stage: Stage, path: Path) -> None:
    """The eight orientations of a scan whose axes are exchanged: a picture of the window."""
    from napari_neuralfield.widgets.contributions import open_workbench

    stage.viewer.open(path, plugin=PLUGIN)
    open_workbench(stage.viewer)
    acquisition = stage.dock("Acquisition")
    panel = acquisition.orientation
    wait(lambda: acquisition.checks.text() not in ("", "Checking …"))
    panel.run()
    wait(lambda: not panel.running)
    panel.choose("swap-yx")
    pause(1.0)
    acquisition.findChild(QScrollArea).verticalScrollBar().setValue(panel.y() - 8)
    stage.viewer.layers.selection.clear()
    stage.viewer.reset_view()
    stage.shoot("scan-orientations")


def training(stage: Stage, path: Path, target: Path) -> None:
    """Fine-tune the weights that come with the package for the microscope that is open: one picture, half-way."""
    from napari_neuralfield.widgets.contributions import open_docks
    from napari_neuralfield.widgets.train.work import LIKE, SHIPPED

    stage.viewer.open(path, plugin=PLUGIN)
    open_docks(stage.viewer, "Acquisition", "Train", front="Train")
    dock = stage.dock("Train")
    wait(lambda: dock.form.options is not None)
    dock.form.begin.setCurrentText(SHIPPED)
    dock.form.microscope.setCurrentText(LIKE)
    dock.form.target.setText(str(target))
    dock.form.options.set_values({"minutes": 10.0, "learning_rate": 3e-4, "steps": 60, "validate_every_s": 12.0})
    dock.run()
    seen = lambda: [layer for layer in stage.viewer.layers if layer.name.startswith("training")]  # noqa: E731
    wait(lambda: bool(seen()) and len(dock.form.plot.points[0]) > 40, 600)
    stage.viewer.layers.selection.clear()
    stage.viewer.reset_view()
    dock.form.target.setText("~/our-microscope.safetensors")
    stage.shoot("train")
    dock.stop()
    wait(lambda: not dock.running)


def exchanged(folder: Path) -> Path:
    """A file of a simulated far-field scan whose y and x positions are exchanged."""
    from napari_neuralfield.io import save_acquisition
    from napari_neuralfield.registry import SIMULATORS

    acquisition, _ = SIMULATORS["far-field"](0)
    positions = acquisition.values()["positions_um"][:, ::-1]
    save_acquisition(folder / "star.acq.h5", acquisition.replace(positions_um=positions, title="star"))
    return folder / "star.acq.h5"


def patterned(folder: Path) -> Path:
    """A file of simulated cells under five LED patterns."""
    from napari_neuralfield.io import save_acquisition
    from napari_neuralfield.registry import SIMULATORS

    acquisition, _ = SIMULATORS["multiplexed-cells"](0)
    save_acquisition(folder / "cells.acq.h5", acquisition.replace(title="cells"))
    return folder / "cells.acq.h5"


def miscalibrated(folder: Path) -> Path:
    """A file of a simulated microscope that is not what its file says; one of its frames is noise."""
    from napari_neuralfield.io import save_acquisition
    from napari_neuralfield.simulate.simulators import miscalibrated_board

    acquisition, _ = miscalibrated_board(noise=(40,))
    save_acquisition(folder / "board.acq.h5", acquisition)
    return folder / "board.acq.h5"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, help="an acquisition instead of the sample")
    parser.add_argument("--method", default="", help="instead of the recommended one")
    parser.add_argument("--only", choices=("tour", "calibrate", "scan", "train"), help="these pictures only")
    parser.add_argument("--out", type=Path, default=HERE / "images")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as own:  # the user's settings must not show in the pictures
        platformdirs.user_config_dir = platformdirs.user_cache_dir = lambda *_: own
        if options.only in (None, "tour"):
            stage = Stage(options.out, (1560, 960))
            if options.file is None:
                tour(stage, lambda: stage.viewer.open_sample(PLUGIN, "tilted_slide"), options.method)
            else:
                tour(stage, lambda: stage.viewer.open(options.file, plugin=PLUGIN), options.method)
            stage.viewer.close()
        if options.only in (None, "calibrate"):
            stage = Stage(options.out, (1560, 960))
            path = options.file or miscalibrated(Path(own))
            calibration(stage, lambda: stage.viewer.open(path, plugin=PLUGIN))
            stage.viewer.close()
        if options.only in (None, "scan"):
            stage = Stage(options.out, (1560, 960))
            orientations(stage, exchanged(Path(own)))
            stage.viewer.close()
            stage = Stage(options.out, (1560, 960))
            scan(stage, lambda: stage.viewer.open_sample(PLUGIN, "wrong_positions"))
            stage.viewer.close()
        if options.only in (None, "train"):
            stage = Stage(options.out, (1560, 960))
            training(stage, options.file or patterned(Path(own)), Path(own) / "our-microscope.safetensors")
            stage.viewer.close()


if __name__ == "__main__":
    main()
