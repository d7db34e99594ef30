"""Fifteen rounds of opening the docks, running and closing them in one viewer: what stays of memory and threads.

`python -m bench.window_cycles [ROUNDS]`, with a display or under xvfb-run. The same layers are added and removed by
napari alone first, and both figures are printed.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import napari
import numpy as np
from qtpy.QtTest import QTest

from napari_neuralfield.data.acquisition import Draft
from napari_neuralfield.memory import give_back
from napari_neuralfield.registry import SIMULATORS
from napari_neuralfield.widgets.contributions import open_workbench
from napari_neuralfield.widgets.view.layers import acquisition_layers

DOCKS = ("Acquisition", "Reconstruct", "Depth")
METHOD, OPTIONS = "fpm-per-slice", {"z_um": (-5.0, 5.0), "planes": 2, "passes": 2, "check_orientation": False}


def megabytes() -> float:
    """Memory of this process that is in use, once all that can be is given back."""
    gc.collect()
    give_back()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def wait(until: Callable[[], bool], seconds: float = 600.0) -> None:
    """Let the window go on until something is so, at most `seconds`."""
    end = time.monotonic() + seconds
    while not until():
        QTest.qWait(20)
        if time.monotonic() > end:
            raise TimeoutError(until)


def round_of_napari(viewer: napari.Viewer, frames: np.ndarray) -> None:
    """The layers of a round of ours, without us."""
    for image in (frames, *frames[:3]):
        viewer.add_image(image)
        QTest.qWait(100)
        viewer.screenshot(flash=False)  # a busy machine may not draw it else
    viewer.layers.clear()
    QTest.qWait(200)


def round_of_ours(viewer: napari.Viewer, draft: Draft) -> None:
    """Open, run, look at a depth, close everything."""
    for data, meta, _ in acquisition_layers(draft):
        viewer.add_image(data, **meta)
    open_workbench(viewer)
    docks = [viewer.window.dock_widgets[f"{name} (napari-neuralfield)"] for name in DOCKS]
    reconstruct, depth = docks[1:]
    wait(lambda: reconstruct.library is not None)
    reconstruct.form.choose_method(METHOD)
    reconstruct.form.options.set_values(OPTIONS)
    reconstruct.run()
    wait(lambda: not reconstruct.runs.running)
    wait(lambda: any(layer.name.endswith("phase") for layer in viewer.layers))
    depth.form.slider.setValue(1.0)
    wait(lambda: any(layer.name.endswith("at any depth") for layer in viewer.layers))
    for dock in docks:
        dock.parent().destroyOnClose()
    QTest.qWait(300)
    viewer.layers.clear()
    QTest.qWait(300)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    acquisition = SIMULATORS["tilted-slide"](0)[0].crop(slice(0, 64), slice(0, 64))
    draft = Draft("led_array", np.asarray(acquisition.frames[:]), acquisition.values(), "slide.acq.h5")
    viewer = napari.Viewer(show=True)
    for name, one in (
        ("napari alone", lambda: round_of_napari(viewer, np.asarray(draft.frames))),
        ("with our docks", lambda: round_of_ours(viewer, draft)),
    ):
        one()  # the first loads what stays
        before = megabytes()
        for number in range(rounds):
            one()
            print(f"{name}, round {number + 1}: {megabytes() - before:+.1f} MB", flush=True)
    QTest.qWait(3000)  # threads that have nothing to do end after two seconds
    print("threads:", ", ".join(thread.name for thread in threading.enumerate()))
    viewer.close()


if __name__ == "__main__":
    main()
