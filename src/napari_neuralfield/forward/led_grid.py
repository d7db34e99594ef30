"""The grid on which the sample of an LED array lies, and which of its frequencies the LEDs show."""

from __future__ import annotations

import numpy as np
import torch

from ..compute import REAL
from ..data.acquisition import LedArray
from ..data.geometry import native_upsampling
from ..types import Extent
from .fourier import Windows


def extent(acquisition: LedArray, depths_um: np.ndarray) -> Extent:
    """The frame's field of view on the native grid."""
    factor = native_upsampling(acquisition)
    rows, columns = acquisition.frame_shape
    return Extent(
        (float(depths_um[0]), float(depths_um[-1])), (rows * factor, columns * factor), acquisition.pixel_um / factor
    )


def support(plan: Windows) -> torch.Tensor:
    """Bins of the object's spectrum that some LED passes: the synthetic aperture (y, x), bool."""
    rows, columns = plan.spectrum_shape
    seen = np.zeros((rows, columns), bool)
    fy = (np.arange(plan.box[0]) - plan.box[0] // 2) * plan.bin[0]
    fx = (np.arange(plan.box[1]) - plan.box[1] // 2) * plan.bin[1]
    for (y, x), (ry, rx) in zip(plan.corner, plan.remainder, strict=True):
        passed = (fy[:, None] + ry) ** 2 + (fx[None, :] + rx) ** 2 <= plan.cutoff**2
        seen[y : y + plan.box[0], x : x + plan.box[1]] |= passed
    return torch.from_numpy(seen)


def flat_spectra(plan: Windows, planes: int, device: torch.device) -> torch.Tensor:
    """Spectra of an empty sample (z, y, x)."""
    spectra = torch.zeros((planes, *plan.spectrum_shape), dtype=torch.complex64, device=device)
    spectra[:, plan.spectrum_shape[0] // 2, plan.spectrum_shape[1] // 2] = 1
    return spectra


def depth_tensor(depths_um: np.ndarray, device: torch.device) -> torch.Tensor:
    return torch.as_tensor(depths_um, dtype=REAL, device=device)
