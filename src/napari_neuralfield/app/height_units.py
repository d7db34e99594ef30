"""Heights in place of phases, where the refractive indices are known or given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..types import InputError
from . import arguments

INDICES = ("sample_index", "medium_index")
KNOWN = "known"  # typed in place of the indices: those of the file


def um_per_rad(optics: Mapping[str, Any], typed: str, where: str) -> float:
    """Height of one radian of phase, um; below 0 where the sample's index is the smaller one.

    Parameters
    ----------
    optics : with wavelength_um, and sample_index and medium_index where none are typed.
    typed : 'SAMPLE,MEDIUM' refractive indices; 'known' for those of `optics`.
    where : the file, for the error.

    Raises
    ------
    InputError : where an index or the wavelength is not known, or the indices make no height.
    """
    if typed != KNOWN:
        sample, medium = arguments.numbers("--height", typed, count=2)
    else:
        missing = [name for name in INDICES if optics.get(name) is None]
        if missing:
            raise InputError(
                f"{where}: {' and '.join(missing)} not known, so phase cannot be turned into height; give both "
                "refractive indices, sample first, such as --height 1.38,1.33"
            )
        sample, medium = (float(optics[name]) for name in INDICES)
    if not optics.get("wavelength_um"):
        raise InputError(
            f"{where}: the wavelength is not known, so phase cannot be turned into height; reconstruct it again"
        )
    from ..optics.height import height_um

    return float(np.asarray(height_um(np.float64(1.0), float(optics["wavelength_um"]), sample, medium)))
