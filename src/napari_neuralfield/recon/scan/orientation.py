"""Which way round the positions of a scan run: eight orientations, and an acquisition turned into one of them.

Stages and cameras disagree about axes and signs, and a wrong sign can fit the frames as well as the right one. Only a
look at the picture tells; `orientation_trials` makes the eight pictures.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from ...data.acquisition import CodedPtychography, Ptychography
from ...optics.illumination import ORIENTATIONS, orient

Orientation = Literal[
    "as-given",
    "half-turn",
    "flip-y",
    "flip-x",
    "swap-yx",
    "swap-yx-half-turn",
    "quarter-turn",
    "quarter-turn-back",
]
Scanned = Ptychography | CodedPtychography
NAMES: tuple[Orientation, ...] = get_args(Orientation)
MATRICES: dict[Orientation, np.ndarray] = {
    name: matrix for name, (_, matrix) in zip(NAMES, ORIENTATIONS, strict=True)
}  # each turns (y, x); quarter turns are clockwise and back, y downwards


def oriented_positions(positions_um: np.ndarray, orientation: Orientation) -> np.ndarray:
    """`positions_um` (frame, 2), turned or mirrored by `orientation` about the middle of the range that they cover."""
    positions = np.asarray(positions_um, dtype=float)
    if orientation == "as-given":
        return positions
    middle = (positions.min(axis=0) + positions.max(axis=0)) / 2
    return middle + orient(positions - middle, MATRICES[orientation])


def oriented(acquisition: Scanned, orientation: Orientation) -> Scanned:
    """`acquisition` with its positions in `orientation`; itself where it has none, or stays as given."""
    if orientation == "as-given" or acquisition.positions_um is None:
        return acquisition
    return acquisition.replace(positions_um=oriented_positions(acquisition.positions_um, orientation))
