"""What else computes on a device: networks in training, the judgement of a calibration, colours, films, exports."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from lapse_scene import stacks
from scan_scene import far_field
from scene import board, scene

from napari_neuralfield.app.lapse_corrections import Choices
from napari_neuralfield.app.lapse_methods import LapseMaker
from napari_neuralfield.app.lazy import stack
from napari_neuralfield.app.rendering import write
from napari_neuralfield.io import load_result, save_result
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.recon.calibration.quality import assess
from napari_neuralfield.recon.scan.orientation_trials import orientation_trials
from napari_neuralfield.recon.training.material import NOTHING, Material
from napari_neuralfield.recon.training.networks import recipe_for
from napari_neuralfield.recon.training.trainer import Validation
from napari_neuralfield.registry import NETWORKS
from napari_neuralfield.simulate.patterns import multiplexed
from napari_neuralfield.types import Progress

from .runs import image_of

Work = Callable[[str, Path], np.ndarray]
TINY: dict[str, dict[str, Any]] = {
    "neuph": {"pool": 8, "channels": 8, "blocks": 1, "patch_px": 24},
    "srqpi": {"pool": 8, "base": 4, "patch_px": 32},
    "srcnn": {"pool": 8, "patch_px": 32},
}


def trained(name: str, material: Material = NOTHING, **more: Any) -> Work:
    """Two steps of a training: its errors on the way, and on scenes kept aside."""

    def work(device: str, folder: Path) -> np.ndarray:
        chosen = {"device": device, "steps": 2, "batch": 2, "half_precision": False, **TINY[name], **more}
        with (
            mock.patch.multiple("napari_neuralfield.recon.training.source", **SMALL),
            mock.patch.multiple("napari_neuralfield.recon.training.focus_source", **SMALL),
        ):
            events = list(NETWORKS[name].run(recipe_for(name, chosen), None, material, lambda: False))
        errors = [event.loss for event in events if isinstance(event, Progress)]
        seen = next(event for event in events if isinstance(event, Validation))
        return np.array([*errors, seen.error_rad, seen.correlation])

    return work


SMALL = {"SCENE_PX": 24, "VALIDATION": 4}


def _returned(events: Generator[Any, None, Any]) -> Any:
    """What a generator returns at its end."""
    while True:
        try:
            next(events)
        except StopIteration as end:
            return end.value


def _judged(device: str, folder: Path) -> np.ndarray:
    quality = _returned(assess(scene((32, 32), na=board(5))[0], device))
    return np.concatenate([np.atleast_1d(np.asarray(quality.held_out_error, float))])


def _oriented(device: str, folder: Path) -> np.ndarray:
    trials = [event for event in orientation_trials(far_field(24, across=3)[0], device) if hasattr(event, "error")]
    return np.array([trial.error for trial in trials])


def _stack(device: str) -> Any:
    options = {"epochs": 1, "z_um": (-4.0, 4.0), "check_orientation": False}
    recipe = build_recipe("fpm-inr", {"device": device, **options}, "published")
    *_, last = reconstruct(scene((32, 32), na=board(3))[0], recipe)
    return last.result


def _rendered(device: str, folder: Path) -> np.ndarray:
    field = _stack(device).field
    y, x = field.extent.axes()
    path = folder / "planes.npy"
    write(path, field, [-1.0, 1.0], y, x, pixel_um=field.extent.pixel_um)
    return np.load(path)


def _lazily(device: str, folder: Path) -> np.ndarray:
    return np.asarray(stack(_stack(device).field, [-1.0, 1.0], "phase")[:, 4:20, ::2])


def _filed(device: str, folder: Path) -> np.ndarray:
    save_result(folder / "one.nfield", _stack(device))
    return image_of(load_result(folder / "one.nfield"))


def _film(device: str, folder: Path) -> np.ndarray:
    recipe = build_recipe("srqpi", {"device": device})
    given = stacks(2)[0]
    lapse = LapseMaker(given, recipe).lapse(Choices())
    return np.stack([np.asarray(lapse.picture(number, *lapse.extent.axes())) for number in range(2)])


WORK: dict[str, Work] = {
    "train neuph": trained("neuph"),
    "train neuph on frames": trained("neuph", Material(frames=multiplexed(0, pixels=40)[0]), patch_px=36),
    "train srqpi": trained("srqpi"),
    "train srcnn": trained("srcnn"),
    "judge a calibration": _judged,
    "try orientations": _oriented,
    "render planes": _rendered,
    "look at a stack": _lazily,
    "write and read a field": _filed,
    "film": _film,
}
