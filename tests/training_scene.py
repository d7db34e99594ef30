"""Frames of the canonical microscope with their phase, for the tests of training."""

from __future__ import annotations

import numpy as np
import torch

from napari_neuralfield.data.acquisition import MultiplexedLed
from napari_neuralfield.optics.patterns import halves_and_arcs
from napari_neuralfield.recon.patterns.network_inputs import CANONICAL
from napari_neuralfield.recon.training.pattern_stream import Board, TrainingStream, Variety


def led_patterns(size: int = 48, seed: int = 0) -> tuple[MultiplexedLed, np.ndarray]:
    """Frames of the canonical microscope, and the phase behind them on a grid 6 x finer."""
    ticks = np.arange(-12, 13) * CANONICAL.pitch
    na = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), -1).reshape(-1, 2)
    na = na[np.hypot(*na.T) <= CANONICAL.limit]
    patterns = halves_and_arcs(na, 1.0, CANONICAL.axis_deg, CANONICAL.arcs_deg)
    board = Board(CANONICAL, na, patterns, 0.0, size)
    stream = TrainingStream(
        CANONICAL, Variety(aberration_rad=(0.0,) * 6), size=size, patch=size, pool=1, boards=1, seed=seed,
        weights={"cells": 1.0}, board=lambda *_: board,
    )  # fmt: skip
    frames, phase, _ = stream.scene()
    frames = frames * torch.tensor(board.light)[:, None, None]
    acquisition = MultiplexedLed(
        frames=frames.numpy(), wavelength_um=0.63, objective_na=0.1, pixel_um=1.625, led_na=0.1 * na, patterns=patterns
    )
    return acquisition, phase.float().numpy()
