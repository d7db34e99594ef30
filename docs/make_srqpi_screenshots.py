"""The picture of a network for single defocused frames that is fine-tuned for the microscope that is open.

Run under a display: `xvfb-run -s "-screen 0 2000x1500x24" python docs/make_srqpi_screenshots.py`; with --weights FILE
to begin with others than those of the package, with --file FILE of a stack through focus in place of the simulated one.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import platformdirs
from make_screenshots import HERE, PLUGIN, Stage, wait

STEPS = 60


def training(stage: Stage, path: Path, target: Path, weights: Path | None) -> None:
    """Half-way through a short training."""
    from napari_neuralfield.widgets.contributions import open_docks
    from napari_neuralfield.widgets.train.work import FINISHED, LIKE, SHIPPED

    stage.viewer.open(path, plugin=PLUGIN)
    open_docks(stage.viewer, "Acquisition", "Train", front="Train")
    dock = stage.dock("Train")
    wait(lambda: dock.form.options is not None)
    dock.form.network.setCurrentText("srqpi")
    dock.form.begin.setCurrentText(SHIPPED if weights is None else FINISHED)
    dock.form.path.setText(str(weights or ""))
    dock.form.microscope.setCurrentText(LIKE)
    dock.form.target.setText(str(target))
    usual = {"minutes": 10.0, "learning_rate": 3e-4}
    dock.form.options.set_values({**usual, "steps": STEPS, "pool": 64, "validate_every_s": 20.0})
    dock.run()
    points = dock.form.plot.points
    wait(lambda: (dock.form.seen.text() != "" and len(points[0]) > STEPS // 2) or not dock.running, 900)
    if dock.form.error.text():
        raise RuntimeError(dock.form.error.text())
    stage.viewer.dims.set_current_step(0, 0)
    stage.viewer.layers.selection.clear()
    stage.viewer.reset_view()
    dock.form.begin.setCurrentText(SHIPPED)
    dock.form.target.setText("~/our-microscope.safetensors")
    stage.shoot("train-srqpi")
    dock.stop()
    wait(lambda: not dock.running)


def simulated(folder: Path) -> Path:
    """A file of simulated cells through focus."""
    from napari_neuralfield.io import save_acquisition
    from napari_neuralfield.registry import SIMULATORS

    save_acquisition(folder / "cells.acq.h5", SIMULATORS["through-focus"](0)[0])
    return folder / "cells.acq.h5"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, help="a stack through focus")
    parser.add_argument("--weights", type=Path, help="finished weights to begin with")
    parser.add_argument("--out", type=Path, default=HERE / "images")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as own:  # the user's settings must not show in the pictures
        platformdirs.user_config_dir = platformdirs.user_cache_dir = lambda *_: own
        stage = Stage(options.out, (1560, 960))
        training(stage, options.file or simulated(Path(own)), Path(own) / "W.safetensors", options.weights)
        stage.viewer.close()


if __name__ == "__main__":
    main()
