"""How much of each wave of a network's phase its frame confirms, ring by ring of frequency.

The phase is imaged again. Where the frame shows waves of some length at 0.95 of what the phase makes of them, the phase
is too strong there by that much: a network judges heights by what it was trained on, the frame by what is there. A
handful of numbers for the whole frame; where noise hides the answer they stay at 1.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch

from ...optics.grids import binned
from .transport.cosines import cosine_frequencies, cosines, from_cosines

RINGS = (0.015, 0.03, 0.045, 0.065, 0.09, 0.12, 0.16, 0.2, 0.25)  # borders, cycles per frame pixel
ENDS = 0.3  # finer waves are left as they are
USUAL = 0.05  # deviation of a network's heights from the truth, as a share
CORRELATED = 1.5  # a Hann window leaves neighbouring frequencies so much less independent


def ring_gains(measured: np.ndarray, shown: np.ndarray) -> np.ndarray:
    """Gain of each of RINGS: `measured` frame (y, x) over the one `shown` by the phase, in their waves (ring,)."""
    rows, columns = measured.shape
    window = np.hanning(rows)[:, None] * np.hanning(columns)[None, :]
    seen, made = (np.fft.fft2((image - image.mean()) * window) for image in (measured, shown))
    f = np.hypot(np.fft.fftfreq(rows)[:, None], np.fft.fftfreq(columns)[None, :])
    gains = []
    for low, high in itertools.pairwise(RINGS):
        a, b = (image[(f >= low) & (f < high)] for image in (made, seen))
        power = float((np.abs(a) ** 2).sum())
        if not power > 0:
            gains.append(1.0)
            continue
        gain = float((a.conj() * b).real.sum()) / power
        doubt = CORRELATED * float((np.abs(b - gain * a) ** 2).mean()) / power
        gains.append(1 + (gain - 1) * USUAL**2 / (USUAL**2 + doubt))
    return np.array(gains)


def correction(phase: torch.Tensor, gains: np.ndarray, upsampling: int) -> torch.Tensor:
    """What is to be added to a `phase`, rad, on frame pixels (y, x), so that its waves have these `gains` (ring,).

    The phase (Y, X) has `upsampling` pixels per frame pixel and axis.
    """
    coarse = binned(phase, upsampling).cpu().numpy().astype(np.float64)
    f = cosine_frequencies((coarse.shape[0], coarse.shape[1]), 1.0)
    middle = [(low + high) / 2 for low, high in itertools.pairwise(RINGS)]
    at = np.log(np.maximum(f, RINGS[0] / 10))
    gain = np.interp(at, np.log([*middle, ENDS]), np.append(gains, 1.0))
    changed = from_cosines(cosines(coarse) * (gain - 1))
    return torch.from_numpy((changed - changed.mean()).astype(np.float32))
