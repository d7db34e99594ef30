"""The whole road on a small example: simulate, save, reconstruct, compare with the truth, draw, look."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..types import Field, Result

if TYPE_CHECKING:
    from ..data.acquisition import LedArray
    from ..recon.engine.metrics import Score

METHODS = {"fpm-sequential": "planes", "fpm-inr": "neural"}  # method -> what its field's file is called
TILT_UM = 12.0
BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")
WINDOW_S = 10.0  # a viewer that cannot open has said so by then


def run(folder: Path, window: bool | None = None, overwrite: bool = False) -> Path:
    """Make the demo in `folder` and tell on standard output what is done and how good it is.

    Parameters
    ----------
    folder : for slide.acq.h5, planes.nfield, neural.nfield and demo.png; made where it is missing.
    window : open napari with the result; None: where there is a display and napari.
    overwrite : whether outputs may replace older ones.

    Returns
    -------
    The picture.
    """
    from ..data.acquisition import LedArray
    from ..io import save_acquisition
    from ..io.native.outputs import free
    from ..simulate.simulators import tilted_slide

    folder.mkdir(parents=True, exist_ok=True)
    frames, picture = folder / "slide.acq.h5", folder / "demo.png"
    for output in (frames, *(folder / f"{name}.nfield" for name in METHODS.values()), picture):
        free(output, overwrite)
    started = time.perf_counter()
    acquisition, truth = tilted_slide(seed=0, tilt_um=TILT_UM)
    assert isinstance(acquisition, LedArray)
    save_acquisition(frames, acquisition)
    rows, columns = acquisition.frame_shape
    print(
        f"a slide tilted through {-TILT_UM:g}..{TILT_UM:g} um, seen by {acquisition.frame_count} LEDs in frames of "
        f"{rows} x {columns} pixels: {frames} ({time.perf_counter() - started:.1f} seconds)"
    )
    found = {name: _reconstruct(name, acquisition, truth, folder) for name in METHODS}
    draw(picture, acquisition, {name: result.field for name, (result, _) in found.items()}, found["fpm-inr"][1])
    print(f"picture: {picture}")
    show(folder / f"{METHODS['fpm-inr']}.nfield", window)
    return picture


def _reconstruct(
    name: str, acquisition: LedArray, truth: Mapping[str, object], folder: Path
) -> tuple[Result, Score]:  # fmt: skip
    """One method's result and score; its field is saved, its figures are printed."""
    from ..recon import build_recipe, reconstruct
    from ..recon.engine.metrics import score_in_focus
    from . import terminal

    target = folder / f"{METHODS[name]}.nfield"
    print(f"\nmethod {name}")
    recipe = build_recipe(name, {"z_um": (-TILT_UM, TILT_UM)})
    result = terminal.follow(iter(reconstruct(acquisition, recipe)), acquisition, recipe, target)
    terminal.save(result, target)
    score = score_in_focus(result.field, truth)
    print(*terminal.figures(result), sep="\n")
    terminal.say_verdict(result)
    print(f"amplitude PSNR in focus {score.amplitude_psnr_db:.1f} dB, phase RMSE {score.phase_rmse_rad:.3f} rad")
    print(f"field: {target} ({target.stat().st_size / 1e6:.1f} MB)")
    return result, score


def draw(path: Path, acquisition: LedArray, fields: Mapping[str, Field], score: Score) -> None:
    """The sheet: a raw frame and what is made of it, then the neural field at three depths and the depths it found.

    Parameters
    ----------
    path : of the PNG.
    acquisition : the raw frames.
    fields : by method, both of `METHODS`.
    score : of the neural field, for the last line.
    """
    from ..app.figures.picture import TILE, Panel, grey, save_sheet, two_colours
    from ..app.focus import all_in_focus

    neural = fields["fpm-inr"]
    y, x = neural.extent.axes(max(neural.extent.size_um) / TILE)
    planes = {z: np.abs(_plane(neural, z, y, x)) for z in (-8.0, 0.0, 8.0)}
    classical = np.abs(_plane(fields["fpm-sequential"], 0.0, y, x))
    sharp = all_in_focus(neural, np.linspace(-TILT_UM, TILT_UM, 25), y[1] - y[0], window=41)
    amplitude, phase = np.abs(sharp.values), _phase_over_slide(sharp.values)
    limits = (float(np.percentile(amplitude, 0.3)), float(np.percentile(amplitude, 99.7)))
    nearest = int(np.argmin(np.hypot(*np.asarray(acquisition.illumination_na).T)))
    made = [
        Panel(grey(acquisition.intensity([nearest])[0]), f"raw frame, 1 of {acquisition.frame_count}"),
        Panel(grey(classical, limits), "classical plane, z = 0 um"),
        Panel(grey(amplitude, limits), "neural field, all in focus: amplitude"),
        Panel(grey(phase, (-0.3, 1.2)), "neural field, all in focus: phase"),
    ]
    depths = [Panel(grey(plane, limits), f"neural field, z = {z:g} um") for z, plane in planes.items()]
    cells = grey(phase, (0.05, 0.5))
    depths.append(
        Panel(two_colours(sharp.z_um, cells, (-TILT_UM, TILT_UM)), f"depth: blue {-TILT_UM:g}, orange +{TILT_UM:g} um")
    )
    save_sheet(
        path, "A tilted slide, in focus everywhere", [made, depths],
        f"simulated; in focus against the truth: amplitude PSNR {score.amplitude_psnr_db:.1f} dB, "
        f"phase RMSE {score.phase_rmse_rad:.3f} rad",
    )  # fmt: skip


def _phase_over_slide(values: np.ndarray) -> np.ndarray:
    """Phase of an image (y, x), rad, whose empty background, most of it, has phase 0."""
    values = values * np.exp(-1j * np.angle(values.mean()))
    return np.angle(values * np.exp(-1j * np.median(np.angle(values))))


def _plane(field: Field, z_um: float, y_um: np.ndarray, x_um: np.ndarray) -> np.ndarray:
    plane = field.render([z_um], y_um, x_um)[0]
    return np.asarray(plane.detach().cpu().numpy())


def obstacle() -> str:
    """Why napari cannot be opened here; empty where it can."""
    for names in (("napari",), BINDINGS):
        if not any(importlib.util.find_spec(name) for name in names):
            return f"{names[0]} is not installed (pip install 'napari-neuralfield[all]')"
    on_linux = sys.platform not in ("win32", "darwin")
    if on_linux and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display"
    return ""


def show(path: Path, window: bool | None) -> bool:
    """Open napari with a file, as a program of its own; one sentence where that is not possible or not wanted.

    Parameters
    ----------
    path : the file.
    window : see `run`.

    Returns
    -------
    Whether a window was opened.
    """
    reason = "no window was asked for" if window is False else obstacle()
    if not reason:
        viewer = subprocess.Popen(
            [sys.executable, "-m", "napari", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            reason = f"napari ended at once with status {viewer.wait(WINDOW_S)}"
        except subprocess.TimeoutExpired:
            print(f"napari is open with {path}; move the slider of the Depth dock")
            return True
    print(f"{reason}; look at the field with: napari {path}")
    return False
