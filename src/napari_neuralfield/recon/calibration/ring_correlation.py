"""Fourier ring correlation: up to which spatial frequency two independent pictures of one sample agree.

W. O. Saxton, W. Baumeister, J. Microsc. 127, 127 (1982); half-bit threshold: M. van Heel, M. Schatz, J. Struct.
Biol. 151, 250 (2005), eq. 17.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch

from ...optics.grids import centred_spectrum, image_of

RING_BINS = 2  # width of a ring: the window below blurs a spectrum over two bins
FINE = 20  # shifts are found to this part of a pixel
FEWEST = 4.0  # independent samples below which a ring tells nothing


@dataclasses.dataclass(frozen=True)
class RingCorrelation:
    """`frequency` of the rings' middles, cycles/um, `correlation` and `half_bit` threshold, all (ring,)."""

    frequency: np.ndarray
    correlation: np.ndarray
    half_bit: np.ndarray

    @property
    def resolution_um(self) -> float:
        """Full period where the correlation falls below the threshold for good, um; infinite where it never exceeds it.

        The outermost ring stands for the cut-off: where the correlation still holds there, its period is the answer.
        """
        above = np.flatnonzero(self.correlation >= self.half_bit)
        if not len(above):
            return math.inf
        last = int(above[-1])
        if last + 1 == len(self.frequency):
            return float(1 / self.frequency[last])
        here, there = (self.correlation - self.half_bit)[[last, last + 1]]
        low, high = self.frequency[[last, last + 1]]
        return float(1 / (low + (high - low) * here / (here - there)))


def half_bit(samples: np.ndarray) -> np.ndarray:
    """Correlation at which a ring of so many independent samples holds half a bit of information each."""
    root = np.sqrt(samples)
    return (0.2071 + 1.9102 / root) / (1.2071 + 0.9102 / root)


def ring_correlation(
    first: torch.Tensor, second: torch.Tensor, bin_um: tuple[float, float], seen: torch.Tensor
) -> RingCorrelation:
    """Compare two fields given by their centred spectra (y, x), on the bins that both have measured.

    Both are apodised by a Hann window, for crops of real samples do not repeat; their means, which would leak through
    it, are taken out before, and their phase and shift against each other after. A window makes neighbouring bins
    depend on each other: a ring of k bins counts as k (mean w^2)^2 / mean w^4 independent samples, 0.26 k here. (The
    fields are complex, so opposite bins are independent.)

    Parameters
    ----------
    first, second : centred spectra of the two fields (y, x).
    bin_um : (y, x) size of a bin, cycles/um.
    seen : bins (y, x) that both have measured, bool.
    """
    window, share = hann(first.shape[-2], first.shape[-1], first.device)
    one, two = _apodised(first, window), _apodised(second, window)
    seen = seen.to(one.device)
    two = _aligned(one * seen, two * seen)
    y, x = ((np.arange(n) - n // 2) * step for n, step in zip(first.shape, bin_um, strict=True))
    radius, width = np.hypot(y[:, None], x), RING_BINS * max(bin_um)
    ring = np.floor(radius / width - 0.5 / RING_BINS).astype(int)  # the first begins half a bin from the middle
    chosen = seen.cpu().numpy() & (ring >= 0)
    ring = ring[chosen]
    a, b = (s.cpu().numpy()[chosen].astype(np.complex128) for s in (one, two))
    both, power_a, power_b = (np.bincount(ring, v) for v in ((a * b.conj()).real, np.abs(a) ** 2, np.abs(b) ** 2))
    samples = np.bincount(ring) * share
    enough = samples >= FEWEST
    middle = (np.arange(len(samples)) + 0.5 + 0.5 / RING_BINS) * width
    correlation = both / np.sqrt(np.maximum(power_a * power_b, np.finfo(float).tiny))
    return RingCorrelation(middle[enough], correlation[enough], half_bit(samples[enough]))


def hann(rows: int, columns: int, device: torch.device | str = "cpu") -> tuple[torch.Tensor, float]:
    """A smooth window (`rows`, `columns`) on `device` that ends at zero; the share of samples independent under it."""
    window = torch.outer(*(torch.hann_window(n, device=device) for n in (rows, columns)))
    return window, float((window**2).mean() ** 2 / (window**4).mean())


def _apodised(spectrum: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
    field = image_of(spectrum)
    return centred_spectrum((field - (field * window).sum() / window.sum()) * window)


def _aligned(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """`second` with a phase and a linear phase, a shift of its image, that carry it onto `first`.

    By phase correlation, where every bin counts the same: fine detail tells a shift best.
    """
    cross = first * second.conj()
    cross = cross / cross.abs().clamp(min=1e-30)
    peak = image_of(cross).abs()
    coarse = np.unravel_index(int(peak.argmax()), peak.shape)
    around = torch.arange(-FINE, FINE + 1, device=first.device) / FINE
    waves = [_waves(n, int(at) + around) for n, at in zip(first.shape, coarse, strict=True)]
    peak = (waves[0] @ cross @ waves[1].T).abs()
    fine = np.unravel_index(int(peak.argmax()), peak.shape)
    second = second * torch.outer(waves[0][fine[0]], waves[1][fine[1]]).conj()
    return second * torch.exp(1j * (first * second.conj()).sum().angle())


def _waves(n: int, places: torch.Tensor) -> torch.Tensor:
    """Plane waves exp(2 pi i k place / n) of the centred frequencies k (place, n)."""
    bins = torch.arange(n, device=places.device) - n // 2
    return torch.exp(2j * math.pi / n * torch.outer(places, bins))
