"""How long the window stands still: a beat every 10 ms, and what lies between two of them, step by step.

Run under a display, on a machine that does nothing else: `python -m bench.stalls [--method fpm-sequential] [--where]`.
Wanted while a fit runs: 95 of 100 gaps within 30 ms, none above 150 ms; else none above 100 ms but napari's own. That
is measured beside it, with plain layers and docks of the same size in the same viewer. All is done from the window's
event loop, as a user does it.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
import traceback
from collections.abc import Callable

import napari
import numpy as np
from napari.layers import Image
from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QLabel

from bench.markdown import grid
from napari_neuralfield.widgets.kit.docks import open_docks
from napari_neuralfield.widgets.kit.session import KEY
from napari_neuralfield.widgets.kit.shown import ours_of

BEAT_MS = 10
LONG_MS = 80
FIRST = "first layer and scale bar"
DOCKS = ("Acquisition", "Reconstruct", "Depth", "Train")


class Meter:
    """Beats, and the gaps between them under the name of what goes on, ms; those in which a layer came apart."""

    def __init__(self, viewer: napari.Viewer, where: bool) -> None:
        self.gaps: dict[str, list[float]] = {}
        self.layers: dict[str, list[float]] = {}
        self.step, self._last, self._added = "start", time.perf_counter(), False
        viewer.layers.events.inserted.connect(self._on_layer)
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(BEAT_MS)
        if where:
            threading.Thread(target=self._watch, args=(threading.main_thread().ident,), daemon=True).start()

    def _on_layer(self) -> None:
        self._added = True

    def _beat(self) -> None:
        now = time.perf_counter()
        kept = self.layers if self._added else self.gaps
        kept.setdefault(self.step, []).append(1e3 * (now - self._last))
        self._last, self._added = now, False

    def _watch(self, window: int) -> None:
        """Say where the window is when it has stood still for long."""
        said, due = 0.0, LONG_MS
        while True:
            time.sleep(0.01)
            last = self._last
            if last != said:
                said, due = last, LONG_MS
            if 1e3 * (time.perf_counter() - last) > due:
                due *= 2
                lines = traceback.extract_stack(sys._current_frames()[window])[-14:]
                places = [
                    f"{line.filename.rpartition('site-packages/')[2]}:{line.lineno} {line.name}" for line in lines
                ]
                late = 1e3 * (
                    time.perf_counter() - last
                )  # long: somebody else held Python's lock, or it stood still in C
                others = [sys._current_frames().get(t.ident) for t in threading.enumerate() if "neuralfield" in t.name]
                busy = [f"{f.f_code.co_filename.rpartition('site-packages/')[2]}:{f.f_lineno}" for f in others if f]
                print(f"{self.step}, after {late:.0f} ms: {busy}", *places, sep="\n    ", file=sys.stderr)

    def worst(self, step: str) -> float:
        return max([*self.gaps.get(step, []), *self.layers.get(step, [])], default=float("nan"))

    def row(self, step: str) -> dict[str, str]:
        """Of a step: the gap that 95 of 100 stay below, the longest, that when a layer came, and napari's own, ms."""
        gaps = self.gaps.get(step, [float("nan")])
        values = {
            "p95 ms": float(np.percentile(gaps, 95)),
            "longest ms": max(gaps),
            "when a layer came ms": max(self.layers.get(step, []), default=float("nan")),
            "napari's own ms": self.worst(control(step)),
        }
        return {"what": step, **{name: f"{ms:.0f}" if np.isfinite(ms) else "" for name, ms in values.items()}}


def control(step: str) -> str:
    return f"plain: {step}"


def wait(condition: Callable[[], bool], seconds: float = 300.0) -> None:
    """Let the window work until the condition holds."""
    until, loop, poll = time.monotonic() + seconds, QEventLoop(), QTimer()
    poll.timeout.connect(lambda: loop.quit() if condition() or time.monotonic() > until else None)
    poll.start(5)
    loop.exec()


def pause(seconds: float) -> None:
    until = time.monotonic() + seconds
    wait(lambda: time.monotonic() > until)


class Tour:
    """What a user does, and the same with what is plain."""

    def __init__(self, viewer: napari.Viewer, where: bool) -> None:
        self.viewer, self.meter = viewer, Meter(viewer, where)
        self.steps: list[str] = []
        self.shapes: dict[str, tuple[int, ...]] = {}  # of the layers that came

    def do(self, step: str, action: Callable[[], object], seconds: float = 1.0) -> None:
        """One step, from the event loop, and what follows on it."""
        self.meter.step = step
        if not step.startswith("plain"):
            self.steps.append(step)
        QTimer.singleShot(0, action)
        pause(seconds)

    def dock(self, name: str) -> object:
        full = f"{name} (napari-neuralfield)"
        wait(lambda: hasattr(self.viewer.window.dock_widgets.get(full), "form"))
        return self.viewer.window.dock_widgets[full]

    def first(self) -> None:
        """What napari needs for its first layer, and for its first words on the canvas: those of a scale bar."""
        viewer, bar = self.viewer, self.viewer.canvas.overlays.scale_bar
        self.do(control(FIRST), lambda: viewer.add_image(np.zeros((8, 64, 64), np.float32), contrast_limits=(0, 1)))
        QTimer.singleShot(0, lambda: setattr(bar, "visible", True))
        pause(1.0)
        self.steps.append(FIRST)
        self.meter.step = "clear"
        bar.visible = False
        viewer.layers.clear()
        pause(1.0)

    def ours(self, method: str) -> None:
        viewer = self.viewer
        self.do("open sample", lambda: viewer.open_sample("napari-neuralfield", "tilted_slide"))
        wait(lambda: any("draft" in ours_of(layer) for layer in viewer.layers))
        pause(1.0)  # napari draws the letters of its scale bar
        self.shapes["frames"] = viewer.layers[0].data.shape
        for name in DOCKS:
            self.do(f"open {name}", lambda name=name: open_docks(viewer, name))
            if name != "Acquisition":
                self.dock(name)
        reconstruct, depth = self.dock("Reconstruct"), self.dock("Depth")
        self.meter.step = "load the methods"
        self.steps.append(self.meter.step)
        wait(lambda: reconstruct.library is not None)
        if method:
            reconstruct.form.choose_method(method)
        open_docks(viewer, "Reconstruct")
        pause(1.0)
        self.do("fit", reconstruct.run)
        wait(lambda: not reconstruct.form.stop_button.isEnabled())
        pause(1.0)
        quantity = depth.form.quantity
        for name in [quantity.itemText(at) for at in range(quantity.count())]:
            self.do(name, lambda name=name: quantity.setCurrentText(name))
            wait(lambda: not depth.form.busy)
        quantity.setCurrentText("amplitude")
        pause(1.0)
        self.shapes["picture"] = depth._slot.layer.data.shape
        self.do("3-D", lambda: setattr(viewer.dims, "ndisplay", 3), 0.5)
        wait(lambda: self._volume() is not None, 60)
        pause(2.0)
        found = self._volume()
        self.shapes["volume"] = found.data.shape if found is not None else (33, 192, 192)
        print(viewer.canvas.overlays.text.text)
        self.do("2-D", lambda: setattr(viewer.dims, "ndisplay", 2), 2.0)

    def _volume(self) -> Image | None:
        return next((each for each in self.viewer.layers if each.metadata.get(KEY, {}).get("volume")), None)

    def plain(self) -> None:
        """The same with layers and docks that are nobody's."""
        viewer, rng = self.viewer, np.random.default_rng(0)
        self.meter.step = "clear"
        viewer.layers.clear()
        pause(1.0)
        some = {name: rng.random(shape, dtype=np.float32) for name, shape in self.shapes.items()}
        self.do(control("open sample"), lambda: viewer.add_image(some["frames"], contrast_limits=(0, 1)))
        for name in DOCKS:
            area = "bottom" if name == "Depth" else "right"
            self.do(control(f"open {name}"), lambda name=name, area=area: viewer.window.add_dock_widget(
                QLabel(name), name=f"plain {name}", area=area, tabify=area == "right"))  # fmt: skip
        self.do(control("fit"), lambda: viewer.add_image(some["picture"], contrast_limits=(0, 1)))
        layer: Image = viewer.layers[-1]

        def show(colormap: str, bar: bool) -> None:
            layer.data = some["picture"] + 1
            layer.colormap, layer.contrast_limits = colormap, (1, 2)
            layer.colorbar.visible = bar

        for name, colormap, bar in (("amplitude", "gray", False), ("phase", "twilight_shifted", True),
                                    ("intensity", "gray", False), ("phase, unwrapped", "viridis", True),
                                    ("all in focus", "gray", False), ("depth in focus", "turbo", True)):  # fmt: skip
            self.do(control(name), lambda colormap=colormap, bar=bar: show(colormap, bar))
        self.do(control("in colours"), lambda: viewer.add_image(rng.random((*some["picture"].shape, 3)), rgb=True))
        viewer.layers[0].visible = False
        self.do(control("3-D"), lambda: setattr(viewer.dims, "ndisplay", 3))
        QTimer.singleShot(0, lambda: viewer.add_image(some["volume"], contrast_limits=(0, 1)))
        pause(2.0)
        self.do(control("2-D"), lambda: setattr(viewer.dims, "ndisplay", 2))
        QTimer.singleShot(0, lambda: viewer.layers.pop())
        pause(1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--method", default="", help="the recommended one where none is named")
    parser.add_argument("--where", action="store_true", help="print where the window is when it stands still")
    options = parser.parse_args()
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(1280, 900)
    pause(1.0)
    tour = Tour(viewer, options.where)
    tour.first()
    tour.ours(options.method)
    tour.plain()
    print(grid([tour.meter.row(step) for step in tour.steps]))
    viewer.close()


if __name__ == "__main__":
    main()
