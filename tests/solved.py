"""A reconstruction run to its end: its events, its result, and how far that is from a sample that is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from scene import relative_error

from napari_neuralfield.data.acquisition import Acquisition
from napari_neuralfield.recon import build_recipe, reconstruct
from napari_neuralfield.types import Done, Event, Result


def events_of(acquisition: Acquisition, method: str, *, preset: str | None = None, **options: Any) -> list[Event]:
    return list(reconstruct(acquisition, build_recipe(method, options, preset)))


def result_of(acquisition: Acquisition, method: str, *, preset: str | None = None, **options: Any) -> Result:
    last = events_of(acquisition, method, preset=preset, **options)[-1]
    assert isinstance(last, Done)
    return last.result


def error_of(result: Result, sample: np.ndarray, z_um: float = 0.0) -> float:
    """Relative error on the field's own pixels (y, x), one complex scale free."""
    return relative_error(result.field.render([z_um], *result.field.extent.axes())[0].numpy(), sample)
