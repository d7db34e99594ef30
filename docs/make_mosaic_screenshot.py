"""Picture of a mosaic that grows: a simulated wide field, reconstructed in tiles.

Run under a display: `xvfb-run -s "-screen 0 2000x1500x24" python docs/make_mosaic_screenshot.py`. The window at the end
of the run is written too, to the folder of --end.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import platformdirs
from make_screenshots import HERE, PLUGIN, Stage, pause, wait


def recorded(path: Path) -> None:
    """A field of 512 x 512 pixels."""
    from napari_neuralfield.io import save_acquisition
    from napari_neuralfield.simulate.wide_field import wide_field

    acquisition, _ = wide_field(tiles=1, pixels=512, pitch_mm=1.6, aberrated=False)
    save_acquisition(path, acquisition.replace(title="slide"))


def mosaic(stage: Stage, path: Path, end: Path) -> None:
    """Run in tiles: a picture half way, and one of the end."""
    from napari_neuralfield.widgets.contributions import open_workbench

    stage.viewer.open(path, plugin=PLUGIN)
    open_workbench(stage.viewer)
    reconstruct, acquisition = stage.dock("Reconstruct"), stage.dock("Acquisition")
    wait(lambda: reconstruct.library is not None and acquisition.checks.text() not in ("", "Checking …"))
    stage.front("Reconstruct")
    stage.dock("Depth").parent().hide()
    reconstruct.form.choose_method("fpm-per-slice")  # seconds a tile
    reconstruct.form.options.set_values({"z_um": (-1.0, 1.0), "planes": 2, "passes": 5, "check_orientation": False})
    reconstruct.tiles.side.setValue(160)
    reconstruct.tiles.tick.setChecked(True)
    pause(0.5)
    stage.viewer.reset_view()
    reconstruct.run()
    bar = reconstruct.form.bar
    wait(lambda: not reconstruct._running or bar.value() > 0.55 * bar.maximum())
    print(reconstruct.form.state.text(), reconstruct.form.error.text(), flush=True)
    stage.shoot("mosaic")
    wait(lambda: not reconstruct._running)
    wait(lambda: not reconstruct.runs.preview.busy)
    pause(1.0)
    end.mkdir(parents=True, exist_ok=True)
    stage.folder = end
    stage.shoot("mosaic-end")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--end", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        platformdirs.user_config_dir = platformdirs.user_cache_dir = lambda *_: folder  # not what somebody chose last
        path = Path(folder) / "slide.acq.h5"
        recorded(path)
        stage = Stage(HERE / "images", (1280, 860))
        mosaic(stage, path, options.end)
        stage.viewer.close()


if __name__ == "__main__":
    main()
