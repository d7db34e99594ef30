"""What depths, frames and pixels of a bright-field stack through focus say about each other."""

from __future__ import annotations

import numpy as np

from ..types import InputError
from .acquisition import ThroughFocus


def distinct_planes(acquisition: ThroughFocus) -> np.ndarray:
    """Indices (frame,) of all frames in the order of their depth; equal depths stay in the frames' order.

    Raises
    ------
    InputError : where there are fewer than two different depths, as the transport of intensity needs.
    """
    z = acquisition.z_um
    if len(np.unique(z)) > 1:
        return np.argsort(z, kind="stable")
    where = acquisition.source or "the acquisition"
    single = "srqpi, srcnn and defocus-field need one frame only"
    if len(z) == 1:
        raise InputError(
            f"{where}: there is one frame, at z_um {z[0]:g}; the transport of intensity compares frames at two or more "
            f"depths, so record another, while {single}"
        )
    if acquisition.time_s is not None:
        raise InputError(
            f"{where}: this is a time-lapse, all {len(z)} frames at z_um {z[0]:g}; the transport of intensity compares "
            f"two or more depths, while {single}"
        )
    raise InputError(
        f"{where}: all {len(z)} frames are at z_um {z[0]:g}; the transport of intensity needs two or more different "
        f"depths, so correct z_um, or give time_s if the frames are a time-lapse, while {single}"
    )
