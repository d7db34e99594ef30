"""How long the window stands still: a beat every 10 ms, and what lies between two of them, step by step.

Run under a display, on a machine that does nothing else: `python -m bench.stalls [--method fpm-sequential]`. Wanted
while a fit runs: 95 of 100 gaps within 30 ms, none above 150 ms, what napari needs to add a layer not counted.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_neuralfield.widgets.kit.docks import open_docks

BEAT_MS = 10


class Meter:
    """Beats, and the gaps between them under the name of what goes on, ms; those in which a layer came are left out."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self.gaps: dict[str, list[float]] = {}
        self.step, self._last, self._added = "start", time.perf_counter(), False
        viewer.layers.events.inserted.connect(self._on_layer)
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(BEAT_MS)

    def _on_layer(self) -> None:
        self._added = True

    def _beat(self) -> None:
        now = time.perf_counter()
        if not self._added:
            self.gaps.setdefault(self.step, []).append(1e3 * (now - self._last))
        self._last, self._added = now, False

    def table(self) -> dict[str, dict[str, float]]:
        """Of each step: beats, the gap that 95 of 100 stay below, and the longest, ms."""
        return {
            step: {"beats": len(gaps), "p95 ms": round(float(np.percentile(gaps, 95))), "max ms": round(max(gaps))}
            for step, gaps in self.gaps.items()
        }


def wait(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    """Let the window work until the condition holds."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        QApplication.processEvents()
        time.sleep(0.0005)


def pause(seconds: float) -> None:
    until = time.monotonic() + seconds
    wait(lambda: time.monotonic() > until)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", default="", help="the recommended one where none is named")
    options = parser.parse_args()
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(1280, 900)
    pause(1.0)
    meter = Meter(viewer)
    viewer.open_sample("napari-neuralfield", "tilted_slide")
    docks = {}
    for name in ("Acquisition", "Reconstruct", "Depth"):
        meter.step = f"open {name}"
        open_docks(viewer, name)
        docks[name] = viewer.window.dock_widgets[f"{name} (napari-neuralfield)"]
        pause(0.5)
    reconstruct, depth = docks["Reconstruct"], docks["Depth"]
    meter.step = "load the methods"
    wait(lambda: reconstruct.library is not None)
    if options.method:
        reconstruct.form.choose_method(options.method)
    meter.step = "fit"
    reconstruct.run()
    wait(lambda: not reconstruct.form.stop_button.isEnabled())
    pause(1.0)
    for step in [depth.form.quantity.itemText(at) for at in range(depth.form.quantity.count())]:
        meter.step = step
        depth.form.quantity.setCurrentText(step)
        pause(1.0)
        wait(lambda: not depth.form.busy)
    meter.step = "3-D"
    viewer.dims.ndisplay = 3
    pause(3.0)
    meter.step = "2-D"
    viewer.dims.ndisplay = 2
    pause(1.0)
    print(json.dumps(meter.table(), indent=1))
    viewer.close()


if __name__ == "__main__":
    main()
