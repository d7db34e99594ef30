"""A reconstruction that was stopped anywhere and goes on ends as one that was left alone, whatever the method."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lapse_scene
import numpy as np
import pattern_scene
import pytest
import scan_scene
import torch
from coded_scene import coded_scene
from defocus_scene import through_focus
from scene import scene

from napari_neuralfield import build_recipe, reconstruct
from napari_neuralfield.data.acquisition import Acquisition, MultiplexedLed
from napari_neuralfield.io.native.checkpoint_file import CheckpointFile
from napari_neuralfield.recon.engine import checkpoint
from napari_neuralfield.registry import METHODS
from napari_neuralfield.types import Done, Progress, Result

SAME = 1e-5  # relative
AT_ONCE = {"dpc", "tie-fft", "srcnn"}  # no loops to go on from


def patterns() -> Acquisition:
    na, lit = pattern_scene.board()
    frames = pattern_scene.seen_through(pattern_scene.cells((192, 192), seed=1), na, lit, astigmatism=0.1)
    return MultiplexedLed(frames=frames, wavelength_um=0.63, objective_na=0.1, pixel_um=1.6, led_na=na, patterns=lit)


CASES: dict[str, tuple[str, Callable[[], Acquisition], dict[str, Any]]] = {
    "rpie": ("rpie", lambda: scan_scene.far_field(24, across=4)[0], {"passes": 4, "hold_out": 9}),
    "wasp": ("wasp", lambda: scan_scene.coded()[0], {"passes": 6, "correct_positions": True}),
    "fpm-sequential of a plane": ("fpm-sequential", lambda: scene()[0], {"pupil_shape": "smooth"}),
    "fpm-sequential of a stack": (
        "fpm-sequential",
        lambda: scene()[0],
        {"z_um": (-20.0, 20.0), "planes": 4, "depths_at_once": 2, "momentum": 0.1},
    ),
    "fpm-auto": ("fpm-auto", lambda: scene()[0], {"fit": True, "fit_steps": 20, "calibrate": False}),
    "fpm-per-slice": ("fpm-per-slice", lambda: scene()[0], {"z_um": (-10.0, 10.0), "planes": 2, "passes": 3}),
    "quasi-newton": ("quasi-newton", lambda: scene()[0], {"passes": 6}),
    "coded-fpm": ("coded-fpm", lambda: coded_scene()[0], {"passes": 4, "steps": 10, "recover_gain": True}),
    "fpm-inr of the frames": (
        "fpm-inr",
        lambda: scene()[0],
        {"fit": "physics", "z_um": (-10.0, 10.0), "steps": 30, "end_to_end": True},
    ),
    "fpm-inr as published": (
        "fpm-inr",
        lambda: scene()[0],
        {"fit": "published", "z_um": (-10.0, 10.0), "epochs": 2, "output": "polar", "interpolation": "bilinear"},
    ),
    "sparse-pixels": ("sparse-pixels", lambda: scan_scene.coded()[0], {"iterations": 6}),
    "coded-surface": (
        "coded-surface",
        lambda: scan_scene.coded()[0].replace(coded_surface=None),
        {"passes": 3, "correct_positions": True},
    ),
    "residual-field of a scan": ("residual-field", lambda: scan_scene.coded()[0], {"epochs": 6, "finish_epochs": 4}),
    "residual-field far away": (
        "residual-field",
        lambda: scan_scene.far_field(across=4)[0],
        {"prior": "flat", "epochs": 6, "finish_epochs": 6},
    ),
    "residual-field of LEDs": (
        "residual-field",
        lambda: scene()[0],
        {"prior": "flat", "epochs": 8},
    ),
    "neuph": ("neuph", lambda: patterns(), {"polish": True, "polish_steps": 8}),
    "srqpi": ("srqpi", lambda: through_focus(seed=3)[0], {"frame": 2, "polish": True, "polish_steps": 8}),
    "least-squares": ("least-squares", lambda: scan_scene.near_field()[0], {"passes": 4}),
    "epie": ("epie", lambda: scan_scene.far_field(across=4)[0], {"passes": 4, "modes": 2, "probe_search": False}),
    "defocus-field": ("defocus-field", lambda: through_focus(seed=3)[0], {"steps": 8, "learn_defocus": True}),
    "defocus-field by a network": (
        "defocus-field",
        lambda: through_focus(seed=3)[0],
        {"steps": 8, "field": "hash"},
    ),
    "focus-auto": ("focus-auto", lambda: through_focus(seed=3)[0], {"least_explained": 1.0}),
    "tie-dct of stacks": ("tie-dct", lambda: lapse_scene.stacks(3)[0], {"iterations": 2}),
    "tie-tv of stacks": ("tie-tv", lambda: lapse_scene.stacks(3)[0], {"iterations": 2}),
}


@dataclasses.dataclass
class Run:
    """What came of a run: its result, None where it was stopped, and how often it reported progress."""

    result: Result | None
    turns: int
    events: int


def run(acquisition: Acquisition, recipe: Any, kept: checkpoint.Checkpoint | None = None, stop_after: int = 0) -> Run:
    """Of a `recipe`, stopped as soon after the event `stop_after` as it can go on, where that is not 0."""
    turns, events, found = 0, 0, None
    with checkpoint.using(kept):
        try:
            for event in reconstruct(acquisition, recipe):
                events, turns = events + 1, turns + isinstance(event, Progress)
                found = event.result if isinstance(event, Done) else None
                if events == stop_after:
                    assert kept is not None
                    kept.stop_soon()
        except checkpoint.StoppedHere:
            assert stop_after
    return Run(found, turns, events)


def assert_same(found: Any, wanted: Any, where: str) -> None:
    if isinstance(wanted, torch.Tensor | np.ndarray):
        found, wanted = (np.asarray(one).astype(np.result_type(np.asarray(one), float)) for one in (found, wanted))
        assert found.shape == wanted.shape, where
        away = np.linalg.norm((found - wanted).ravel()) / max(float(np.linalg.norm(wanted.ravel())), 1e-30)
        assert away < SAME, f"{where}: {away}"
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=SAME, nan_ok=True), where
    else:
        assert found == wanted, where


@pytest.mark.parametrize("name", CASES)
def test_a_stopped_run_goes_on_and_ends_as_if_it_had_not_been(name: str, tmp_path: Path) -> None:
    method, acquired, options = CASES[name]
    acquisition, recipe = acquired(), build_recipe(method, options)
    alone = run(acquisition, recipe)
    draw = np.random.default_rng(sum(name.encode()))
    stop = int(draw.integers(int(0.4 * alone.events), int(0.6 * alone.events) + 1))
    file = CheckpointFile(tmp_path / "checkpoint", {"method": method})
    before = run(acquisition, recipe, checkpoint.Checkpoint(file), stop)
    assert before.result is None
    after = run(acquisition, recipe, checkpoint.Checkpoint(file, resume=True))
    assert alone.result is not None
    assert after.result is not None
    for key, value in alone.result.field.state_dict().items():
        assert_same(after.result.field.state_dict()[key], value, key)
    for key, value in alone.result.calibration.items():
        assert_same(after.result.calibration[key], value, key)
    for key in alone.result.figures.keys() - {"cpu_seconds", "calibration_seconds"}:
        assert_same(after.result.figures[key], alone.result.figures[key], key)
    assert after.result.notes == alone.result.notes
    assert after.turns < alone.turns


def test_every_iterative_method_is_stopped_and_goes_on() -> None:
    assert {method for method, _, _ in CASES.values()} | AT_ONCE == set(METHODS)
