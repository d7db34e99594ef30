"""Height of a sample from its phase, where the refractive indices are known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ..types import InputError

if TYPE_CHECKING:
    import torch

Phase = TypeVar("Phase", float, np.ndarray, "torch.Tensor")
CLOSEST = 1e-4  # difference of the indices below which a height says nothing


def height_um(phase: Phase, wavelength_um: float, sample_index: float | None, medium_index: float | None) -> Phase:
    """phase wavelength / (2 pi (n_sample - n_medium)), um.

    Parameters
    ----------
    phase : an array or tensor of any shape, or a number, rad.
    wavelength_um : in vacuum.
    sample_index, medium_index : refractive indices of the sample and of what surrounds it.

    Raises
    ------
    InputError : where an index is missing or below 1, or both are the same.
    """
    if sample_index is None or medium_index is None:
        missing = [n for n, v in (("sample_index", sample_index), ("medium_index", medium_index)) if v is None]
        raise InputError(
            f"{' and '.join(missing)} not known; height needs the refractive index of the sample and of its medium, "
            "such as 1.38 and 1.33"
        )
    for name, value in (("sample_index", sample_index), ("medium_index", medium_index)):
        if not 1.0 <= value < math.inf:
            raise InputError(f"{name} is {value:g}; a refractive index is 1 or more, such as 1.38")
    if abs(sample_index - medium_index) < CLOSEST:
        raise InputError(
            f"sample_index {sample_index:g} and medium_index {medium_index:g} are equal; a sample like its medium "
            "delays no light, so give two different refractive indices"
        )
    if not wavelength_um > 0:
        raise InputError(f"wavelength_um is {wavelength_um:g}; it must be larger than 0")
    return phase * (wavelength_um / (2 * math.pi * (sample_index - medium_index)))
