"""The grid on which the sample of an LED array lies, and which of its frequencies the LEDs show."""

from __future__ import annotations

import numpy as np
import torch

from ..compute import REAL
from ..data.acquisition import LedArray
from ..data.geometry import native_upsampling
from ..types import Extent
from .fourier import Windows, pupil_frequencies


def extent(acquisition: LedArray, depths_um: np.ndarray) -> Extent:
    """Field of view of `acquisition`'s frames on the native grid, from the first to the last of `depths_um` (z,)."""
    factor = native_upsampling(acquisition)
    rows, columns = acquisition.frame_shape
    return Extent(
        (float(depths_um[0]), float(depths_um[-1])), (rows * factor, columns * factor), acquisition.pixel_um / factor
    )


def support(plan: Windows) -> torch.Tensor:
    """Bins of the object's spectrum that some LED passes: the synthetic aperture (y, x), bool."""
    seen = torch.zeros(plan.spectrum_shape, dtype=torch.bool)
    fy, fx = pupil_frequencies(plan, dtype=torch.float64)
    for (y, x), rows, columns in zip(plan.corner.tolist(), fy**2, fx**2, strict=True):
        seen[y : y + plan.box[0], x : x + plan.box[1]] |= rows <= plan.cutoff**2 - columns
    return seen


def flat_spectra(plan: Windows, planes: int, device: torch.device) -> torch.Tensor:
    """Centred spectra (z, y, x) of an empty sample: `planes` planes on the grid of `plan`, on `device`."""
    spectra = torch.zeros((planes, *plan.spectrum_shape), dtype=torch.complex64, device=device)
    spectra[:, plan.spectrum_shape[0] // 2, plan.spectrum_shape[1] // 2] = 1
    return spectra


def depth_tensor(depths_um: np.ndarray, device: torch.device) -> torch.Tensor:
    """`depths_um` (z,) in single precision on `device`."""
    return torch.as_tensor(depths_um, dtype=REAL, device=device)
