"""How good a reconstruction is, judged by the frames alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator

import numpy as np

from ..data.acquisition import LedArray
from ..types import Event


@dataclasses.dataclass(frozen=True)
class Quality:
    """Figures without a truth.

    Parameters
    ----------
    frequency : centre of each ring of spatial frequency, cycles/um (ring,).
    correlation : Fourier ring correlation of the fields from two halves of the LEDs (ring,).
    half_bit : the half-bit threshold of each ring (ring,).
    resolution_um : full period where the correlation first falls below the threshold for good.
    ring_na : edges of the rings of illumination NA (n + 1,).
    ring_error : relative amplitude error of the frames of each ring, NaN where a ring is empty (n,).
    held_out : frames that were not used (k,).
    held_out_error : relative amplitude error of those, predicted from all others.
    held_out_ring_error : the same by ring (n,).
    """

    frequency: np.ndarray
    correlation: np.ndarray
    half_bit: np.ndarray
    resolution_um: float
    ring_na: np.ndarray
    ring_error: np.ndarray
    held_out: np.ndarray
    held_out_error: float
    held_out_ring_error: np.ndarray


def assess(acquisition: LedArray, device: str = "auto", seed: int = 0) -> Generator[Event, None, Quality]:
    """Reconstruct from two halves of the LEDs and without a tenth of them, and compare."""
    raise NotImplementedError
    yield
