"""The pictures of a phase beyond the camera's pixels: the same place at 6 x and at 48 x, the DPC estimate beside it.

Run under a display: `xvfb-run -s "-screen 0 2000x1500x24" python docs/make_neuph_screenshots.py`; with --file FILE, of
an acquisition with LED patterns in place of the simulated one.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import platformdirs
from make_screenshots import HERE, PLUGIN, Stage, pause, wait
from scipy import ndimage

DENSITIES = (6, 48)  # points per camera pixel


def richest(phase: np.ndarray, side: int) -> tuple[int, int]:
    """(y, x) index around which a square of `side` pixels holds most change, not at the border."""
    mean = ndimage.uniform_filter(phase, side)
    power = ndimage.uniform_filter(phase**2, side) - mean**2
    power[:side], power[-side:], power[:, :side], power[:, -side:] = 0, 0, 0, 0
    y, x = np.unravel_index(np.argmax(power), power.shape)
    return int(y), int(x)


def phase(stage: Stage, path: Path, method: str) -> None:
    """Reconstruct, put the DPC estimate beside it, and come closer."""
    from napari_neuralfield.widgets.contributions import open_workbench

    viewer = stage.viewer
    viewer.open(path, plugin=PLUGIN)
    open_workbench(viewer)
    reconstruct, acquisition, depth = (stage.dock(n) for n in ("Reconstruct", "Acquisition", "Depth"))
    wait(lambda: reconstruct.library is not None and acquisition.checks.text() not in ("", "Checking …"))
    stage.front("Reconstruct")
    reconstruct.form.choose_method(method)
    if "polish" in reconstruct.form.options.editors:  # a polished phase is a grid: only the network goes beyond it
        reconstruct.form.options.set_values({})
    reconstruct.run()
    wait(lambda: not reconstruct._running)
    if reconstruct.form.error.text():
        raise RuntimeError(reconstruct.form.error.text())
    zoom = reconstruct.zoom
    wait(lambda: any(layer.name.endswith("DPC estimate") for layer in viewer.layers))
    pause(1.0)
    depth.form.compare.setChecked(True)
    viewer.layers.selection.active = whole = next(layer for layer in viewer.layers if layer.name.endswith(" phase"))
    pixel = float(reconstruct._session.shown.result.optics["pixel_um"])
    place = richest(whole.data, round(10 / whole.scale[0]))
    centre = [place[axis] * whole.scale[axis] + whole.translate[axis] for axis in (0, 1)]
    middle = [whole.data.shape[axis] * whole.scale[axis] / 2 for axis in (0, 1)]
    for times in DENSITIES:
        viewer.scene.camera.center = tuple(middle if times == DENSITIES[0] else centre)
        viewer.scene.camera.zoom = times / pixel
        pause(1.0)
        wait(lambda: not zoom.busy)
        stage.shoot(f"neuph-{times}x")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, help="an acquisition with LED patterns")
    parser.add_argument("--method", default="neuph")
    parser.add_argument("--out", type=Path, default=HERE / "images")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as own:  # the user's settings must not show in the pictures
        platformdirs.user_config_dir = platformdirs.user_cache_dir = lambda *_: own
        stage = Stage(options.out, (1560, 960))
        phase(stage, options.file or simulated(Path(own)), options.method)
        stage.viewer.close()


def simulated(folder: Path) -> Path:
    """A file of simulated cells under five LED patterns."""
    from napari_neuralfield.io import save_acquisition
    from napari_neuralfield.registry import SIMULATORS

    save_acquisition(folder / "cells.acq.h5", SIMULATORS["multiplexed-cells"](0)[0])
    return folder / "cells.acq.h5"


if __name__ == "__main__":
    main()
