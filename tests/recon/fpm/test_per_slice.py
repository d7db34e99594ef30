"""The textbook baseline against the fast reconstruction."""

from __future__ import annotations

import numpy as np
import pytest
import scene
from scene import board, relative_error

from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.types import Done


def plane(acquisition, method: str, **options) -> np.ndarray:
    recipe = build_recipe(method, {"z_um": acquisition.sample_z_um, "check_orientation": False, **options})
    (done,) = (e for e in reconstruct(acquisition, recipe) if isinstance(e, Done))
    return done.result.field.render([acquisition.sample_z_um], *done.result.field.extent.axes())[0].numpy()


def test_a_noise_free_sample_is_found() -> None:
    acquisition, sample = scene.scene((32, 30), 4.0, sample_z_um=4.0)
    assert relative_error(plane(acquisition, "fpm-per-slice"), sample) < 0.01  # measured 0.0043


def test_light_steeper_than_the_frame_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a low NA and steep light the window of a frame hangs over the edge of the output's spectrum."""
    monkeypatch.setattr(scene, "OBJECTIVE_NA", 0.1)
    monkeypatch.setattr(scene, "PIXEL_UM", 0.7)
    acquisition, sample = scene.scene((32, 32), na=board(9, 0.09), sample_z_um=0.0)
    found = plane(acquisition, "fpm-per-slice")
    assert found.shape == sample.shape
    assert relative_error(found, sample) < 2e-3  # measured 4e-4
