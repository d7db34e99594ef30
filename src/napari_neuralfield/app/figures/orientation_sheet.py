"""The eight orientations of a scan's positions as one sheet of pictures, and how to choose among them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...data.acquisition import CodedPtychography, Ptychography
from ...types import InputError
from .picture import Panel, grey, save_sheet

if TYPE_CHECKING:
    from ...data.acquisition import Acquisition
    from ...recon.scan.orientation_trials import Trial

COLUMNS = 4
LOOK = "Choose by the picture: wrong axes or signs can fit nearly as well as the right ones."


def turned(acquisition: Acquisition, orientation: str) -> Acquisition:
    """The scan `acquisition` with its positions turned into the named `orientation`.

    Raises
    ------
    InputError : for an unknown orientation, or an acquisition that is no scan or has no positions.
    """
    from ...recon.scan.orientation import NAMES, oriented

    known = {str(name): name for name in NAMES}
    if orientation not in known:
        raise InputError(f"option --orientation is {orientation}; it must be one of {', '.join(known)}")
    where = acquisition.source or "the acquisition"
    if not isinstance(acquisition, Ptychography | CodedPtychography) or acquisition.positions_um is None:
        raise InputError(f"option --orientation is {orientation}, but {where} has no positions of a scan; leave it out")
    return oriented(acquisition, known[orientation])


def save(page: Path, trials: Sequence[Trial], title: str) -> None:
    """Amplitude above phase of each of the `trials`, four beside each other, in the PNG `page` under a `title`.

    Raises
    ------
    OSError : where it cannot be written.
    """
    rows: list[list[Panel]] = []
    for start in range(0, len(trials), COLUMNS):
        some = trials[start : start + COLUMNS]
        rows.append([Panel(amplitude_picture(t.picture), f"{t.orientation}: error {t.error:.3f}") for t in some])
        rows.append([Panel(phase_picture(t.picture), f"phase, {t.orientation}") for t in some])
    save_sheet(page, f"Which orientation do the positions of {title} have?", rows, LOOK)


def amplitude_picture(values: np.ndarray) -> np.ndarray:
    """Complex (y, x) as a square of grey amplitudes, uint8."""
    return _square(grey(np.abs(values)))


def phase_picture(values: np.ndarray) -> np.ndarray:
    """Complex (y, x) as a square of grey phases, uint8."""
    return _square(grey(np.angle(values)))


def _square(pixels: np.ndarray) -> np.ndarray:
    side = max(pixels.shape)
    gaps = [side - n for n in pixels.shape]
    return np.pad(pixels, [(gap // 2, gap - gap // 2) for gap in gaps])
