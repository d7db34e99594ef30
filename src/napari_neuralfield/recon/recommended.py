"""Which method serves an acquisition best, and with which options."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..checks.patterns import five_frames
from ..data.acquisition import Acquisition, CodedPtychography, LedArray, MultiplexedLed, ThroughFocus
from ..data.times import times
from ..types import InputError
from .focus import single_frame

POLISHED = 512  # frame pixels along a side up to which the polish is recommended
BEST = {
    "led_array": "fpm-auto",
    "multiplexed_led": "neuph",
    "coded_ptychography": "sparse-pixels",
    "ptychography": "residual-field",
    "through_focus": "srqpi",
}


def recommended(acquisition: Acquisition) -> tuple[str, dict[str, Any]]:
    """The best method for this kind of acquisition, and the options that differ from its defaults.

    Raises
    ------
    InputError : where no method takes this kind yet.
    """
    if acquisition.kind not in BEST:
        raise InputError(
            f"{acquisition.source or 'the acquisition'} is of kind {acquisition.kind}, for which there is no "
            f"method yet; what can be reconstructed is {', '.join(BEST)}"
        )
    if isinstance(acquisition, LedArray) and acquisition.coded_surface is not None:
        return "coded-fpm", {}
    if isinstance(acquisition, CodedPtychography) and acquisition.coded_surface is None:
        return "coded-surface", {}
    if isinstance(acquisition, ThroughFocus):
        return _for_focus(acquisition), {}
    if isinstance(acquisition, MultiplexedLed):
        return _for_patterns(acquisition)
    return BEST[acquisition.kind], {}


def _for_patterns(acquisition: MultiplexedLed) -> tuple[str, dict[str, Any]]:
    """The network where the patterns are its five, polished where that takes no more than minutes; else DPC."""
    try:
        five_frames(acquisition)
    except InputError:
        return "dpc", {}
    return "neuph", {"polish": max(acquisition.frame_shape) <= POLISHED}


def _for_focus(acquisition: ThroughFocus) -> str:
    """The network where it knows a frame's defocus and the condenser; else transport of intensity, or a fit.

    Where there are other planes to hold it against, what decides between them.
    """
    depths = np.asarray(acquisition.z_um)
    stack = any(len(np.unique(depths[frames])) > 1 for frames in times(acquisition))
    if single_frame.is_known(acquisition):
        return "focus-auto" if stack else "srqpi"
    return "tie-fft" if stack else "defocus-field"
