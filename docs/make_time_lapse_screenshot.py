"""Pictures of a time-lapse under the time slider and of methods side by side, and how long a frame takes to come.

Run under a display: `xvfb-run -s "-screen 0 2000x1500x24" python docs/make_time_lapse_screenshot.py`; with --file FILE,
of a time-lapse in place of the simulated one. Each step of the slider is timed until its frame is on the screen, and
the longest time in which the window did not answer.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import platformdirs
from make_screenshots import HERE, PLUGIN, Stage, pause, wait
from qtpy.QtCore import QTimer


def scrub(stage: Stage, path: Path, method: str, show: int) -> None:
    """Reconstruct over time, drag the slider, and stop at frame `show`."""
    from napari_neuralfield.widgets.contributions import open_workbench

    viewer = stage.viewer
    viewer.open(path, plugin=PLUGIN)
    open_workbench(viewer)
    reconstruct, acquisition = (stage.dock(n) for n in ("Reconstruct", "Acquisition"))
    wait(lambda: reconstruct.library is not None and acquisition.checks.text() not in ("", "Checking …"))
    stage.front("Reconstruct")
    stage.dock("Depth").parent().hide()
    reconstruct.form.choose_method(method)
    reconstruct.run()
    wait(lambda: bool(reconstruct.form.error.text()) or (reconstruct.time.film and reconstruct.time.film.layer))
    if reconstruct.form.error.text():
        raise RuntimeError(reconstruct.form.error.text())
    pause(1.0)
    viewer.layers[0].visible = False
    viewer.reset_view()
    wait(lambda: not reconstruct.time.busy)
    measure(viewer, reconstruct.time)
    viewer.dims.set_current_step(0, show)
    wait(lambda: reconstruct.time.film.seen == show and not reconstruct.time.busy)
    viewer.layers.selection.active = reconstruct.time.film.layer
    stage.shoot("time-lapse")


def beside(stage: Stage, path: Path, methods: tuple[str, ...]) -> None:
    """The phases that several methods find in one stack, side by side."""
    from napari_neuralfield.widgets.contributions import open_workbench

    stage.viewer.open(path, plugin=PLUGIN)
    open_workbench(stage.viewer)
    reconstruct, acquisition, depth = (stage.dock(n) for n in ("Reconstruct", "Acquisition", "Depth"))
    wait(lambda: reconstruct.library is not None and acquisition.checks.text() not in ("", "Checking …"))
    stage.front("Reconstruct")
    for method in methods:
        reconstruct.form.choose_method(method)
        reconstruct.run()
        wait(lambda: not reconstruct._running)
        if reconstruct.form.error.text():
            raise RuntimeError(reconstruct.form.error.text())
        wait(lambda method=method: any(layer.name.endswith(f"{method} phase") for layer in stage.viewer.layers))
        pause(1.0)
        wait(lambda: not reconstruct.zoom.busy)
    depth.form.compare.setChecked(True)
    pause(3.0)
    stage.shoot("through-focus")


def measure(viewer: object, panel: object) -> None:
    """Time every second frame, then drag over all of them without waiting."""
    film, count = panel.film, len(panel.lapse)
    beats: list[float] = []
    heart = QTimer()
    heart.timeout.connect(lambda: beats.append(time.perf_counter()))
    heart.start(5)
    latency, cpu, drawing = [], time.process_time(), time.thread_time()
    for number in range(0, count, 2):
        began = time.perf_counter()
        viewer.dims.set_current_step(0, number)
        wait(lambda number=number: film.seen == number)
        latency.append(time.perf_counter() - began)
    say("a new frame is on the screen after", latency)
    cpu, drawing = (1000 * s / len(latency) for s in (time.process_time() - cpu, time.thread_time() - drawing))
    print(f"a new frame costs {cpu - drawing:.0f} ms of processor time, drawing and waiting {drawing:.0f} ms")
    again = []
    for number in range(count - 2 + count % 2, 0, -2):
        began = time.perf_counter()
        viewer.dims.set_current_step(0, number)
        wait(lambda number=number: film.seen == number)
        again.append(time.perf_counter() - began)
    say("a frame that was seen before, after", again)
    for number in range(1, count, 2):  # a drag that waits for nothing
        viewer.dims.set_current_step(0, number)
        pause(0.02)
    last = count - 1 - (count - 1 + 1) % 2
    began = time.perf_counter()
    wait(lambda: film.seen == last)
    print(f"after a drag over {count // 2} new frames the last one is there in {time.perf_counter() - began:.3f} s")
    heart.stop()
    say("the window answers after", list(np.diff(beats)))


def say(what: str, seconds: list[float]) -> None:
    middle, worst = 1000 * np.median(seconds), 1000 * max(seconds)
    print(f"{what} {middle:.0f} ms (median), {worst:.0f} ms (worst), n = {len(seconds)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--file", type=Path, help="a time-lapse")
    parser.add_argument("--method", default="srqpi")
    parser.add_argument("--frame", type=int, default=60, help="the frame in the picture")
    parser.add_argument("--out", type=Path, default=HERE / "images")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as own:  # the user's settings must not show in the picture
        platformdirs.user_config_dir = platformdirs.user_cache_dir = lambda *_: own
        stage = Stage(options.out, (1560, 960))
        scrub(stage, options.file or simulated(Path(own), "time-lapse"), options.method, options.frame)
        stage.viewer.close()
        stage = Stage(options.out, (1560, 960))
        beside(stage, simulated(Path(own), "through-focus"), ("tie-fft", options.method))
        stage.viewer.close()


def simulated(folder: Path, name: str) -> Path:
    """A file of simulated cells: 100 frames in which they crawl and divide, or a stack through focus."""
    from napari_neuralfield.io import save_acquisition
    from napari_neuralfield.registry import SIMULATORS

    path = folder / f"{name}.acq.h5"
    save_acquisition(path, SIMULATORS[name](0)[0])
    return path


if __name__ == "__main__":
    main()
