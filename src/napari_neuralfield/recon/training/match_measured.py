"""Simulated frames that resemble measured ones: the same LED board, and channels that vary as much.

Each measured frame is cut into squares as large as a simulated scene. What the squares are like (how much each channel
varies, how bright the dark field is, how the two bright-field halves agree) gives a middle and a spread; a simulated
scene is shown the more often the nearer it is to that. None is left out: a small chance stays for all.
"""

from __future__ import annotations

import numpy as np
import torch

from ...data.acquisition import MultiplexedLed
from ...optics.board import turn_matrix
from ..patterns.network_inputs import Canonical, board_of, inputs_of, orient
from .pattern_stream import Board, Variety

LEAST = 0.03  # chance of a scene that is unlike
SPREAD = (0.35, 0.35, 0.35, 0.35, 0.35, 0.25, 0.25, 0.25, 0.2)  # least spread of each statistic
TURN_DEG, PITCH = 1.5, 0.01  # by which the board may differ from what the file says


def statistics(channels: torch.Tensor) -> np.ndarray:
    """What channels (n, 7, y, x) are like (n, 9).

    Logarithms of the deviations of the five images and of the means of the three dark ones, and the correlation of the
    two bright ones.
    """
    images = channels[:, :5].double().flatten(2)
    deviation = images.std(2).clamp(min=1e-4).log()
    dark = images[:, 2:].mean(2).clamp(min=1e-3).log()
    one, two = (images[:, k] - images[:, k].mean(1, keepdim=True) for k in (0, 1))
    agree = (one * two).sum(1) / torch.sqrt((one**2).sum(1) * (two**2).sum(1)).clamp(min=1e-12)
    return torch.cat([deviation, dark, agree[:, None]], dim=1).numpy()


class MeasuredMatch:
    """How much simulated channels resemble those of a measured acquisition.

    Parameters
    ----------
    size : frame pixels of a simulated scene per axis.
    """

    def __init__(self, acquisition: MultiplexedLed, size: int) -> None:
        channels = inputs_of(acquisition).channels
        rows, columns = (max(1, round(n / size)) for n in channels.shape[1:])
        squares = [
            square for band in channels.tensor_split(rows, dim=1) for square in band.tensor_split(columns, dim=2)
        ]
        found = np.concatenate([statistics(square[None]) for square in squares])
        self.middle = np.median(found, axis=0)
        self.spread = np.maximum(found.std(0), SPREAD)

    def __call__(self, channels: torch.Tensor) -> float:
        """Chance, LEAST to 1, with which channels (7, y, x) are shown."""
        away = (statistics(channels[None])[0] - self.middle) / self.spread
        return LEAST + (1 - LEAST) * float(np.exp(-0.5 * np.mean(away**2)))


class BoardOf:
    """Boards like that of an acquisition, each a little different; stands in for `random_board`."""

    def __init__(self, acquisition: MultiplexedLed) -> None:
        found = orient(acquisition)
        na, patterns = board_of(acquisition)
        self.turn_deg = found.turn_deg
        self.na, self.patterns = na @ found.matrix.T, patterns[list(found.order)]

    def __call__(self, optics: Canonical, variety: Variety, size: int, rng: np.random.Generator) -> Board:
        turn_deg = TURN_DEG * rng.uniform(-1, 1)
        turned = self.na @ turn_matrix(np.deg2rad(-turn_deg))
        pitch = 1 + PITCH * rng.uniform(-1, 1)
        return Board(optics, turned * pitch, self.patterns, self.turn_deg + turn_deg, size)

    def exact(self, optics: Canonical, size: int) -> Board:
        """The board as the file says, in units of `optics`, for frames of `size` pixels per axis."""
        return Board(optics, self.na, self.patterns, self.turn_deg, size)
