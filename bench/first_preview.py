"""From Run to the first picture: every method that suits a sample of File > Open Sample, in a real viewer.

`python -m bench.first_preview [--sample NAME] [--method NAME]`, under a display or xvfb-run. Each pair has a process of
its own, Run is pressed as soon as it can be and the run is stopped at its first picture; then once more, warm. Wanted:
2 s on a quiet machine. On a busy one the processor's time is the better measure, and `--no-window` the best: seconds of
the one thread that the method works in, and of the one that draws its picture.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PLUGIN = "napari-neuralfield"
LIMIT_S = 90.0


def samples() -> list[str]:
    """Names of the samples, as the manifest has them."""
    import yaml

    import napari_neuralfield

    manifest = Path(napari_neuralfield.__file__).with_name("napari.yaml")
    return [one["key"] for one in yaml.safe_load(manifest.read_text())["contributions"]["sample_data"]]


def methods_of(sample: str) -> list[str]:
    """Methods that take its kind; its file is made here, so that no other process has to."""
    from napari_neuralfield.io import open_draft
    from napari_neuralfield.registry import METHODS
    from napari_neuralfield.widgets.doors import samples as doors

    kind = open_draft(getattr(doors, sample).file()).kind
    return [name for name, method in METHODS.items() if kind in method.kinds]


def measure(sample: str, method: str) -> dict[str, Any]:
    """Seconds of the clock and of the processor until the first picture is seen, cold and warm."""
    import napari

    from napari_neuralfield.widgets.kit.session import session_of
    from napari_neuralfield.widgets.kit.settings import Settings

    from .stalls import pause, wait

    folder = tempfile.TemporaryDirectory()
    viewer = napari.Viewer(show=True, show_welcome_screen=False)
    viewer.window.resize(1280, 900)
    session_of(viewer).settings = Settings(Path(folder.name) / "none.json")  # not what somebody chose last
    pause(0.5)
    viewer.open_sample(PLUGIN, sample)
    name = f"Reconstruct ({PLUGIN})"
    wait(lambda: hasattr(viewer.window.dock_widgets.get(name), "library"), LIMIT_S)
    dock = viewer.window.dock_widgets[name]
    wait(lambda: dock.library is not None, LIMIT_S)
    dock.form.choose_method(method)
    found: dict[str, Any] = {"sample": sample, "method": method}
    for turn in ("cold", "warm"):
        found[turn] = until_seen(viewer, dock)
        dock.stop()
        wait(lambda: not dock.runs.running, LIMIT_S)
        pause(1.0)
        if dock.form.error.text():
            found["error"] = dock.form.error.text()
            break
    viewer.close()
    return found


def until_seen(viewer: Any, dock: Any) -> list[float] | None:
    """Press Run: [seconds, processor's seconds] until a layer shows the first picture; None where none came."""
    from .stalls import wait

    old = {id(layer) for layer in viewer.layers if layer.metadata.get("neuralfield")}

    def seen() -> bool:
        ours = [layer for layer in viewer.layers if id(layer) not in old and layer.visible]
        return any({"quantity", "lapse"} & set(layer.metadata.get("neuralfield", {})) for layer in ours)

    began, worked = time.perf_counter(), time.process_time()
    dock.run()
    wait(lambda: seen() or not dock.runs.running, LIMIT_S)
    wait(seen, 5.0)
    spent = [round(time.perf_counter() - began, 2), round(time.process_time() - worked, 2)]
    return spent if seen() else None


def without_window(sample: str, method: str) -> dict[str, Any]:
    """Seconds of the processor until the method's first preview, and for its picture; with the options that it has."""
    from napari_neuralfield.io import open_acquisition
    from napari_neuralfield.recon import build_recipe, recommended, reconstruct
    from napari_neuralfield.types import InputError, Preview, Result
    from napari_neuralfield.widgets.doors import samples as doors
    from napari_neuralfield.widgets.kit.session import Shown
    from napari_neuralfield.widgets.view.preview import _render

    acquisition = open_acquisition(getattr(doors, sample).file())
    best, values = recommended(acquisition)
    found: dict[str, Any] = {"sample": sample, "method": method}
    began = time.thread_time()
    try:
        events = reconstruct(acquisition, build_recipe(method, values if method == best else {}))
        preview = next(event for event in events if isinstance(event, Preview))
    except InputError as error:
        return {**found, "error": str(error)}
    ready = time.thread_time()
    _render(Shown(Result(preview.field), preview.z_um, "", finished=False))
    return {**found, "cold": [ready - began, time.thread_time() - ready]}


def in_a_process(sample: str, method: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "bench.first_preview", "--sample", sample, "--method", method, "--one"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in run.stdout.splitlines() if line.startswith("{")]
    if not lines:
        return {"sample": sample, "method": method, "error": run.stderr.strip()[-300:]}
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def row(found: dict[str, Any]) -> str:
    cells = []
    for turn in ("cold", "warm"):
        times = found.get(turn)
        cells += ["", ""] if times is None else [f"{seconds:.2f}" for seconds in times]
    return " | ".join(["", found["sample"], found["method"], *cells, found.get("error", "").replace("\n", " "), ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", default="", help="all of them where none is named")
    parser.add_argument("--method", default="", help="every one that suits it where none is named")
    parser.add_argument("--one", action="store_true", help="in this process, as one line of JSON")
    parser.add_argument("--no-window", action="store_true", help="the method and its picture alone, in this process")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(options.sample, options.method)), flush=True)
        return
    find = without_window if options.no_window else in_a_process
    measured = "preview, s | picture, s | |" if options.no_window else "cold, s | processor | warm, s | processor"
    print(f"| sample | method | {measured} | |\n|---|---|---|---|---|---|---|")
    for sample in [options.sample] if options.sample else samples():
        for method in [options.method] if options.method else methods_of(sample):
            print(row(find(sample, method)).strip(), flush=True)


if __name__ == "__main__":
    main()
