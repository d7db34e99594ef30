"""How fast the depth slider is: from the move to the pixels in the layer, and how long the window ever stands still.

Run under a display: `python bench/slider.py [--pixels 2048] [--planes 9] [--moves 30] [--field planes]`.
"""

from __future__ import annotations

import argparse
import json
import time

import napari
import numpy as np
import torch
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_neuralfield.fields.plane_axis import PlaneAxisField, start_random
from napari_neuralfield.fields.planes import planes_of_images
from napari_neuralfield.types import Extent, Result
from napari_neuralfield.widgets.contributions import open_docks
from napari_neuralfield.widgets.kit.session import Shown, session_of


def make_field(kind: str, pixels: int, planes: int) -> object:
    """Complex noise that changes with depth, as `planes` or as `plane-axis` (random weights: the cost is the same)."""
    extent = Extent((-20, 20), (pixels, pixels), 0.25)
    if kind == "plane-axis":
        nodes = (round(0.6 * pixels), round(0.6 * pixels))  # just above Nyquist, as `fpm-inr` chooses
        field = PlaneAxisField(extent=extent, plane_shape=nodes, features=16, depth_nodes=planes, hidden=32)
        start_random(field, torch.Generator().manual_seed(0))
        return field
    rng = torch.Generator().manual_seed(0)
    base = torch.randn(pixels, pixels, generator=rng)
    images = torch.stack([torch.polar(1 + 0.1 * base.roll(k, 0), base.roll(k, 1)) for k in range(planes)])
    return planes_of_images(images, list(np.linspace(-20, 20, planes)), extent)


class Heart:
    """Remembers the longest time between two beats of the window's event loop, in ms."""

    def __init__(self) -> None:
        self.last, self.gaps = time.perf_counter(), [0.0]
        self.timer = QTimer()
        self.timer.timeout.connect(self.beat)
        self.timer.start(2)

    def beat(self) -> None:
        now = time.perf_counter()
        self.gaps.append(1e3 * (now - self.last))
        self.last = now


def wait(condition: object, seconds: float = 60.0) -> None:
    until = time.perf_counter() + seconds
    while not condition() and time.perf_counter() < until:  # type: ignore[operator]
        QApplication.processEvents()
        time.sleep(0.0005)


def pause(seconds: float) -> None:
    until = time.perf_counter() + seconds
    wait(lambda: time.perf_counter() > until)


def moves(dock: object, count: int) -> tuple[list[float], list[float]]:
    """ms from each move to its pixels, and the coarseness of what came."""
    times, coarse = [], []
    for z in np.random.default_rng(1).uniform(-19, 19, count):
        began = time.perf_counter()
        dock.form.slider.setValue(float(z))
        target = dock.z_um
        wait(lambda target=target: dock._last is not None and dock._last.z_um == target)
        times.append(1e3 * (time.perf_counter() - began))
        coarse.append(dock._last.coarse)
        pause(0.05)
    return times, coarse


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("--pixels", 2048), ("--planes", 9), ("--moves", 30)):
        parser.add_argument(name, type=int, default=default)
    parser.add_argument("--field", choices=("planes", "plane-axis"), default="planes")
    options = parser.parse_args()
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(1120, 1000)
    open_docks(viewer, "Depth")
    pause(1.0)
    dock = viewer.window.dock_widgets["Depth (napari-neuralfield)"]
    session_of(viewer).set_shown(Shown(Result(make_field(options.field, options.pixels, options.planes)), 0.0, "bench"))
    began = time.perf_counter()
    dock.form.slider.setValue(1.0)
    wait(lambda: dock._last is not None)
    first = time.perf_counter() - began
    report = {
        "field": options.field,
        "shape": [options.pixels] * 2,
        "canvas": list(viewer.canvas.size),
        "first picture s": round(first, 2),
    }
    for name, zoom in (("whole field", None), ("zoomed to 1:1", 4.0)):
        viewer.reset_view() if zoom is None else None
        if zoom is not None:
            viewer.scene.camera.zoom = zoom
        pause(1.0)
        heart = Heart()
        times, coarse = moves(dock, options.moves)
        heart.timer.stop()
        report[name] = {
            "median ms": round(float(np.median(times)), 1),
            "worst ms": round(max(times), 1),
            "longest block ms": round(max(heart.gaps), 1),
            "coarseness": round(float(np.median(coarse)), 2),
            "picture": list(dock._last.image.shape),
        }
    print(json.dumps(report, indent=1))
    viewer.close()


if __name__ == "__main__":
    main()
