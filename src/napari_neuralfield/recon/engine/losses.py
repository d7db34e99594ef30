"""How far predicted counts are from measured ones: what a fit makes small.

Each takes predicted counts (frame, y, x), measured amplitudes (frame, y, x), the square roots of the counts, and the
detector pixels that count (y, x) or (frame, y, x), all where None. Each gives one number: the mean over all good pixels
of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch

WHOLE = 1e-3  # by which counts may differ from whole numbers
MISLED = 0.1  # of the noise of counts: squared bias of their roots above which they are compared as counts
DARK = 1e-6  # counts are kept above this share of the mean, where a root has no slope

Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor | None], torch.Tensor]
LossName = Literal["amplitude", "smooth-l1", "gradient", "poisson"]


def mean_of(values: torch.Tensor, good: torch.Tensor | None) -> torch.Tensor:
    """Mean of `values` (frame, y, x) over the pixels that are `good` (y, x) or (frame, y, x)."""
    if good is None:
        return values.mean()
    return (values * good).sum() / good.expand_as(values).sum().clamp(min=1)


def root(counts: torch.Tensor, amplitude: torch.Tensor) -> torch.Tensor:
    """Predicted amplitude sqrt(counts + floor), its gradient finite where it is dark."""
    return torch.sqrt(counts + DARK * amplitude.detach().square().mean().clamp(min=1e-12))


def amplitude_loss(counts: torch.Tensor, amplitude: torch.Tensor, good: torch.Tensor | None = None) -> torch.Tensor:
    """Mean of (sqrt(counts) - amplitude)^2 over `good`: Gaussian noise of equal width, as Poisson's is of roots."""
    return mean_of((root(counts, amplitude) - amplitude) ** 2, good)


def smooth_l1_loss(counts: torch.Tensor, amplitude: torch.Tensor, good: torch.Tensor | None = None) -> torch.Tensor:
    """Huber's loss of sqrt(counts) and amplitude over `good`, as published for electrons: straight beyond 1."""
    each = torch.nn.functional.smooth_l1_loss(root(counts, amplitude), amplitude, reduction="none")
    return mean_of(each, good)


def gradient_loss(counts: torch.Tensor, amplitude: torch.Tensor, good: torch.Tensor | None = None) -> torch.Tensor:
    """Mean modulus of differences between neighbours of sqrt(counts) - amplitude, as published for light and X-rays.

    Blind to what is added to a whole frame. A difference counts where both its pixels are `good`.
    """
    miss = root(counts, amplitude) - amplitude
    down, right = miss[:, 1:] - miss[:, :-1], miss[:, :, 1:] - miss[:, :, :-1]
    if good is None:
        return mean_of(down.abs(), None) + mean_of(right.abs(), None)
    below, beside = good[..., 1:, :] & good[..., :-1, :], good[..., 1:] & good[..., :-1]
    return mean_of(down.abs(), below) + mean_of(right.abs(), beside)


def poisson_loss(counts: torch.Tensor, amplitude: torch.Tensor, good: torch.Tensor | None = None) -> torch.Tensor:
    """Mean over `good` of counts - n log(counts / n) - n, n = amplitude^2: Poisson's log-likelihood below its best."""
    measured = amplitude**2
    floor = DARK * measured.detach().mean().clamp(min=1e-12)
    ratio = (counts + floor) / (measured + floor)
    return mean_of(counts - measured - (measured + floor) * torch.log(ratio), good)


LOSSES: dict[str, Loss] = {
    "amplitude": amplitude_loss,
    "smooth-l1": smooth_l1_loss,
    "gradient": gradient_loss,
    "poisson": poisson_loss,
}


def roots_mislead(amplitude: torch.Tensor, good: torch.Tensor | None = None) -> bool:
    """Whether so few quanta are counted that a fit of their roots makes faint pixels too dark; `poisson` does not.

    Where m counts come on average, their mean root is less than sqrt(m), and only m where m << 1: the fit then gives
    m^2, and of electrons scattered far out next to nothing is left. This is so where the squared bias is a good part of
    the noise. Light that is not counted, or not kept as whole numbers, is never meant.

    Parameters
    ----------
    amplitude : roots of counts (frame, y, x), with a unit of one count.
    good : pixels that count (y, x) or (frame, y, x); all where None.
    """
    counts = amplitude.square()
    used = torch.ones_like(counts[:1]) if good is None else good.expand_as(counts).to(counts)
    lit = counts[counts * used > 0]
    if not len(lit) or float(((lit - lit.round()).abs() < WHOLE * lit.clamp(min=1)).float().mean()) < 0.99:
        return False
    mean = ((counts * used).sum(0) / used.expand_as(counts).sum(0).clamp(min=1)).clamp(min=1e-9)
    root = mean * ((mean + 1.81) / (mean * (mean + 2.06) + 1.81)).sqrt()  # mean root of Poisson's counts, to 2.5 %
    return float((mean.sqrt() - root).square().sum()) > MISLED * float((mean - root.square()).sum())
