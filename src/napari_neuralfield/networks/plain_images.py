"""Plain images again, of the channels that our networks are shown: what the published networks see."""

from __future__ import annotations

import torch


def plain_patterns(channels: torch.Tensor, knee: float) -> torch.Tensor:
    """Five intensities in units of the bright field, and the phase of the halves, rad: (n, 6, y, x).

    Parameters
    ----------
    channels : two bright-field halves as twice their deviation from 1, three dark-field arcs compressed to their root,
        a phase (n, 6 or more, y, x).
    knee : intensity from which on the dark field is compressed.
    """
    return torch.cat([1 + channels[:, :2] / 2, expanded(channels[:, 2:5], knee), channels[:, 5:6]], dim=1)


def plain_frame(channels: torch.Tensor, unit: float) -> torch.Tensor:
    """A frame over its mean (n, 1, y, x), of `channels` (n, channel, y, x) that begin with its contrast in `unit`s."""
    return 1 + unit * channels[:, :1]


def expanded(dark: torch.Tensor, knee: float) -> torch.Tensor:
    """Intensities, of what they were compressed to: 2 intensity / sqrt(|intensity| + knee).

    `dark` (..., y, x) are the compressed ones, `knee` the intensity from which on they are roots.
    """
    half = dark / 2
    root = (half.abs() + torch.sqrt(half**2 + 4 * knee)) / 2  # sqrt(|intensity| + knee)
    return half.sign() * (root**2 - knee).clamp(min=0)
