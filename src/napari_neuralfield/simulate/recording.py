"""What a virtual microscope hands over: frames with the camera's noise, an acquisition as a file says it, the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from ..data.acquisition import Acquisition, Draft

Truth = dict[str, Any]  # arrays and scalars, in the layout of the benchmark's truth files
Kind = TypeVar("Kind", bound=Acquisition)


def expose(intensity: np.ndarray, electrons: float, rng: np.random.Generator, read_noise: float = 0.0) -> np.ndarray:
    """Frames with shot and read noise, float32.

    Parameters
    ----------
    intensity : noise-free, any shape.
    electrons : the well filled by intensity 1.
    rng : what the noise is drawn from.
    read_noise : rms electrons of the camera.
    """
    counts = rng.poisson(intensity * electrons) + rng.normal(0, read_noise, intensity.shape)
    return (counts / electrons).astype(np.float32)


def recorded(kind: type[Kind], frames: np.ndarray, title: str, **values: object) -> Kind:
    """The checked acquisition of a `kind`: `frames` (frame, y, x), their `title`, and `values` as a file gives them."""
    acquisition = Draft(kind.kind, frames, {**values, "title": title}, title).complete()
    assert isinstance(acquisition, kind)
    return acquisition


def zernike_truth(zernike_rad: Mapping[int, float]) -> Truth:
    """Noll indices and coefficients, rad, as a truth holds them."""
    return {
        "zernike_noll": np.array(list(zernike_rad), int),
        "zernike_rad": np.array(list(zernike_rad.values()), float),
    }
